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

/// Copies text and returns the end of the copy.
constexpr char* write_text(char* to, std::string_view text) noexcept {
    if (std::is_constant_evaluated()) {
        for (const char octet : text) *to++ = octet;
        return to;
    }
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    return to + text.size();
}

/// Adds the octets that a name or a value takes on the wire.
constexpr errc measure_text(escaping rules, std::string_view text, bool is_name, std::size_t& size) noexcept {
    std::size_t octets = text.size();
    for (const char octet : text) {
        if (octet == '\0') return errc::nul_in_header;
        if (octet == '\r' && rules != escaping::v1_2) return errc::not_representable;
        if (rules == escaping::none && (octet == '\n' || (octet == ':' && is_name))) return errc::not_representable;
        if (escape_letter(rules, octet) != '\0') ++octets;
    }
    size += octets;
    return errc::ok;
}

constexpr char* write_escaped(escaping rules, std::string_view text, char* to) noexcept {
    for (const char octet : text) {
        const char letter = escape_letter(rules, octet);
        if (letter != '\0') *to++ = '\\';
        *to++ = letter != '\0' ? letter : octet;
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

/// What stands in the head: found by measuring, used for writing.
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

/// Whether the encoder writes a content-length of its own.
constexpr bool adds_content_length(const frame_view& f, const encode_options& options) noexcept {
    if (f.body.empty() || options.content_length == content_length_policy::never) return false;
    if (f.get(header_names::content_length)) return false;
    return options.content_length == content_length_policy::automatic || holds_nul(f.body);
}

/// Checks a frame and tells the size of its head, blank line included.
constexpr errc measure_head(const frame_view& f, version v, const encode_options& options, std::size_t& size) noexcept {
    const std::string_view verb = verb_of(f);
    if (verb.empty() || parse_command(verb) != f.command) return errc::malformed_command;
    if (f.command == command::unknown && verb.find_first_of(std::string_view("\n\r\0", 3)) != verb.npos) {
        return errc::malformed_command;
    }
    if (!f.body.empty() && !body_allowed(f.command)) return errc::body_not_allowed;

    const escaping rules = escaping_of(f.command, v, options);
    std::size_t head = verb.size() + 2;
    bool counted = false;
    for (const header& h : f.headers) {
        if (const errc e = measure_header(rules, h, head); e != errc::ok) return e;
        if (h.name == header_names::content_length) {
            counted = true;
            if (const errc e = check_content_length(h.value, f.body.size()); e != errc::ok) return e;
        }
    }
    if (options.content_length == content_length_policy::never && !counted && holds_nul(f.body)) {
        return errc::needs_content_length;
    }
    if (adds_content_length(f, options)) head += header_names::content_length.size() + 2 + count_digits(f.body.size());
    size = head;
    return errc::ok;
}

constexpr char* write_head(const frame_view& f, version v, const encode_options& options, char* to) noexcept {
    const escaping rules = escaping_of(f.command, v, options);
    to = write_text(to, verb_of(f));
    *to++ = '\n';
    for (const header& h : f.headers) to = write_header(rules, h, to);
    if (adds_content_length(f, options)) {
        to = write_text(to, header_names::content_length);
        *to++ = ':';
        to = write_number(to, f.body.size());
        *to++ = '\n';
    }
    *to++ = '\n';
    return to;
}

/// Checks a frame and tells its size, NUL included. `size` is changed only when it is accepted.
constexpr errc measure(const frame_view& f, version v, const encode_options& options, std::size_t& size) noexcept {
    std::size_t head = 0;
    if (const errc e = measure_head(f, v, options, head); e != errc::ok) return e;
    size = head + f.body.size() + 1;
    return errc::ok;
}

/// Writes a frame that measure() accepted: exactly as many octets as it said. Returns their end.
constexpr char* write(const frame_view& f, version v, const encode_options& options, char* to) noexcept {
    to = write_text(write_head(f, v, options, to), f.body);
    *to++ = '\0';
    return to;
}

}  // namespace detail

/// Appends one frame. What the version cannot express is refused, and `out` is then unchanged: `malformed_command`,
/// `header_empty_name`, `nul_in_header`, `not_representable`, `body_not_allowed`, `bad_content_length`,
/// `content_length_conflict`, `needs_content_length`. So what is written never holds an extra header or frame.
/// Lines end with LF, also in 1.2. Spec: STOMP 1.2 "STOMP Frames", "Value Encoding".
[[nodiscard]] inline errc encode(std::string& out, const frame_view& f, version v, encode_options options = {}) {
    std::size_t size = 0;
    if (const errc e = detail::measure(f, v, options, size); e != errc::ok) return e;
    const std::size_t before = out.size();
    out.resize(before + size);
    detail::write(f, v, options, out.data() + before);
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
    std::size_t size = 0;
    if (const errc e = detail::measure_head(f, v, options, size); e != errc::ok) return e;
    const std::size_t before = out.size();
    out.resize(before + size);
    detail::write_head(f, v, options, out.data() + before);
    return errc::ok;
}

[[nodiscard]] inline errc encode_head(std::string& out, command c, header_list headers, std::string_view body, version v,
                                      encode_options options = {}) {
    return encode_head(out, frame_view{c, {}, headers, body}, v, options);
}

}  // namespace stomp::inline v0

#endif
