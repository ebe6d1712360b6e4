// The codec's rules a second time, one octet after the other and as plainly as possible: what the parser's result is
// compared with. Slow, copies everything, allocates all the time.
#ifndef STOMP_TESTS_SUPPORT_CODEC_MODEL_HPP
#define STOMP_TESTS_SUPPORT_CODEC_MODEL_HPP

#include <stomp/parser.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace codec_model {

struct frame {
    std::string verb;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    friend bool operator==(const frame&, const frame&) = default;
};

inline frame copy_of(const stomp::frame_view& view) {
    frame f{std::string(view.verb), {}, std::string(view.body)};
    for (const stomp::header& h : view.headers) f.headers.emplace_back(h.name, h.value);
    return f;
}

/// All that a stream of octets leads to.
struct outcome {
    std::vector<frame> frames;
    stomp::errc error = stomp::errc::ok;
    std::uint64_t eols = 0;
    bool pending = false;  ///< the stream stands inside a frame

    friend bool operator==(const outcome&, const outcome&) = default;
};

class reader {
public:
    reader(std::optional<stomp::version> v, stomp::strictness s, const stomp::limits& bounds)
        : version_(v), strict_(s == stomp::strictness::strict), lenient_(s == stomp::strictness::lenient),
          bounds_(bounds) {}

    outcome read(std::string_view stream) {
        for (const char c : stream) {
            if (result_.error == stomp::errc::ok) push(c);
        }
        result_.pending = result_.error == stomp::errc::ok && (place_ != place::gap || gap_cr_);
        return result_;
    }

private:
    using errc = stomp::errc;
    enum class place { gap, command, header, body };

    bool is(stomp::version v) const { return version_ == v; }
    bool crlf() const {
        if (is(stomp::version::v1_1)) return lenient_;
        return !(is(stomp::version::v1_0) && strict_);
    }
    bool cr_is_text() const { return is(stomp::version::v1_0) || is(stomp::version::v1_1); }
    void fail(errc e) { result_.error = e; }

    void push(char c) {
        switch (place_) {
            case place::gap: return push_gap(c);
            case place::command:
            case place::header: return push_head(c);
            case place::body: return push_body(c);
        }
    }

    void push_gap(char c) {
        if (c == '\n') {
            ++result_.eols;
            gap_cr_ = false;
            return;
        }
        if (!gap_cr_ && c == '\r' && crlf()) {
            gap_cr_ = true;
            return;
        }
        if (!gap_cr_ && c == '\0' && lenient_) return;
        place_ = place::command;
        f_ = {};
        line_.clear();
        head_ = 0;
        raw_head_.clear();
        if (std::exchange(gap_cr_, false)) push_head('\r');
        if (result_.error == errc::ok) push_head(c);
    }

    std::string_view text() const {
        std::string_view t = line_;
        if (crlf() && !t.empty() && t.back() == '\r') t.remove_suffix(1);
        return t;
    }

    bool literal() const { return f_.verb == "CONNECT" || f_.verb == "STOMP" || f_.verb == "CONNECTED"; }
    bool escapes() const { return place_ == place::header && !literal() && !is(stomp::version::v1_0); }

    void push_head(char c) {
        ++head_;
        raw_head_ += c;
        take(c);
        if (result_.error != errc::ok || place_ == place::body || place_ == place::gap) return;
        const bool command = place_ == place::command;
        if (text().size() > (command ? bounds_.max_command : bounds_.max_header_line)) {
            return fail(command ? errc::limit_command : errc::limit_header_line);
        }
        if (head_ >= bounds_.max_head) fail(errc::limit_head);
    }

    void take(char c) {
        const bool after_cr = !line_.empty() && line_.back() == '\r';
        const bool letter = escapes() && odd_backslashes();
        if (c == '\0') {
            if (place_ == place::command) return fail(errc::malformed_command);
            if (!line_.empty()) return fail(errc::nul_in_header);
            if (!lenient_) return fail(errc::missing_blank_line);
            no_blank_line_ = true;
            return end_head();
        }
        if (after_cr && c != '\n' && !cr_is_text()) return fail(errc::bare_cr);
        if (letter && version_ &&
            std::string_view(is(stomp::version::v1_1) ? "nc\\" : "ncr\\").find(c) == std::string_view::npos) {
            return fail(errc::bad_escape);
        }
        if (c == '\n') return end_line();
        if (c == ':' && place_ == place::header && line_.empty()) return fail(errc::header_empty_name);
        line_ += c;
    }

    bool odd_backslashes() const {
        std::size_t n = 0;
        while (n < line_.size() && line_[line_.size() - 1 - n] == '\\') ++n;
        return n % 2 == 1;
    }

    void end_line() {
        const std::string t(text());
        line_.clear();
        if (place_ == place::command) {
            if (t.find('\r') != t.npos) return fail(errc::malformed_command);
            f_.verb = t;
            place_ = place::header;
            return;
        }
        if (t.empty()) return end_head();
        const std::size_t colon = t.find(':');
        if (colon == t.npos) return fail(errc::header_no_colon);
        if (f_.headers.size() == bounds_.max_headers) return fail(errc::limit_headers);
        f_.headers.emplace_back(t.substr(0, colon), t.substr(colon + 1));
    }

    bool may_have_body() const {
        const stomp::command c = stomp::parse_command(f_.verb);
        return c == stomp::command::unknown || c == stomp::command::send || c == stomp::command::message ||
               c == stomp::command::error || is(stomp::version::v1_0);
    }

    void end_head() {
        place_ = place::body;
        counted_ = false;
        length_ = 0;
        if (strict_ && !is(stomp::version::v1_0) && !well_formed(raw_head_)) return fail(errc::invalid_utf8);
        std::optional<std::string> length;
        for (auto& [name, value] : f_.headers) {
            if (strict_ && version_ && escapes_apply() && value.find(':') != value.npos)
                return fail(errc::raw_colon_in_value);
            if (strict_ && name == "content-length" && length && *length != value)
                return fail(errc::content_length_conflict);
            if (is(stomp::version::v1_0) && !strict_)
                value.erase(0, (std::min)(value.find_first_not_of(" \t"), value.size()));
            if (name == "content-length" && !length) length = value;
        }
        if (length) {
            std::string digits = *length;
            if (lenient_) {
                digits.erase(0, (std::min)(digits.find_first_not_of(" \t"), digits.size()));
                digits.erase(digits.find_last_not_of(" \t") + 1);
            }
            if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos)
                return fail(errc::bad_content_length);
            digits.erase(0, (std::min)(digits.find_first_not_of('0'), digits.size()));
            const bool zero = digits.empty();
            if (!zero && !may_have_body() && !lenient_) return fail(errc::body_not_allowed);
            if (digits.size() > 18 || (!zero && std::stoull(digits) > bounds_.max_body)) return fail(errc::limit_body);
            counted_ = true;
            length_ = zero ? 0 : std::stoull(digits);
        }
        if (std::exchange(no_blank_line_, false)) {
            if (counted_ && length_ != 0) return fail(errc::missing_blank_line);
            end_frame();
        }
    }

    void push_body(char c) {
        if (counted_ && f_.body.size() == length_) {
            if (c != '\0') return fail(errc::missing_terminator);
            return end_frame();
        }
        if (!counted_ && c == '\0') return end_frame();
        if (!may_have_body() && !lenient_) return fail(errc::body_not_allowed);
        f_.body += c;
        if (f_.body.size() > bounds_.max_body) fail(errc::limit_body);
    }

    void end_frame() {
        for (auto& [name, value] : f_.headers) {
            name = decoded(name);
            value = decoded(value);
        }
        if (!may_have_body()) f_.body.clear();
        result_.frames.push_back(std::exchange(f_, {}));
        place_ = place::gap;
        line_.clear();
    }

    bool escapes_apply() const { return !literal() && !is(stomp::version::v1_0); }

    std::string decoded(const std::string& text) const {
        if (!escapes_apply()) return text;
        std::string out;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const std::size_t kind =
                text[i] == '\\' && i + 1 < text.size() ? std::string_view("nrc\\").find(text[i + 1]) : 4;
            if (kind < 4) {
                out += "\n\r:\\"[kind];
                ++i;
            } else {
                out += text[i];
            }
        }
        return out;
    }

    static bool well_formed(std::string_view text) {
        for (std::size_t i = 0; i < text.size();) {
            const auto first = static_cast<unsigned char>(text[i]);
            const std::size_t octets = first < 0x80   ? 1
                                       : first < 0xc0 ? 0
                                       : first < 0xe0 ? 2
                                       : first < 0xf0 ? 3
                                       : first < 0xf8 ? 4
                                                      : 0;
            if (octets == 0 || i + octets > text.size()) return false;
            constexpr std::uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
            std::uint32_t point = octets == 1 ? first : first & (0x7fu >> octets);
            for (std::size_t k = 1; k < octets; ++k) {
                const auto next = static_cast<unsigned char>(text[i + k]);
                if ((next & 0xc0) != 0x80) return false;
                point = point << 6 | (next & 0x3f);
            }
            if (point < lowest[octets] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
            i += octets;
        }
        return true;
    }

    std::optional<stomp::version> version_;
    bool strict_;
    bool lenient_;
    stomp::limits bounds_;
    outcome result_;
    place place_ = place::gap;
    bool gap_cr_ = false;
    bool no_blank_line_ = false;
    bool counted_ = false;
    std::size_t head_ = 0;
    std::uint64_t length_ = 0;
    std::string raw_head_;
    std::string line_;
    frame f_;
};

}  // namespace codec_model

#endif
