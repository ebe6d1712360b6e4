// Reading frames: whole, in pieces, and beside what no parser can beat.
#include "common.hpp"
#include "structure.hpp"

#include <algorithm>
#include <cstring>
#include <span>

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

void scan(benchmark::State& state, const corpus& c) {
    for (auto _ : state) benchmark::DoNotOptimize(bench::count_structure(c.wire));
    bench::report(state, c.expected.frames, c.wire.size());
}

void find_lines(benchmark::State& state, const corpus& c) {
    for (auto _ : state) benchmark::DoNotOptimize(bench::count_lines(c.wire));
    bench::report(state, c.expected.frames, c.wire.size());
}

/// Returns the number of frames.
std::size_t parse_all(std::string& octets, std::span<stomp::header> storage) {
    std::span<char> rest(octets);
    for (std::size_t frames = 0;; ++frames) {
        const auto result = stomp::parse_frame(rest, storage, stomp::version::v1_2);
        if (result.status != parse_status::frame) return frames;
        benchmark::DoNotOptimize(result.frame);
        rest = rest.subspan(result.consumed);
    }
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
        if (parse_all(work, storage) != c.expected.frames) return state.SkipWithError("wrong number of frames");
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

/// As `fed`, but the octets arrive where the parser wants them, as from read(2).
void read_into(benchmark::State& state, const corpus& c, std::size_t piece) {
    stomp::parser p;
    p.set_version(stomp::version::v1_2);
    const std::string_view wire = c.wire;
    for (auto _ : state) {
        std::size_t frames = 0;
        for (std::size_t at = 0; at < wire.size();) {
            const std::span<char> space = p.input_buffer(piece);
            const std::size_t n = wire.copy(space.data(), (std::min)(piece, space.size()), at);
            p.commit_input(n);
            at += n;
            while (p.next() == parse_status::frame) {
                benchmark::DoNotOptimize(p.frame());
                ++frames;
            }
        }
        if (frames != c.expected.frames) return state.SkipWithError("wrong number of frames");
    }
    bench::report(state, c.expected.frames, c.wire.size());
}

/// parse_frame() over more memory than any cache holds.
void cold(benchmark::State& state, const corpus& c) {
    const std::size_t copies = (256U << 20U) / c.wire.size() + 1;
    std::string work;
    work.reserve(copies * c.wire.size());
    std::vector<stomp::header> storage(128);
    for (auto _ : state) {
        state.PauseTiming();
        work.clear();
        for (std::size_t i = 0; i < copies; ++i) work += c.wire;
        state.ResumeTiming();
        if (parse_all(work, storage) != copies * c.expected.frames)
            return state.SkipWithError("wrong number of frames");
    }
    bench::report(state, copies * c.expected.frames, copies * c.wire.size());
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
        add("read_4KiB", [](benchmark::State& s, const corpus& k) { read_into(s, k, 4096); });
        if (name == "small" || name == "chat" || name == "heavy") add("cold", cold);
    }
}

}  // namespace

STOMP_BENCHMARK_MAIN()
