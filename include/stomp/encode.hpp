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

#include <algorithm>
#include <bit>
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
    for (std::uint64_t bound = 10; number >= bound; ++digits) {
        if (bound > UINT64_MAX / 10) return digits + 1;
        bound *= 10;
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

/// Whether an octet that is special may stand in a name or a value.
constexpr errc check_special(escaping rules, char octet, bool is_name) noexcept {
    if (octet == '\0') return errc::nul_in_header;
    if (octet == '\r' && rules != escaping::v1_2) return errc::not_representable;
    const bool literal = rules == escaping::none;
    return literal && (octet == '\n' || (octet == ':' && is_name)) ? errc::not_representable : errc::ok;
}

/// Checks a name or a value, and adds the octets that it takes on the wire.
constexpr errc measure_text(escaping rules, std::string_view text, bool is_name, std::size_t& size) noexcept {
    std::size_t octets = text.size();
    for (std::size_t at = 0; at < text.size(); at += 16) {
        for (std::uint32_t special = scan::find_special(text, at); special != 0; special &= special - 1) {
            const char octet = text[at + static_cast<std::size_t>(std::countr_zero(special))];
            if (const errc e = check_special(rules, octet, is_name); e != errc::ok) return e;
            if (rules != escaping::none) ++octets;
        }
    }
    size += octets;
    return errc::ok;
}

/// Writes text with what is special in it: there is room for twice its size. Returns the end of it; where `fault` is set
/// nothing of use was written.
STOMP_NOINLINE constexpr char* write_special(escaping rules, std::string_view text, bool is_name, char* to,
                                             errc& fault) noexcept {
    const char* from = text.data();
    for (std::size_t at = 0; at < text.size(); at += 16) {
        for (std::uint32_t special = scan::find_special(text, at); special != 0; special &= special - 1) {
            const char* const octet = text.data() + at + static_cast<std::size_t>(std::countr_zero(special));
            if (const errc e = check_special(rules, *octet, is_name); e != errc::ok) {
                if (fault == errc::ok) fault = e;  // the name's, not the value's
                return to;
            }
            if (rules == escaping::none) continue;
            to = copy_text(to, {from, static_cast<std::size_t>(octet - from)});
            *to++ = '\\';
            *to++ = escape_letters[static_cast<unsigned char>(*octet)];
            from = octet + 1;
        }
    }
    return copy_text(to, {from, static_cast<std::size_t>(text.data() + text.size() - from)});
}

/// Writes a name or a value and returns the end of it. Most texts hold nothing special, and looking while they are copied
/// costs little.
constexpr char* write_text(escaping rules, std::string_view text, bool is_name, char* to, errc& fault) noexcept {
    const char* const from = text.data();
    const std::size_t size = text.size();
    std::uint32_t special = 0;
    const auto copy = [&](std::size_t first, std::size_t second) {
        const std::uint64_t low = load_word(from + first);
        const std::uint64_t high = load_word(from + second);
        store_word(to + first, low);
        store_word(to + second, high);
        special |= scan::find_special(low, high);
    };
    if (size >= 16) {
        for (std::size_t at = 0; at + 16 < size; at += 16) copy(at, at + 8);
        copy(size - 16, size - 8);
    } else if (size >= 8) {
        copy(0, size - 8);
    } else if (size >= 4 && !std::is_constant_evaluated()) {
        std::uint32_t words[2] = {};
        std::memcpy(&words[0], from, 4);
        std::memcpy(&words[1], from + size - 4, 4);
        std::memcpy(to, &words[0], 4);
        std::memcpy(to + size - 4, &words[1], 4);
        const std::uint64_t both = words[0] | std::uint64_t{words[1]} << 32;
        special = scan::find_special(both, both);
    } else {
        for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
        special = scan::find_special(text, 0);
    }
    return special == 0 ? to + size : write_special(rules, text, is_name, to, fault);
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

/// Writes the line of a header and returns the end of it.
constexpr char* write_header(escaping rules, const header& h, char* to, errc& fault) noexcept {
    to = write_text(rules, h.name, true, to, fault);
    *to++ = ':';
    to = write_text(rules, h.value, false, to, fault);
    *to++ = '\n';
    return to;
}

/// The same for one that measure_header() accepted.
constexpr char* write_header(escaping rules, const header& h, char* to) noexcept {
    errc none = errc::ok;
    return write_header(rules, h, to, none);
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

constexpr bool is_content_length(std::string_view name) noexcept {
    return name.size() == header_names::content_length.size() && spells(name.data(), "content-length");
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
    bool counts = false;   ///< the encoder writes a content-length of its own
};

constexpr bool is_verb(const frame_view& f, std::string_view verb) noexcept {
    if (f.command != command::unknown) return f.verb.empty() || verb == to_string(f.command);
    return !verb.empty() && parse_command(verb) == command::unknown &&
           verb.find_first_of(std::string_view("\n\r\0", 3)) == verb.npos;
}

/// Checks all of a frame but the texts of its headers, which are taken as plain.
constexpr errc measure_plain(const frame_view& f, const encode_options& options, frame_plan& plan) noexcept {
    const std::string_view verb = verb_of(f);
    if (!is_verb(f, verb)) return errc::malformed_command;
    if (!f.body.empty() && !body_allowed(f.command)) return errc::body_not_allowed;

    std::size_t head = verb.size() + 2;
    bool counted = false;
    for (const header& h : f.headers) {
        if (h.name.empty()) return errc::header_empty_name;
        head += h.name.size() + h.value.size() + 2;
        if (is_content_length(h.name)) {
            counted = true;
            if (const errc e = check_content_length(h.value, f.body.size()); e != errc::ok) return e;
        }
    }
    plan = {};
    if (!counted && !f.body.empty()) {
        plan.counts = options.content_length == content_length_policy::automatic || holds_nul(f.body);
        if (plan.counts && options.content_length == content_length_policy::never) return errc::needs_content_length;
        if (plan.counts) head += header_names::content_length.size() + 2 + count_digits(f.body.size());
    }
    plan.head = head;
    plan.size = head + f.body.size() + 1;
    return errc::ok;
}

/// Checks a frame. The plan says nothing where it is refused.
constexpr errc measure(const frame_view& f, version v, const encode_options& options, frame_plan& plan) noexcept {
    if (const errc e = measure_plain(f, options, plan); e != errc::ok) return e;
    const escaping rules = escaping_of(f.command, v, options);
    std::size_t plain = 0;
    std::size_t written = 0;
    for (const header& h : f.headers) {
        plain += h.name.size() + h.value.size() + 2;
        if (const errc e = measure_header(rules, h, written); e != errc::ok) return e;
    }
    plan.head += written - plain;
    plan.size += written - plain;
    return errc::ok;
}

/// The same for a caller that only asks for the size, which is changed only where the frame is accepted.
constexpr errc measure(const frame_view& f, version v, const encode_options& options, std::size_t& size) noexcept {
    frame_plan plan;
    const errc e = measure(f, v, options, plan);
    if (e == errc::ok) size = plan.size;
    return e;
}

/// Writes a head and returns the end of it. Where the texts of the headers were not measured there is room for twice the
/// plan's head, and `fault` tells what is wrong with them.
constexpr char* write_head(const frame_view& f, version v, const encode_options& options, const frame_plan& plan,
                           char* to, errc& fault) noexcept {
    to = copy_text(to, verb_of(f));
    *to++ = '\n';
    const escaping rules = escaping_of(f.command, v, options);
    for (const header& h : f.headers) {
        to = write_header(rules, h, to, fault);
        if (fault != errc::ok) return to;
    }
    if (plan.counts) {
        to = copy_text(to, "content-length:");
        to = write_number(to, f.body.size());
        *to++ = '\n';
    }
    *to++ = '\n';
    return to;
}

/// Writes a frame that measure() accepted, `plan.size` octets, and returns their end.
constexpr char* write(const frame_view& f, version v, const encode_options& options, const frame_plan& plan,
                      char* to) noexcept {
    errc none = errc::ok;
    to = copy_text(write_head(f, v, options, plan, to, none), f.body);
    *to++ = '\0';
    return to;
}

/// Makes room for more octets, so that what is appended then cannot fail. Doubling: many frames are appended to one string.
inline void reserve(std::string& out, std::size_t more) {
    const std::size_t size = out.size() + more;
    if (size > out.capacity()) out.reserve((std::max)(size, 2 * out.capacity()));
}

/// Appends the head of a frame, with room for what comes next.
inline errc append_head(std::string& out, const frame_view& f, version v, const encode_options& options,
                        std::size_t room) {
    frame_plan plan;
    if (const errc e = measure_plain(f, options, plan); e != errc::ok) return e;
    const std::size_t before = out.size();
    reserve(out, 2 * plan.head + room);
    out.resize(before + 2 * plan.head);
    errc fault = errc::ok;
    const char* const end = write_head(f, v, options, plan, out.data() + before, fault);
    out.resize(fault == errc::ok ? static_cast<std::size_t>(end - out.data()) : before);
    return fault;
}

}  // namespace detail

/// Appends one frame. What the version cannot express is refused, and `out` is then unchanged: `malformed_command`,
/// `header_empty_name`, `nul_in_header`, `not_representable`, `body_not_allowed`, `bad_content_length`,
/// `content_length_conflict`, `needs_content_length`. So what is written never holds an extra header or frame.
/// Lines end with LF, also in 1.2. No view of the frame may point into `out`. Spec: STOMP 1.2 "STOMP Frames", "Value
/// Encoding".
[[nodiscard]] inline errc encode(std::string& out, const frame_view& f, version v, encode_options options = {}) {
    if (const errc e = detail::append_head(out, f, v, options, f.body.size() + 1); e != errc::ok) return e;
    out += f.body;
    out += '\0';
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
    return detail::append_head(out, f, v, options, 0);
}

[[nodiscard]] inline errc encode_head(std::string& out, command c, header_list headers, std::string_view body,
                                      version v, encode_options options = {}) {
    return encode_head(out, frame_view{c, {}, headers, body}, v, options);
}

}  // namespace stomp::inline v0

#endif
