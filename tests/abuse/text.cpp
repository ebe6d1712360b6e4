// Hostile text: in frames that come in, in what is printed, and in what the application hands to the encoder.
#include <stomp/encode.hpp>
#include <stomp/fmt.hpp>
#include <stomp/parser.hpp>

#include "hostile.hpp"

#include <random>

using namespace hostile;
using stomp::command;
using stomp::header;
using stomp::server_event;
using stomp::strictness;
using stomp::version;

namespace {

constexpr std::array ill_formed{"\xc0\xaf"sv,         "\xe0\x80\xaf"sv, "\xed\xa0\x80"sv, "\xf4\x90\x80\x80"sv,
                                "\xf8\x88\x80\x80"sv, "\x80"sv,         "\xe2\x82"sv,     "\xff"sv};

std::string send_with(std::string_view value, std::string_view body = {}) {
    return "SEND\ndestination:d\na:" + std::string(value) + "\n\n" + std::string(body) + '\0';
}

/// What is left of a frame that goes through a session.
struct outcome {
    std::string value;
    std::string body;
    errc reason = errc::ok;
};

outcome through(std::string_view bytes, const stomp::server_options& options = {}, std::size_t piece = whole) {
    outcome o;
    client c(options);
    c.on_event = [&o](const server_event& e) {
        if (e.kind != server_event::send) return;
        o.value = e.frame.get_or("a");
        o.body = e.frame.body;
    };
    c.logged_in();
    c.feed(bytes, piece);
    o.reason = c.reason;
    return o;
}

/// How many frames and headers a receiver finds in these octets, and whether it finds them sound.
struct found {
    std::size_t frames = 0;
    std::size_t headers = 0;
    bool sound = true;
};

found receive(std::string_view bytes, version v) {
    found f;
    stomp::parser parser;
    parser.set_version(v);
    parser.feed(bytes);
    stomp::parse_status status;
    while ((status = parser.next()) == stomp::parse_status::frame) {
        ++f.frames;
        f.headers += parser.frame().headers.size();
    }
    f.sound = status == stomp::parse_status::need_more && parser.idle();
    return f;
}

}  // namespace

TEST_CASE("abuse 31: ill-formed UTF-8 in a header is passed on as it is, or refused strictly (H-17)") {
    stomp::server_options strict;
    strict.strictness = strictness::strict;
    for (const std::string_view text : ill_formed) {
        for (const std::size_t piece : pieces) {
            const outcome o = through(send_with(text), {}, piece);
            CHECK(o.value == text);
            CHECK(o.reason == errc::ok);
        }
        server_refuses(send_with(text), errc::invalid_utf8, "1.2", strict);
        // A CR inside a sequence leaves no state behind.
        server_refuses(send_with(std::string(text) + "\r" + std::string(text)), errc::bare_cr);
    }
    CHECK(through(send_with("\xf0\x9f\x90\x87"), strict).value == "\xf0\x9f\x90\x87");
}

TEST_CASE("abuse 32: a body is octets, whatever they are (F-09)") {
    std::string body;
    for (int i = 1; i < 256; ++i) body += static_cast<char>(i);
    stomp::server_options strict;
    strict.strictness = strictness::strict;
    CHECK(through(send_with("v", body), strict).body == body);
    for (const std::string_view text : ill_formed) CHECK(through(send_with("v", text), strict).body == text);
}

TEST_CASE("abuse 33: what is printed holds nothing but printable ASCII, and no passcode (E-13)") {
    constexpr std::string_view hostile_text = "\xe2\x80\xa8\xe2\x80\xae\x1b[2J%n{}\nforged line\r\t\x7f";
    const std::vector<header> headers{
        {"message", hostile_text}, {"login", hostile_text}, {"passcode", "secret"}, {hostile_text, "v"}};
    const std::string text = fmt::format("{}", stomp::frame_view{command::connect, {}, headers, hostile_text});
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }));
    CHECK(text.find("secret") == text.npos);
    CHECK(text.find("%n{}") != text.npos);
}

TEST_CASE("abuse 33: an ERROR tells nothing of what the peer sent but its receipt (E-05, E-13)") {
    client c;
    c.logged_in("1.2", "login:guest\npasscode:secret\n");
    c.feed("SUBSCRIBE\nid:secret\ndestination:secret\nack:secret\nreceipt:mine\\nforged\\c\n\nsecret\0"sv);
    CHECK(count(c.written, "secret") == 0);
    c.must_fail(errc::body_not_allowed);
    client d;
    d.logged_in();
    d.feed("SUBSCRIBE\nid:secret\ndestination:secret\nack:secret\nreceipt:mine\\nforged\\c\n\n\0"sv);
    CHECK(count(d.written, "secret") == 0);
    CHECK(count(d.written, "receipt-id:mine\\nforged\\c\n") == 1);
    d.must_fail(errc::bad_ack_mode);
}

TEST_CASE("abuse 34: limits count octets, not characters (L-02, L-03)") {
    const std::string four = repeat("\xf0\x9f\x90\x87", 2048 - 1);
    CHECK(through(send_with(four + "ab")).reason == errc::ok);
    server_refuses(send_with(four + "\xf0\x9f\x90\x87"), errc::limit_header_line);
    const std::string body = repeat("\xf0\x9f\x90\x87", 256 * 1024);
    CHECK(through(send_with("v", body)).body == body);
    client c;
    c.logged_in();
    c.feed(send_with("v", body + "\xf0\x9f\x90\x87"));
    c.must_fail(errc::limit_body);
}

TEST_CASE("abuse 35: hostile header text of the application is escaped, or refused (H-08, H-11, H-12)") {
    const auto encoded = [](std::string_view name, std::string_view value, version v, std::string& out) {
        return stomp::encode(out, command::send, {{"destination", "d"}, {name, value}}, {}, v);
    };
    std::string out;
    CHECK(encoded("a\n\\:", "b\n\\:\r", version::v1_2, out) == errc::ok);
    CHECK(out == "SEND\ndestination:d\na\\n\\\\\\c:b\\n\\\\\\c\\r\n\n\0"sv);
    out.clear();
    CHECK(encoded("a\n\\:", "b\n\\:", version::v1_1, out) == errc::ok);
    CHECK(out == "SEND\ndestination:d\na\\n\\\\\\c:b\\n\\\\\\c\n\n\0"sv);
    out.clear();
    CHECK(encoded("a", "b\r", version::v1_1, out) == errc::not_representable);
    for (const version v : stomp::all_versions) {
        CHECK(encoded("a\0"sv, "b", v, out) == errc::nul_in_header);
        CHECK(encoded("a", "\0"sv, v, out) == errc::nul_in_header);
        CHECK(encoded("", "b", v, out) == errc::header_empty_name);
    }
    CHECK(out.empty());
}

TEST_CASE("abuse 36: where nothing can be escaped, hostile text is refused and nothing is written (H-09, H-11)") {
    std::string out = "before";
    for (const std::string_view text : {"x\ninjected:1"sv, "x\r"sv, "x\n\nbody"sv, "x\0SEND\n"sv}) {
        for (const command c : {command::connect, command::stomp, command::connected}) {
            for (const version v : stomp::all_versions) {
                CHECK(stomp::encode(out, c, {{"login", text}}, {}, v) != errc::ok);
                CHECK(stomp::encode(out, c, {{text, "v"}}, {}, v) != errc::ok);
            }
        }
        CHECK(stomp::encode(out, command::message, {{"a", text}}, {}, version::v1_0) != errc::ok);
        CHECK(stomp::encode(out, command::message, {{text, "v"}}, {}, version::v1_0) != errc::ok);
    }
    CHECK(stomp::encode(out, command::connect, {{"a:b", "v"}}, {}, version::v1_2) == errc::not_representable);
    CHECK(stomp::encode(out, command::send, {{"a:b", "v"}}, {}, version::v1_0) == errc::not_representable);
    CHECK(out == "before");

    SECTION("a client whose passcode holds a line end says nothing at all") {
        stomp::client_options options = server::default_options();
        options.passcode = "x\nhost:other";
        server s(options);
        CHECK(s.written.empty());
        s.must_be_over(errc::not_representable);
    }
    SECTION("a 1.2 header reaches no 1.0 subscriber as two (H-20)") {
        client c;
        c.logged_in("1.0");
        c.feed("SUBSCRIBE\ndestination:d\nid:1\n\n\0"sv);
        REQUIRE(c.subscriptions.size() == 1);
        c.written.clear();
        const std::vector<header> sent{{"destination", "d"}, {"evil", "x\ninjected:1"}, {"fine", "y"}};
        const stomp::frame_view frame{command::send, {}, sent, "body"};
        CHECK(c.session.message(c.subscriptions[0], frame, 1) == errc::ok);
        CHECK(c.session.message(c.subscriptions[0], stomp::shared_message(frame), 1) == errc::ok);
        CHECK(c.session.message(c.subscriptions[0], frame, 1, {{"evil", "x\ny"}}) == errc::not_representable);
        c.drain();
        CHECK(count(c.written, "fine:y\n") == 2);
        CHECK(count(c.written, "evil") == 0);
        CHECK(count(c.written, "injected") == 0);
    }
}

TEST_CASE("abuse 37: headers that are the library's own are refused or replaced (B-14, SV-10)") {
    SECTION("the client's commands") {
        server s;
        s.logged_in();
        CHECK(s.session.send("d", "body", {{"destination", "other"}}) == errc::reserved_header);
        CHECK(s.session.send("d", "body", {{"content-length", "3"}}) == errc::content_length_conflict);
        CHECK(s.session.subscribe("1", "d", stomp::ack_mode::automatic, {{"id", "2"}}) == errc::reserved_header);
        CHECK(s.session.begin("t", {{"transaction", "u"}}) == errc::reserved_header);
    }
    SECTION("MESSAGE is made without what the sender has no say in") {
        client c;
        c.logged_in();
        c.feed("SUBSCRIBE\ndestination:d\nid:1\nack:client\n\n\0"sv);
        c.written.clear();
        c.on_event = [&c](const server_event& e) {
            if (e.kind == server_event::commit) {
                for (const auto& step : e.steps)
                    CHECK(c.session.message(c.subscriptions[0], step.frame, 1) == errc::ok);
            }
        };
        c.feed(
            "BEGIN\ntransaction:t\n\n\0SEND\ndestination:d\ntransaction:t\nsubscription:evil\nmessage-id:evil\nack:"
            "evil\n"
            "content-length:4\nredelivered:evil\nkeep:me\nreceipt:r\n\nbody\0COMMIT\ntransaction:t\n\n\0"sv);
        CHECK(c.written ==
              "RECEIPT\nreceipt-id:r\n\n\0MESSAGE\nsubscription:1\nmessage-id:s-1-1\nack:s-1-1\ndestination:d\n"
              "keep:me\ncontent-length:4\n\nbody\0"sv);
    }
}

TEST_CASE("abuse 38: a body with NUL is not sent without content-length (B-06)") {
    std::string out;
    const stomp::encode_options never{stomp::content_length_policy::never};
    CHECK(stomp::encode(out, command::send, {{"destination", "d"}}, "a\0b"sv, version::v1_2, never) ==
          errc::needs_content_length);
    CHECK(out.empty());
    stomp::client_options options = server::default_options();
    options.encoding = never;
    server s(options);
    s.logged_in();
    s.written.clear();
    CHECK(s.session.send("d", "a\0b"sv) == errc::needs_content_length);
    CHECK(s.session.send("d", "ab") == errc::ok);
    s.settle();
    CHECK(s.written == "SEND\ndestination:d\n\nab\0"sv);
}

TEST_CASE("abuse 39: a frame that does not fit is refused before its first octet (L-05)") {
    stomp::client_options options = server::default_options();
    options.limits.max_output = 1000;
    server s(options);
    s.logged_in();
    s.reads_output = false;
    CHECK(s.session.send("d", std::string(1000, 'b')) == errc::frame_too_large);
    CHECK(s.session.unsent() == 0);
    CHECK(s.session.send("d", std::string(800, 'b')) == errc::ok);
    const std::string before(s.session.output());
    CHECK(s.session.send("d", std::string(800, 'b')) == errc::output_full);
    CHECK(s.session.send("d", "b", {{"bad\0"sv, "v"}}) == errc::nul_in_header);
    CHECK(s.session.output() == before);
    CHECK(s.session.unsent() == before.size());
}

TEST_CASE("abuse 40: whatever is encoded is one frame with as many headers, in every version (F-01, H-11)") {
    std::mt19937 dice(40);
    constexpr std::string_view alphabet = "\0\0\n\n\r:\\ncr abSEND\xff"sv;
    const auto text = [&](std::size_t most) {
        std::string t(std::uniform_int_distribution<std::size_t>(0, most)(dice), ' ');
        for (char& c : t) c = alphabet[std::uniform_int_distribution<std::size_t>(0, alphabet.size() - 1)(dice)];
        return t;
    };
    std::size_t encoded = 0;
    for (int i = 0; i < 20'000; ++i) {
        const std::string texts[]{text(2), text(6), text(2), text(6), text(20)};
        const std::vector<header> headers{{texts[0], texts[1]}, {texts[2], texts[3]}};
        const auto c = static_cast<command>(1 + dice() % (stomp::command_count - 1));
        for (const version v : stomp::all_versions) {
            std::string out;
            const errc e = stomp::encode(out, c, headers, texts[4], v);
            if (e != errc::ok) {
                CHECK(out.empty());
                continue;
            }
            ++encoded;
            const found f = receive(out, v);
            const std::size_t expected = 2 + (texts[4].empty() ? 0U : 1U);
            if (f.frames == 1 && f.headers == expected && f.sound) continue;
            CAPTURE(out, v);
            CHECK(f.frames == 1);
            CHECK(f.headers == expected);
            CHECK(f.sound);
        }
    }
    CHECK(encoded > 1000);
}
