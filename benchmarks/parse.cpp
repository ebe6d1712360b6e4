// Reading frames: whole, in pieces, and beside what no parser can beat.
#include "common.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace {

using bench::corpus;
using stomp::parse_status;

/// The figures of what the library reads, however the octets arrive.
bench::figures read_all(const corpus& c, std::size_t piece) {
    bench::figures f;
    stomp::parser p;
    p.set_version(stomp::version::v1_2);
    const std::string_view wire = c.wire;
    for (std::size_t at = 0; at < wire.size(); at += piece) {
        p.feed(wire.substr(at, piece));
        while (p.next() == parse_status::frame) bench::count(f, p.frame());
    }
    if (p.error() != stomp::errc::ok || !p.idle()) bench::fail(stomp::explain(p.error()));
    return f;
}

void copy(benchmark::State& state, const corpus& c) {
    std::string to(c.wire.size(), '\0');
    for (auto _ : state) {
        std::memcpy(to.data(), c.wire.data(), c.wire.size());
        benchmark::ClobberMemory();
    }
    bench::report(state, c.expected.frames, c.wire.size());
}

/// Counts the five octets that structure a head, and does nothing with them: the least that a parser must look at.
std::size_t count_structure(std::string_view text) {
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

void scan(benchmark::State& state, const corpus& c) {
    for (auto _ : state) benchmark::DoNotOptimize(count_structure(c.wire));
    bench::report(state, c.expected.frames, c.wire.size());
}

void find_lines(benchmark::State& state, const corpus& c) {
    for (auto _ : state) {
        std::size_t lines = 0;
        const char* at = c.wire.data();
        const char* const end = at + c.wire.size();
        while ((at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)))) != nullptr) {
            ++lines;
            ++at;
        }
        benchmark::DoNotOptimize(lines);
    }
    bench::report(state, c.expected.frames, c.wire.size());
}

/// parse_frame() over the caller's memory. It unescapes in place, so each round reads a fresh copy; making it is not
/// timed.
void whole(benchmark::State& state, const corpus& c) {
    std::string work;
    std::vector<stomp::header> storage(128);
    for (auto _ : state) {
        state.PauseTiming();
        work = c.wire;
        state.ResumeTiming();
        std::span<char> rest(work);
        std::size_t frames = 0;
        while (true) {
            const auto result = stomp::parse_frame(rest, storage, stomp::version::v1_2);
            if (result.status != parse_status::frame) break;
            benchmark::DoNotOptimize(result.frame);
            rest = rest.subspan(result.consumed);
            ++frames;
        }
        if (frames != c.expected.frames) return state.SkipWithError("wrong number of frames");
    }
    bench::report(state, c.expected.frames, c.wire.size());
}

/// parser, fed with pieces: the copy into its buffer is timed, as the copy out of the kernel would be.
void fed(benchmark::State& state, const corpus& c, std::size_t piece) {
    stomp::parser p;
    p.set_version(stomp::version::v1_2);
    const std::string_view wire = c.wire;
    for (auto _ : state) {
        std::size_t frames = 0;
        for (std::size_t at = 0; at < wire.size(); at += piece) {
            p.feed(wire.substr(at, piece));
            while (p.next() == parse_status::frame) {
                benchmark::DoNotOptimize(p.frame());
                ++frames;
            }
        }
        if (frames != c.expected.frames) return state.SkipWithError("wrong number of frames");
    }
    bench::report(state, c.expected.frames, c.wire.size());
}

void register_all() {
    for (const std::string_view name : bench::corpus_names) {
        const corpus& c = bench::corpus_of(name);
        for (const std::size_t piece : {c.wire.size(), std::size_t{1}, std::size_t{4096}, std::size_t{65536}}) {
            if (read_all(c, piece) != c.expected) bench::fail("figures differ from the generator's: " + c.name);
        }
        const auto add = [&](const char* what, auto run) {
            benchmark::RegisterBenchmark((c.name + "/" + what).c_str(), [&c, run](benchmark::State& s) { run(s, c); });
        };
        add("memcpy", copy);
        add("scan", scan);
        add("memchr_lines", find_lines);
        add("whole", whole);
        add("fed_4KiB", [](benchmark::State& s, const corpus& k) { fed(s, k, 4096); });
        add("fed_64KiB", [](benchmark::State& s, const corpus& k) { fed(s, k, 65536); });
    }
}

}  // namespace

STOMP_BENCHMARK_MAIN()
