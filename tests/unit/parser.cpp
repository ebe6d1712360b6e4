#include <stomp/parser.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::string_view_literals;
using stomp::command;
using stomp::errc;
using stomp::parse_status;
using stomp::parser;
using stomp::strictness;
using stomp::version;

static_assert(!std::is_copy_constructible_v<parser>);
static_assert(std::is_nothrow_move_constructible_v<parser>);
static_assert(std::is_nothrow_move_assignable_v<parser>);

namespace {

parser parser_of(std::optional<version> v, strictness s = strictness::standard) {
    parser p({}, s);
    p.set_version(v);
    return p;
}

errc error_of(std::optional<version> v, std::string_view octets, strictness s = strictness::standard) {
    parser p = parser_of(v, s);
    p.feed(octets);
    while (p.next() == parse_status::frame) {
    }
    return p.error();
}

std::string frame_of(std::size_t body) {
    return "SEND\ndestination:/q\ncontent-length:" + std::to_string(body) + "\n\n" + std::string(body, 'b') + '\0';
}

}  // namespace

TEST_CASE("F-01: a frame in one piece") {
    parser p = parser_of(version::v1_2);
    CHECK(p.next() == parse_status::need_more);
    CHECK(p.idle());
    p.feed("SEND\ndestination:/q\n\nhi\0"sv);
    REQUIRE(p.next() == parse_status::frame);
    CHECK(p.frame().command == command::send);
    CHECK(p.frame().verb == "SEND");
    REQUIRE(p.frame().headers.size() == 1);
    CHECK(p.frame().headers[0] == stomp::header{"destination", "/q"});
    CHECK(p.frame().body == "hi");
    CHECK(p.idle());
    CHECK(p.buffered() == 0);
    CHECK(p.next() == parse_status::need_more);
    CHECK(p.idle());
    CHECK(p.finish() == errc::ok);
}

TEST_CASE("one frame at a time, and octets are counted until they are read") {
    parser p = parser_of(version::v1_2);
    p.feed("BEGIN\ntransaction:a\n\n\0\n\r\nCOMMIT\ntransaction:a\n\n\0\n"sv);
    CHECK(p.buffered() == 49);
    REQUIRE(p.next() == parse_status::frame);
    CHECK(p.frame().command == command::begin);
    CHECK(p.eols() == 0);
    CHECK(p.buffered() == 27);
    REQUIRE(p.next() == parse_status::frame);
    CHECK(p.frame().command == command::commit);
    CHECK(p.eols() == 2);
    CHECK(p.buffered() == 1);
    CHECK(p.next() == parse_status::need_more);
    CHECK(p.eols() == 3);
    CHECK(p.buffered() == 0);
}

TEST_CASE("octets read into the parser's own buffer are not copied") {
    parser p = parser_of(version::v1_2);
    const auto space = p.input_buffer();
    REQUIRE(space.size() >= 4096);
    const auto wire = "SEND\ndestination:/q\n\nbody\0"sv;
    std::memcpy(space.data(), wire.data(), wire.size());
    p.commit_input(wire.size());
    REQUIRE(p.next() == parse_status::frame);
    CHECK(p.frame().body.data() == space.data() + 21);
    CHECK(p.frame().verb.data() == space.data());
}

TEST_CASE("an input buffer is at least as large as asked for") {
    parser p;
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{512}, std::size_t{5000}, std::size_t{100000}}) {
        CHECK(p.input_buffer(size).size() >= (std::max)(size, std::size_t{1}));
    }
}

TEST_CASE("the version is that of the next frame") {
    parser p;
    p.feed("CONNECT\naccept-version:1.1\n\n\0SEND\nk:a\\nb\n\n\0SEND\nk:a\r\n\n\0"sv);
    REQUIRE(p.next() == parse_status::frame);
    p.set_version(version::v1_1);
    REQUIRE(p.next() == parse_status::frame);
    CHECK(p.frame().get_or("k") == "a\nb");
    REQUIRE(p.next() == parse_status::frame);
    CHECK(p.frame().get_or("k") == "a\r");  // data in 1.1
}

TEST_CASE("E-09: an error is final, and tells where in the stream it stands") {
    parser p = parser_of(version::v1_2);
    p.feed("\n\nSEND\n\n\0SEND\nnocolon\n\n\0SEND\n\n\0"sv);
    REQUIRE(p.next() == parse_status::frame);
    REQUIRE(p.next() == parse_status::error);
    CHECK(p.error() == errc::header_no_colon);
    CHECK(p.error_offset() == 14);
    CHECK_FALSE(p.idle());
    p.feed("SEND\n\n\0"sv);
    p.commit_input(p.input_buffer().size());
    CHECK(p.next() == parse_status::error);
    CHECK(p.error() == errc::header_no_colon);
    CHECK(p.error_offset() == 14);
    CHECK(p.finish() == errc::header_no_colon);
}

TEST_CASE("error offsets name the octet at fault") {
    struct {
        std::string_view octets;
        errc error;
        std::size_t offset;
    } const cases[] = {
        {"SE\0ND\n"sv, errc::malformed_command, 2},
        {"SE\rND\n"sv, errc::bare_cr, 2},
        {"SEND\nabc\n"sv, errc::header_no_colon, 5},
        {"SEND\na:b\n:c\n"sv, errc::header_empty_name, 9},
        {"SEND\na:\0\n"sv, errc::nul_in_header, 7},
        {"SEND\na:b\n\0"sv, errc::missing_blank_line, 9},
        {"SEND\na:b\\t\n"sv, errc::bad_escape, 8},
        {"SEND\na:b\\\n"sv, errc::bad_escape, 8},
        {"ACK\nid:1\n\nx\0"sv, errc::body_not_allowed, 10},
        {"SEND\ncontent-length:x\n\n"sv, errc::bad_content_length, 20},
        {"SEND\ncontent-length:1\n\nab\0"sv, errc::missing_terminator, 24},
    };
    for (const auto& c : cases) {
        INFO(c.octets);
        parser p = parser_of(version::v1_2);
        p.feed(c.octets);
        CHECK(p.next() == parse_status::error);
        CHECK(p.error() == c.error);
        CHECK(p.error_offset() == c.offset);
    }
}

TEST_CASE("F-21: the end of the stream inside a frame is an error, between frames it is not") {
    const auto wire = "\nSEND\na:b\n\nbody\0\r\n"sv;
    for (std::size_t n = 0; n <= wire.size(); ++n) {
        INFO(n);
        parser p = parser_of(version::v1_2);
        p.feed(wire.substr(0, n));
        while (p.next() == parse_status::frame) {
        }
        const bool between = n <= 1 || n == 16 || n == 18;
        CHECK(p.idle() == between);
        CHECK(p.finish() == (between ? errc::ok : errc::unexpected_eof));
        if (!between) {
            CHECK(p.next() == parse_status::error);
            CHECK(p.error() == errc::unexpected_eof);
            CHECK(p.error_offset() == n);
        }
    }
}

TEST_CASE("the verb is known as soon as its line has ended, also of a frame that is wrong") {
    parser p;
    CHECK(p.pending_verb().empty());
    p.feed("GET / HTTP/1.1\r");
    CHECK(p.next() == parse_status::need_more);
    CHECK(p.pending_verb().empty());
    p.feed("\nHost");
    CHECK(p.next() == parse_status::need_more);
    CHECK(p.pending_verb() == "GET / HTTP/1.1");
    p.feed(" of mine\r\n");
    CHECK(p.next() == parse_status::error);
    CHECK(p.pending_verb() == "GET / HTTP/1.1");
}

TEST_CASE("abuse 26: a TLS hello is no command") {
    parser p;
    p.feed("\x16\x03\x01\x00\xf4"sv);
    CHECK(p.next() == parse_status::error);
    CHECK(p.error() == errc::malformed_command);
}

TEST_CASE("H-15: values of a CONNECT that turned out to be 1.0 are trimmed afterwards") {
    parser p;
    p.feed("CONNECT\nlogin: \tbob \npasscode:x\nempty:  \n\n\0"sv);
    REQUIRE(p.next() == parse_status::frame);
    CHECK(p.frame().get_or("login") == " \tbob ");
    p.trim_values();
    CHECK(p.frame().get_or("login") == "bob ");
    CHECK(p.frame().get_or("passcode") == "x");
    CHECK(p.frame().get_or("empty", "?").empty());
}

TEST_CASE("F-13: header views follow their octets while the body is awaited") {
    for (const std::size_t piece : {1u, 7u, 100u, 1000u}) {
        parser p = parser_of(version::v1_2);
        const std::string head = "SEND\ndestination:/q\nk:a\\cb\ncontent-length:20000\n\n";
        p.feed(frame_of(300));  // something to consume first, so that the octets move
        p.feed(head);
        REQUIRE(p.next() == parse_status::frame);
        REQUIRE(p.next() == parse_status::need_more);
        for (std::size_t sent = 0; sent < 20000; sent += piece) {
            p.feed(std::string((std::min)(piece, 20000 - sent), 'b'));
            REQUIRE(p.next() == parse_status::need_more);
        }
        p.feed("\0"sv);
        REQUIRE(p.next() == parse_status::frame);
        CHECK(p.frame().get_or("destination") == "/q");
        CHECK(p.frame().get_or("k") == "a:b");
        CHECK(p.frame().get_or("content-length") == "20000");
        CHECK(p.frame().body == std::string(20000, 'b'));
    }
}

TEST_CASE("a parser can be moved in the middle of a frame, and after one") {
    parser a = parser_of(version::v1_2);
    a.feed("SEND\ndestination:/q\nx:y");
    REQUIRE(a.next() == parse_status::need_more);
    parser b = std::move(a);
    b.feed("z\n\nhi\0SEND\n\n"sv);
    REQUIRE(b.next() == parse_status::frame);
    parser c;
    c = std::move(b);
    CHECK(c.frame().get_or("x") == "yz");
    CHECK(c.frame().body == "hi");
    c.feed("\0"sv);
    REQUIRE(c.next() == parse_status::frame);
    a.feed("SEND\n\n\0"sv);  // NOLINT(bugprone-use-after-move): moved from means as new
    CHECK(a.next() == parse_status::frame);
}

TEST_CASE("set_limits() holds for the frame under way, as if it had been so from its beginning") {
    const auto lowered = [](std::string_view there, auto lower, std::string_view then) {
        stomp::limits l;
        stomp::parser p(l);
        p.set_version(version::v1_2);
        p.feed(there);
        CHECK(p.next() == parse_status::need_more);
        lower(l);
        p.set_limits(l);
        p.feed(then);
        CHECK(p.next() == parse_status::error);
        return std::string(to_string(p.error())) + " at " + std::to_string(p.error_offset());
    };
    std::string headers = "SEND\n";
    for (int i = 0; i < 20; ++i) headers += "a:b\n";
    CHECK(lowered(
              headers, [](stomp::limits& l) { l.max_headers = 2; }, "a:b\n") == "limit_headers at 13");
    CHECK(lowered(
              headers, [](stomp::limits& l) { l.max_head = 10; }, "a:b\n") == "limit_head at 10");
    CHECK(lowered(
              headers + "a:", [](stomp::limits& l) { l.max_header_line = 2; }, "b") == "limit_header_line at 7");
    CHECK(lowered(
              "SEND\n\n" + std::string(3000, 'x'), [](stomp::limits& l) { l.max_body = 5; }, "x") ==
          "limit_body at 11");
    // And raised.
    stomp::limits l;
    l.max_headers = 1;
    stomp::parser p(l);
    p.set_version(version::v1_2);
    p.feed("SEND\na:b\nc:d");
    CHECK(p.next() == parse_status::need_more);
    l.max_headers = 2;
    p.set_limits(l);
    p.feed("\n\n^");
    p.feed(std::string_view("\0", 1));
    REQUIRE(p.next() == parse_status::frame);
    CHECK(p.frame().headers.size() == 2);
    CHECK(p.frame().body == "^");
}

TEST_CASE("finish() with half an EOL has no verb to tell, and not that of the frame before") {
    stomp::parser p;
    p.set_version(version::v1_2);
    p.feed(std::string_view("SUBSCRIBE\nid:1\n\n\0\r", 18));
    REQUIRE(p.next() == parse_status::frame);
    CHECK(p.next() == parse_status::need_more);
    CHECK(p.finish() == errc::unexpected_eof);
    CHECK(p.error_offset() == 18);
    CHECK(p.pending_verb().empty());
    CHECK(p.pending() == "\r");
}

TEST_CASE("no allocation per frame: in two reads into the parser's own buffer, and octet by octet") {
    const std::string_view frame("SEND\ndestination:/queue/a\n\nhello, you\0", 38);
    stomp::parser p;
    p.set_version(version::v1_2);
    const auto read = [&](std::string_view octets) {
        const auto space = p.input_buffer();
        std::copy(octets.begin(), octets.end(), space.begin());
        p.commit_input(octets.size());
        return p.next();
    };
    const auto in_two = [&] {
        CHECK(read(frame.substr(0, 20)) == parse_status::need_more);
        CHECK(read(frame.substr(20)) == parse_status::frame);
        CHECK(p.next() == parse_status::need_more);
    };
    in_two();
    {
        const counting_new::heap_watch heap;
        for (int i = 0; i < 100; ++i) in_two();
        CHECK(heap.allocations() == 0);
    }
    const counting_new::heap_watch heap;
    CHECK(read("SEND\n\n") == parse_status::need_more);
    for (int i = 0; i < 40'000; ++i) CHECK(read("x") == parse_status::need_more);
    CHECK(heap.allocations() < 12);
    CHECK(heap.held() < 4 * 40'000);
}

TEST_CASE("reset forgets the stream and the version, and keeps limits and strictness") {
    stomp::limits bounds;
    bounds.max_body = 3;
    parser p(bounds, strictness::lenient);
    p.set_version(version::v1_1);
    p.feed("\n\nSEND\nnocolon\n");
    REQUIRE(p.next() == parse_status::error);
    p.reset();
    CHECK(p.error() == errc::ok);
    CHECK(p.error_offset() == 0);
    CHECK(p.eols() == 0);
    CHECK(p.buffered() == 0);
    CHECK(p.idle());
    CHECK(p.pending_verb().empty());
    p.feed("\0ERROR\nmessage:\\x\n\nabcd"sv);
    CHECK(p.next() == parse_status::error);  // an unknown escape is kept when no version is negotiated
    CHECK(p.error() == errc::limit_body);
}

TEST_CASE("strictness: what 1.16 says of each level") {
    struct {
        std::optional<version> v;
        std::string_view octets;
        errc strict, standard, lenient;
    } const cases[] = {
        {version::v1_0, "SEND\r\n\r\n\0"sv, errc::malformed_command, errc::ok, errc::ok},
        {version::v1_1, "SEND\r\n\r\n\0"sv, errc::malformed_command, errc::malformed_command, errc::ok},
        {version::v1_2, "SEND\r\n\r\n\0"sv, errc::ok, errc::ok, errc::ok},
        {std::nullopt, "CONNECT\r\n\r\n\0"sv, errc::ok, errc::ok, errc::ok},
        {version::v1_1, "SEND\nk:a:b\n\n\0"sv, errc::raw_colon_in_value, errc::ok, errc::ok},
        {version::v1_0, "SEND\nk:a:b\n\n\0"sv, errc::ok, errc::ok, errc::ok},
        {version::v1_2, "CONNECTED\nk:a:b\n\n\0"sv, errc::ok, errc::ok, errc::ok},
        {version::v1_2, "SEND\nk:\xff\n\n\0"sv, errc::invalid_utf8, errc::ok, errc::ok},
        {version::v1_2, "SEND\xff\n\n\0"sv, errc::invalid_utf8, errc::ok, errc::ok},
        {version::v1_0, "SEND\nk:\xff\n\n\0"sv, errc::ok, errc::ok, errc::ok},
        {version::v1_2, "SEND\n\n\xff\0"sv, errc::ok, errc::ok, errc::ok},
        {version::v1_2, "SEND\ncontent-length:1\ncontent-length:2\n\na\0"sv, errc::content_length_conflict, errc::ok,
         errc::ok},
        {version::v1_2, "SEND\ncontent-length:1\ncontent-length:1\n\na\0"sv, errc::ok, errc::ok, errc::ok},
        {version::v1_2, "SEND\ncontent-length: 1 \n\na\0"sv, errc::bad_content_length, errc::bad_content_length,
         errc::ok},
        {version::v1_0, "SEND\ncontent-length: 1\n\na\0"sv, errc::bad_content_length, errc::ok, errc::ok},
        {version::v1_2, "\0SEND\n\n\0"sv, errc::malformed_command, errc::malformed_command, errc::ok},
        {version::v1_2, "DISCONNECT\na:b\n\0"sv, errc::missing_blank_line, errc::missing_blank_line, errc::ok},
        {version::v1_2, "DISCONNECT\n\0"sv, errc::missing_blank_line, errc::missing_blank_line, errc::ok},
        {version::v1_2, "ACK\nid:1\n\nbody\0"sv, errc::body_not_allowed, errc::body_not_allowed, errc::ok},
        {version::v1_2, "ACK\ncontent-length:4\n\nbody\0"sv, errc::body_not_allowed, errc::body_not_allowed, errc::ok},
        {std::nullopt, "CONNECT\n\nbody\0"sv, errc::body_not_allowed, errc::body_not_allowed, errc::ok},
        {version::v1_0, "ACK\n\nbody\0"sv, errc::ok, errc::ok, errc::ok},
    };
    for (const auto& c : cases) {
        INFO(c.octets);
        CHECK(error_of(c.v, c.octets, strictness::strict) == c.strict);
        CHECK(error_of(c.v, c.octets, strictness::standard) == c.standard);
        CHECK(error_of(c.v, c.octets, strictness::lenient) == c.lenient);
    }
}

TEST_CASE("B-07: lenient drops the body of a bodyless frame, 1.0 delivers it") {
    parser lenient = parser_of(version::v1_2, strictness::lenient);
    lenient.feed("ACK\nid:1\n\nbody\0SEND\n\nx\0"sv);
    REQUIRE(lenient.next() == parse_status::frame);
    CHECK(lenient.frame().body.empty());
    REQUIRE(lenient.next() == parse_status::frame);
    CHECK(lenient.frame().body == "x");
    parser old = parser_of(version::v1_0, strictness::lenient);
    old.feed("ACK\n\nbody\0"sv);
    REQUIRE(old.next() == parse_status::frame);
    CHECK(old.frame().body == "body");
}

TEST_CASE("abuse 7, B-12: a content-length that is no number is an error, never ignored") {
    for (const char* value : {"", "abc", "0x1", "+1", "-1", "-0", " 1", "1 ", "1,2", "1e3", "1.0", "\xd9\xa1", "1\\n",
                              "\xc2\xb2", "1_000", "123456789012345678901234567890x"}) {
        INFO(value);
        CHECK(error_of(version::v1_2, std::string("SEND\ncontent-length:") + value + "\n\na") ==
              errc::bad_content_length);
    }
}

TEST_CASE("B-11: digits of every number of places") {
    for (std::size_t zeros = 0; zeros < 30; ++zeros) {
        for (const std::size_t size : {0u, 1u, 9u, 10u, 123u, 4567u, 99999u}) {
            INFO(zeros << " zeros, " << size);
            parser p = parser_of(version::v1_2);
            p.feed("SEND\ncontent-length:" + std::string(zeros, '0') + std::to_string(size) + "\n\n");
            p.feed(std::string(size, '\0') + '\0');
            REQUIRE(p.next() == parse_status::frame);
            CHECK(p.frame().body.size() == size);
        }
    }
}

TEST_CASE("abuse 19, 20: escapes are decoded once, and only those that are defined") {
    struct {
        std::optional<version> v;
        std::string_view escaped, plain;
    } const cases[] = {
        {version::v1_2, "\\\\n", "\\n"},         {version::v1_2, "\\\\\\\\c", "\\\\c"},
        {version::v1_2, "\\\\\\c\\\\", "\\:\\"}, {version::v1_2, "\\r\\n\\c\\\\", "\r\n:\\"},
        {version::v1_1, "\\n\\c\\\\", "\n:\\"},  {version::v1_0, "\\n\\x\\", "\\n\\x\\"},
        {std::nullopt, "\\n\\x\\", "\n\\x\\"},   {std::nullopt, "\\\\n\\r", "\\n\r"},
    };
    for (const auto& c : cases) {
        INFO(c.escaped);
        for (std::size_t before = 0; before < 70; ++before) {  // at each place of a block
            parser p = parser_of(c.v);
            p.feed("SEND\n" + std::string(before, 'p') + std::string(c.escaped) + "x:" + std::string(c.escaped) +
                   "v\nlast:1\n\n" + '\0');
            REQUIRE(p.next() == parse_status::frame);
            REQUIRE(p.frame().headers.size() == 2);
            CHECK(p.frame().headers[0].name == std::string(before, 'p') + std::string(c.plain) + "x");
            CHECK(p.frame().headers[0].value == std::string(c.plain) + "v");
            CHECK(p.frame().headers[1] == stomp::header{"last", "1"});
        }
    }
    for (const char* bad : {"\\t", "\\:", "\\N", "\\0", "\\", "\\R", "\\C", "\\ n", "\\\\\\"}) {
        INFO(bad);
        CHECK(error_of(version::v1_2, std::string("SEND\nk:") + bad + "\n") == errc::bad_escape);
        CHECK(error_of(version::v1_1, std::string("SEND\nk:") + bad + "\n") == errc::bad_escape);
        CHECK(error_of(version::v1_0, std::string("SEND\nk:") + bad + "\n") == errc::ok);
        CHECK(error_of(version::v1_2, std::string("CONNECT\nk:") + bad + "\n") == errc::ok);
    }
    CHECK(error_of(version::v1_1, "SEND\nk:\\r\n") == errc::bad_escape);
}

TEST_CASE("abuse 30: a thousand frames in one chunk") {
    std::string wire;
    for (int i = 0; i < 1000; ++i) wire += "SEND\nn:" + std::to_string(i) + "\n\n" + '\0';
    parser p = parser_of(version::v1_2);
    p.feed(wire);
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(p.next() == parse_status::frame);
        REQUIRE(p.frame().get_or("n") == std::to_string(i));
    }
    CHECK(p.next() == parse_status::need_more);
}

TEST_CASE("no allocation per frame, however the octets arrive") {
    std::string wire;
    for (int i = 0; i < 200; ++i) {
        wire += frame_of(static_cast<std::size_t>(i) * 3);
        wire += "MESSAGE\r\nsubscription:0\r\nmessage-id:a\\cb\r\ndestination:/t\r\n\r\nwithout length\0\n"sv;
    }
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{100}, std::size_t{4096}, std::size_t{65536}, wire.size()}) {
        parser p = parser_of(version::v1_2);
        const auto run = [&] {
            std::size_t frames = 0;
            for (std::string_view rest = wire; !rest.empty(); rest.remove_prefix((std::min)(piece, rest.size()))) {
                p.feed(rest.substr(0, piece));
                while (p.next() == parse_status::frame) ++frames;
            }
            return frames;
        };
        REQUIRE(run() == 400);
        const counting_new::heap_watch heap;
        REQUIRE(run() == 400);
        REQUIRE(run() == 400);
        CHECK(heap.allocations() == 0);
    }
}

TEST_CASE("no allocation per large frame that arrives whole") {
    const std::string wire = frame_of(64 * 1024);
    parser p = parser_of(version::v1_2);
    const auto run = [&] {
        p.feed(wire);
        REQUIRE(p.next() == parse_status::frame);
        REQUIRE(p.next() == parse_status::need_more);
    };
    run();
    const counting_new::heap_watch heap;
    for (int i = 0; i < 10; ++i) run();
    CHECK(heap.allocations() == 0);
}

TEST_CASE("abuse 9, 10, L-08: memory follows the octets that arrived, not the number that was declared") {
    parser p = parser_of(version::v1_2);
    p.feed("SEND\ncontent-length:16000000\n\n");
    REQUIRE(p.next() == parse_status::need_more);
    const counting_new::heap_watch heap;
    for (int i = 0; i < 100; ++i) {
        p.feed(std::string_view("0123456789"));
        REQUIRE(p.next() == parse_status::need_more);
    }
    CHECK(heap.peak() <= 8192);
}

TEST_CASE("abuse 23: EOLs without end take no memory") {
    parser p = parser_of(version::v1_2);
    const std::string eols(4096, '\n');
    p.feed(eols);
    REQUIRE(p.next() == parse_status::need_more);
    const counting_new::heap_watch heap;
    for (int i = 0; i < 100; ++i) {
        p.feed(eols);
        REQUIRE(p.next() == parse_status::need_more);
    }
    CHECK(heap.allocations() == 0);
    CHECK(p.eols() == 101 * 4096);
}

TEST_CASE("memory that a large frame needed is given back once it is not needed any more") {
    const counting_new::heap_watch heap;
    parser p = parser_of(version::v1_2);
    p.feed(frame_of(1000000));
    REQUIRE(p.next() == parse_status::frame);
    REQUIRE(p.next() == parse_status::need_more);
    p.feed("\n");  // a heart-beat
    REQUIRE(p.next() == parse_status::need_more);
    CHECK(heap.held() < 2000);
}

TEST_CASE("polling one small frame per chunk while much is held stays linear") {
    // Octets held must not be moved for each chunk: memory moved is bounded by a constant times the octets fed.
    parser p = parser_of(version::v1_2);
    std::string wire;
    for (int i = 0; i < 2000; ++i) wire += frame_of(20);
    p.feed(wire);
    const std::string one = frame_of(20);
    const counting_new::heap_watch heap;
    for (int i = 0; i < 20000; ++i) {
        p.feed(one);
        REQUIRE(p.next() == parse_status::frame);
    }
    CHECK(heap.allocations() < 20);
    CHECK(p.buffered() == wire.size());
}

namespace {

/// Counts the octets of the stream that are looked at.
struct counting_scan {
    static inline std::size_t octets = 0;

    static std::uint64_t find(const char* block, char octet) {
        octets += stomp::detail::block_size;
        return stomp::detail::scan::find(block, octet);
    }
    static stomp::detail::head_marks find_marks(const char* block) {
        octets += stomp::detail::block_size;
        return stomp::detail::scan::find_marks(block);
    }
    static std::uint64_t find(const char* from, std::size_t count, std::size_t before, char octet) {
        octets += count;
        return stomp::detail::scan::find(from, count, before, octet);
    }
    static stomp::detail::head_marks find_marks(const char* from, std::size_t count, std::size_t before) {
        octets += count;
        return stomp::detail::scan::find_marks(from, count, before);
    }
    static const char* find(const char* from, const char* to, char octet) {
        const char* const found = stomp::detail::scan::find(from, to, octet);
        octets += static_cast<std::size_t>(found - from);
        return found;
    }
};

/// Octets looked at while one frame arrives in pieces.
std::size_t octets_scanned(std::string wire, std::size_t piece) {
    std::vector<stomp::header> entries(200);
    stomp::detail::header_storage storage{std::span<stomp::header>(entries), entries.size()};
    stomp::detail::basic_frame_reader<counting_scan> reader({version::v1_2, strictness::standard});
    counting_scan::octets = 0;
    for (std::size_t there = 0; there < wire.size();) {
        there = (std::min)(there + piece, wire.size());
        const parse_status status = reader.read(wire.data(), there, {}, storage);
        REQUIRE(status == (there == wire.size() ? parse_status::frame : parse_status::need_more));
    }
    return counting_scan::octets;
}

}  // namespace

TEST_CASE("abuse 29: work is linear in the octets received, however they arrive") {
    std::string head = "SEND\n";
    for (int i = 0; i < 100; ++i)
        head += "header-" + std::to_string(i) + ":" + std::string(static_cast<std::size_t>(i) * 3, 'v') + "\n";
    std::string escaped = "SEND\n";
    for (int i = 0; i < 100; ++i) escaped += "h\\n\\\\:" + std::string(static_cast<std::size_t>(i), 'v') + "\\c\r\n";
    for (const std::size_t piece : {1u, 2u, 3u, 63u, 64u, 65u, 1000u, 1000000u}) {
        INFO("pieces of " << piece);
        const std::size_t around = 2 * stomp::detail::block_size;  // what lies behind the head in its last block
        CHECK(octets_scanned(head + "\n" + '\0', piece) <= head.size() + around);
        // Where there are escapes, once more to check and once more to decode them.
        CHECK(octets_scanned(escaped + "\n" + '\0', piece) <= 3 * escaped.size() + 3 * around);
        // A counted body is never looked at, any other once.
        CHECK(octets_scanned("SEND\ncontent-length:60000\n\n" + std::string(60000, 'b') + '\0', piece) <= around);
        CHECK(octets_scanned("SEND\n\n" + std::string(60000, 'b') + '\0', piece) <= 60000 + around);
    }
}

// parse_frame

TEST_CASE("parse_frame: one frame of the caller's memory") {
    std::string wire("\r\n\nSEND\nk:a\\nb\n\nbody\0rest", 25);
    std::array<stomp::header, 4> storage;
    const auto r = stomp::parse_frame(wire, storage, version::v1_2);
    REQUIRE(r.status == parse_status::frame);
    CHECK(r.consumed == 21);
    CHECK(r.eols == 2);
    CHECK(r.frame.command == command::send);
    CHECK(r.frame.get_or("k") == "a\nb");
    CHECK(r.frame.body == "body");
    CHECK(r.frame.body.data() == wire.data() + 16);
    CHECK(r.frame.headers.data() == storage.data());
}

TEST_CASE("parse_frame: octets stay as they are unless a frame is returned") {
    const std::string wire("SEND\nk:a\\nb\\\\\ncontent-length:4\n\nbody\0", 37);
    std::array<stomp::header, 4> storage;
    for (std::size_t n = 0; n < wire.size(); ++n) {
        std::string part = wire.substr(0, n);
        const auto r = stomp::parse_frame(part, storage, version::v1_2);
        CHECK(r.status == parse_status::need_more);
        CHECK(r.consumed == 0);
        CHECK(part == wire.substr(0, n));
    }
    std::string wrong = wire;
    wrong.back() = 'x';
    const std::string before = wrong;
    const auto r = stomp::parse_frame(wrong, storage, version::v1_2);
    CHECK(r.status == parse_status::error);
    CHECK(r.error == errc::missing_terminator);
    CHECK(wrong == before);
}

TEST_CASE("parse_frame: as many headers as the storage holds") {
    std::string wire("SEND\na:1\nb:2\n\n\0", 15);
    std::array<stomp::header, 2> storage;
    CHECK(stomp::parse_frame(wire, storage, version::v1_2).status == parse_status::frame);
    const auto r = stomp::parse_frame(wire, std::span(storage).first(1), version::v1_2);
    CHECK(r.status == parse_status::error);
    CHECK(r.error == errc::limit_headers);
    CHECK(r.error_offset == 9);
    std::string bare("SEND\n\n\0", 7);
    CHECK(stomp::parse_frame(bare, {}, version::v1_2).status == parse_status::frame);
}

TEST_CASE("parse_frame: leading EOLs are done with even when there is no frame yet") {
    std::string wire = "\n\r\n\r";
    std::array<stomp::header, 1> storage;
    const auto r = stomp::parse_frame(wire, storage, std::nullopt);
    CHECK(r.status == parse_status::need_more);
    CHECK(r.consumed == 3);
    CHECK(r.eols == 2);
}

TEST_CASE("parse_frame allocates nothing") {
    const std::string wire = frame_of(1000);
    std::string octets;
    octets.reserve(2000);
    std::array<stomp::header, 4> storage;
    const counting_new::heap_watch heap;
    for (int i = 0; i < 10; ++i) {
        octets.assign(wire);
        REQUIRE(stomp::parse_frame(octets, storage, version::v1_2).status == parse_status::frame);
    }
    CHECK(heap.allocations() == 0);
}

// Some vectors at compile time.
namespace {

template <std::size_t N>
constexpr errc constant_error(const char (&wire)[N], std::optional<version> v, strictness s = strictness::standard) {
    std::array<char, N> octets{};
    for (std::size_t i = 0; i < N; ++i) octets[i] = wire[i];
    std::array<stomp::header, 8> storage{};
    const auto r = stomp::parse_frame(octets, storage, v, {}, s);  // the literal's own NUL ends the frame
    return r.status == parse_status::frame   ? errc::ok
           : r.status == parse_status::error ? r.error
                                             : errc::unexpected_eof;
}

constexpr bool constant_frame() {
    std::array wire = std::to_array("MESSAGE\r\nsubscription:0\r\nk\\c:a\\\\n\\r\ncontent-length:3\n\na\0b");
    std::array<stomp::header, 8> storage{};
    const auto r = stomp::parse_frame(wire, storage, version::v1_2);
    return r.status == parse_status::frame && r.consumed == wire.size() && r.frame.command == command::message &&
           r.frame.headers.size() == 3 && r.frame.get_or("subscription") == "0" && r.frame.get_or("k:") == "a\\n\r" &&
           r.frame.body == "a\0b"sv;
}

}  // namespace

static_assert(constant_frame());
static_assert(constant_error("SEND\ndestination:/q/a\n\nhi", version::v1_0) == errc::ok);
static_assert(constant_error("SEND\r\ndestination:/q/a\r\n\r\nhi", version::v1_2) == errc::ok);
static_assert(constant_error("SEND\r\n\r\n", version::v1_1) == errc::malformed_command);
static_assert(constant_error("SEND\nk:a\rb\n\n", version::v1_2) == errc::bare_cr);
static_assert(constant_error("SEND\nnocolon\n\nx", version::v1_2) == errc::header_no_colon);
static_assert(constant_error("SEND\n:value\n\nx", version::v1_2) == errc::header_empty_name);
static_assert(constant_error("SEND\nk:a\\tb\n\nx", version::v1_2) == errc::bad_escape);
static_assert(constant_error("DISCONNECT\nreceipt:77\n", version::v1_2) == errc::missing_blank_line);
static_assert(constant_error("DISCONNECT\n\n\n", version::v1_2) == errc::body_not_allowed);
static_assert(constant_error("SEND\ncontent-length:10\n\nabc", version::v1_2) == errc::unexpected_eof);
static_assert(constant_error("SEND\nk:\xed\xa0\x80\n\nx", version::v1_2, strictness::strict) == errc::invalid_utf8);

TEST_CASE("F-13 input_buffer() stays valid while frames are polled", "[parser]") {
    using namespace std::string_view_literals;
    stomp::parser p;
    p.feed("SEND\ndestination:/a\n\nfirst\0"sv);
    REQUIRE(p.next() == stomp::parse_status::frame);
    const std::span<char> space = p.input_buffer(64);  // a read is in flight
    CHECK(p.next() == stomp::parse_status::need_more);
    CHECK(p.next() == stomp::parse_status::need_more);
    const std::string_view second = "SEND\ndestination:/b\n\nsecond\0"sv;
    second.copy(space.data(), space.size());
    p.commit_input(second.size());
    REQUIRE(p.next() == stomp::parse_status::frame);
    CHECK(p.frame().body == "second");
    CHECK(p.next() == stomp::parse_status::need_more);
    CHECK(p.buffered() == 0);
}
