#include <stomp/detail/keyed_hash.hpp>

#include "support/catch.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

using stomp::detail::keyed_hash;

TEST_CASE("keyed_hash: is SipHash-1-3") {
    if constexpr (std::endian::native != std::endian::little) return;
    // The key of the published vectors, 00 01 .. 0f; texts 00 01 .. of these lengths.
    const keyed_hash hash(0x0706050403020100U, 0x0f0e0d0c0b0a0908U);
    for (const auto& [size, expected] :
         {std::pair{0, 0xabac0158050fc4dcU}, std::pair{1, 0xc9f49bf37d57ca93U}, std::pair{7, 0xd3927d989bb11140U},
          std::pair{8, 0x369095118d299a8eU}, std::pair{9, 0x25a48eb36c063de4U}, std::pair{15, 0xd320d86d2a519956U},
          std::pair{16, 0xcc4fdd1a7d908b66U}, std::pair{33, 0x4d54b9e57a8ff9bfU}}) {
        std::string text;
        for (int i = 0; i < size; ++i) text += static_cast<char>(i);
        CAPTURE(size);
        CHECK(hash(text) == expected);
    }
}

TEST_CASE("keyed_hash: the text may stand anywhere, and nothing around it counts") {
    const keyed_hash hash(1, 2);
    const std::string text = "/topic/a/b/c/\x80\xff";
    for (std::size_t size = 0; size <= text.size(); ++size) {
        std::set<std::uint64_t> seen;
        for (std::size_t at = 0; at < 9; ++at) {
            const std::string around = std::string(at, 'x') + text.substr(0, size) + std::string(9, 'y');
            seen.insert(hash(std::string_view(around).substr(at, size)));
        }
        CHECK(seen.size() == 1);
    }
    CHECK(hash({}) == hash(""));
    CHECK(hash("a") != hash(std::string_view("a\0", 2)));
}

TEST_CASE("keyed_hash: either half of the key counts") {
    const std::string_view text = "/topic/news";
    CHECK(keyed_hash(1, 2)(text) == keyed_hash(1, 2)(text));
    CHECK(keyed_hash(1, 2)(text) != keyed_hash(3, 2)(text));
    CHECK(keyed_hash(1, 2)(text) != keyed_hash(1, 3)(text));
}
