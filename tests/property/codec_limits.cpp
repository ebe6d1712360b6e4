// Each limit at n and n+1: what a frame just needs is enough, one less is the named error.
#include <stomp/parser.hpp>

#include "support/catch.hpp"
#include "support/random_codec.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using stomp::errc;
using stomp::limits;
using stomp::parse_status;

namespace {

struct sized_frame {
    std::string wire;
    limits needed;  // exactly
};

sized_frame random_frame(random_codec::source& random) {
    const std::string eol = random.one_in(3) ? "\r\n" : "\n";
    const std::string verb = random.pick(std::array<std::string, 3>{"SEND", "MESSAGE", "ERROR"});
    sized_frame f{verb + eol, {}};
    f.needed.max_command = verb.size();
    f.needed.max_headers = 0;
    f.needed.max_header_line = 0;
    const auto add = [&](const std::string& line) {
        f.wire += line + eol;
        f.needed.max_header_line = (std::max)(f.needed.max_header_line, line.size());
        ++f.needed.max_headers;
    };
    for (std::size_t headers = 1 + random.below(12); headers > 0; --headers) {
        add(random.word(1 + random.size()) + ":" + random.word(random.size()) + (random.one_in(4) ? "\\n\\\\" : ""));
    }
    const std::string body = random.word(1 + random.size());
    if (random.one_in(2)) add("content-length:" + std::to_string(body.size()));
    f.wire += eol;
    f.needed.max_head = f.wire.size();
    f.needed.max_body = body.size();
    f.wire += body + '\0';
    return f;
}

errc read(const limits& bounds, std::string_view wire, std::size_t piece) {
    stomp::parser parser(bounds);
    parser.set_version(stomp::version::v1_2);
    while (!wire.empty()) {
        parser.feed(wire.substr(0, piece));
        wire.remove_prefix((std::min)(piece, wire.size()));
        if (parser.next() == parse_status::frame) return errc::ok;
        if (parser.error() != errc::ok) return parser.error();
    }
    return errc::unexpected_eof;
}

}  // namespace

TEST_CASE("L-01 to L-04: exactly enough is enough, one less is not", "[property]") {
    random_codec::source random(21);
    for (int round = 0; round < 2000; ++round) {
        const sized_frame f = random_frame(random);
        const auto less = [&](std::size_t limits::*field) {
            limits bounds = f.needed;
            --(bounds.*field);
            return bounds;
        };
        for (const std::size_t piece : {std::size_t{1}, 1 + random.below(100), f.wire.size()}) {
            REQUIRE(read(f.needed, f.wire, piece) == errc::ok);
            REQUIRE(read(less(&limits::max_command), f.wire, piece) == errc::limit_command);
            REQUIRE(read(less(&limits::max_header_line), f.wire, piece) == errc::limit_header_line);
            REQUIRE(read(less(&limits::max_headers), f.wire, piece) == errc::limit_headers);
            REQUIRE(read(less(&limits::max_head), f.wire, piece) == errc::limit_head);
            REQUIRE(read(less(&limits::max_body), f.wire, piece) == errc::limit_body);
        }
    }
}

TEST_CASE("abuse 34: limits are in octets, whatever the octets mean", "[property]") {
    limits bounds;
    bounds.max_header_line = 2 + 4 * 100;
    std::string value;
    for (int i = 0; i < 100; ++i) value += "\xf0\x9f\x98\x80";
    CHECK(read(bounds, "SEND\nk:" + value + "\n\n" + '\0', 1000) == errc::ok);
    CHECK(read(bounds, "SEND\nk:" + value + "x\n\n" + '\0', 1000) == errc::limit_header_line);
}
