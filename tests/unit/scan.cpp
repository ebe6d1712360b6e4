// Every implementation of the scan against a plain loop.
#include <stomp/detail/scan.hpp>

#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace detail = stomp::detail;

namespace {

std::uint64_t plain_find(const char* block, std::string_view octets) {
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < detail::block_size; ++i) {
        if (octets.find(block[i]) != octets.npos) found |= std::uint64_t{1} << i;
    }
    return found;
}

/// Checks the block that begins here; all 64 octets must be readable.
template <class Scan>
void check_block(const char* block) {
    using namespace std::string_view_literals;
    const detail::head_marks marks = Scan::find_marks(block);
    REQUIRE(marks.lf == plain_find(block, "\n"));
    REQUIRE(marks.colon == plain_find(block, ":"));
    REQUIRE(marks.rare == plain_find(block, "\0\r\\"sv));
    for (const char octet : {'\0', '\r', '\\', '\n', ':', '\x7f', '\x80', '\xff'}) {
        REQUIRE(Scan::find(block, octet) == plain_find(block, {&octet, 1}));
    }
}

}  // namespace

TEMPLATE_TEST_CASE("scan: each octet at each place of a block", "", detail::portable_scan, detail::native_scan,
                   detail::scan) {
    for (int octet = 0; octet < 256; ++octet) {
        for (const char background : {'a', '\0', '\n', ':', '\xff', '\\'}) {
            std::array<char, detail::block_size> block{};
            block.fill(background);
            for (std::size_t at = 0; at < block.size(); ++at) {
                block[at] = static_cast<char>(octet);
                check_block<TestType>(block.data());
                block[at] = background;
            }
        }
    }
}

TEMPLATE_TEST_CASE("scan: neighbours do not borrow from each other", "", detail::portable_scan, detail::native_scan) {
    // The octets that a word-wise comparison confuses: one off, the top bit flipped, next to a match.
    for (const char wanted : {'\n', ':', '\r', '\\', '\0'}) {
        for (const int change : {1, -1, 0x80, 0x7f, 0x40}) {
            std::array<char, detail::block_size> block{};
            for (std::size_t i = 0; i < block.size(); ++i) {
                block[i] = i % 3 == 0 ? wanted : static_cast<char>(wanted ^ change);
            }
            check_block<TestType>(block.data());
        }
    }
}

TEMPLATE_TEST_CASE("scan: random octets at every alignment", "", detail::portable_scan, detail::native_scan) {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        // On the heap and of exactly this size: a look outside is seen by the sanitizers and by valgrind.
        std::vector<char> octets(detail::block_size + random() % 64);
        for (char& c : octets) c = round % 2 == 0 ? static_cast<char>(random()) : "\n:\r\\a\0"[random() % 6];
        for (std::size_t at = 0; at + detail::block_size <= octets.size(); ++at)
            check_block<TestType>(octets.data() + at);
    }
}

TEST_CASE("load_word: the first octet is the lowest") {
    const std::array<char, 9> octets{1, 2, 3, 4, 5, 6, 7, '\xf8', 9};
    CHECK(detail::load_word(octets.data()) == 0xf807060504030201u);
    CHECK(detail::load_word(octets.data() + 1) == 0x09f8070605040302u);
}

TEST_CASE("find_octet: the first one, or the end") {
    const std::string text = "abcabc";
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    CHECK(detail::find_octet(begin, end, 'b') == begin + 1);
    CHECK(detail::find_octet(begin, end, 'x') == end);
    CHECK(detail::find_octet(begin, begin, 'a') == begin);
    CHECK(detail::find_octet(nullptr, nullptr, 'a') == nullptr);
}

namespace {
constexpr char sample[detail::block_size + 1] =
    "SEND\ndestination:/q\nk:\\n\r\n\nbody.................................";
}
static_assert(detail::scan::find(sample, '\r') == std::uint64_t{1} << 24);
static_assert(detail::scan::find_marks(sample).lf == ((1u << 4) | (1u << 19) | (1u << 25) | (1u << 26)));
