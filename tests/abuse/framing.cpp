// Frames that break the framing or the limits, against both ends. The numbers are those of the project's list of abuse
// cases.
#include <stomp/errc.hpp>

#include "hostile.hpp"

using namespace hostile;
using counting_new::heap_watch;
using stomp::limits;
using stomp::server_event;
using stomp::strictness;
using stomp::version;

namespace {

constexpr std::size_t chunk = 1024;

/// Feeds what never ends, until it is no longer taken. Returns the most that the session held, the chunk not counted.
std::size_t feed_for_ever(client& c, std::string_view start, std::string_view more) {
    const std::string again = repeat(more, chunk / more.size());
    const heap_watch heap;
    c.feed(start);
    for (int i = 0; i < 4096 && c.closed == 0; ++i) c.feed(again);
    CHECK(c.closed == 1);
    return heap.peak() - (std::min)(heap.peak(), chunk);
}

std::string message(std::string_view headers, std::string_view rest = "\n\0"sv) {
    return "MESSAGE\nsubscription:0\nmessage-id:1\ndestination:d\n" + std::string(headers) + std::string(rest);
}

std::string send(std::string_view headers, std::string_view rest = "\n\0"sv) {
    return "SEND\ndestination:d\n" + std::string(headers) + std::string(rest);
}

/// Both ends refuse a frame with these headers, in this version.
void both_refuse(std::string_view headers, errc expected, std::string_view v = "1.2",
                 std::string_view rest = "\n\0"sv) {
    server_refuses(send(headers, rest), expected, v);
    client_refuses(message(headers, rest), expected, v);
}

/// The value of a header as the application sees it.
std::optional<std::string> sent_header(std::string_view bytes, std::string_view name, std::string_view v,
                                       std::size_t piece = whole) {
    std::optional<std::string> value;
    client c;
    c.on_event = [&](const server_event& e) {
        if (e.kind != server_event::send) return;
        if (const auto text = e.frame.get(name)) value = std::string(*text);
    };
    c.logged_in(v);
    c.feed(bytes, piece);
    return value;
}

std::vector<std::string> sent_bodies(std::string_view bytes, std::string_view v, std::size_t piece = whole) {
    std::vector<std::string> bodies;
    client c;
    c.on_event = [&](const server_event& e) {
        if (e.kind == server_event::send) bodies.emplace_back(e.frame.body);
    };
    c.logged_in(v);
    c.feed(bytes, piece);
    return bodies;
}

}  // namespace

TEST_CASE("abuse 1: a header line that never ends, before CONNECT (L-02, L-07)") {
    client c;
    const std::size_t held = feed_for_ever(c, "CONNECT\naccept-version:", "x");
    c.must_fail(errc::limit_header_line);
    CHECK(c.fed <= 1024 + 2 * chunk);
    CHECK(held <= 8 * 1024);
}

TEST_CASE("abuse 2: a header line that never ends, after login (L-02, L-06)") {
    client c;
    c.logged_in();
    const std::size_t held = feed_for_ever(c, "SEND\ndestination:", "x");
    c.must_fail(errc::limit_header_line);
    CHECK(c.fed <= 8 * 1024 + 3 * chunk);
    CHECK(held <= 36 * 1024);  // twice the line, and the half of that while it grows

    server s;
    s.logged_in();
    s.feed("MESSAGE\ndestination:" + std::string(100'000, 'x'), chunk);
    s.must_be_over(errc::limit_header_line);
}

TEST_CASE("abuse 3: headers without end (L-01)") {
    SECTION("before CONNECT") {
        client c;
        feed_for_ever(c, "CONNECT\n", "h:v\n");
        c.must_fail(errc::limit_headers);
        CHECK(c.fed <= 2 * chunk);
    }
    SECTION("the seventeenth, before CONNECT") {
        client c;
        c.feed("CONNECT\naccept-version:1.2\n" + repeat("h:v\n", 15) + "\n" + '\0');
        CHECK(c.seen(server_event::connect) == 1);
        client d;
        d.feed("CONNECT\naccept-version:1.2\n" + repeat("h:v\n", 16));
        d.must_fail(errc::limit_headers);
    }
    SECTION("after login") {
        client c;
        c.logged_in();
        feed_for_ever(c, "SEND\n", "h:v\n");
        c.must_fail(errc::limit_headers);
    }
    SECTION("200,000 different ones") {
        std::string head = "SEND\n";
        for (int i = 0; i < 200'000; ++i) head += "h" + std::to_string(i) + ":v\n";
        client c;
        c.logged_in();
        c.feed(head, 65536);
        c.must_fail(errc::limit_headers);
        server s;
        s.logged_in();
        s.feed(head, 65536);
        s.must_be_over(errc::limit_headers);
    }
}

TEST_CASE("abuse 4: repeats of one header count like any other (L-01, H-16)") {
    server_refuses("SEND\ndestination:d\n" + repeat("h:v\n", 64), errc::limit_headers);
    CHECK(sent_header(send("h:first\n" + repeat("h:later\n", 62)), "h", "1.2") == "first");
}

TEST_CASE("abuse 5: legal lines that are too many octets together (L-02)") {
    const std::string line = "h:" + std::string(8 * 1024 - 2, 'v') + "\n";
    server_refuses("SEND\n" + repeat(line, 2), errc::limit_head);
    client_refuses("MESSAGE\n" + repeat(line, 8), errc::limit_head);
}

TEST_CASE("abuse 6: a body without an end (L-03, F-19)") {
    SECTION("after login: at the limit, and not much is held beyond it") {
        client c;
        c.logged_in();
        const std::string body(64 * 1024, 'b');
        const heap_watch heap;
        c.feed("SEND\ndestination:d\n\n");
        for (int i = 0; i < 1000 && c.closed == 0; ++i) c.feed(body);
        CHECK(heap.peak() <= stomp::max_memory(limits::server()));
        c.must_fail(errc::limit_body);
        CHECK(c.fed <= limits::server().max_body + 2 * body.size());
    }
    SECTION("before login: at its first octet") {
        client c;
        c.feed("CONNECT\naccept-version:1.2\n\nb");
        c.must_fail(errc::body_not_allowed);
    }
    SECTION("an endless ERROR") {
        server s;
        s.feed("ERROR\n\n");
        const std::string body(1024 * 1024, 'b');
        for (int i = 0; i < 100 && s.closed == 0; ++i) s.feed(body);
        s.must_be_over(errc::limit_body);
        CHECK(s.fed <= limits::client().max_body + 2 * body.size());
    }
}

TEST_CASE("abuse 7: a content-length that is no number, or too large a one (B-11, B-12, L-03, L-08)") {
    for (const std::string_view value :
         {"0x1", "+1", "-1", "-0", " 1", "1 ", "1,2", "1e3", "", "\xd9\xa3", "1\t", "--1"}) {
        CAPTURE(value);
        both_refuse("content-length:" + std::string(value) + "\n", errc::bad_content_length);
    }
    for (const std::string_view value :
         {"99999999999999999999", "2147483648", "4294967297", "9223372036854775808", "18446744073709551617",
          "18446744073709551616", "99999999999999999999999999999999999999999999"}) {
        CAPTURE(value);
        both_refuse("content-length:" + std::string(value) + "\n", errc::limit_body);
    }
    // 2^32 + 5 is not 5, nor is 2^64 + 5.
    both_refuse("content-length:4294967301\n", errc::limit_body, "1.2", "\nabcde\0"sv);
    both_refuse("content-length:18446744073709551621\n", errc::limit_body, "1.2", "\nabcde\0"sv);
}

TEST_CASE("abuse 8: a content-length with leading zeros is a number (B-11)") {
    const std::string frame = send("content-length:00000000000000000000000005\n", "\nabcde\0"sv);
    CHECK(sent_bodies(frame, "1.2") == std::vector<std::string>{"abcde"});
    both_refuse("content-length:" + std::string(40, '0') + "99999999\n", errc::limit_body);
}

TEST_CASE("abuse 9: a content-length beyond the limit is refused before the body, and costs nothing (L-03, L-08)") {
    client c;
    c.logged_in();
    c.keeps_output = false;
    const std::size_t before = counting_new::current().octets;
    const heap_watch heap;
    c.feed(send("content-length:1048577\n", "\n"));
    CHECK(heap.peak() <= 2 * 1024);
    CHECK(counting_new::current().octets <= before + 2 * 1024);
    c.must_fail(errc::limit_body);
    server_refuses(send("content-length:1048577\n", "\n"), errc::limit_body);
    client_refuses(message("content-length:16777217\n", "\n"), errc::limit_body);
}

TEST_CASE("abuse 10: a counted body that trickles in is not allocated ahead, and silence ends it (L-08, C-23)") {
    stomp::server_options options;
    options.heart_beat = {0ms, 10s};
    client c(options);
    c.logged_in("1.2", "heart-beat:10000,0\n");
    const heap_watch heap;
    c.feed(send("content-length:1000000\n", "\n"));
    for (int i = 0; i < 100 && c.closed == 0; ++i) {
        c.wait(15s);
        c.feed("b");
    }
    CHECK(c.closed == 0);  // each octet is a sign of life
    CHECK(heap.peak() <= 4 * 1024);
    c.wait(21s);
    CHECK(c.closed == 1);
    CHECK(c.reason == errc::heart_beat_timeout);
}

TEST_CASE("abuse 11: a counted body that is not followed by NUL ends the session, and its rest is no frame (B-03)") {
    const auto rest = "\nabcdefg\0SEND\ndestination:smuggled\n\n\0"sv;
    both_refuse("content-length:3\n", errc::missing_terminator, "1.2", rest);
    client c;
    c.logged_in();
    c.feed(send("content-length:3\n", rest));
    CHECK(c.seen(server_event::send) == 0);
}

TEST_CASE("abuse 12: a content-length that swallows the next frame makes it body, and nothing else (B-02, B-03)") {
    const auto inner = "SEND\ndestination:inner\n\n\0"sv;
    const std::string outer =
        send("content-length:" + std::to_string(inner.size()) + "\n", "\n" + std::string(inner) + '\0');
    for (const std::size_t piece : pieces) {
        CHECK(sent_bodies(outer, "1.2", piece) == std::vector<std::string>{std::string(inner)});
    }
    // One octet more, and the frame waits; what comes next is not its NUL.
    const std::string waits =
        send("content-length:" + std::to_string(inner.size() + 1) + "\n", "\n" + std::string(inner) + '\0');
    CHECK(sent_bodies(waits, "1.2").empty());
    server_refuses(waits + "SEND\n", errc::missing_terminator);
}

TEST_CASE("abuse 13: of two content-lengths the first counts, and strict refuses them (B-13, H-16)") {
    const std::string short_first = send("content-length:1\ncontent-length:5\n", "\na\0"sv);
    const std::string long_first = send("content-length:5\ncontent-length:1\n", "\nabcde\0"sv);
    CHECK(sent_bodies(short_first, "1.2") == std::vector<std::string>{"a"});
    CHECK(sent_bodies(long_first, "1.2") == std::vector<std::string>{"abcde"});
    stomp::server_options strict;
    strict.strictness = strictness::strict;
    server_refuses(short_first, errc::content_length_conflict, "1.2", strict);
    server_refuses(long_first, errc::content_length_conflict, "1.2", strict);
}

TEST_CASE("abuse 14: NUL in a header (F-18)") {
    for (const std::string_view v : {"1.0"sv, "1.1"sv, "1.2"sv}) {
        both_refuse("a\0b:c\n"sv, errc::nul_in_header, v);
        both_refuse("a:b\0c\n"sv, errc::nul_in_header, v);
        both_refuse("a:b\0"sv, errc::nul_in_header, v);
        both_refuse("\0"sv, errc::missing_blank_line, v);
    }
}

TEST_CASE("abuse 15: NUL in a command (F-18, F-06)") {
    server_refuses("SE\0ND\ndestination:d\n\n\0"sv, errc::malformed_command);
    server_refuses("\0SEND\ndestination:d\n\n\0"sv, errc::malformed_command);
    client_refuses("MESS\0AGE\n\n\0"sv, errc::malformed_command);
}

TEST_CASE("abuse 16: CR where it does not belong (F-02, F-03, F-04, F-05)") {
    SECTION("1.2: alone it is an error everywhere") {
        server_refuses("SE\rND\ndestination:d\n\n\0"sv, errc::bare_cr);
        client_refuses("MESS\rAGE\n\n\0"sv, errc::bare_cr);
        both_refuse("a\rb:c\n", errc::bare_cr);
        both_refuse("a:b\rc\n", errc::bare_cr);
        both_refuse("a:b\r\r\n", errc::bare_cr);
        both_refuse({}, errc::bare_cr, "1.2", "\rbody\0"sv);
        server_refuses("\rSEND\n", errc::bare_cr);
    }
    SECTION("1.2: before LF it belongs to the end of the line") {
        CHECK(sent_header("SEND\r\ndestination:d\r\na:b\r\n\r\n\0"sv, "a", "1.2") == "b");
    }
    SECTION("1.1: it is text; a blank line with a CR is a header without colon") {
        CHECK(sent_header(send("a:b\r\n"), "a", "1.1") == "b\r");
        CHECK(sent_header(send("a:b\rc\n"), "a", "1.1") == "b\rc");
        both_refuse("\r\n", errc::header_no_colon, "1.1");
        server_refuses("SEND\r\ndestination:d\n\n\0"sv, errc::malformed_command, "1.1");
    }
    SECTION("1.0: CR LF ends a line unless strictly") {
        CHECK(sent_header(send("a:b\r\n"), "a", "1.0") == "b");
        stomp::server_options strict;
        strict.strictness = strictness::strict;
        server_refuses("SEND\ndestination:d\n\r\n\0"sv, errc::header_no_colon, "1.0", strict);
    }
}

TEST_CASE("abuse 17, 18: a chunk that ends in CR or backslash changes nothing (F-13)") {
    const std::string frame = "SEND\r\ndestination:d\r\na:b\\\\c\\r\\n\\cd\r\n\r\nbody" + octets("\0\r\n\r\n");
    const std::string next = frame + frame;
    for (std::size_t cut = 1; cut < next.size(); ++cut) {
        client c;
        std::string seen;
        c.on_event = [&seen](const server_event& e) {
            if (e.kind == server_event::send) (seen += e.frame.get_or("a")) += e.frame.body;
        };
        c.logged_in();
        c.feed(std::string_view(next).substr(0, cut));
        c.feed(std::string_view(next).substr(cut));
        CAPTURE(cut);
        CHECK(seen == "b\\c\r\n:dbodyb\\c\r\n:dbody");
        CHECK(c.closed == 0);
    }
}

TEST_CASE("abuse 19: escapes that the version does not define (H-01, H-05, H-06)") {
    for (const std::string_view escape : {"\\t", "\\:", "\\N", "\\0", "\\ ", "\\C", "\\x41", "\\"}) {
        for (const std::string_view v : {"1.1"sv, "1.2"sv}) {
            CAPTURE(escape, v);
            both_refuse("a:" + std::string(escape) + "\n", errc::bad_escape, v);
            both_refuse("a:x" + std::string(escape) + "\nb:c\n", errc::bad_escape, v);
        }
        CHECK(sent_header(send("a:" + std::string(escape) + "\n"), "a", "1.0") == std::string(escape));
    }
    both_refuse("a:\\r\n", errc::bad_escape, "1.1");
    both_refuse("a\\t:b\n", errc::bad_escape);
    both_refuse("a\\:b\n", errc::bad_escape);
    both_refuse("a:\\\0"sv, errc::nul_in_header);
}

TEST_CASE("abuse 20: text is decoded once, in one pass (H-07)") {
    CHECK(sent_header(send("a:\\\\n\n"), "a", "1.2") == "\\n");
    CHECK(sent_header(send("a:\\\\\\\\c\n"), "a", "1.2") == "\\\\c");
    CHECK(sent_header(send("a:\\\\\\n\n"), "a", "1.2") == "\\\n");
    CHECK(sent_header(send("\\\\c\\c:v\n"), "\\c:", "1.2") == "v");
}

TEST_CASE("abuse 21: header lines without a colon, and without a name (F-15, F-23)") {
    for (const std::string_view v : {"1.0"sv, "1.1"sv, "1.2"sv}) {
        both_refuse("x\n", errc::header_no_colon, v);
        both_refuse("no colon here\n", errc::header_no_colon, v);
        both_refuse(":\n", errc::header_empty_name, v);
        both_refuse(":value\n", errc::header_empty_name, v);
    }
    both_refuse("x\r\n", errc::header_no_colon);
    // A name of nothing but escapes is a name.
    CHECK(sent_header(send("\\c\\n:v\n"), ":\n", "1.2") == "v");
}

TEST_CASE("abuse 22: commands that are none (F-06, F-22, L-04, CL-07)") {
    for (const std::string_view verb :
         {" SEND", "SEND ", "SEND\t", "send", "Send", "S", "S\xc3\x89ND", "SENDX", "SEN", ":"}) {
        server_refuses(std::string(verb) + "\ndestination:d\n\n" + '\0', errc::unknown_command);
        client_refuses(std::string(verb) + "\n\n" + '\0', errc::unknown_command);
    }
    server_refuses(std::string(17, 'S'), errc::limit_command);
    client_refuses(std::string(17, 'M'), errc::limit_command);
    server_refuses("SEND" + std::string(1000, ' '), errc::limit_command);
    for (const std::string_view first :
         {"send\n", "SEND\n", " CONNECT\n", "CONNECT \n", "CONNECT\t\n", "connect\n", "X\n"}) {
        CAPTURE(first);
        client c;
        c.feed(first);
        c.must_fail(errc::not_connected);
    }
}

TEST_CASE("abuse 23: end-of-line octets without end cost nothing (F-11, F-12)") {
    const std::string eols(4096, '\n');
    const std::string crlfs = repeat("\r\n", 2048);
    for (const bool early : {true, false}) {
        client c;
        if (!early) c.logged_in();
        c.feed(eols);
        const heap_watch heap;
        for (int i = 0; i < 10'000'000 / 4096; ++i) c.feed(i % 2 == 0 ? eols : crlfs);
        CHECK(heap.peak() == 0);
        CHECK(heap.allocations() == 0);
        CHECK(c.closed == 0);
        CHECK(c.errors == 0);
        if (early) {
            c.wait(11s);  // the time to log in is not prolonged
            CHECK(c.reason == errc::login_timeout);
        }
    }
}

TEST_CASE("abuse 24: a body on a frame that has none (B-07)") {
    for (const std::string_view v : {"1.1"sv, "1.2"sv}) {
        for (const std::string_view head :
             {"SUBSCRIBE\ndestination:d\nid:1\n", "ACK\nid:1\nsubscription:0\nmessage-id:1\n", "BEGIN\ntransaction:1\n",
              "DISCONNECT\n", "UNSUBSCRIBE\nid:1\n"}) {
            server_refuses(std::string(head) + "\nbody" + '\0', errc::body_not_allowed, v);
            server_refuses(std::string(head) + "content-length:4\n\nbody" + '\0', errc::body_not_allowed, v);
        }
        client_refuses("RECEIPT\nreceipt-id:1\n\nbody\0"sv, errc::body_not_allowed, v);
    }
    client c;
    c.feed("CONNECT\naccept-version:1.2\nhost:h\ncontent-length:1\n\nb\0"sv);
    c.must_fail(errc::body_not_allowed);
    CHECK(c.seen(server_event::connect) == 0);
}

TEST_CASE("abuse 25: a byte order mark or noise before the first command (C-01, F-06)") {
    for (const std::string_view noise : {"\xef\xbb\xbf", "\x7f", " ", "\t", "\v"}) {
        client c;
        c.feed(std::string(noise) + connect());
        c.must_fail(errc::not_connected);
        CHECK(c.seen(server_event::connect) == 0);
    }
    client c;
    c.feed("\0"sv);
    c.must_fail(errc::malformed_command);
}

TEST_CASE("abuse 26: TLS on a plain port is closed without an answer (C-01)") {
    const std::string hello =
        octets("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") + std::string(300, 'r') + connect();
    for (const std::size_t piece : pieces) {
        client c;
        c.feed(hello, piece);
        CHECK(c.written.empty());
        c.must_fail(errc::tls_on_plain_port, 0);
        CHECK(c.written.empty());
        CHECK(c.session.finished());
    }
}

TEST_CASE(
    "abuse 27, 28: another protocol's request is refused at its first line, and nothing behind it is read (C-01)") {
    for (const std::string_view first :
         {"GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
          "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", "EHLO mail\r\n", "\x10\x0c",
          "AMQP\n"}) {
        const std::string request = std::string(first) + "Host: h\r\nContent-Type: text/plain\r\n\r\nx=\n" + '\0' +
                                    connect() + "SEND\ndestination:/topic/smuggled\nreceipt:1\n\n" + '\0';
        for (const std::size_t piece : pieces) {
            CAPTURE(first, piece);
            client c;
            c.feed(request, piece);
            CHECK(c.seen(server_event::connect) == 0);
            CHECK(c.seen(server_event::send) == 0);
            CHECK(count(c.written, "ERROR\n") == 1);
            CHECK(count(c.written, "CONNECTED") == 0);
            CHECK(count(c.written, "RECEIPT") == 0);
            CHECK(c.reason == (first.size() > 16 && first.find('\n') > 16 ? errc::limit_command : errc::not_connected));
            CHECK(c.closed == 1);
            c.must_fail(c.reason);
        }
    }
}

TEST_CASE("abuse 29: the same events however the octets arrive (F-13)") {
    std::string stream;
    for (int i = 0; stream.size() < 64 * 1024; ++i) {
        stream += "SEND\r\ndestination:/a\\c" + std::to_string(i) + "\nreceipt:" + std::to_string(i) + "\n\n" +
                  std::string(static_cast<std::size_t>(i) % 300, 'b') + octets("\0\n\r\n");
        stream += "SEND\ndestination:d\ncontent-length:5\n\na\0b\0c\0"sv;
    }
    const auto run = [&stream](std::size_t piece) {
        std::string log;
        client c;
        c.on_event = [&log](const server_event& e) {
            if (e.kind == server_event::send) ((log += e.frame.get_or("destination")) += '|') += e.frame.body;
        };
        c.logged_in();
        CHECK(c.feed(stream, piece) == stream.size());
        return log + c.written;
    };
    const std::string expected = run(whole);
    CHECK(count(expected, "RECEIPT\n") > 100);
    for (const std::size_t piece : {1U, 2U, 3U, 5U, 7U, 11U, 13U, 17U, 61U, 251U, 1021U, 4093U})
        CHECK(run(piece) == expected);
}

TEST_CASE("abuse 30: a thousand frames in one chunk come one by one, and the caller may stop after any (F-13)") {
    client c;
    c.logged_in();
    const std::string frames = repeat("SEND\ndestination:d\n\n\0"sv, 1000);
    REQUIRE(c.session.receive(frames, c.now) == errc::ok);
    std::size_t seen = 0;
    while (seen < 500 && c.session.poll_event()) ++seen;
    CHECK(seen == 500);
    CHECK(c.session.output().empty());
    while (c.session.poll_event()) ++seen;
    CHECK(seen == 1000);
    CHECK_FALSE(c.session.poll_event());
}
