// Does one thing a number of times, for a tool that counts instructions: only those of measured() are of interest.
//
//     bench_instructions whole|fed|encode CORPUS PASSES      with no passes it prints the number of frames
#include "common.hpp"

#include <array>
#include <span>

namespace {

using bench::corpus;

std::size_t whole(const corpus&, std::string& work) {
    static std::array<stomp::header, 128> storage;
    std::span<char> rest(work);
    for (std::size_t frames = 0;; ++frames) {
        const auto result = stomp::parse_frame(rest, storage, stomp::version::v1_2);
        if (result.status != stomp::parse_status::frame) return frames;
        benchmark::DoNotOptimize(result.frame);
        rest = rest.subspan(result.consumed);
    }
}

std::size_t fed(const corpus& c, std::string&) {
    static stomp::parser p;
    p.set_version(stomp::version::v1_2);
    std::size_t frames = 0;
    for (std::size_t at = 0; at < c.wire.size(); at += 65536) {
        p.feed(std::string_view(c.wire).substr(at, 65536));
        for (; p.next() == stomp::parse_status::frame; ++frames) benchmark::DoNotOptimize(p.frame());
    }
    return frames;
}

std::size_t encode(const corpus& c, std::string& work) {
    static const bench::encoder_input in(c);
    work.clear();
    for (const stomp::frame_view& f : in.frames) {
        if (stomp::encode(work, f, stomp::version::v1_2) != stomp::errc::ok) bench::fail("cannot be encoded");
    }
    return in.frames.size();
}

}  // namespace

extern "C" __attribute__((noinline)) std::size_t measured(std::size_t (*pass)(const corpus&, std::string&),
                                                          const corpus& c, std::string& work) {
    return pass(c, work);
}

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const std::string_view mode = argv[1];
    const corpus& c = bench::corpus_of(argv[2]);
    const int passes = std::atoi(argv[3]);
    if (passes == 0) std::printf("%zu\n", c.expected.frames);
    const auto pass = mode == "whole" ? whole : mode == "fed" ? fed : encode;
    for (int i = 0; i < passes; ++i) {
        std::string work = c.wire;
        if (measured(pass, c, work) != c.expected.frames) bench::fail("wrong number of frames");
    }
}
