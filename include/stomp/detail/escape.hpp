// Escapes in header names and values: what each version knows, decoding in place, encoding.
#ifndef STOMP_DETAIL_ESCAPE_HPP
#define STOMP_DETAIL_ESCAPE_HPP

#include <stomp/command.hpp>
#include <stomp/config.hpp>
#include <stomp/errc.hpp>
#include <stomp/version.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

namespace stomp::inline v0::detail {

/// The escapes of a frame's header text.
enum class escaping : std::uint8_t {
    none,    ///< 1.0, CONNECT, STOMP, CONNECTED: a backslash is an octet like any other
    v1_1,    ///< \n \c \\ and no other
    v1_2,    ///< those and \r
    unknown  ///< for reading only, no version negotiated: those of 1.2 are decoded, others kept as they are
};

/// For writing. Spec: STOMP 1.2 "Value Encoding".
constexpr escaping escaping_of(command c, version v) noexcept {
    if (is_handshake(c) || v == version::v1_0) return escaping::none;
    return v == version::v1_1 ? escaping::v1_1 : escaping::v1_2;
}

/// For reading: before a version is negotiated a peer may use any.
constexpr escaping escaping_of(command c, std::optional<version> v) noexcept {
    if (v) return escaping_of(c, *v);
    return is_handshake(c) ? escaping::none : escaping::unknown;
}

/// By the letter after a backslash the octet that both stand for; NUL, for which there is no escape, where a letter stands
/// for none.
using letter_table = std::array<char, 256>;

inline constexpr letter_table letters_1_1 = [] {
    letter_table octets{};
    octets['n'] = '\n';
    octets['c'] = ':';
    octets['\\'] = '\\';
    return octets;
}();

inline constexpr letter_table letters_1_2 = [] {
    letter_table octets = letters_1_1;
    octets['r'] = '\r';
    return octets;
}();

constexpr const letter_table& letters_of(escaping rules) noexcept {
    return rules == escaping::v1_1 ? letters_1_1 : letters_1_2;
}

/// Where the rules define escapes.
constexpr char unescaped(escaping rules, char letter) noexcept {
    return letters_of(rules)[static_cast<unsigned char>(letter)];
}

/// The letter that stands for an octet after a backslash; NUL if the octet is written as it is.
constexpr char escape_letter(escaping rules, char octet) noexcept {
    if (rules == escaping::none) return '\0';
    switch (octet) {
        case '\n': return 'n';
        case ':': return 'c';
        case '\\': return '\\';
        case '\r': return 'r';
        default: return '\0';
    }
}

constexpr std::uint64_t eight_of(char c) noexcept { return 0x0101010101010101U * static_cast<unsigned char>(c); }

/// Has an eighth bit set if and only if one of the word's octets is zero.
constexpr std::uint64_t zero_in(std::uint64_t word) noexcept {
    return (word - eight_of('\x01')) & ~word & eight_of('\x80');
}

/// Whether text holds none of the octets that a version escapes or refuses: NUL, LF, CR, colon, backslash. Most text
/// does, so this decides what it costs to write a header: eight octets at a time, and the last eight once more.
constexpr bool is_plain(std::string_view text) noexcept {
    const std::size_t size = text.size();
    if (std::is_constant_evaluated() || size < 8) {
        for (const char c : text) {
            if (c == '\0' || c == '\n' || c == '\r' || c == ':' || c == '\\') return false;
        }
        return true;
    }
    std::uint64_t found = 0;
    const auto look = [&found](const char* at) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, sizeof word);
        found |= zero_in(word) | zero_in(word ^ eight_of('\n')) | zero_in(word ^ eight_of('\r')) |
                 zero_in(word ^ eight_of(':')) | zero_in(word ^ eight_of('\\'));
    };
    for (std::size_t at = 0; at + 8 < size; at += 8) look(text.data() + at);
    look(text.data() + size - 8);
    return found == 0;
}

}  // namespace stomp::inline v0::detail

#endif
