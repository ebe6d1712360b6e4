// The least that a parser of STOMP must do: look at each octet of a head for the five that structure it.
#ifndef STOMP_BENCHMARKS_STRUCTURE_HPP
#define STOMP_BENCHMARKS_STRUCTURE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace bench {

#if defined(__AVX2__)
struct wide_octets {
    using vector = __m256i;
    static vector zero() { return _mm256_setzero_si256(); }
    static vector load(const char* from) { return _mm256_loadu_si256(reinterpret_cast<const vector*>(from)); }
    static vector equal(vector block, char c) { return _mm256_cmpeq_epi8(block, _mm256_set1_epi8(c)); }
    static vector either(vector a, vector b) { return _mm256_or_si256(a, b); }
    static vector subtract(vector sums, vector found) { return _mm256_sub_epi8(sums, found); }
    static vector add_up(vector totals, vector sums) { return _mm256_add_epi64(totals, _mm256_sad_epu8(sums, zero())); }
};
#elif defined(__SSE2__)
struct wide_octets {
    using vector = __m128i;
    static vector zero() { return _mm_setzero_si128(); }
    static vector load(const char* from) { return _mm_loadu_si128(reinterpret_cast<const vector*>(from)); }
    static vector equal(vector block, char c) { return _mm_cmpeq_epi8(block, _mm_set1_epi8(c)); }
    static vector either(vector a, vector b) { return _mm_or_si128(a, b); }
    static vector subtract(vector sums, vector found) { return _mm_sub_epi8(sums, found); }
    static vector add_up(vector totals, vector sums) { return _mm_add_epi64(totals, _mm_sad_epu8(sums, zero())); }
};
#endif

/// Counts LF, colon, backslash, CR and NUL, and does nothing with them. Counted octet by octet in vectors, so that only
/// the comparisons are measured, and neither the masks nor a popcount that SSE2 alone does not have.
inline std::size_t count_structure(std::string_view text) {
    constexpr std::string_view wanted{"\n:\\\r\0", 5};
    std::size_t n = 0;
    std::size_t at = 0;
#if defined(__SSE2__)
    using octets = wide_octets;
    constexpr std::size_t width = sizeof(octets::vector);
    // Not one after the other: none of the five compares waits for another.
    const auto found = [&text](std::size_t from) {
        const auto block = octets::load(text.data() + from);
        const auto ends = octets::either(octets::equal(block, '\n'), octets::equal(block, ':'));
        const auto rare = octets::either(octets::equal(block, '\\'), octets::equal(block, '\r'));
        return octets::either(octets::either(ends, rare), octets::equal(block, '\0'));
    };
    auto totals = octets::zero();
    while (at + 4 * width <= text.size()) {
        auto sums = octets::zero();
        for (int i = 0; i < 63 && at + 4 * width <= text.size(); ++i, at += 4 * width) {  // no octet's sum passes 255
            sums = octets::subtract(sums, found(at));
            sums = octets::subtract(sums, found(at + width));
            sums = octets::subtract(sums, found(at + 2 * width));
            sums = octets::subtract(sums, found(at + 3 * width));
        }
        totals = octets::add_up(totals, sums);
    }
    std::array<std::uint64_t, width / sizeof(std::uint64_t)> parts;
    std::memcpy(parts.data(), &totals, width);
    for (const std::uint64_t part : parts) n += part;
#endif
    for (; at < text.size(); ++at) n += wanted.find(text[at]) != std::string_view::npos ? 1U : 0U;
    return n;
}

/// Finds the lines with libc, which has vector code of its own.
inline std::size_t count_lines(std::string_view text) {
    std::size_t lines = 0;
    const char* at = text.data();
    const char* const end = at + text.size();
    while ((at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)))) != nullptr) {
        ++lines;
        ++at;
    }
    return lines;
}

}  // namespace bench

#endif
