// Formatters for the {fmt} library, version 9.1 or newer: errc, command, version, ack_mode, header, frame_view, frame.
//
// A frame becomes one line of printable ASCII:
//
//     SEND destination=/queue/a receipt=r1 [5 octets "hello"]
//     MESSAGE destination=/queue/a note="two words, a \"quote\", \n and \xff" [70000 octets "PK\x03\x04"...]
//     CONNECT accept-version=1.2 host=/ login=guest passcode=***
//
// A text stands as it is where that cannot be misread, else in quotes, with every octet outside 0x20 to 0x7e escaped.
// Long bodies and values are cut, and their length is told. Format options: `{:.N}` shows up to N octets of the body (64),
// `{:l}` masks `login`, too; both: `{:.Nl}`.
//
// Secrets never print: the value of every header whose name contains, in any case, "passcode", "password",
// "authorization", "secret" or "token" is shown as ***.
#ifndef STOMP_FMT_HPP
#define STOMP_FMT_HPP

#include <stomp/ack_mode.hpp>
#include <stomp/command.hpp>
#include <stomp/config.hpp>
#include <stomp/errc.hpp>
#include <stomp/frame.hpp>
#include <stomp/header_names.hpp>
#include <stomp/version.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stomp::inline v0::detail {

/// Whether `text` contains `word` (of lower-case letters), in any case.
constexpr bool contains_word(std::string_view text, std::string_view word) noexcept {
    for (; text.size() >= word.size(); text.remove_prefix(1)) {
        std::size_t same = 0;
        while (same < word.size() && (text[same] | 0x20) == word[same]) ++same;
        if (same == word.size()) return true;
    }
    return false;
}

constexpr bool is_secret(std::string_view name, bool login_too) noexcept {
    for (const std::string_view word : {"passcode", "password", "authorization", "secret", "token"}) {
        if (contains_word(name, word)) return true;
    }
    return login_too && contains_word(name, header_names::login);
}

/// Writes texts so that a reader can tell where each ends, and a terminal has nothing to interpret.
template <class Out>
class text_writer {
public:
    explicit text_writer(Out out) : out_(out) {}

    Out out() const { return out_; }

    void raw(std::string_view text) {
        for (const char octet : text) *out_++ = octet;
    }

    void number(std::uint64_t n) { out_ = fmt::format_to(out_, "{}", n); }

    /// A name, a value or a verb.
    void word(std::string_view text) {
        if (text.size() > longest_word) {
            octets(text, longest_word);
        } else if (plain(text)) {
            raw(text);
        } else {
            quoted(text);
        }
    }

    /// `[5 octets "hello"]`, of which at most `most` octets are shown.
    void octets(std::string_view text, std::size_t most) {
        raw("[");
        number(text.size());
        raw(text.size() == 1 ? " octet" : " octets");
        const std::string_view shown = text.substr(0, most);
        if (!shown.empty()) {
            raw(" ");
            quoted(shown);
            if (shown.size() < text.size()) raw("...");
        }
        raw("]");
    }

private:
    static constexpr std::size_t longest_word = 256;

    /// Can stand without quotes: not empty, no blank, nothing that has a meaning in the line.
    static constexpr bool plain(std::string_view text) noexcept {
        if (text.empty() || text.front() == '[' || text == "***") return false;
        for (const char octet : text) {
            if (octet <= 0x20 || octet >= 0x7f || octet == '"' || octet == '\\' || octet == '=') return false;
        }
        return true;
    }

    void quoted(std::string_view text) {
        constexpr std::string_view digits = "0123456789abcdef";
        raw("\"");
        for (const char octet : text) {
            switch (octet) {
                case '\n': raw("\\n"); continue;
                case '\r': raw("\\r"); continue;
                case '\t': raw("\\t"); continue;
                case '"': raw("\\\""); continue;
                case '\\': raw("\\\\"); continue;
                default: break;
            }
            if (octet >= 0x20 && octet < 0x7f) {
                *out_++ = octet;
            } else {
                const auto value = static_cast<unsigned char>(octet);
                raw("\\x");
                *out_++ = digits[value >> 4];
                *out_++ = digits[value & 15];
            }
        }
        raw("\"");
    }

    Out out_;
};

/// The format options of frames, and what prints one.
class frame_formatter {
public:
    template <class Context>
    constexpr auto parse(Context& ctx) {
        auto at = ctx.begin();
        const auto digit = [end = ctx.end()](auto it) { return it != end && *it >= '0' && *it <= '9'; };
        if (at != ctx.end() && *at == '.' && digit(at + 1)) {
            constexpr std::size_t most = 1'000'000'000;
            for (body_ = 0, ++at; digit(at); ++at) {
                body_ = body_ * 10 + static_cast<std::size_t>(*at - '0');
                if (body_ > most) body_ = most;
            }
        }
        if (at != ctx.end() && *at == 'l') {
            login_ = true;
            ++at;
        }
        return at;  // {fmt} reports whatever else stands there
    }

protected:
    template <class Out>
    void write(text_writer<Out>& to, const header& h) const {
        to.word(h.name);
        to.raw("=");
        if (is_secret(h.name, login_)) {
            to.raw("***");
        } else {
            to.word(h.value);
        }
    }

    template <class Out>
    void write(text_writer<Out>& to, const frame_view& f) const {
        to.word(f.verb.empty() ? to_string(f.command) : f.verb);
        for (const header& h : f.headers) {
            to.raw(" ");
            write(to, h);
        }
        if (f.body.empty()) return;
        to.raw(" ");
        to.octets(f.body, body_);
    }

private:
    std::size_t body_ = 64;
    bool login_ = false;
};

/// The base of formatters that print a name: fill, alignment and width work as for any text.
class name_formatter : public fmt::formatter<std::string_view> {
protected:
    template <class Context>
    auto write(std::string_view name, Context& ctx) const {
        return fmt::formatter<std::string_view>::format(name, ctx);
    }
};

}  // namespace stomp::inline v0::detail

/// The enumerator's name, as to_string(): "limit_body".
template <>
struct fmt::formatter<stomp::errc> : stomp::detail::name_formatter {
    template <class Context>
    auto format(stomp::errc e, Context& ctx) const {
        return write(to_string(e), ctx);
    }
};

/// The verb: "SEND"; "unknown" for `command::unknown`.
template <>
struct fmt::formatter<stomp::command> : stomp::detail::name_formatter {
    template <class Context>
    auto format(stomp::command c, Context& ctx) const {
        return write(c == stomp::command::unknown ? "unknown" : to_string(c), ctx);
    }
};

/// "1.2"
template <>
struct fmt::formatter<stomp::version> : stomp::detail::name_formatter {
    template <class Context>
    auto format(stomp::version v, Context& ctx) const {
        return write(to_string(v), ctx);
    }
};

/// "client-individual"
template <>
struct fmt::formatter<stomp::ack_mode> : stomp::detail::name_formatter {
    template <class Context>
    auto format(stomp::ack_mode m, Context& ctx) const {
        return write(to_string(m), ctx);
    }
};

/// `name=value`, as in a frame. Options: those of frame_view.
template <>
struct fmt::formatter<stomp::header> : stomp::detail::frame_formatter {
    template <class Context>
    auto format(const stomp::header& h, Context& ctx) const {
        stomp::detail::text_writer to(ctx.out());
        write(to, h);
        return to.out();
    }
};

/// One line; see the top of this file.
template <>
struct fmt::formatter<stomp::frame_view> : stomp::detail::frame_formatter {
    template <class Context>
    auto format(const stomp::frame_view& f, Context& ctx) const {
        stomp::detail::text_writer to(ctx.out());
        write(to, f);
        return to.out();
    }
};

template <>
struct fmt::formatter<stomp::frame> : fmt::formatter<stomp::frame_view> {
    template <class Context>
    auto format(const stomp::frame& f, Context& ctx) const {
        return fmt::formatter<stomp::frame_view>::format(f.view(), ctx);
    }
};

#endif
