#include "peer.hpp"

#include <stomp/parser.hpp>

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

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    for (const std::string_view name : bench::corpus_names) {
        peer::measure(argv[1], ".stomp", name, std::strcmp(argv[2], "fed") == 0 ? fed : whole);
    }
}
