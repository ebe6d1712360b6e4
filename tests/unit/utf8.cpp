#include <stomp/detail/utf8.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using stomp::detail::find_invalid_utf8;
using stomp::detail::is_utf8;

namespace {

std::string encode(std::uint32_t point, int octets) {
    std::string text;
    for (int i = octets - 1; i > 0; --i) {
        text.insert(text.begin(), static_cast<char>(0x80 | (point & 0x3f)));
        point >>= 6;
    }
    const std::uint32_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    text.insert(text.begin(), static_cast<char>(lead[octets] | point));
    return text;
}

}  // namespace

TEST_CASE("H-17: every code point in its shortest form, and no other, is UTF-8") {
    std::size_t wrong = 0;
    for (std::uint32_t point = 0; point < 0x120000; ++point) {
        const int shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        for (int octets = 1; octets <= 4; ++octets) {
            constexpr std::uint32_t room[] = {0, 0x80, 0x800, 0x10000, 0x200000};
            if (point >= room[octets]) continue;
            const bool legal = octets == shortest && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
            if (is_utf8(encode(point, octets)) != legal) ++wrong;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("abuse 31: truncated sequences, stray tails, impossible octets") {
    for (const char* text : {"\xc3", "\xe2\x82", "\xf0\x9f\x98", "\x80", "\xbf", "\xc3\xa9\xa9", "\xc0\x80", "\xc1\xbf",
                             "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe",
                             "\xc3(", "\xe2\x28\xa1", "\xf0\x28\x8c\xbc"}) {
        INFO(text);
        CHECK_FALSE(is_utf8(text));
        CHECK_FALSE(is_utf8(std::string("0123456789") + text));
        CHECK_FALSE(is_utf8(text + std::string("0123456789")));
    }
}

TEST_CASE("the first bad octet is found at every position") {
    for (std::size_t before = 0; before < 70; ++before) {
        for (std::size_t behind = 0; behind < 20; ++behind) {
            CHECK(is_utf8(std::string(before + behind, 'a')));
            CHECK(find_invalid_utf8(std::string(before, 'a') + "\xff" + std::string(behind, 'a')) == before);
            CHECK(find_invalid_utf8(std::string(before, 'a') + "\xc3\xa9" + std::string(behind, 'a') + "\xe2\x82") ==
                  before + 2 + behind);
        }
    }
}

TEST_CASE("UTF-8: a NUL is a character, the empty text is right") {
    CHECK(is_utf8(""));
    CHECK(is_utf8(std::string_view("\0", 1)));
    CHECK_FALSE(is_utf8(std::string_view("\xc3\0", 2)));
}

static_assert(is_utf8("\xf0\x9f\x98\x80"));
static_assert(!is_utf8("\xed\xa0\x80"));
