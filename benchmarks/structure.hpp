// The least that a parser of STOMP must do: look at each octet of a head for the five that structure it.
#ifndef STOMP_BENCHMARKS_STRUCTURE_HPP
#define STOMP_BENCHMARKS_STRUCTURE_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace bench {

/// Counts LF, colon, backslash, CR and NUL, and does nothing with them.
inline std::size_t count_structure(std::string_view text) {
    constexpr std::string_view wanted{"\n:\\\r\0", 5};
    std::size_t n = 0;
    std::size_t at = 0;
#if defined(__AVX2__)
    for (; at + 64 <= text.size(); at += 64) {
        const auto* from = reinterpret_cast<const __m256i*>(text.data() + at);
        const __m256i low = _mm256_loadu_si256(from);
        const __m256i high = _mm256_loadu_si256(from + 1);
        for (const char c : wanted) {
            const __m256i key = _mm256_set1_epi8(c);
            const auto a = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, key)));
            const auto b = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, key)));
            n += static_cast<std::size_t>(std::popcount((std::uint64_t{b} << 32U) | a));
        }
    }
#elif defined(__SSE2__)
    for (; at + 16 <= text.size(); at += 16) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
        for (const char c : wanted) {
            const int mask = _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(c)));
            n += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(mask)));
        }
    }
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
