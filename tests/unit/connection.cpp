// What both ends of a connection share: input, output and time.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using sim::lone_client;
using sim::lone_server;
using sim::wire;
using stomp::errc;
using stomp::server_event;
using stomp::version;

TEST_CASE("E-07: a server lingers, and nothing is left to wait for afterwards") {
    const bool peer_closes = GENERATE(true, false);
    lone_server s({.linger = 700ms});
    s.open();
    s.feed("SEND\n\n^@");
    CHECK(s.closed == 1);
    CHECK_FALSE(s.session.output_finished());
    CHECK(s.frames().substr(0, 6) == "ERROR ");
    CHECK(s.session.output_finished());
    CHECK_FALSE(s.session.finished());
    s.wait(0ms);
    CHECK(s.session.next_timeout() == s.now + 700ms);

    // What still arrives is read and dropped.
    CHECK(s.session.wants_input());
    CHECK(s.feed("SEND\ndestination:/q\n\n^@") == "");
    const std::span<char> space = s.session.input_buffer(10);
    REQUIRE(space.size() >= 10);
    s.session.commit_input(10, s.now);
    CHECK(s.poll() == "");

    if (peer_closes) {
        s.lose();
    } else {
        s.wait(699ms);
        CHECK_FALSE(s.session.finished());
        s.wait(1ms);
    }
    CHECK(s.session.finished());
    CHECK_FALSE(s.session.wants_input());
    CHECK_FALSE(s.session.next_timeout());
    CHECK(s.wait(10s) == "");
    CHECK_FALSE(s.session.next_timeout());
}

TEST_CASE("E-07: without linger time the session is finished with its last octet") {
    lone_server s({.linger = 0ms});
    s.open();
    SECTION("after an ERROR") {
        s.feed("SEND\n\n^@");
        CHECK_FALSE(s.session.finished());
        CHECK(s.frames().substr(0, 6) == "ERROR ");
    }
    SECTION("with nothing to say") { s.feed("DISCONNECT\n\n^@"); }
    CHECK(s.session.finished());
    CHECK_FALSE(s.session.next_timeout());
}

TEST_CASE("idle_timeout is for peers without heart-beats, once they are accepted") {
    stomp::server_options o{.heart_beat = {0ms, 10s}, .idle_timeout = 3s};
    SECTION("it closes a silent peer, counted from its last octet") {
        lone_server s(o);
        s.open();
        s.wait(0ms);
        CHECK(s.session.next_timeout() == s.now + 3s);
        s.wait(2999ms);
        CHECK(s.feed("\n") == "");
        CHECK(s.wait(2999ms) == "");
        CHECK(s.wait(1ms) == "closed idle_timeout\n");
        CHECK(s.session.finished());
        CHECK_FALSE(s.session.next_timeout());
    }
    SECTION("not one that beats every ten seconds") {
        lone_server s(o);
        s.open(version::v1_2, "heart-beat:10000,0\n");
        s.wait(0ms);
        CHECK(s.wait(19999ms) == "");
        CHECK(s.wait(1ms) == "closed heart_beat_timeout\n");
    }
    SECTION("not one that waits for the application") {
        lone_server s(o);
        s.on_event = [](const server_event&) {};
        CHECK(s.feed(sim::connect_frame(version::v1_2)) == "connect: CONNECT accept-version:1.2 host:h\n");
        CHECK(s.wait(1h) == "");
        CHECK(s.session.accept() == errc::ok);
        CHECK(s.wait(0ms) == "");
        CHECK(s.wait(3s) == "closed idle_timeout\n");
    }
    SECTION("before CONNECT the login time counts") {
        lone_server s(o);
        CHECK(s.wait(9999ms) == "");
        CHECK(s.wait(1ms) == "closed login_timeout\n");
    }
}

TEST_CASE("C-21: a session that has lost its connection waits for nothing") {
    lone_client c({.host = "h", .heart_beat = {1s, 1s}});
    c.open(version::v1_2, "heart-beat:1000,1000\n");
    CHECK(c.session.send("/q", "x") == errc::ok);
    c.session.transport_closed(c.now);
    c.session.consume_output(3, c.now);  // a write that was under way
    CHECK_FALSE(c.session.next_timeout());
    CHECK(c.poll() == "closed connection_lost\n");
    CHECK_FALSE(c.session.next_timeout());
}

// ---- output ------------------------------------------------------------------------------------------------

namespace {

const std::array<stomp::header, 1> to_q{stomp::header{"destination", "/q"}};

/// A server session with one automatic subscription and nothing in its output.
struct publisher : lone_server {
    explicit publisher(stomp::server_options o = {}, std::string_view connect_headers = {})
        : lone_server(std::move(o)) {
        open(version::v1_2, connect_headers);
        feed("SUBSCRIBE\nid:1\ndestination:/q\n\n^@");
    }
    errc publish(std::string_view body) {
        return session.message(subscription, {stomp::command::send, {}, to_q, body}, 1);
    }
};

std::string joined(std::span<const std::string_view> chunks) {
    std::string out;
    for (const std::string_view c : chunks) out += c;
    return out;
}

}  // namespace

TEST_CASE("Output views stay where and what they are while the session receives, polls, times out and sends") {
    publisher s({.heart_beat = {1s, 1s}}, "heart-beat:1000,1000\n");
    {
        const std::array<stomp::header, 1> headers{stomp::header{"destination", "/q"}};
        const std::string body(5000, 's');
        const stomp::shared_message shared({stomp::command::send, {}, headers, body});
        CHECK(s.publish("small") == errc::ok);
        CHECK(s.session.message(s.subscription, shared, 1) == errc::ok);
        CHECK(s.publish(std::string(3000, 'l')) == errc::ok);
    }  // the caller's copies are gone
    std::array<std::string_view, 16> chunks;
    const std::size_t n = s.session.output(chunks);
    REQUIRE(n >= 3);
    const std::string before = joined(std::span(chunks).first(n));
    CHECK(before.size() == s.session.unsent());
    const std::array<std::string_view, 16> held = chunks;

    for (int i = 0; i < 200; ++i) {
        s.feed("SEND\ndestination:/q\nreceipt:r\n\nbody^@\n");
        CHECK(s.publish(std::string(static_cast<std::size_t>(i) * 20, 'm')) == errc::ok);
        s.wait(40ms);
    }
    s.session.pause_input(s.now);
    CHECK(joined(std::span(held).first(n)) == before);
    std::array<std::string_view, 16> again;
    REQUIRE(s.session.output(again) == 16);
    for (std::size_t i = 0; i + 1 < n; ++i) CHECK(again[i].data() == held[i].data());

    // Consuming some of it leaves the rest alone.
    s.session.consume_output(10, s.now);
    CHECK(s.session.output().data() == held[0].data() + 10);
    CHECK(joined(std::span(held).first(n)).substr(10) == before.substr(10));
    s.session.fail("enough");
    CHECK(joined(std::span(held).first(n)).substr(10) == before.substr(10));
    s.lose();
    CHECK(joined(std::span(held).first(n)).substr(10) == before.substr(10));
}

TEST_CASE("A client's output views outlive its failure, and nothing of them is offered again") {
    lone_client c;
    c.open();
    CHECK(c.session.send("/q", "in flight") == errc::ok);
    const std::string_view held = c.session.output();
    const std::string before(held);
    c.feed("ERROR\n\n^@");
    CHECK(held == before);
    CHECK(c.session.output().empty());
    std::array<std::string_view, 4> chunks;
    CHECK(c.session.output(chunks) == 0);
    CHECK(c.session.output_frame(chunks) == 0);
    CHECK(c.session.unsent() == 0);
    c.session.consume_output(before.size(), c.now);  // the write that was under way
    CHECK(c.session.unsent() == 0);
    CHECK_FALSE(c.session.next_timeout());
}

TEST_CASE("W-05: output_frame gives exactly one frame, a heart-beat, or what is left of one") {
    publisher s({.heart_beat = {1s, 0ms}}, "heart-beat:0,1000\n");
    s.wait(0ms);
    s.wait(500ms);
    std::array<std::string_view, 4> chunks;
    REQUIRE(s.session.output_frame(chunks) == 1);
    CHECK(chunks[0] == "\n");

    const std::string long_body(4000, 'l');
    const stomp::shared_message shared({stomp::command::send, {}, to_q, long_body});
    CHECK(s.publish("a") == errc::ok);
    CHECK(s.session.message(s.subscription, shared, 1) == errc::ok);
    CHECK(s.publish(std::string(6000, 'c')) == errc::ok);
    CHECK(s.publish("d") == errc::ok);

    std::vector<std::string> frames;
    std::size_t most_chunks = 0;
    while (const std::size_t n = s.session.output_frame(chunks)) {
        most_chunks = (std::max)(most_chunks, n);
        frames.push_back(joined(std::span(chunks).first(n)));
        // In two parts: the second call answers the rest of the same frame.
        const std::size_t part = frames.back().size() / 2;
        s.session.consume_output(part, s.now);
        const std::size_t rest = s.session.output_frame(chunks);
        CHECK(joined(std::span(chunks).first(rest)) == frames.back().substr(part));
        s.session.consume_output(frames.back().size() - part, s.now);
    }
    CHECK(most_chunks == 3);
    REQUIRE(frames.size() == 5);
    CHECK(frames[0] == "\n");
    for (std::size_t i = 1; i < frames.size(); ++i) {
        CHECK(frames[i].starts_with("MESSAGE\n"));
        CHECK(frames[i].find('\0') == frames[i].size() - 1);
    }
    CHECK(frames[2].find(long_body) != std::string::npos);
    CHECK(frames[4].ends_with(std::string_view("\n\nd\0", 4)));
}

TEST_CASE("output() fills as many chunks as there is room for") {
    publisher s;
    const std::string body(3000, 'x');
    const stomp::shared_message shared({stomp::command::send, {}, to_q, body});
    for (int i = 0; i < 3; ++i) CHECK(s.session.message(s.subscription, shared, 1) == errc::ok);
    std::array<std::string_view, 9> chunks;
    CHECK(s.session.output(std::span<std::string_view>{}) == 0);
    CHECK(s.session.output(std::span(chunks).first(2)) == 2);
    CHECK(s.session.output(chunks) == 9);
    CHECK(joined(chunks).size() == s.session.unsent());
    s.session.consume_output(s.session.unsent() + 1000, s.now);  // more than there is: all
    CHECK(s.session.unsent() == 0);
    CHECK(s.session.output(chunks) == 0);
    CHECK(s.session.output().empty());
}

// ---- input -------------------------------------------------------------------------------------------------

TEST_CASE("Input is taken whole or not at all, and no more once max_input octets wait") {
    stomp::server_options o;
    o.limits.max_input = 1000;
    lone_server s(o);
    s.open();
    const std::string frame = wire("SEND\ndestination:/q\n\nx^@");
    std::size_t taken = 0;
    while (s.session.wants_input()) {
        CHECK(s.session.receive(frame, s.now) == errc::ok);
        taken += frame.size();
    }
    CHECK(taken >= 1000);
    CHECK(taken < 1000 + frame.size());
    CHECK(s.session.receive(frame, s.now) == errc::input_full);
    CHECK(s.session.input_buffer().empty());
    const std::size_t frames = taken / frame.size();
    // One event makes room for one frame.
    CHECK(s.session.poll_event());
    CHECK(s.session.poll_event());
    CHECK(s.session.wants_input());
    CHECK(s.session.receive(frame, s.now) == errc::ok);
    std::size_t events = 2;
    while (s.session.poll_event()) ++events;
    CHECK(events == frames + 1);
    CHECK(s.session.wants_input());
}

TEST_CASE("A frame larger than max_input is read all the same") {
    stomp::server_options o;
    o.limits.max_input = 100;
    lone_server s(o);
    s.open();
    s.feed("SEND\ndestination:/q\ncontent-length:5000\n\n");
    for (int i = 0; i < 50; ++i) {
        CHECK(s.session.wants_input());
        CHECK(s.feed(std::string(100, 'x')) == "");
    }
    CHECK(s.feed("^@") == "send: SEND destination:/q content-length:5000 [5000 octets]\n");
}

TEST_CASE("C-30 P7: frames behind CONNECT are held within a bound until the application has decided") {
    lone_server s;
    s.on_event = [](const server_event&) {};
    const std::string send = wire("SEND\ndestination:/q\nreceipt:r\n\nx^@");
    CHECK(s.session.receive(wire(sim::connect_frame(version::v1_2)) + send, s.now) == errc::ok);
    CHECK(s.poll() == "connect: CONNECT accept-version:1.2 host:h\n");
    std::size_t held = send.size();
    while (s.session.wants_input()) {
        CHECK(s.session.receive(send, s.now) == errc::ok);
        held += send.size();
        CHECK(s.poll() == "");
    }
    CHECK(held >= stomp::limits::before_login().max_input);
    CHECK(held < stomp::limits::before_login().max_input + send.size());
    CHECK(s.session.receive("x", s.now) == errc::input_full);
    CHECK(s.session.accept("late") == errc::ok);
    std::size_t events = 0;
    while (const auto e = s.session.poll_event()) events += e->kind == server_event::send;
    CHECK(events == held / send.size());
    CHECK(s.session.wants_input());
    CHECK(s.frames().starts_with("CONNECTED version:1.2 session:late heart-beat:0,0\nRECEIPT receipt-id:r\n"));
}

TEST_CASE("P7: what stands behind a rejected CONNECT is never looked at") {
    lone_server s;
    s.on_event = [&](const server_event& e) {
        if (e.kind == server_event::connect) s.session.reject("bad credentials");
    };
    CHECK(s.feed(sim::connect_frame(version::v1_2) + "SEND\ndestination:/q\n\nx^@\r\r\r") ==
          "connect: CONNECT accept-version:1.2 host:h\nclosed connect_rejected\n");
    CHECK(s.frames() == "ERROR message:bad credentials\n");
}

TEST_CASE("input_buffer() and commit_input() take octets as receive() does") {
    lone_server s;
    const std::string octets = wire(sim::connect_frame(version::v1_2) + "SEND\ndestination:/q\n\nx^@");
    for (const char octet : octets) {
        const std::span<char> space = s.session.input_buffer(1);
        REQUIRE_FALSE(space.empty());
        space[0] = octet;
        s.session.commit_input(1, s.now);
        s.log += s.poll();
    }
    CHECK(s.poll() == "connect: CONNECT accept-version:1.2 host:h\nsend: SEND destination:/q [x]\n");
    CHECK(s.session.input_buffer(100'000).size() >= 100'000);
    s.session.commit_input(0, s.now);
    CHECK(s.poll() == "");
}

// ---- time --------------------------------------------------------------------------------------------------

TEST_CASE("A deadline that a command starts begins at the first time told afterwards") {
    lone_client c({.host = "h", .connect_timeout = 0ms, .receipt_timeout = 2s});
    c.open();
    c.now += 1h;  // nobody has told the session
    CHECK_FALSE(c.session.next_timeout());
    const bool receipt = GENERATE(true, false);
    CHECK((receipt ? c.session.send("/q", "x", {{"receipt", "r"}}) : c.session.disconnect()) == errc::ok);
    REQUIRE(c.session.next_timeout());
    CHECK(*c.session.next_timeout() <= sim::start);  // due at once
    const int how = GENERATE(0, 1, 2, 3);
    if (how == 0) c.session.handle_timeout(c.now);
    if (how == 1) CHECK(c.session.receive("\n", c.now) == errc::ok);
    if (how == 2) c.session.consume_output(1, c.now);
    if (how == 3) c.session.pause_input(c.now);
    const auto limit = receipt ? stomp::milliseconds(2s) : stomp::milliseconds(5s);
    if (!receipt) CHECK(c.session.next_timeout() <= c.now + limit);  // the receipt of DISCONNECT has its own deadline
    if (receipt) CHECK(c.session.next_timeout() == c.now + limit);
    CHECK(c.wait(limit - 1ms) == "");
    CHECK(c.wait(1ms) == (receipt ? "unconfirmed r receipt_timeout\n"
                                  : "unconfirmed r1 disconnect_timeout\nclosed disconnect_timeout\n"));
    CHECK_FALSE(c.session.next_timeout());
}

TEST_CASE("R-08: receipts time out first in, first out, each from the time of its own command") {
    lone_client c({.host = "h", .connect_timeout = 0ms, .receipt_timeout = 2s});
    c.open();
    const auto ask = [&](std::string_view id) { CHECK(c.session.send("/q", "x", {{"receipt", id}}) == errc::ok); };
    ask("a");
    ask("b");
    CHECK(c.wait(500ms) == "");  // both begin here
    ask("c");
    CHECK(c.wait(500ms) == "");  // here c
    ask("d");
    ask("e");
    c.now += 500ms;  // and here the rest
    CHECK(c.feed("RECEIPT\nreceipt-id:d\n\n^@") == "receipt d: RECEIPT receipt-id:d\n");
    CHECK(c.session.next_timeout() == sim::start + 2500ms);
    CHECK(c.wait(999ms) == "");
    CHECK(c.wait(1ms) == "unconfirmed a receipt_timeout\nunconfirmed b receipt_timeout\n");
    CHECK(c.session.next_timeout() == sim::start + 3000ms);
    c.session.handle_timeout(c.now + 500ms);
    CHECK(c.session.next_timeout() != c.now + 500ms);  // told: no reason to call again before it is polled
    CHECK(c.poll() == "unconfirmed c receipt_timeout\n");
    CHECK(c.session.next_timeout() == sim::start + 3500ms);
    CHECK(c.wait(1000ms) == "unconfirmed e receipt_timeout\n");
    CHECK_FALSE(c.session.next_timeout());
    // A receipt that comes too late is one that nobody waits for.
    CHECK(c.feed("RECEIPT\nreceipt-id:a\n\n^@") == "receipt a: RECEIPT receipt-id:a\n");
}

TEST_CASE("What has arrived counts before what has expired") {
    lone_client c({.host = "h", .receipt_timeout = 2s});
    c.open();
    CHECK(c.session.send("/q", "x", {{"receipt", "r"}}) == errc::ok);
    c.wait(0ms);
    CHECK(c.session.receive(wire("RECEIPT\nreceipt-id:r\n\n^@"), c.now) == errc::ok);
    CHECK(c.wait(1h) == "receipt r: RECEIPT receipt-id:r\n");
}

TEST_CASE("connect_timeout counts from construction to CONNECTED") {
    lone_client c;
    CHECK(c.session.next_timeout() == sim::start + 30s);
    c.output();
    SECTION("it ends the session") {
        CHECK(c.feed("CONNECTED\nversion:1.2\n") == "");  // not a whole frame
        CHECK(c.wait(29'999ms) == "");
        CHECK(c.wait(1ms) == "closed connect_timeout\n");
        CHECK(c.session.finished());
        CHECK_FALSE(c.session.next_timeout());
    }
    SECTION("CONNECTED stops it") {
        CHECK(c.feed("CONNECTED\nversion:1.2\n\n^@") == "connected: CONNECTED version:1.2\n");
        CHECK_FALSE(c.session.next_timeout());
        CHECK(c.wait(1h) == "");
    }
    SECTION("zero is for ever") {
        lone_client patient({.host = "h", .connect_timeout = 0ms});
        CHECK_FALSE(patient.session.next_timeout());
        CHECK(patient.wait(24h) == "");
    }
}

TEST_CASE("Durations of any length neither overflow nor end too soon") {
    constexpr auto most = (stomp::milliseconds::max)();
    CHECK(lone_client({.host = "h", .heart_beat = {most, -1ms}}).frames().ends_with(" heart-beat:4294967295,0\n"));
    lone_client c({.host = "h",
                   .heart_beat = {most, most},
                   .connect_timeout = most,
                   .receipt_timeout = most,
                   .disconnect_timeout = most,
                   .tolerance_floor = most,
                   .tolerance = 1e300});
    CHECK(c.session.next_timeout() == (stomp::time_point::max)());
    c.open(version::v1_2, "heart-beat:4294967295,4294967295\n");
    CHECK(c.session.intervals().client_to_server == stomp::milliseconds(UINT32_MAX));
    CHECK(c.session.send("/q", "x", {{"receipt", "r"}}) == errc::ok);
    CHECK(c.wait(24h * 365) == "");
    CHECK(c.session.disconnect() == errc::ok);
    CHECK(c.wait(24h * 365 * 30) == "");
    CHECK(c.closed == 0);
}

TEST_CASE("E-07 stall_timeout: a peer that takes no octet is given up") {
    stomp::server_options o{.heart_beat = {10s, 0ms}, .stall_timeout = 3s};
    publisher s(o, "heart-beat:0,10000\n");
    s.wait(0ms);
    CHECK(s.wait(4s) == "");  // nothing waits
    CHECK(s.publish(std::string(1000, 'x')) == errc::ok);
    s.wait(0ms);
    SECTION("from the first waiting octet") {
        CHECK(s.wait(2s) == "");
        CHECK(s.publish("more") == errc::ok);  // does not prolong it
        CHECK(s.wait(999ms) == "");
        CHECK(s.wait(1ms) == "closed stall_timeout\n");
        CHECK(s.session.finished());
        CHECK_FALSE(s.session.next_timeout());
    }
    SECTION("from the last octet taken") {
        CHECK(s.wait(2999ms) == "");
        s.session.consume_output(1, s.now);
        CHECK(s.wait(2999ms) == "");
        s.session.consume_output(s.session.unsent(), s.now);
        CHECK(s.wait(4s) == "");
        CHECK(s.session.unsent() == 0);
    }
    SECTION("a heart-beat that waits counts too") {
        s.output();
        s.wait(5s);
        CHECK(s.session.output() == "\n");
        s.wait(0ms);
        CHECK(s.wait(3s) == "closed stall_timeout\n");
    }
    SECTION("when an ERROR waits, the transport is closed without it") {
        s.session.fail("no");
        s.wait(0ms);
        CHECK_FALSE(s.session.finished());
        s.wait(2999ms);
        CHECK_FALSE(s.session.finished());
        s.wait(1ms);
        CHECK(s.session.finished());
        CHECK(s.reason == errc::closed_by_application);
        CHECK_FALSE(s.session.next_timeout());
    }
    SECTION("zero is for ever") {
        publisher patient({.stall_timeout = 0ms});
        CHECK(patient.publish("x") == errc::ok);
        CHECK(patient.wait(24h) == "");
        CHECK_FALSE(patient.session.next_timeout());
    }
}

TEST_CASE("C-23: the peer's silence does not count while input is paused") {
    lone_client c({.host = "h", .heart_beat = {0ms, 1s}});
    c.open(version::v1_2, "heart-beat:1000,0\n");
    c.wait(2999ms);
    c.session.pause_input(c.now);
    CHECK_FALSE(c.session.next_timeout());
    CHECK(c.wait(1h) == "");
    c.session.pause_input(c.now);  // twice is once
    c.session.resume_input(c.now);
    REQUIRE(c.session.next_timeout());
    CHECK(c.wait(0ms) == "");
    CHECK(c.session.next_timeout() == c.now + 3s);
    c.session.resume_input(c.now + 1s);  // does not begin anew
    CHECK(c.wait(2999ms) == "");
    CHECK(c.wait(1ms) == "closed heart_beat_timeout\n");
}

TEST_CASE("C-23: the peer's silence does not count while input is not wanted") {
    stomp::server_options o{.heart_beat = {0ms, 1s}};
    o.limits.max_input = 100;
    lone_server s(o);
    s.open(version::v1_2, "heart-beat:1000,0\n");
    s.wait(0ms);
    while (s.session.wants_input()) {
        CHECK(s.session.receive(wire("SEND\ndestination:/q\n\nx^@"), s.now) == errc::ok);
    }
    CHECK_FALSE(s.session.next_timeout());
    s.now += 1h;
    s.session.handle_timeout(s.now);
    CHECK(s.session.poll_event());
    CHECK(s.session.poll_event());
    CHECK(s.session.wants_input());
    s.session.handle_timeout(s.now);
    CHECK(s.session.next_timeout() == s.now + 3s);
    s.poll();
    CHECK(s.wait(2999ms) == "");
    CHECK(s.wait(1ms) == "closed heart_beat_timeout\n");
}

TEST_CASE("C-20: any octet shows that the peer lives") {
    lone_client c({.host = "h", .heart_beat = {0ms, 1s}});
    c.open(version::v1_2, "heart-beat:1000,0\n");
    const std::string slow = "MESSAGE\nsubscription:1\n";
    for (const char octet : slow) {
        c.wait(2900ms);
        CHECK(c.feed(std::string(1, octet)) == "");
    }
    CHECK(c.wait(2999ms) == "");
    CHECK(c.wait(1ms) == "closed heart_beat_timeout\n");
}

TEST_CASE("C-21: consuming output counts as having sent, and a beat waits behind nothing") {
    lone_client c({.host = "h", .heart_beat = {1s, 0ms}});
    c.open(version::v1_2, "heart-beat:0,1000\n");
    c.wait(0ms);
    CHECK(c.session.next_timeout() == c.now + 500ms);
    c.wait(400ms);
    CHECK(c.session.send("/q", "x") == errc::ok);
    c.output();
    CHECK(c.session.next_timeout() == c.now + 500ms);
    c.wait(400ms);
    CHECK(c.session.send("/q", "x") == errc::ok);
    const std::size_t frame = c.session.unsent();
    c.wait(100ms);  // the beat is due, but a frame waits
    CHECK(c.session.unsent() == frame);
    c.session.consume_output(frame - 1, c.now);
    c.wait(500ms);
    CHECK(c.session.unsent() == 1);  // never inside a frame
    c.session.consume_output(1, c.now);
    c.wait(499ms);
    CHECK(c.session.unsent() == 0);
    c.wait(1ms);
    CHECK(c.session.output() == "\n");
}

TEST_CASE("C-24: no heart-beat is owed or expected before CONNECTED") {
    lone_client c({.host = "h", .heart_beat = {1s, 1s}, .connect_timeout = 0ms});
    c.output();
    CHECK_FALSE(c.session.next_timeout());
    CHECK(c.wait(1h) == "");
    CHECK(c.session.unsent() == 0);
}

TEST_CASE("Sessions can be moved in the middle of anything") {
    lone_client c({.host = "h", .heart_beat = {1s, 1s}});
    c.open(version::v1_2, "heart-beat:1000,1000\n");
    CHECK(c.session.subscribe("1", "/q", stomp::ack_mode::client, {{"receipt", "r"}}) == errc::ok);
    CHECK(c.session.receive(wire("MESSAGE\nsubscription:1\nmessage-id:1\n"), c.now) == errc::ok);
    CHECK_FALSE(c.session.poll_event());
    stomp::client_session other(std::move(c.session));
    c.session = stomp::client_session({.host = "fresh"}, c.now);
    c.session = std::move(other);
    CHECK(c.feed("ack:a\ndestination:/q\n\nx^@RECEIPT\nreceipt-id:r\n\n^@") ==
          "message: MESSAGE subscription:1 message-id:1 ack:a destination:/q [x]\nreceipt r: RECEIPT receipt-id:r\n");
    CHECK(c.frames() == "SUBSCRIBE id:1 destination:/q ack:client receipt:r\n");

    publisher s;
    CHECK(s.publish(std::string(5000, 'x')) == errc::ok);
    CHECK(s.session.receive(wire("SEND\ndestination:/q\nrece"), s.now) == errc::ok);
    stomp::server_session moved(std::move(s.session));
    s.session = std::move(moved);
    CHECK(s.feed("ipt:r\n\nx^@") == "send: SEND destination:/q receipt:r [x]\n");
    CHECK(s.frames().ends_with("RECEIPT receipt-id:r\n"));
}

TEST_CASE("A read into input_buffer() may be under way while events are polled, commands given and time passes") {
    lone_client c({.host = "h", .heart_beat = {1s, 1s}});
    c.open(version::v1_2, "heart-beat:1000,1000\n");
    const std::string frame = wire("MESSAGE\nsubscription:1\nmessage-id:1\ndestination:/q\n\nx^@\n");
    const std::size_t size = GENERATE(100U, 5000U, 100'000U);
    const std::span<char> space = c.session.input_buffer(size);
    REQUIRE(space.size() >= size);
    const std::string one = "message: MESSAGE subscription:1 message-id:1 destination:/q [x]\n";
    CHECK(c.poll() == "");
    CHECK(c.session.send("/q", "x") == errc::ok);
    c.output();
    CHECK(c.wait(10ms) == "");
    std::copy(frame.begin(), frame.end(), space.begin());  // the read completes
    c.session.commit_input(frame.size(), c.now);
    CHECK(c.poll() == one);
    CHECK(c.feed("RECEIPT\nreceipt-id:1\n\n^@") == "receipt 1: RECEIPT receipt-id:1\n");
}
