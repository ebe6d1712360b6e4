#include <stomp/limits.hpp>
#include <stomp/parser.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <string>
#include <string_view>

using stomp::errc;
using stomp::limits;
using stomp::parse_status;

namespace {

/// How reading a stream under these limits ends, fed octet by octet: an error must come with the first octet that
/// exceeds a limit. `needed` is told how many octets it took.
errc outcome(const limits& bounds, std::string_view stream, std::size_t* needed = nullptr) {
    stomp::parser parser(bounds);
    parser.set_version(stomp::version::v1_2);
    for (std::size_t i = 0; i < stream.size(); ++i) {
        parser.feed(stream.substr(i, 1));
        const parse_status status = parser.next();
        if (needed != nullptr) *needed = i + 1;
        if (status == parse_status::frame) return errc::ok;
        if (status == parse_status::error) return parser.error();
    }
    return errc::unexpected_eof;
}

std::string with_nul(std::string text) { return text + '\0'; }

}  // namespace

TEST_CASE("L-06, L-07: a server trusts less than a client, and before login less still") {
    const limits client = limits::client();
    const limits server = limits::server();
    const limits stranger = limits::before_login();
    for (const auto field : {&limits::max_command, &limits::max_header_line, &limits::max_headers, &limits::max_head,
                             &limits::max_body, &limits::max_input, &limits::max_output, &limits::max_subscriptions}) {
        CHECK(server.*field <= client.*field);
        CHECK(stranger.*field <= server.*field);
    }
}

TEST_CASE("L-04: the command line, at n and n+1, before its end arrives") {
    limits bounds;
    bounds.max_command = 4;
    CHECK(outcome(bounds, with_nul("SEND\n\n")) == errc::ok);
    CHECK(outcome(bounds, with_nul("SEND\r\n\r\n")) == errc::ok);
    std::size_t needed = 0;
    CHECK(outcome(bounds, "ABORT\n\n", &needed) == errc::limit_command);
    CHECK(needed == 5);
}

TEST_CASE("L-02: a header line, in wire octets without its end, at n and n+1") {
    limits bounds;
    bounds.max_header_line = 6;
    CHECK(outcome(bounds, with_nul("SEND\nk:\\n\\n\n\n")) == errc::ok);
    CHECK(outcome(bounds, with_nul("SEND\nk:1234\r\n\r\n")) == errc::ok);
    std::size_t needed = 0;
    CHECK(outcome(bounds, "SEND\nk:12345\n\n", &needed) == errc::limit_header_line);
    CHECK(needed == 12);
    CHECK(outcome(bounds, "SEND\nlonger_than_that", &needed) == errc::limit_header_line);
    CHECK(needed == 12);
}

TEST_CASE("L-01: headers, repeats counted, at n and n+1") {
    limits bounds;
    bounds.max_headers = 2;
    CHECK(outcome(bounds, with_nul("SEND\na:1\nb:2\n\n")) == errc::ok);
    CHECK(outcome(bounds, "SEND\na:1\na:1\na:1\n") == errc::limit_headers);
    bounds.max_headers = 0;
    CHECK(outcome(bounds, with_nul("SEND\n\n")) == errc::ok);
    CHECK(outcome(bounds, "SEND\na:1\n") == errc::limit_headers);
}

TEST_CASE("abuse 5: a head of lines that are each legal, at n and n+1") {
    limits bounds;
    bounds.max_head = 14;
    CHECK(outcome(bounds, with_nul("SEND\na:1\nb:2\n\n")) == errc::ok);  // 14 octets with the blank line
    std::size_t needed = 0;
    CHECK(outcome(bounds, "SEND\na:1\nb:23\n\n", &needed) == errc::limit_head);
    CHECK(needed == 14);
}

TEST_CASE("L-03: a counted body is refused at the end of the head") {
    limits bounds;
    bounds.max_body = 3;
    CHECK(outcome(bounds, with_nul("SEND\ncontent-length:3\n\nabc")) == errc::ok);
    std::size_t needed = 0;
    CHECK(outcome(bounds, "SEND\ncontent-length:4\n\nabcd", &needed) == errc::limit_body);
    CHECK(needed == std::string_view("SEND\ncontent-length:4\n\n").size());
}

TEST_CASE("L-03: a body without content-length is refused while reading") {
    limits bounds;
    bounds.max_body = 3;
    CHECK(outcome(bounds, with_nul("SEND\n\nabc")) == errc::ok);
    std::size_t needed = 0;
    CHECK(outcome(bounds, "SEND\n\nabcdef", &needed) == errc::limit_body);
    CHECK(needed == 10);
    bounds.max_body = 0;
    CHECK(outcome(bounds, with_nul("SEND\n\n")) == errc::ok);
    CHECK(outcome(bounds, "SEND\n\na") == errc::limit_body);
}

TEST_CASE("abuse 7, L-03: lengths beyond every number wrap nowhere") {
    limits bounds;
    bounds.max_body = static_cast<std::size_t>(-1);
    CHECK(outcome(bounds, "SEND\ncontent-length:18446744073709551615\n\nabc") == errc::unexpected_eof);
    CHECK(outcome(bounds, "SEND\ncontent-length:18446744073709551614\n\nabc") == errc::unexpected_eof);
    CHECK(outcome(limits{}, "SEND\ncontent-length:18446744073709551616\n\nabc") == errc::limit_body);
    CHECK(outcome(limits{}, "SEND\ncontent-length:9223372036854775808\n\nabc") == errc::limit_body);
    CHECK(outcome(limits{}, "SEND\ncontent-length:2147483648\n\nabc") == errc::limit_body);
    CHECK(outcome(limits{}, "SEND\ncontent-length:" + std::string(500, '9') + "\n\nabc") == errc::limit_body);
}

TEST_CASE("abuse 1 to 4: a stranger's flood ends at the limit") {
    const limits bounds = limits::before_login();
    std::size_t needed = 0;
    CHECK(outcome(bounds, "CONNECT\n" + std::string(5000, 'a'), &needed) == errc::limit_header_line);
    CHECK(needed == 8 + 1024 + 1);
    std::string headers = "CONNECT\n";
    for (int i = 0; i < 1000; ++i) headers += "k:v\n";
    CHECK(outcome(bounds, headers, &needed) == errc::limit_headers);
    CHECK(needed == 8 + 17 * 4);
    CHECK(outcome(bounds, "SEND\n\nx", &needed) == errc::limit_body);
    CHECK(needed == 7);
}

TEST_CASE("limits of the next frames can be raised in mid-stream") {
    stomp::parser parser(limits::before_login());
    parser.feed(std::string_view("CONNECT\n\n\0SEND\n\nhi\0", 19));
    REQUIRE(parser.next() == parse_status::frame);
    parser.set_limits(limits::server());
    REQUIRE(parser.next() == parse_status::frame);
    CHECK(parser.frame().body == "hi");
}
