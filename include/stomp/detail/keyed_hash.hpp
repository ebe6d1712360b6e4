// A hash of strings that a stranger chooses: who does not know the key cannot make them collide.
#ifndef STOMP_DETAIL_KEYED_HASH_HPP
#define STOMP_DETAIL_KEYED_HASH_HPP

#include <stomp/config.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace stomp::inline v0::detail {

/// SipHash-1-3, as the hash tables of Rust and Python use it: one round per eight octets and three at the end. Words
/// are read in the machine's order of octets, so that its numbers mean nothing elsewhere.
class keyed_hash {
public:
    keyed_hash(std::uint64_t key, std::uint64_t other_key) noexcept : key_(key), other_key_(other_key) {}

    std::uint64_t operator()(std::string_view text) const noexcept {
        state s{key_ ^ 0x736f6d6570736575U, other_key_ ^ 0x646f72616e646f6dU, key_ ^ 0x6c7967656e657261U,
                other_key_ ^ 0x7465646279746573U};
        const char* at = text.data();
        std::size_t left = text.size();
        for (; left >= 8; left -= 8, at += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, at, 8);
            s.take(word);
        }
        // What is left, and the length: "a" and "a\0" differ.
        std::uint64_t word = static_cast<std::uint64_t>(text.size()) << 56;
        for (std::size_t i = 0; i < left; ++i) word |= std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
        s.take(word);
        s.c ^= 0xff;
        s.round();
        s.round();
        s.round();
        return s.a ^ s.b ^ s.c ^ s.d;
    }

private:
    struct state {
        std::uint64_t a, b, c, d;

        void take(std::uint64_t word) noexcept {
            d ^= word;
            round();
            a ^= word;
        }
        void round() noexcept {
            a += b;
            b = std::rotl(b, 13) ^ a;
            a = std::rotl(a, 32);
            c += d;
            d = std::rotl(d, 16) ^ c;
            a += d;
            d = std::rotl(d, 21) ^ a;
            c += b;
            b = std::rotl(b, 17) ^ c;
            c = std::rotl(c, 32);
        }
    };

    std::uint64_t key_;
    std::uint64_t other_key_;
};

}  // namespace stomp::inline v0::detail

#endif
