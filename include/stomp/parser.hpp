// Octets to frames.
#ifndef STOMP_PARSER_HPP
#define STOMP_PARSER_HPP

#include <stomp/command.hpp>
#include <stomp/config.hpp>
#include <stomp/detail/escape.hpp>
#include <stomp/detail/scan.hpp>
#include <stomp/detail/utf8.hpp>
#include <stomp/errc.hpp>
#include <stomp/frame.hpp>
#include <stomp/header_names.hpp>
#include <stomp/limits.hpp>
#include <stomp/version.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace stomp::inline v0 {

enum class parse_status : std::uint8_t { need_more, frame, error };

/// How much is forgiven. `standard` is what to ship; `strict` takes the grammar to the letter and adds checks (UTF-8,
/// colons in values, differing content-length entries); `lenient` also takes what broken peers are known to send.
enum class strictness : std::uint8_t { strict, standard, lenient };

namespace detail {

/// What the version and the strictness say of a frame's octets.
struct dialect {
    std::optional<stomp::version> version;
    stomp::strictness strictness = stomp::strictness::standard;

    /// CR LF ends a line as LF does. Before negotiation too: a 1.2 client may send its CONNECT so.
    constexpr bool crlf() const noexcept {
        if (version == version::v1_1) return strictness == strictness::lenient;
        if (version == version::v1_0) return strictness != strictness::strict;
        return true;
    }
    /// Elsewhere a CR is an octet like any other in 1.0 and 1.1, and an error in 1.2.
    constexpr bool cr_is_text() const noexcept { return version && *version != version::v1_2; }
    /// 1.0 peers write a blank after the colon.
    constexpr bool trims_values() const noexcept {
        return version == version::v1_0 && strictness != strictness::strict;
    }
    /// 1.0 says of most frames nothing at all, so a body is just delivered.
    constexpr bool body_anywhere() const noexcept { return version == version::v1_0; }
    constexpr bool strict() const noexcept { return strictness == strictness::strict; }
    constexpr bool lenient() const noexcept { return strictness == strictness::lenient; }
};

constexpr bool is_blank(char octet) noexcept { return octet == ' ' || octet == '\t'; }

constexpr std::string_view trim_front(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    return text;
}

constexpr std::string_view trim_back(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

/// Where the header entries go: the caller's array, or a vector that grows.
struct header_storage {
    std::span<header> entries;
    std::vector<header>* owner = nullptr;

    /// Makes room for one more entry than `count`; false if there is none to be had.
    constexpr bool make_room(std::size_t count) {
        if (count < entries.size()) return true;
        if (owner == nullptr) return false;
        owner->resize(count < 8 ? 16 : count * 2);
        entries = *owner;
        return true;
    }
};

/// Reads one frame out of octets that lie side by side and may not all be there yet. Looks at each octet of the head
/// once, however they arrive, and keeps only offsets from the frame's first octet, so the octets may move between two
/// calls (the caller then moves the entries). The octets are changed only when the whole frame is there and right:
/// that is when escapes are decoded.
///
/// Faults are found in the order of the octets and told by the octet that proves them, so that they do not depend on
/// how the octets arrive.
class frame_reader {
public:
    constexpr frame_reader() noexcept = default;
    constexpr explicit frame_reader(dialect rules) noexcept : rules_(rules) {}

    /// `size` octets of the stream are there; memory may be read up to `readable`.
    constexpr parse_status read(char* frame, std::size_t size, std::size_t readable, const limits& bounds,
                                header_storage& headers) {
        if (head_size_ == 0) {
            if (const auto status = read_head(frame, size, readable, bounds, headers); status != parse_status::frame) {
                return status;
            }
        }
        if (const auto status = read_body(frame, size, bounds); status != parse_status::frame) return status;
        if (has_escapes_) unescape_headers(frame, headers);
        return parse_status::frame;
    }

    constexpr frame_view view(const char* frame, std::span<const header> entries) const noexcept {
        return {command_, verb(frame), header_list(entries.first(header_count_)),
                std::string_view(frame + head_size_, drops_body_ ? 0 : body_size_)};
    }

    /// Empty until the command line has ended.
    constexpr std::string_view verb(const char* frame) const noexcept { return {frame, verb_size_}; }
    constexpr std::size_t header_count() const noexcept { return header_count_; }
    /// Octets of the frame, NUL included, once it is complete.
    constexpr std::size_t size() const noexcept { return head_size_ + body_size_ + (has_terminator_ ? 1 : 0); }
    constexpr errc error() const noexcept { return error_; }
    constexpr std::size_t error_offset() const noexcept { return error_offset_; }

private:
    static constexpr std::size_t unknown = static_cast<std::size_t>(-1);

    constexpr parse_status fail(errc e, std::size_t offset) noexcept {
        error_ = e;
        error_offset_ = offset;
        return parse_status::error;
    }

    constexpr bool in_command() const noexcept { return line_ == 0; }

    constexpr parse_status read_head(const char* frame, std::size_t size, std::size_t readable, const limits& bounds,
                                     header_storage& headers) {
        const std::size_t window = (std::min)(size, bounds.max_head);
        while (scanned_ < window) {
            const std::size_t octets = (std::min)(window - scanned_, block_size);
            const char* block = frame + scanned_;
            char padded[block_size] = {};
            if (readable - scanned_ < block_size) {
                for (std::size_t i = 0; i < octets; ++i) padded[i] = block[i];
                block = padded;
            }
            const std::uint64_t valid = ~std::uint64_t{0} >> (block_size - octets);
            const head_marks found = scan::find_marks(block);
            const std::uint64_t lf = found.lf & valid;
            const std::uint64_t marks = lf | (found.colon & valid);

            // The first colon or LF of each line: a bit added at the line's first octet carries through all that is
            // neither, and on into the next block. No bit is added for the command line: it has no name.
            const std::uint64_t line_starts = lf << 1 | (after_lf_ ? 1u : 0u);
            const std::uint64_t carry = line_starts | (in_name_ ? 1u : 0u);
            const std::uint64_t sum = ~marks + carry;
            const std::uint64_t firsts = sum & marks;

            // Where the head ends, or goes wrong: a line that is empty, has no colon or no name.
            const std::uint64_t stops = firsts & (lf | line_starts);
            std::uint64_t stop = stops & (~stops + 1);
            errc fault = errc::ok;
            if (follower_ != follower::any || (found.rare & valid & (stop - 1)) != 0) {
                stop = look_closer(frame, block, lf, valid, stop, fault);
            }

            if (!take_lines(frame, (firsts | lf) & (stop - 1), bounds, headers)) return parse_status::error;
            if (stop != 0) {
                return end_head(frame, scanned_ + static_cast<std::size_t>(std::countr_zero(stop)), fault, bounds,
                                headers);
            }
            in_name_ = sum < carry;
            after_lf_ = (lf >> (octets - 1) & 1) != 0;
            scanned_ += octets;
        }
        if (!check_line(frame, scanned_, bounds)) return parse_status::error;
        if (scanned_ >= bounds.max_head) return fail(errc::limit_head, bounds.max_head);
        return parse_status::need_more;
    }

    /// Looks at the CRs, NULs and backslashes of a block, up to `stop`. Returns the first fault among them, or `stop`.
    constexpr std::uint64_t look_closer(const char* frame, const char* block, std::uint64_t lf, std::uint64_t valid,
                                        std::uint64_t stop, errc& fault) noexcept {
        const std::uint64_t before = (stop - 1) & valid;
        const auto earliest = [&](std::uint64_t found, errc e) {
            const std::uint64_t first = found & (~found + 1);
            if (first != 0 && (first < stop || stop == 0 || (first == stop && fault == errc::ok))) {
                stop = first;
                fault = e;
            }
        };
        earliest(scan::find(block, '\0') & before, errc::nul_in_header);

        const std::uint64_t end = valid + 1;  // the octet after the block, if it is a short one
        const auto overflows = [&](std::uint64_t bit) { return end == 0 ? (bit >> 63) != 0 : (bit << 1 & end) != 0; };
        const follower expected = follower_;
        follower_ = follower::any;

        if (!rules_.cr_is_text()) {
            const std::uint64_t cr = scan::find(block, '\r') & before;
            earliest(((cr << 1 & valid) | (expected == follower::lf ? 1u : 0u)) & ~lf, errc::bare_cr);
            if (overflows(cr)) follower_ = follower::lf;
        }

        std::uint64_t backslash = scan::find(block, '\\') & before;
        escaping rules = escaping_;
        if (in_command()) {  // then it may end in this block
            backslash &= ~(lf ^ (lf - 1));
            if (backslash != 0)
                rules = escaping_of(parse_command(line(frame, scanned_ + bit_offset(lf))), rules_.version);
        }
        if (rules == escaping::none) return stop;
        std::uint64_t letters = expected == follower::escape_letter ? 1u : 0u;
        backslash &= ~letters;
        while (backslash != 0) {
            const std::uint64_t first = backslash & (~backslash + 1);
            has_escapes_ = true;
            if (overflows(first)) follower_ = follower::escape_letter;
            letters |= first << 1 & valid;
            backslash &= ~(first | first << 1);
        }
        if (rules == escaping::unknown) return stop;
        for (; letters != 0; letters &= letters - 1) {
            if (!unescaped(rules, block[bit_offset(letters)])) earliest(letters, errc::bad_escape);
        }
        return stop;
    }

    static constexpr std::size_t bit_offset(std::uint64_t bits) noexcept {
        return static_cast<std::size_t>(std::countr_zero(bits));
    }

    /// The open line up to `end`, without the CR of its end of line.
    constexpr std::string_view line(const char* frame, std::size_t end) const noexcept {
        if (end > line_ && frame[end - 1] == '\r' && rules_.crlf()) --end;
        return {frame + line_, end - line_};
    }

    /// Whether the open line is within its limit so far.
    constexpr bool check_line(const char* frame, std::size_t end, const limits& bounds) noexcept {
        const std::size_t limit = in_command() ? bounds.max_command : bounds.max_header_line;
        if (line(frame, end).size() <= limit) return true;
        fail(in_command() ? errc::limit_command : errc::limit_header_line, line_ + limit);
        return false;
    }

    /// Takes the lines that end in this block: `marks` holds the first colons and the LFs.
    constexpr bool take_lines(const char* frame, std::uint64_t marks, const limits& bounds, header_storage& headers) {
        for (; marks != 0; marks &= marks - 1) {
            const std::size_t at = scanned_ + bit_offset(marks);
            if (frame[at] == ':' && !in_command() && colon_ == unknown) {
                colon_ = at;
                continue;
            }
            if (!check_line(frame, at, bounds)) return false;
            const std::string_view text = line(frame, at);
            if (in_command()) {
                if (const std::size_t cr = text.find('\r'); cr != text.npos) {
                    fail(errc::malformed_command, cr);
                    return false;
                }
                verb_size_ = text.size();
                command_ = parse_command(text);
                escaping_ = escaping_of(command_, rules_.version);
            } else {
                if (header_count_ >= bounds.max_headers || !headers.make_room(header_count_)) {
                    fail(errc::limit_headers, line_);
                    return false;
                }
                const std::size_t name_size = colon_ - line_;
                headers.entries[header_count_++] = {text.substr(0, name_size), text.substr(name_size + 1)};
                colon_ = unknown;
            }
            line_ = at + 1;
        }
        return true;
    }

    /// The head stops at this octet: it is complete, or wrong.
    constexpr parse_status end_head(const char* frame, std::size_t at, errc fault, const limits& bounds,
                                    header_storage& headers) {
        if (!check_line(frame, at, bounds)) return parse_status::error;
        switch (fault) {
            case errc::nul_in_header:
                if (in_command()) return fail(errc::malformed_command, at);
                if (at != line_) return fail(fault, at);
                if (!rules_.lenient()) return fail(errc::missing_blank_line, at);
                has_terminator_ = false;  // it is part of the head
                break;
            case errc::bare_cr:
            case errc::bad_escape: return fail(fault, at - 1);
            default:
                if (frame[at] == ':') return fail(errc::header_empty_name, at);
                if (!line(frame, at).empty()) return fail(errc::header_no_colon, line_);
        }
        scanned_ = head_size_ = at + 1;
        return check_head(frame, bounds, headers);
    }

    /// What can be said only of the head as a whole.
    constexpr parse_status check_head(const char* frame, const limits& bounds, header_storage& headers) {
        const auto entries = headers.entries.first(header_count_);
        if (rules_.strict()) {
            if (const auto status = check_strictly(frame, entries); status != parse_status::frame) return status;
        }
        const header* length = nullptr;
        for (header& h : entries) {
            if (rules_.trims_values()) h.value = trim_front(h.value);
            if (length == nullptr && h.name == header_names::content_length) length = &h;
        }
        const bool bodyless = !body_allowed(command_) && !rules_.body_anywhere();
        drops_body_ = bodyless && rules_.lenient();
        refuses_body_ = bodyless && !drops_body_;
        if (length != nullptr) {
            const auto offset = static_cast<std::size_t>(length->value.data() - frame);
            std::string_view digits = length->value;
            if (rules_.lenient()) digits = trim_back(trim_front(digits));
            const auto octets = parse_content_length(digits);
            if (!octets) return fail(errc::bad_content_length, offset);
            if (*octets != 0 && refuses_body_) return fail(errc::body_not_allowed, offset);
            if (*octets > bounds.max_body) return fail(errc::limit_body, offset);
            body_size_ = static_cast<std::size_t>(*octets);
            counted_ = true;
        }
        // Ended by a NUL instead of the blank line: there is no room for a body.
        if (!has_terminator_ && body_size_ != 0) return fail(errc::missing_blank_line, head_size_ - 1);
        return parse_status::frame;
    }

    constexpr parse_status check_strictly(const char* frame, std::span<const header> entries) noexcept {
        if (rules_.version != version::v1_0) {
            const std::string_view head(frame, head_size_);
            if (const std::size_t at = find_invalid_utf8(head); at != head.size()) return fail(errc::invalid_utf8, at);
        }
        const header* length = nullptr;
        for (const header& h : entries) {
            const auto offset = static_cast<std::size_t>(h.value.data() - frame);
            if (escaping_ == escaping::v1_1 || escaping_ == escaping::v1_2) {
                const std::size_t colon = h.value.find(':');
                if (colon != h.value.npos) return fail(errc::raw_colon_in_value, offset + colon);
            }
            if (h.name != header_names::content_length) continue;
            if (length != nullptr && length->value != h.value) return fail(errc::content_length_conflict, offset);
            length = &h;
        }
        return parse_status::frame;
    }

    /// One or more digits and nothing else. A number too large for the type becomes the largest.
    static constexpr std::optional<std::uint64_t> parse_content_length(std::string_view digits) noexcept {
        if (digits.empty()) return std::nullopt;
        std::uint64_t number = 0;
        for (const char octet : digits) {
            if (octet < '0' || octet > '9') return std::nullopt;
            const auto digit = static_cast<std::uint64_t>(octet - '0');
            number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
        }
        return number;
    }

    constexpr parse_status read_body(const char* frame, std::size_t size, const limits& bounds) noexcept {
        if (!has_terminator_) return parse_status::frame;
        const std::size_t there = size - head_size_;
        const char* const body = frame + head_size_;
        if (counted_) {
            if (there <= body_size_) return parse_status::need_more;
            if (body[body_size_] != '\0') return fail(errc::missing_terminator, head_size_ + body_size_);
            return parse_status::frame;
        }
        if (there == 0) return parse_status::need_more;
        if (refuses_body_ && *body != '\0') return fail(errc::body_not_allowed, head_size_);
        const bool too_long = there > bounds.max_body;
        const char* const end = too_long ? body + bounds.max_body + 1 : body + there;
        const char* const terminator = find_octet(frame + scanned_, end, '\0');
        if (terminator != end) {
            body_size_ = static_cast<std::size_t>(terminator - body);
            return parse_status::frame;
        }
        if (too_long) return fail(errc::limit_body, head_size_ + bounds.max_body);
        scanned_ = size;
        return parse_status::need_more;
    }

    constexpr void unescape_headers(char* frame, header_storage& headers) noexcept {
        const auto decode = [&](std::string_view& text) {
            char* const octets = frame + (text.data() - frame);
            text = {octets, unescape(octets, text.size(), escaping_)};
        };
        for (header& h : headers.entries.first(header_count_)) {
            decode(h.name);
            decode(h.value);
        }
    }

    /// What the last octet looked at demands of the next one.
    enum class follower : std::uint8_t { any, lf, escape_letter };

    dialect rules_;
    std::size_t scanned_ = 0;      // octets looked at
    std::size_t line_ = 0;         // the first octet of the open line
    std::size_t colon_ = unknown;  // its first colon
    std::size_t verb_size_ = 0;
    std::size_t header_count_ = 0;
    std::size_t head_size_ = 0;  // 0 until the blank line was found
    std::size_t body_size_ = 0;
    std::size_t error_offset_ = 0;
    errc error_ = errc::ok;
    stomp::command command_ = stomp::command::unknown;
    escaping escaping_ = escaping::none;
    follower follower_ = follower::any;
    bool in_name_ = false;   // the next block begins before the first colon of its line
    bool after_lf_ = false;  // the next block begins a line
    bool has_escapes_ = false;
    bool counted_ = false;  // the body has a content-length
    bool drops_body_ = false;
    bool refuses_body_ = false;
    bool has_terminator_ = true;
};

/// What stands between two frames: how many octets to skip, and how many EOLs they are.
struct gap {
    std::size_t octets = 0;
    std::size_t eols = 0;
    bool ends_in_cr = false;  ///< the octet after them is a CR that may yet turn out to begin an EOL
};

constexpr gap skip_gap(std::string_view octets, const dialect& rules) noexcept {
    gap skipped;
    while (skipped.octets < octets.size()) {
        const std::string_view rest = octets.substr(skipped.octets);
        if (rest[0] == '\n') {
            ++skipped.octets;
            ++skipped.eols;
        } else if (rest[0] == '\r' && rules.crlf()) {
            if (rest.size() == 1) skipped.ends_in_cr = true;
            if (rest.size() == 1 || rest[1] != '\n') break;
            skipped.octets += 2;
            ++skipped.eols;
        } else if (rest[0] == '\0' && rules.lenient()) {
            ++skipped.octets;
        } else {
            break;
        }
    }
    return skipped;
}

}  // namespace detail

struct parse_result {
    parse_status status = parse_status::need_more;
    frame_view frame;          ///< of the octets and the storage given
    std::size_t consumed = 0;  ///< octets done with: EOLs, and the frame if there is one
    std::uint64_t eols = 0;    ///< EOLs before the frame
    errc error = errc::ok;
    std::size_t error_offset = 0;  ///< from the first octet given
};

/// Reads one frame from memory of your own, without keeping any state and without allocating: for one-shot use and
/// for small systems. The octets are changed (escapes are decoded in place) only when a frame is returned; on
/// `need_more` call again with more octets from `consumed` on, which starts all over. A frame with more headers than
/// `storage` holds is `limit_headers`.
constexpr parse_result parse_frame(std::span<char> bytes STOMP_LIFETIMEBOUND,
                                   std::span<header> storage STOMP_LIFETIMEBOUND, std::optional<version> v,
                                   const limits& bounds = {}, strictness s = strictness::standard) {
    const detail::dialect rules{v, s};
    const detail::gap before = detail::skip_gap({bytes.data(), bytes.size()}, rules);
    parse_result result;
    result.consumed = before.octets;
    result.eols = before.eols;
    if (before.ends_in_cr || before.octets == bytes.size()) return result;

    const std::span<char> rest = bytes.subspan(before.octets);
    detail::header_storage headers{storage};
    detail::frame_reader reader(rules);
    result.status = reader.read(rest.data(), rest.size(), rest.size(), bounds, headers);
    if (result.status == parse_status::frame) {
        result.frame = reader.view(rest.data(), storage);
        result.consumed += reader.size();
    } else if (result.status == parse_status::error) {
        result.error = reader.error();
        result.error_offset = before.octets + reader.error_offset();
    }
    return result;
}

/// Reads frames from a stream of octets that arrives in pieces.
///
///     std::span<char> space = parser.input_buffer();          // or parser.feed(chunk)
///     parser.commit_input(read(fd, space.data(), space.size()));
///     while (parser.next() == stomp::parse_status::frame) use(parser.frame());
///     if (parser.error() != stomp::errc::ok) close(fd);
///
/// Views are valid until the next call of `next()`, `input_buffer()`, `feed()` or `reset()`, and until the parser is
/// moved or destroyed. An error is final: what follows it is not looked at. No allocation per frame once the buffer
/// has grown to what the peer sends.
class parser {
public:
    explicit parser(const limits& bounds = {}, strictness s = strictness::standard) : bounds_(bounds) {
        next_rules_.strictness = s;
    }
    parser(parser&& other) noexcept { swap(other); }
    parser& operator=(parser&& other) noexcept {
        parser taken(std::move(other));
        swap(taken);
        return *this;
    }
    parser(const parser&) = delete;
    parser& operator=(const parser&) = delete;
    ~parser() = default;

    /// The version whose rules the next frame is read with; nothing: not negotiated yet.
    void set_version(std::optional<version> v) noexcept { next_rules_.version = v; }
    void set_limits(const limits& bounds) noexcept { bounds_ = bounds; }

    /// Space to write received octets into; say with commit_input() how many, none included. At least `at_least` octets.
    /// Valid until then, next() may be called in between; and until input_buffer(), feed() or reset().
    std::span<char> input_buffer(std::size_t at_least = 4096) STOMP_LIFETIMEBOUND {
        drop_frame();
        at_least = (std::max)(at_least, std::size_t{1});
        if (capacity() - end_ < at_least) make_room(at_least);
        lent_ = true;
        return {buffer_.data() + end_, capacity() - end_};
    }

    void commit_input(std::size_t n) noexcept {
        STOMP_ASSERT(n <= capacity() - end_);
        lent_ = false;
        if (state_ == state::failed) return;
        end_ += n;
        peak_ = (std::max)(peak_, end_ - begin_);
    }

    /// Copies received octets.
    void feed(std::string_view bytes) {
        if (bytes.empty() || state_ == state::failed) return;
        std::memcpy(input_buffer(bytes.size()).data(), bytes.data(), bytes.size());
        commit_input(bytes.size());
    }

    /// Reads on: at most one frame. EOLs between frames are skipped and counted.
    [[nodiscard]] parse_status next() {
        if (state_ == state::failed) return parse_status::error;
        drop_frame();
        if (state_ == state::between) {
            const detail::gap skipped = detail::skip_gap({buffer_.data() + begin_, end_ - begin_}, next_rules_);
            eols_ += skipped.eols;
            advance(skipped.octets);
            if (begin_ == end_) rest();
            if (begin_ == end_ || skipped.ends_in_cr) return parse_status::need_more;
            reader_ = detail::frame_reader(next_rules_);
            state_ = state::inside;
        }
        detail::header_storage storage{headers_, &headers_};
        const parse_status status =
            reader_.read(buffer_.data() + begin_, end_ - begin_, buffer_.size() - begin_, bounds_, storage);
        if (status == parse_status::frame) {
            frame_ = reader_.view(buffer_.data() + begin_, headers_);
            state_ = state::delivered;
        } else if (status == parse_status::error) {
            fail(reader_.error(), reader_.error_offset());
        }
        return status;
    }

    /// The frame that next() found.
    const frame_view& frame() const noexcept STOMP_LIFETIMEBOUND { return frame_; }

    /// The stream has ended: `ok`, or `unexpected_eof` (from then on sticky) if it ended inside a frame. Call it when
    /// next() has said `need_more`.
    errc finish() noexcept {
        if (state_ != state::failed && buffered() != 0) fail(errc::unexpected_eof, buffered());
        return error_;
    }

    errc error() const noexcept { return error_; }
    /// Where in the stream the error stands, in octets from its beginning.
    std::size_t error_offset() const noexcept { return error_offset_; }
    /// Between frames.
    bool idle() const noexcept { return state_ == state::delivered || (state_ == state::between && begin_ == end_); }
    /// EOLs seen between frames.
    std::uint64_t eols() const noexcept { return eols_; }

    /// The verb of the frame that is being received, as soon as its line has ended, also when the frame turned out to
    /// be wrong later; empty before. Lets a server refuse a first line that is not CONNECT or STOMP.
    std::string_view pending_verb() const noexcept STOMP_LIFETIMEBOUND {
        return state_ == state::between ? std::string_view{} : reader_.verb(buffer_.data() + begin_);
    }

    /// The octets held of the frame that is being received, or that turned out to be wrong.
    std::string_view pending() const noexcept STOMP_LIFETIMEBOUND {
        if (state_ == state::delivered || buffer_.empty()) return {};
        return {buffer_.data() + begin_, end_ - begin_};
    }

    /// Removes the blanks that 1.0 peers write before values from the entries of frame(): for a CONNECT that turned
    /// out to be 1.0, which could not be known when it was read.
    void trim_values() noexcept {
        for (std::size_t i = 0; i < frame_.headers.size(); ++i)
            headers_[i].value = detail::trim_front(headers_[i].value);
    }

    /// Octets held that do not belong to a frame handed out.
    std::size_t buffered() const noexcept { return end_ - begin_ - (state_ == state::delivered ? reader_.size() : 0); }

    /// Forgets everything but the memory, the limits and the strictness: a new stream, no version negotiated.
    void reset() noexcept {
        next_rules_.version = std::nullopt;
        state_ = state::between;
        frame_ = {};
        error_ = errc::ok;
        begin_ = end_ = peak_ = error_offset_ = 0;
        consumed_ = eols_ = 0;
    }

private:
    enum class state : std::uint8_t { between, inside, delivered, failed };

    static constexpr std::size_t first_capacity = 512;
    static constexpr std::size_t idle_capacity = 4096;
    static constexpr std::size_t kept_capacity = 4 * idle_capacity;
    static constexpr std::size_t slack = detail::block_size;  // a block may be read beyond the last octet

    std::size_t capacity() const noexcept { return buffer_.empty() ? 0 : buffer_.size() - slack; }

    void advance(std::size_t n) noexcept {
        begin_ += n;
        consumed_ += n;
    }

    void drop_frame() noexcept {
        if (state_ != state::delivered) return;
        advance(reader_.size());
        frame_ = {};
        state_ = state::between;
    }

    void fail(errc e, std::size_t offset) noexcept {
        error_ = e;
        error_offset_ = static_cast<std::size_t>(consumed_) + offset;
        state_ = state::failed;
    }

    /// Nothing is held: give memory back unless it was needed lately. A peer that keeps sending large frames does not
    /// make us allocate for each, and being asked twice does not say that there are no more, unless it is a lot of memory.
    void rest() noexcept {
        if (lent_) return;  // a read into it may be in flight
        begin_ = end_ = 0;
        const bool asked_twice = peak_ == 0 && capacity() <= kept_capacity;
        if (capacity() > idle_capacity && peak_ <= idle_capacity && !asked_twice) buffer_ = std::vector<char>{};
        peak_ = 0;
    }

    void make_room(std::size_t at_least) {
        const std::size_t held = end_ - begin_;
        const char* const from = buffer_.data() + begin_;
        // Moving fewer octets than were consumed since the last move keeps the work linear.
        if (held <= begin_ && capacity() - held >= at_least) {
            if (held != 0) std::memmove(buffer_.data(), from, held);
            move_headers(from, buffer_.data());
        } else {
            std::vector<char> larger((std::max)({first_capacity, 2 * held, held + at_least}) + slack);
            if (held != 0) std::memcpy(larger.data(), from, held);
            move_headers(from, larger.data());
            buffer_.swap(larger);
        }
        begin_ = 0;
        end_ = held;
    }

    void move_headers(const char* from, const char* to) noexcept {
        if (state_ != state::inside) return;
        const auto moved = [&](std::string_view text) {
            return std::string_view(to + (text.data() - from), text.size());
        };
        for (std::size_t i = 0; i < reader_.header_count(); ++i) {
            headers_[i] = {moved(headers_[i].name), moved(headers_[i].value)};
        }
    }

    void swap(parser& other) noexcept {
        std::swap(bounds_, other.bounds_);
        std::swap(next_rules_, other.next_rules_);
        std::swap(reader_, other.reader_);
        std::swap(state_, other.state_);
        std::swap(error_, other.error_);
        buffer_.swap(other.buffer_);
        headers_.swap(other.headers_);
        std::swap(frame_, other.frame_);
        std::swap(begin_, other.begin_);
        std::swap(end_, other.end_);
        std::swap(peak_, other.peak_);
        std::swap(error_offset_, other.error_offset_);
        std::swap(consumed_, other.consumed_);
        std::swap(eols_, other.eols_);
        std::swap(lent_, other.lent_);
    }

    static_assert(sizeof(header) <= detail::entry::header);

    limits bounds_;
    detail::dialect next_rules_;
    detail::frame_reader reader_;
    state state_ = state::between;
    errc error_ = errc::ok;
    std::vector<char> buffer_;     // [begin_, end_) is held; the frame begins at begin_
    std::vector<header> headers_;  // as many as were ever needed; the first ones are the frame's
    frame_view frame_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t peak_ = 0;  // most octets held since nothing was held
    bool lent_ = false;     // input_buffer() was called, and commit_input() was not
    std::size_t error_offset_ = 0;
    std::uint64_t consumed_ = 0;  // octets of the stream before begin_
    std::uint64_t eols_ = 0;
};

}  // namespace stomp::inline v0

#endif
