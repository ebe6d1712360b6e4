// UTF-8 validation.
#ifndef STOMP_DETAIL_UTF8_HPP
#define STOMP_DETAIL_UTF8_HPP

#include <stomp/config.hpp>
#include <stomp/detail/scan.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stomp::inline v0::detail {

/// The octets of the well-formed sequence that `text` begins with; 0 if it begins with none. The ranges are those of
/// the Unicode standard, table 3-7: no overlong forms, no surrogates, nothing beyond U+10FFFF.
constexpr std::size_t utf8_sequence(std::string_view text) noexcept {
    const auto octet = [text](std::size_t i) -> unsigned {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;  // a NUL continues nothing
    };
    const auto in = [](unsigned value, unsigned low, unsigned high) { return value >= low && value <= high; };
    const auto tail = [&](std::size_t i) { return in(octet(i), 0x80, 0xbf); };
    const unsigned first = octet(0);
    if (first < 0x80) return text.empty() ? 0 : 1;
    if (in(first, 0xc2, 0xdf)) return tail(1) ? 2 : 0;
    if (in(first, 0xe0, 0xef)) {
        const bool second = in(octet(1), first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
        return second && tail(2) ? 3 : 0;
    }
    if (in(first, 0xf0, 0xf4)) {
        const bool second = in(octet(1), first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
        return second && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

/// Where the first octet stands that does not belong to well-formed UTF-8; `text.size()` if there is none.
constexpr std::size_t find_invalid_utf8(std::string_view text) noexcept {
    std::size_t at = 0;
    while (at < text.size()) {
        if (text.size() - at >= 8 && (load_word(text.data() + at) & 0x8080808080808080u) == 0) {
            at += 8;  // ASCII costs next to nothing
            continue;
        }
        const std::size_t octets = utf8_sequence(text.substr(at));
        if (octets == 0) return at;
        at += octets;
    }
    return at;
}

constexpr bool is_utf8(std::string_view text) noexcept { return find_invalid_utf8(text) == text.size(); }

}  // namespace stomp::inline v0::detail

#endif
