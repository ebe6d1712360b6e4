// Finds octets in blocks of 64: one bit per octet, lowest bit first. Every implementation gives the same answer.
#ifndef STOMP_DETAIL_SCAN_HPP
#define STOMP_DETAIL_SCAN_HPP

#include <stomp/config.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if !defined(STOMP_NO_SIMD)
#if defined(__AVX2__) || defined(__SSE2__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif
#endif

namespace stomp::inline v0::detail {

inline constexpr std::size_t block_size = 64;

/// Where the octets stand that make up a frame's head.
struct head_marks {
    std::uint64_t lf;
    std::uint64_t colon;
    std::uint64_t rare;  ///< CR, NUL or backslash: one mask, because most blocks hold none of them
};

/// Eight octets as a number, the first one lowest, whatever the machine's byte order.
constexpr std::uint64_t load_word(const char* from) noexcept {
    if (std::is_constant_evaluated() || std::endian::native != std::endian::little) {
        std::uint64_t word = 0;
        for (std::size_t i = 8; i-- > 0;) word = word << 8 | static_cast<unsigned char>(from[i]);
        return word;
    }
    std::uint64_t word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

/// Works everywhere, also at compile time: eight octets at once in a 64-bit word.
struct portable_scan {
    static constexpr std::uint64_t find(const char* block, char octet) noexcept {
        std::uint64_t found = 0;
        for (std::size_t i = 0; i < block_size; i += 8) found |= match(load_word(block + i), octet) << i;
        return found;
    }

    static constexpr head_marks find_marks(const char* block) noexcept {
        head_marks found{};
        for (std::size_t i = 0; i < block_size; i += 8) {
            const std::uint64_t word = load_word(block + i);
            found.lf |= match(word, '\n') << i;
            found.colon |= match(word, ':') << i;
            found.rare |= gather(zeros(word) | zeros(word ^ repeat('\r')) | zeros(word ^ repeat('\\'))) << i;
        }
        return found;
    }

private:
    static constexpr std::uint64_t repeat(char octet) noexcept {
        return 0x0101010101010101u * static_cast<unsigned char>(octet);
    }
    /// The top bit of each octet that is zero, and no other bit.
    static constexpr std::uint64_t zeros(std::uint64_t word) noexcept {
        constexpr std::uint64_t low = 0x7f7f7f7f7f7f7f7fu;
        return ~(((word & low) + low) | word | low);
    }
    /// The top bits of the eight octets side by side.
    static constexpr std::uint64_t gather(std::uint64_t tops) noexcept { return tops * 0x0002040810204081u >> 56; }
    static constexpr std::uint64_t match(std::uint64_t word, char octet) noexcept {
        return gather(zeros(word ^ repeat(octet)));
    }
};

#if !defined(STOMP_NO_SIMD) && (defined(__SSE2__) || defined(_M_X64))
struct sse2_scan {
    static std::uint64_t find(const char* block, char octet) noexcept {
        const __m128i wanted = _mm_set1_epi8(octet);
        return each(block, [&](__m128i v) { return _mm_cmpeq_epi8(v, wanted); });
    }

    static head_marks find_marks(const char* block) noexcept {
        return {find(block, '\n'), find(block, ':'), each(block, [](__m128i v) {
                    return _mm_or_si128(
                        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_setzero_si128()), _mm_cmpeq_epi8(v, _mm_set1_epi8('\r'))),
                        _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
                })};
    }

private:
    template <class Compare>
    static std::uint64_t each(const char* block, Compare compare) noexcept {
        std::uint64_t found = 0;
        for (std::size_t i = 0; i < block_size; i += 16) {
            const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i));
            found |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(compare(v)))) << i;
        }
        return found;
    }
};
using native_scan = sse2_scan;
#else
using native_scan = portable_scan;
#endif

/// The best implementation that the compiler was told it may use; the portable one at compile time.
struct scan {
    static constexpr std::uint64_t find(const char* block, char octet) noexcept {
        if (std::is_constant_evaluated()) return portable_scan::find(block, octet);
        return native_scan::find(block, octet);
    }
    static constexpr head_marks find_marks(const char* block) noexcept {
        if (std::is_constant_evaluated()) return portable_scan::find_marks(block);
        return native_scan::find_marks(block);
    }
};

/// The first `octet` in [from, to), or `to`.
constexpr const char* find_octet(const char* from, const char* to, char octet) noexcept {
    if (std::is_constant_evaluated()) {
        while (from != to && *from != octet) ++from;
        return from;
    }
    const void* found = from == to ? nullptr : std::memchr(from, octet, static_cast<std::size_t>(to - from));
    return found == nullptr ? to : static_cast<const char*>(found);
}

}  // namespace stomp::inline v0::detail

#endif
