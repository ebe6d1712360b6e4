// Writing frames.
#include "common.hpp"

#include <cstring>

namespace {

using bench::corpus;

/// What a straightforward program does: append, octet by octet where something may need an escape.
void append_naively(std::string& out, const stomp::frame_view& f) {
    const auto text = [&out](std::string_view s) {
        for (const char c : s) {
            if (c == '\n') {
                out += "\\n";
            } else if (c == ':') {
                out += "\\c";
            } else if (c == '\\') {
                out += "\\\\";
            } else if (c == '\r') {
                out += "\\r";
            } else {
                out += c;
            }
        }
    };
    out += f.verb;
    out += '\n';
    for (const stomp::header& h : f.headers) {
        text(h.name);
        out += ':';
        text(h.value);
        out += '\n';
    }
    if (!f.body.empty()) out += "content-length:" + std::to_string(f.body.size()) + "\n";
    out += '\n';
    out += f.body;
    out += '\0';
}

std::string encode_all(const bench::encoder_input& in) {
    std::string out;
    for (const stomp::frame_view& f : in.frames) {
        if (stomp::encode(out, f, stomp::version::v1_2) != stomp::errc::ok) bench::fail("cannot be encoded");
    }
    return out;
}

void copy_frames(benchmark::State& state, const corpus& c) {
    const bench::encoder_input in(c);
    std::vector<std::string> frames;
    std::size_t octets = 0;
    for (const stomp::frame_view& f : in.frames) {
        std::string one;
        if (stomp::encode(one, f, stomp::version::v1_2) != stomp::errc::ok) bench::fail("cannot be encoded");
        octets += one.size();
        frames.push_back(std::move(one));
    }
    std::string out(octets, '\0');
    for (auto _ : state) {
        char* to = out.data();
        for (const std::string& f : frames) {
            std::memcpy(to, f.data(), f.size());
            to += f.size();
        }
        benchmark::ClobberMemory();
    }
    bench::report(state, frames.size(), octets);
}

template <class Append>
void append_frames(benchmark::State& state, const corpus& c, Append append) {
    const bench::encoder_input in(c);
    std::string out;
    for (auto _ : state) {
        out.clear();
        for (const stomp::frame_view& f : in.frames) append(out, f);
        benchmark::DoNotOptimize(out.data());
        benchmark::ClobberMemory();
    }
    bench::report(state, in.frames.size(), out.size());
}

void register_all() {
    for (const std::string_view name : bench::corpus_names) {
        const corpus& c = bench::corpus_of(name);
        const bench::encoder_input in(c);
        std::string naive;
        for (const stomp::frame_view& f : in.frames) append_naively(naive, f);
        if (naive != encode_all(in)) bench::fail("the two encoders disagree: " + c.name);
        const auto add = [&](const char* what, auto run) {
            benchmark::RegisterBenchmark((c.name + "/" + what).c_str(), [&c, run](benchmark::State& s) { run(s, c); });
        };
        add("memcpy_frames", copy_frames);
        add("encode", [](benchmark::State& s, const corpus& k) {
            append_frames(s, k, [](std::string& out, const stomp::frame_view& f) {
                if (stomp::encode(out, f, stomp::version::v1_2) != stomp::errc::ok) bench::fail("cannot be encoded");
            });
        });
        add("append_naively", [](benchmark::State& s, const corpus& k) { append_frames(s, k, append_naively); });
    }
}

}  // namespace

STOMP_BENCHMARK_MAIN()
