// Our parser, and what no parser can beat, in the way that the others are measured.
#include <stomp/parser.hpp>

#include "../structure.hpp"
#include "peer.hpp"

#include <cstring>
#include <span>
#include <vector>

namespace {

void count(bench::figures& f, const stomp::frame_view& frame) {
    ++f.frames;
    f.headers += frame.headers.size();
    for (const stomp::header& h : frame.headers) f.value_octets += h.value.size();
    f.body_octets += frame.body.size();
}

/// parse_frame() over memory, which may be changed.
bench::figures whole(std::string& octets) {
    static std::vector<stomp::header> storage(128);
    bench::figures f;
    std::span<char> rest(octets);
    while (true) {
        const auto r = stomp::parse_frame(rest, storage, stomp::version::v1_2);
        if (r.status != stomp::parse_status::frame) return f;
        count(f, r.frame);
        rest = rest.subspan(r.consumed);
    }
}

/// The class parser, given pieces of 64 KiB, which it copies.
bench::figures fed(std::string& octets) {
    static stomp::parser p;
    p.set_version(stomp::version::v1_2);
    bench::figures f;
    for (std::size_t at = 0; at < octets.size(); at += 65536) {
        p.feed(std::string_view(octets).substr(at, 65536));
        while (p.next() == stomp::parse_status::frame) count(f, p.frame());
    }
    return f;
}

/// The limits have no figures of their own: they pass on what the generator says.
struct limit {
    explicit limit(const std::string& folder, std::string_view name) {
        std::ifstream in(folder + "/figures.txt");
        std::string word;
        std::size_t ignored = 0;
        while (in >> word >> expected.frames >> expected.headers >> expected.value_octets >> ignored >>
               expected.body_octets) {
            if (word == name) return;
        }
        std::exit(1);
    }
    bench::figures expected;
};

volatile std::size_t kept;
void keep(std::size_t n) { kept = n; }

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const std::string_view mode = argv[3];
    for (const std::string_view name : bench::corpus_names) {
        const bench::figures expected = limit(argv[1], name).expected;
        std::string copy;
        const auto measure = [&](auto pass) { peer::measure(argv[1], ".stomp", name, std::atof(argv[2]), pass); };
        if (mode == "whole") measure(whole);
        if (mode == "fed") measure(fed);
        if (mode == "scan") {
            measure([&](const std::string& octets) { return keep(bench::count_structure(octets)), expected; });
        }
        if (mode == "lines")
            measure([&](const std::string& octets) { return keep(bench::count_lines(octets)), expected; });
        if (mode == "memcpy") {
            measure([&](const std::string& octets) {
                copy.resize(octets.size());
                std::memcpy(copy.data(), octets.data(), octets.size());
                keep(static_cast<unsigned char>(copy[octets.size() / 2]));
                return expected;
            });
        }
    }
}
