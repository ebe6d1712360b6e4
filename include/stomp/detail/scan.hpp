// Finds octets in blocks of 64: one bit per octet, lowest bit first. Every implementation gives the same answer.
#ifndef STOMP_DETAIL_SCAN_HPP
#define STOMP_DETAIL_SCAN_HPP

#include <stomp/config.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#if !defined(STOMP_NO_SIMD)
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>  // no more than is needed: it takes a fraction of the time to compile
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif
#endif

namespace stomp::inline v0::detail {

inline constexpr std::size_t block_size = 64;

/// Where the octets stand that make up a frame's head.
struct head_marks {
    std::uint64_t ends;  ///< LF, or NUL: it ends a line, too, though wrongly
    std::uint64_t colons;
    std::uint64_t rare;  ///< CR, backslash or NUL: one mask, because most blocks hold none of them

    /// Of the octets from one of this block on.
    friend constexpr head_marks operator>>(const head_marks& m, std::size_t octets) noexcept {
        return {m.ends >> octets, m.colons >> octets, m.rare >> octets};
    }
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

/// The way back.
constexpr void store_word(char* to, std::uint64_t word) noexcept {
    if (std::is_constant_evaluated() || std::endian::native != std::endian::little) {
        for (std::size_t i = 0; i < 8; ++i) to[i] = static_cast<char>(word >> (8 * i) & 0xff);
    } else {
        std::memcpy(to, &word, sizeof word);
    }
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
            const std::uint64_t nuls = zeros(word);
            found.ends |= gather(nuls | zeros(word ^ repeat('\n'))) << i;
            found.colons |= match(word, ':') << i;
            found.rare |= gather(nuls | zeros(word ^ repeat('\r')) | zeros(word ^ repeat('\\'))) << i;
        }
        return found;
    }

    /// Of sixteen octets those that a header's text may not hold as they are: LF, colon, CR, backslash, NUL.
    static constexpr std::uint32_t find_special(std::uint64_t low, std::uint64_t high) noexcept {
        const auto special = [](std::uint64_t word) {
            return gather(zeros(word) | zeros(word ^ repeat('\n')) | zeros(word ^ repeat(':')) |
                          zeros(word ^ repeat('\r')) | zeros(word ^ repeat('\\')));
        };
        return static_cast<std::uint32_t>(special(low) | special(high) << 8);
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
        const auto is = [](__m128i v, char octet) { return _mm_cmpeq_epi8(v, _mm_set1_epi8(octet)); };
        const auto is_either = [&](__m128i v, char a, char b) { return _mm_or_si128(is(v, a), is(v, b)); };
        return {each(block, [&](__m128i v) { return is_either(v, '\n', '\0'); }), find(block, ':'),
                each(block, [&](__m128i v) { return _mm_or_si128(is_either(v, '\r', '\\'), is(v, '\0')); })};
    }

    static std::uint32_t find_special(std::uint64_t low, std::uint64_t high) noexcept {
        const __m128i v = _mm_set_epi64x(static_cast<std::int64_t>(high), static_cast<std::int64_t>(low));
        const auto is = [v](char octet) { return _mm_cmpeq_epi8(v, _mm_set1_epi8(octet)); };
        const __m128i found =
            _mm_or_si128(_mm_or_si128(_mm_or_si128(is('\0'), is('\n')), is(':')), _mm_or_si128(is('\r'), is('\\')));
        return static_cast<std::uint32_t>(_mm_movemask_epi8(found));
    }

private:
    template <class Compare>
    static std::uint64_t each(const char* block, Compare compare) noexcept {
        const auto bits = [&](std::size_t i) {
            const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i));
            return std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(compare(v)))} << i;
        };
        return bits(0) | bits(16) | bits(32) | bits(48);
    }
};
#endif

#if !defined(STOMP_NO_SIMD) && defined(__AVX2__)
struct avx2_scan {
    static std::uint64_t find(const char* block, char octet) noexcept {
        const __m256i wanted = _mm256_set1_epi8(octet);
        return each(block, [&](__m256i v) { return _mm256_cmpeq_epi8(v, wanted); });
    }

    static head_marks find_marks(const char* block) noexcept {
        const auto find_those_in = [&](__m128i table) {
            const __m256i self = _mm256_broadcastsi128_si256(table);
            return each(block, [&](__m256i v) { return _mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(self, v)); });
        };
        return {find_those_in(self('\n', 0, 0)), find(block, ':'), find_those_in(self(0, '\\', '\r'))};
    }

    static std::uint32_t find_special(std::uint64_t low, std::uint64_t high) noexcept {
        const __m128i v = _mm_set_epi64x(static_cast<std::int64_t>(high), static_cast<std::int64_t>(low));
        const __m128i others = _mm_cmpeq_epi8(v, _mm_shuffle_epi8(self('\n', '\\', '\r'), v));
        return static_cast<std::uint32_t>(
            _mm_movemask_epi8(_mm_or_si128(others, _mm_cmpeq_epi8(v, _mm_set1_epi8(':')))));
    }

private:
    /// Looked up in this table by its lower four bits, each octet that is looked for finds itself, and no other octet
    /// does but NUL.
    static __m128i self(char at_10, char at_12, char at_13) noexcept {
        return _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, at_10, 0, at_12, at_13, 0, 0);
    }

    template <class Compare>
    static std::uint64_t each(const char* block, Compare compare) noexcept {
        const auto bits = [&](std::size_t i) {
            const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + i));
            return std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(compare(v)))} << i;
        };
        return bits(0) | bits(32);
    }
};
#endif

#if !defined(STOMP_NO_SIMD) && defined(__AVX512BW__)
struct avx512_scan : avx2_scan {
    static std::uint64_t find(const char* block, char octet) noexcept {
        return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(block), _mm512_set1_epi8(octet));
    }

    static head_marks find_marks(const char* block) noexcept {
        const __m512i v = _mm512_loadu_si512(block);
        const auto is = [v](char octet) -> std::uint64_t { return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(octet)); };
        const std::uint64_t nuls = _mm512_testn_epi8_mask(v, v);
        return {nuls | is('\n'), is(':'), nuls | is('\r') | is('\\')};
    }
};
#endif

#if !defined(STOMP_NO_SIMD) && defined(__aarch64__) && defined(__ARM_NEON)
struct neon_scan {
    static std::uint64_t find(const char* block, char octet) noexcept {
        const uint8x16_t wanted = vdupq_n_u8(static_cast<std::uint8_t>(octet));
        return each(block, [&](uint8x16_t v) { return vceqq_u8(v, wanted); });
    }

    static head_marks find_marks(const char* block) noexcept {
        const auto is = [](uint8x16_t v, char octet) {
            return vceqq_u8(v, vdupq_n_u8(static_cast<std::uint8_t>(octet)));
        };
        const auto is_either = [&](uint8x16_t v, char a, char b) { return vorrq_u8(is(v, a), is(v, b)); };
        return {each(block, [&](uint8x16_t v) { return is_either(v, '\n', '\0'); }), find(block, ':'),
                each(block, [&](uint8x16_t v) { return vorrq_u8(is_either(v, '\r', '\\'), is(v, '\0')); })};
    }

    static std::uint32_t find_special(std::uint64_t low, std::uint64_t high) noexcept {
        const uint8x16_t v = vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
        const auto is = [v](char octet) { return vceqq_u8(v, vdupq_n_u8(static_cast<std::uint8_t>(octet))); };
        uint8x16_t found = vorrq_u8(vorrq_u8(is('\0'), is('\n')), vorrq_u8(vorrq_u8(is(':'), is('\r')), is('\\')));
        found = vandq_u8(found, weights());
        for (int i = 0; i < 3; ++i) found = vpaddq_u8(found, found);
        return vgetq_lane_u16(vreinterpretq_u16_u8(found), 0);
    }

private:
    static uint8x16_t weights() noexcept {
        constexpr std::uint8_t octets[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
        return vld1q_u8(octets);
    }

    template <class Compare>
    static std::uint64_t each(const char* block, Compare compare) noexcept {
        const uint8x16_t weight = weights();
        const auto weighed = [&](std::size_t i) {
            return vandq_u8(compare(vld1q_u8(reinterpret_cast<const std::uint8_t*>(block + i))), weight);
        };
        // Adding neighbours three times leaves eight bits of the mask in each octet.
        const uint8x16_t sums = vpaddq_u8(vpaddq_u8(weighed(0), weighed(16)), vpaddq_u8(weighed(32), weighed(48)));
        return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)), 0);
    }
};
#endif

#if defined(STOMP_NO_SIMD)
using native_scan = portable_scan;
#elif defined(__AVX512BW__)
using native_scan = avx512_scan;
#elif defined(__AVX2__)
using native_scan = avx2_scan;
#elif defined(__SSE2__) || defined(_M_X64)
using native_scan = sse2_scan;
#elif defined(__aarch64__) && defined(__ARM_NEON)
using native_scan = neon_scan;
#else
using native_scan = portable_scan;
#endif

/// The first `octet` in [from, to), or `to`.
constexpr const char* find_octet(const char* from, const char* to, char octet) noexcept {
    if (std::is_constant_evaluated()) {
        while (from != to && *from != octet) ++from;
        return from;
    }
    const void* found = from == to ? nullptr : std::memchr(from, octet, static_cast<std::size_t>(to - from));
    return found == nullptr ? to : static_cast<const char*>(found);
}

/// What the parser looks at octets with: the best implementation that the compiler was told it may use, and the portable
/// one at compile time. Tests put others in its place.
struct scan {
private:
    template <class Find>
    static constexpr auto last_block(const char* octets, std::size_t count, std::size_t before, Find find_in) noexcept {
        if (count + before >= block_size) return find_in(octets + count - block_size) >> (block_size - count);
        return short_block(octets, count, find_in);
    }

    template <class Find>
    STOMP_NOINLINE static constexpr auto short_block(const char* octets, std::size_t count, Find find_in) noexcept {
        char block[block_size];
        if (std::is_constant_evaluated()) {
            for (std::size_t i = 0; i < block_size; ++i) block[i] = i < count ? octets[i] : ' ';
        } else {
            std::memset(block, ' ', block_size);
            std::memcpy(block, octets, count);
        }
        return find_in(block);
    }

public:
    static constexpr std::uint64_t find(const char* block, char octet) noexcept {
        if (std::is_constant_evaluated()) return portable_scan::find(block, octet);
        return native_scan::find(block, octet);
    }

    static constexpr head_marks find_marks(const char* block) noexcept {
        if (std::is_constant_evaluated()) return portable_scan::find_marks(block);
        return native_scan::find_marks(block);
    }

    // The same for fewer octets than a block has. None behind them is looked at; `before` of those in front may be.
    static constexpr std::uint64_t find(const char* octets, std::size_t count, std::size_t before,
                                        char octet) noexcept {
        return last_block(octets, count, before, [&](const char* block) { return find(block, octet); });
    }

    static constexpr head_marks find_marks(const char* octets, std::size_t count, std::size_t before) noexcept {
        return last_block(octets, count, before, [](const char* block) { return find_marks(block); });
    }

    static constexpr const char* find(const char* from, const char* to, char octet) noexcept {
        return find_octet(from, to, octet);
    }

    static constexpr std::uint32_t find_special(std::uint64_t low, std::uint64_t high) noexcept {
        if (std::is_constant_evaluated()) return portable_scan::find_special(low, high);
        return native_scan::find_special(low, high);
    }

    /// A bit for each special octet of text[at] and the up to 15 after it, none of the text's left out or looked at
    /// beyond it. Loops over texts go in steps of 16.
    static constexpr std::uint32_t find_special(std::string_view text, std::size_t at) noexcept {
        const std::size_t size = text.size();
        const std::size_t octets = size - at;
        if (octets >= 16) return find_special(load_word(text.data() + at), load_word(text.data() + at + 8));
        if (size >= 16) {  // together with octets that were looked at before
            const char* const last = text.data() + size - 16;
            return find_special(load_word(last), load_word(last + 8)) >> (16 - octets);
        }
        if (size >= 8) {  // twice what is in the middle
            const std::uint32_t found = find_special(load_word(text.data()), load_word(text.data() + size - 8));
            return (found & 0xffU) | (found >> 8) << (size - 8);
        }
        char few[8] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
        for (std::size_t i = 0; i < size; ++i) few[i] = text[i];
        return find_special(load_word(few), load_word(few)) & 0xffU;
    }
};

/// Copies a text, also down over itself, and returns the end of the copy. Short ones, as header texts are, are copied in
/// place: calling memmove takes longer than the copying. The last octets are read first: they may be written over.
constexpr char* copy_text(char* to, std::string_view text) noexcept {
    const char* const from = text.data();
    const std::size_t size = text.size();
    if (std::is_constant_evaluated()) {
        for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
        return to + size;
    }
    const auto copy = [&]<class Piece>(Piece piece) {
        Piece last;
        std::memcpy(&last, from + size - sizeof last, sizeof last);
        for (std::size_t i = 0; i + sizeof piece < size; i += sizeof piece) {
            std::memcpy(&piece, from + i, sizeof piece);
            std::memcpy(to + i, &piece, sizeof piece);
        }
        std::memcpy(to + size - sizeof last, &last, sizeof last);
    };
    struct sixteen {
        std::uint64_t halves[2];
    };
    if (size > 128) {
        std::memmove(to, from, size);
    } else if (size >= sizeof(sixteen)) {
        copy(sixteen{});
    } else if (size >= sizeof(std::uint64_t)) {
        copy(std::uint64_t{});
    } else if (size >= sizeof(std::uint32_t)) {
        copy(std::uint32_t{});
    } else {
        for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
    }
    return to + size;
}

}  // namespace stomp::inline v0::detail

#endif
