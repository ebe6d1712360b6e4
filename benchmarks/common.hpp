// What every benchmark program needs.
#ifndef STOMP_BENCHMARKS_COMMON_HPP
#define STOMP_BENCHMARKS_COMMON_HPP

#include <stomp/encode.hpp>
#include <stomp/frame.hpp>
#include <stomp/parser.hpp>

#include "corpus.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// 1 MiB of each: what stays in the cache. Made once per program.
inline const corpus& corpus_of(std::string_view name) {
    static std::map<std::string, corpus, std::less<>> all;
    const auto found = all.find(name);
    if (found != all.end()) return found->second;
    const std::size_t octets = name == "large" ? 4U << 20U : 1U << 20U;
    return all.emplace(std::string(name), generator::make(name, octets)).first->second;
}

[[noreturn]] inline void fail(std::string_view what) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(what.size()), what.data());
    std::exit(1);
}

inline void count(figures& f, const stomp::frame_view& frame) {
    ++f.frames;
    f.headers += frame.headers.size();
    for (const stomp::header& h : frame.headers) f.value_octets += h.value.size();
    f.body_octets += frame.body.size();
}

/// The frames of a corpus as views for the encoder.
struct encoder_input {
    explicit encoder_input(const corpus& c) {
        headers.reserve(c.expected.headers);
        for (const plain_frame& f : c.frames) {
            const std::size_t first = headers.size();
            for (const auto& [name, value] : f.headers) headers.push_back({name, value});
            const stomp::command command = stomp::parse_command(f.verb);
            frames.push_back({command, f.verb, std::span(headers).subspan(first), f.body});
        }
    }

    std::vector<stomp::header> headers;
    std::vector<stomp::frame_view> frames;
};

/// ns per frame and octets per second, whatever the benchmark's own unit.
inline void report(benchmark::State& state, std::size_t frames, std::size_t octets) {
    const auto rounds = static_cast<double>(state.iterations());
    state.counters["per_frame"] = benchmark::Counter(rounds * static_cast<double>(frames),
                                                     benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    state.SetBytesProcessed(static_cast<std::int64_t>(octets) * static_cast<std::int64_t>(state.iterations()));
}

/// One line on what was built, so that no figure stands without it.
inline void add_context() {
#if defined(__clang__)
    benchmark::AddCustomContext("compiler", "clang " __clang_version__);
#elif defined(__GNUC__)
    benchmark::AddCustomContext("compiler", "gcc " __VERSION__);
#endif
    benchmark::AddCustomContext("flags", STOMP_BENCHMARK_FLAGS);
#if defined(__AVX512BW__)
    benchmark::AddCustomContext("vectors", "AVX-512");
#elif defined(__AVX2__)
    benchmark::AddCustomContext("vectors", "AVX2");
#elif defined(__SSE2__)
    benchmark::AddCustomContext("vectors", "SSE2");
#else
    benchmark::AddCustomContext("vectors", "none, or the target's own");
#endif
}

}  // namespace bench

#define STOMP_BENCHMARK_MAIN()                                            \
    int main(int argc, char** argv) {                                     \
        bench::add_context();                                             \
        register_all();                                                   \
        benchmark::Initialize(&argc, argv);                               \
        if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1; \
        benchmark::RunSpecifiedBenchmarks();                              \
        return 0;                                                         \
    }

#endif
