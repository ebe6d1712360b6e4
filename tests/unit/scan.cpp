// Every implementation of the scan against a plain loop.
#include <stomp/detail/scan.hpp>

#include "support/catch.hpp"
#include "support/guarded.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace detail = stomp::detail;

namespace {

/// All that this compiler was told it may use.
using every_scan = std::tuple<detail::portable_scan, detail::native_scan
#if !defined(STOMP_NO_SIMD) && (defined(__SSE2__) || defined(_M_X64))
                              ,
                              detail::sse2_scan
#endif
                              ,
                              detail::scan>;

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
    REQUIRE(marks.ends == plain_find(block, "\n\0"sv));
    REQUIRE(marks.colons == plain_find(block, ":"));
    REQUIRE(marks.rare == plain_find(block, "\0\r\\"sv));
    for (const char octet : {'\0', '\r', '\\', '\n', ':', '\x7f', '\x80', '\xff'}) {
        REQUIRE(Scan::find(block, octet) == plain_find(block, {&octet, 1}));
    }
}

/// What a text holds, an octet of bits for each of its octets. In blocks, as the parser looks at it.
template <class Scan>
void mark(std::string_view text, std::vector<unsigned>& marks) {
    const auto note = [&](std::size_t at, const detail::head_marks& m, std::uint64_t high) {
        for (std::size_t i = 0; i < detail::block_size && at + i < text.size(); ++i) {
            const auto bit = [i](std::uint64_t mask) { return static_cast<unsigned>(mask >> i & 1U); };
            marks.push_back(bit(m.ends) | bit(m.colons) << 1U | bit(m.rare) << 2U | bit(high) << 3U);
        }
    };
    marks.clear();
    std::size_t at = 0;
    for (; text.size() - at >= detail::block_size; at += detail::block_size) {
        note(at, Scan::find_marks(text.data() + at), Scan::find(text.data() + at, '\x80'));
    }
    const std::size_t rest = text.size() - at;
    if (rest == 0) return;
    note(at, detail::scan::find_marks(text.data() + at, rest, at),
         detail::scan::find(text.data() + at, rest, at, '\x80'));
}

/// The same, octet by octet.
std::vector<unsigned> plain_marks(std::string_view text) {
    std::vector<unsigned> marks;
    for (const char c : text) {
        const unsigned ends = c == '\n' || c == '\0' ? 1U : 0U;
        const unsigned rare = c == '\0' || c == '\r' || c == '\\' ? 4U : 0U;
        marks.push_back(ends | rare | (c == ':' ? 2U : c == '\x80' ? 8U : 0U));
    }
    return marks;
}

/// Texts that hide mistakes least: random octets, nothing but what is looked for, and what differs from it by a bit.
std::string text_of(unsigned kind, std::size_t size, std::mt19937& random) {
    using namespace std::string_view_literals;
    constexpr std::string_view wanted = "\n:\r\\\0\x80"sv;
    std::string text(size, ' ');
    for (char& c : text) {
        const char one = wanted[random() % wanted.size()];
        switch (kind) {
            case 0: c = static_cast<char>(random()); break;
            case 1: c = one; break;
            case 2: c = static_cast<char>(one ^ 1 << random() % 8); break;
            default: c = random() % 4 == 0 ? one : static_cast<char>(one + (random() % 2 == 0 ? 1 : -1)); break;
        }
    }
    return text;
}

constexpr unsigned text_kinds = 4;
constexpr std::size_t longest = 256;

}  // namespace

TEMPLATE_LIST_TEST_CASE("scan: each octet at each place of a block", "", every_scan) {
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

TEMPLATE_LIST_TEST_CASE("scan: neighbours do not borrow from each other", "", every_scan) {
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

TEMPLATE_LIST_TEST_CASE("scan: random octets at every alignment", "", every_scan) {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        // On the heap and of exactly this size: a look outside is seen by the sanitizers and by valgrind.
        std::vector<char> octets(detail::block_size + random() % 64);
        for (char& c : octets) c = round % 2 == 0 ? static_cast<char>(random()) : "\n:\r\\a\0"[random() % 6];
        for (std::size_t at = 0; at + detail::block_size <= octets.size(); ++at)
            check_block<TestType>(octets.data() + at);
    }
}

TEMPLATE_LIST_TEST_CASE("scan: every length up to 256 at every alignment", "", every_scan) {
    std::mt19937 random(9);
    std::vector<unsigned> marks;
    std::size_t wrong = 0;
    for (std::size_t size = 0; size <= longest; ++size) {
        for (unsigned kind = 0; kind < text_kinds; ++kind) {
            const std::string text = text_of(kind, size, random);
            const std::vector<unsigned> expected = plain_marks(text);
            for (std::size_t alignment = 0; alignment < detail::block_size; ++alignment) {
                std::vector<char> room(alignment + size);  // exactly, for the sanitizers and for valgrind
                std::copy(text.begin(), text.end(), room.begin() + static_cast<std::ptrdiff_t>(alignment));
                mark<TestType>({room.data() + alignment, size}, marks);
                wrong += marks == expected ? 0U : 1U;
            }
        }
    }
    CHECK(wrong == 0);
}

#if __has_include(<sys/mman.h>)
TEMPLATE_LIST_TEST_CASE("scan: nothing outside a text of any length is looked at", "", every_scan) {
    test::guarded_pages pages;
    std::mt19937 random(10);
    std::vector<unsigned> marks;
    std::size_t wrong = 0;
    for (std::size_t size = 0; size <= longest; ++size) {
        for (unsigned kind = 0; kind < text_kinds; ++kind) {
            const std::string text = text_of(kind, size, random);
            const std::vector<unsigned> expected = plain_marks(text);
            for (const bool at_end : {false, true}) {
                const std::span<char> octets = at_end ? pages.last(text) : pages.first(text);
                mark<TestType>({octets.data(), octets.size()}, marks);
                wrong += marks == expected ? 0U : 1U;
                const char* const end = octets.data() + size;
                const auto found =
                    static_cast<std::size_t>(detail::scan::find(octets.data(), end, ':') - octets.data());
                wrong += found == (std::min)(text.find(':'), size) ? 0U : 1U;
            }
        }
    }
    CHECK(wrong == 0);
}
#endif

TEST_CASE("load_word: the first octet is the lowest") {
    const std::array<char, 9> octets{1, 2, 3, 4, 5, 6, 7, '\xf8', 9};
    CHECK(detail::load_word(octets.data()) == 0xf807060504030201u);
    CHECK(detail::load_word(octets.data() + 1) == 0x09f8070605040302u);
}

TEST_CASE("scan: a text is searched to its end and no further") {
    const std::string text = "abcabc";
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    CHECK(detail::scan::find(begin, end, 'b') == begin + 1);
    CHECK(detail::scan::find(begin, end, 'x') == end);
    CHECK(detail::scan::find(begin, begin, 'a') == begin);
    const char* const nothing = nullptr;
    CHECK(detail::scan::find(nothing, nothing, 'a') == nullptr);
}

TEST_CASE("scan: of fewer octets than a block has, none behind them is looked at, and no more before them than said") {
    std::mt19937 random(8);
    for (std::size_t count = 1; count < detail::block_size; ++count) {
        for (std::size_t before = 0; before < 2 * detail::block_size; ++before) {
            std::vector<char> octets(before + count);  // of exactly this size, for the sanitizers
            for (char& c : octets) c = "\n:\r\\a\0"[random() % 6];
            const char* const from = octets.data() + before;
            std::array<char, detail::block_size> block{};
            block.fill('x');
            std::copy(from, from + count, block.begin());
            const auto expected = detail::portable_scan::find_marks(block.data());
            const auto marks = detail::scan::find_marks(from, count, before);
            REQUIRE(marks.ends == expected.ends);
            REQUIRE(marks.colons == expected.colons);
            REQUIRE(marks.rare == expected.rare);
            const auto backslashes = detail::portable_scan::find(block.data(), '\\');
            REQUIRE(detail::scan::find(from, count, before, '\\') == backslashes);
        }
    }
}

TEMPLATE_LIST_TEST_CASE("scan: what a header's text may not hold as it is", "", every_scan) {
    using namespace std::string_view_literals;
    std::mt19937 random(11);
    for (std::size_t size = 0; size <= 100; ++size) {
        for (unsigned kind = 0; kind < text_kinds; ++kind) {
            const std::string text = text_of(kind, size, random);
            const std::vector<char> octets(text.begin(), text.end());  // exactly, for the sanitizers and for valgrind
            for (std::size_t at = 0; at < size; at += 16) {
                std::uint32_t expected = 0;
                for (std::size_t i = at; i < size && i < at + 16; ++i) {
                    if ("\n:\r\\\0"sv.find(text[i]) != std::string_view::npos) expected |= 1U << (i - at);
                }
                REQUIRE(detail::scan::find_special({octets.data(), size}, at) == expected);
                if (size - at < 16) continue;
                const char* const from = octets.data() + at;
                REQUIRE(TestType::find_special(detail::load_word(from), detail::load_word(from + 8)) == expected);
            }
        }
    }
}

TEST_CASE("store_word: what load_word() reads") {
    std::array<char, 10> octets{'x', 0, 0, 0, 0, 0, 0, 0, 0, 'x'};
    detail::store_word(octets.data() + 1, 0xf807060504030201u);
    CHECK(octets == std::array<char, 10>{'x', 1, 2, 3, 4, 5, 6, 7, '\xf8', 'x'});
    CHECK(detail::load_word(octets.data() + 1) == 0xf807060504030201u);
}

TEST_CASE("copy_text: every size, by every distance, touches nothing else") {
    for (std::size_t size = 0; size < 200; ++size) {
        for (std::size_t distance = 0; distance < 40; ++distance) {
            std::string text(size + distance + 2, '.');
            for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('0' + i % 75);
            std::string expected = text;
            for (std::size_t i = 0; i < size; ++i) expected[1 + i] = expected[1 + distance + i];
            const char* const end = detail::copy_text(text.data() + 1, {text.data() + 1 + distance, size});
            CHECK(end == text.data() + 1 + size);
            CHECK(text == expected);
        }
    }
}

namespace {
constexpr char sample[detail::block_size + 1] =
    "SEND\ndestination:/q\nk:\\n\r\n\nbody.................................";
}
static_assert(detail::scan::find(sample, '\r') == std::uint64_t{1} << 24);
static_assert(detail::scan::find_marks(sample).ends == ((1u << 4) | (1u << 19) | (1u << 25) | (1u << 26)));
