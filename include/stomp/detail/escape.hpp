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

/// By an octet the letter that stands for it after a backslash; NUL for what is written as it is.
inline constexpr letter_table escape_letters = [] {
    letter_table letters{};
    for (std::size_t letter = 0; letter < letters.size(); ++letter) {
        const char octet = letters_1_2[letter];
        if (octet != '\0') letters[static_cast<unsigned char>(octet)] = static_cast<char>(letter);
    }
    return letters;
}();

}  // namespace stomp::inline v0::detail

#endif
