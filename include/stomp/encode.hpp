// Frames to octets.
#ifndef STOMP_ENCODE_HPP
#define STOMP_ENCODE_HPP

#include <stomp/command.hpp>
#include <stomp/config.hpp>
#include <stomp/detail/escape.hpp>
#include <stomp/detail/scan.hpp>
#include <stomp/errc.hpp>
#include <stomp/frame.hpp>
#include <stomp/header_names.hpp>
#include <stomp/version.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace stomp::inline v0 {

/// When the encoder adds a `content-length` header of its own. ActiveMQ and Artemis take its absence as "this is
/// text". Spec: STOMP 1.2 "Header content-length".
enum class content_length_policy : std::uint8_t {
    automatic,  ///< on every frame with a body
    if_needed,  ///< only when the body holds a NUL
    never       ///< refuses a body that holds a NUL (`needs_content_length`)
};

struct encode_options {
    content_length_policy content_length = content_length_policy::automatic;
    /// Escape the headers of CONNECT, STOMP and CONNECTED as the version's other frames. Against the specification,
    /// and needed for a passcode with a backslash on RabbitMQ, which decodes them.
    bool escape_connect = false;
};

namespace detail {

constexpr std::size_t count_digits(std::uint64_t number) noexcept {
    std::size_t digits = 1;
    while (number >= 10) {
        number /= 10;
        ++digits;
    }
    return digits;
}

/// Writes a decimal number and returns the end of it.
constexpr char* write_number(char* to, std::uint64_t number) noexcept {
    char* const end = to + count_digits(number);
    char* digit = end;
    do {
        *--digit = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return end;
}

/// Copies text and returns the end of the copy. Short pieces, as most are, are copied in place: calling memcpy costs
/// more than they do. From 8 octets on two words that overlap do, from 16 on two pairs of them.
constexpr char* write_text(char* to, std::string_view text) noexcept {
    const char* const from = text.data();
    const std::size_t size = text.size();
    if (std::is_constant_evaluated() || size < 8) {
        for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
    } else if (size <= 16) {
        const char* const last = from + size - 8;
        char* const to_last = to + size - 8;
        std::uint64_t words[2] = {};
        std::memcpy(&words[0], from, 8);
        std::memcpy(&words[1], last, 8);
        std::memcpy(to, &words[0], 8);
        std::memcpy(to_last, &words[1], 8);
    } else if (size <= 32) {
        std::uint64_t words[4] = {};
        std::memcpy(&words[0], from, 16);
        std::memcpy(&words[2], from + size - 16, 16);
        std::memcpy(to, &words[0], 16);
        std::memcpy(to + size - 16, &words[2], 16);
    } else {
        std::memcpy(to, from, size);
    }
    return to + size;
}

/// Adds the octets that a name or a value takes on the wire. Text that is not plain is counted without a branch per
/// octet: where an escape stands cannot be predicted.
constexpr errc measure_text(escaping rules, std::string_view text, bool is_name, std::size_t& size) noexcept {
    std::size_t octets = text.size();
    if (!is_plain(text)) {
        std::size_t nuls = 0;
        std::size_t crs = 0;
        std::size_t lfs = 0;
        std::size_t colons = 0;
        std::size_t backslashes = 0;
        for (const char octet : text) {
            nuls += octet == '\0' ? 1U : 0U;
            crs += octet == '\r' ? 1U : 0U;
            lfs += octet == '\n' ? 1U : 0U;
            colons += octet == ':' ? 1U : 0U;
            backslashes += octet == '\\' ? 1U : 0U;
        }
        if (nuls != 0) return errc::nul_in_header;
        if (crs != 0 && rules != escaping::v1_2) return errc::not_representable;
        if (rules != escaping::none) {
            octets += crs + lfs + colons + backslashes;
        } else if (lfs != 0 || (colons != 0 && is_name)) {
            return errc::not_representable;
        }
    }
    size += octets;
    return errc::ok;
}

/// Per octet the letter that stands for it after a backslash, NUL where there is none.
inline constexpr std::array<char, 256> escape_letters = [] {
    std::array<char, 256> letters{};
    for (const char octet : {'\n', '\r', ':', '\\'}) {
        letters[static_cast<unsigned char>(octet)] = escape_letter(escaping::v1_2, octet);
    }
    return letters;
}();

/// Writes text that measure_text() accepted (a CR in it means 1.2). No branch per octet here, either: a backslash is
/// always written, and overwritten where none belongs.
constexpr char* write_escaped(escaping rules, std::string_view text, char* to) noexcept {
    if (rules == escaping::none || is_plain(text)) return write_text(to, text);
    for (const char octet : text) {
        const char letter = escape_letters[static_cast<unsigned char>(octet)];
        const bool escaped = letter != '\0';
        *to = '\\';
        to += escaped ? 1 : 0;
        *to++ = escaped ? letter : octet;
    }
    return to;
}

/// Checks a header and adds the size of its line, colon and LF included. Changes nothing when it is refused.
constexpr errc measure_header(escaping rules, const header& h, std::size_t& size) noexcept {
    if (h.name.empty()) return errc::header_empty_name;
    std::size_t line = 2;
    if (const errc e = measure_text(rules, h.name, true, line); e != errc::ok) return e;
    if (const errc e = measure_text(rules, h.value, false, line); e != errc::ok) return e;
    size += line;
    return errc::ok;
}

/// Writes the line of a header that measure_header() accepted, and returns the end of it.
constexpr char* write_header(escaping rules, const header& h, char* to) noexcept {
    to = write_escaped(rules, h.name, to);
    *to++ = ':';
    to = write_escaped(rules, h.value, to);
    *to++ = '\n';
    return to;
}

constexpr escaping escaping_of(command c, version v, const encode_options& options) noexcept {
    return escaping_of(options.escape_connect && is_handshake(c) ? command::unknown : c, v);
}

constexpr std::string_view verb_of(const frame_view& f) noexcept {
    return f.verb.empty() ? to_string(f.command) : f.verb;
}

constexpr bool holds_nul(std::string_view body) noexcept {
    const char* const end = body.data() + body.size();
    return find_octet(body.data(), end, '\0') != end;
}

/// Whether a caller's own content-length agrees with the body.
constexpr errc check_content_length(std::string_view value, std::size_t body_size) noexcept {
    if (value.empty()) return errc::bad_content_length;
    std::uint64_t number = 0;
    bool overflow = false;
    for (const char octet : value) {
        if (octet < '0' || octet > '9') return errc::bad_content_length;
        const auto digit = static_cast<std::uint64_t>(octet - '0');
        overflow = overflow || number > (UINT64_MAX - digit) / 10;
        number = number * 10 + digit;
    }
    return overflow || number != body_size ? errc::content_length_conflict : errc::ok;
}

/// What measuring a frame finds, and writing it needs.
struct frame_plan {
    std::size_t head = 0;  ///< octets up to and including the blank line
    std::size_t size = 0;  ///< of the whole frame, NUL included
    bool escapes = false;  ///< some header holds an octet that is written differently
    bool counts = false;   ///< the encoder writes a content-length of its own
};

constexpr bool is_verb(const frame_view& f, std::string_view verb) noexcept {
    if (f.command != command::unknown) return f.verb.empty() || verb == to_string(f.command);
    return !verb.empty() && parse_command(verb) == command::unknown &&
           verb.find_first_of(std::string_view("\n\r\0", 3)) == verb.npos;
}

/// Checks a frame. The plan says nothing where it is refused.
constexpr errc measure(const frame_view& f, version v, const encode_options& options, frame_plan& plan) noexcept {
    const std::string_view verb = verb_of(f);
    if (!is_verb(f, verb)) return errc::malformed_command;
    if (!f.body.empty() && !body_allowed(f.command)) return errc::body_not_allowed;

    const escaping rules = escaping_of(f.command, v, options);
    std::size_t head = verb.size() + 2;
    std::size_t literal = head;
    bool counted = false;
    for (const header& h : f.headers) {
        if (const errc e = measure_header(rules, h, head); e != errc::ok) return e;
        literal += h.name.size() + h.value.size() + 2;
        if (h.name == header_names::content_length) {
            counted = true;
            if (const errc e = check_content_length(h.value, f.body.size()); e != errc::ok) return e;
        }
    }
    plan.escapes = head != literal;
    plan.counts = false;
    if (!counted && !f.body.empty()) {
        const bool automatic = options.content_length == content_length_policy::automatic;
        const bool needed = automatic || holds_nul(f.body);
        if (needed && options.content_length == content_length_policy::never) return errc::needs_content_length;
        plan.counts = needed;
        if (needed) head += header_names::content_length.size() + 2 + count_digits(f.body.size());
    }
    plan.head = head;
    plan.size = head + f.body.size() + 1;
    return errc::ok;
}

/// The same for a caller that only asks for the size, which is changed only where the frame is accepted.
constexpr errc measure(const frame_view& f, version v, const encode_options& options, std::size_t& size) noexcept {
    frame_plan plan;
    const errc e = measure(f, v, options, plan);
    if (e == errc::ok) size = plan.size;
    return e;
}

/// Writes `plan.head` octets and returns their end.
constexpr char* write_head(const frame_view& f, version v, const encode_options& options, const frame_plan& plan,
                           char* to) noexcept {
    to = write_text(to, verb_of(f));
    *to++ = '\n';
    if (plan.escapes) {
        const escaping rules = escaping_of(f.command, v, options);
        for (const header& h : f.headers) to = write_header(rules, h, to);
    } else {
        for (const header& h : f.headers) {
            to = write_text(to, h.name);
            *to++ = ':';
            to = write_text(to, h.value);
            *to++ = '\n';
        }
    }
    if (plan.counts) {
        to = write_text(to, "content-length:");
        to = write_number(to, f.body.size());
        *to++ = '\n';
    }
    *to++ = '\n';
    return to;
}

/// Writes a frame that measure() accepted, `plan.size` octets, and returns their end.
constexpr char* write(const frame_view& f, version v, const encode_options& options, const frame_plan& plan,
                      char* to) noexcept {
    to = write_text(write_head(f, v, options, plan, to), f.body);
    *to++ = '\0';
    return to;
}

}  // namespace detail

/// Appends one frame. What the version cannot express is refused, and `out` is then unchanged: `malformed_command`,
/// `header_empty_name`, `nul_in_header`, `not_representable`, `body_not_allowed`, `bad_content_length`,
/// `content_length_conflict`, `needs_content_length`. So what is written never holds an extra header or frame.
/// Lines end with LF, also in 1.2. Spec: STOMP 1.2 "STOMP Frames", "Value Encoding".
[[nodiscard]] inline errc encode(std::string& out, const frame_view& f, version v, encode_options options = {}) {
    detail::frame_plan plan;
    if (const errc e = detail::measure(f, v, options, plan); e != errc::ok) return e;
    const std::size_t before = out.size();
    out.resize(before + plan.size);
    detail::write(f, v, options, plan, out.data() + before);
    return errc::ok;
}

[[nodiscard]] inline errc encode(std::string& out, command c, header_list headers, std::string_view body, version v,
                                 encode_options options = {}) {
    return encode(out, frame_view{c, {}, headers, body}, v, options);
}

/// The octets that encode() would append; 0 if it would refuse the frame.
[[nodiscard]] constexpr std::size_t encoded_size(const frame_view& f, version v, encode_options options = {}) noexcept {
    std::size_t size = 0;
    return detail::measure(f, v, options, size) == errc::ok ? size : 0;
}

[[nodiscard]] constexpr std::size_t encoded_size(command c, header_list headers, std::string_view body, version v,
                                                 encode_options options = {}) noexcept {
    return encoded_size(frame_view{c, {}, headers, body}, v, options);
}

/// As encode(), but only up to the blank line: write head, body and a NUL with one writev and the body is never
/// copied.
[[nodiscard]] inline errc encode_head(std::string& out, const frame_view& f, version v, encode_options options = {}) {
    detail::frame_plan plan;
    if (const errc e = detail::measure(f, v, options, plan); e != errc::ok) return e;
    const std::size_t before = out.size();
    out.resize(before + plan.head);
    detail::write_head(f, v, options, plan, out.data() + before);
    return errc::ok;
}

[[nodiscard]] inline errc encode_head(std::string& out, command c, header_list headers, std::string_view body,
                                      version v, encode_options options = {}) {
    return encode_head(out, frame_view{c, {}, headers, body}, v, options);
}

}  // namespace stomp::inline v0

#endif
