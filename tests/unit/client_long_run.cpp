// The client's session over many connections: restart(), subscriptions that are repeated, sends that are kept, receipts and
// requests that end in exactly one way, acknowledgements that come too late, output that congests.
#include <stomp/client.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using sim::lone_client;
using sim::wire;
using stomp::ack_handle;
using stomp::ack_mode;
using stomp::client_event;
using stomp::client_options;
using stomp::client_state;
using stomp::command;
using stomp::errc;
using stomp::header;
using stomp::version;

namespace {

constexpr std::array versions{version::v1_0, version::v1_1, version::v1_2};

/// A client of the test's that can lose its connection and come back.
struct client : lone_client {
    explicit client(client_options o = {.host = "h"}) : lone_client(std::move(o)) {}

    /// A new connection up to CONNECTED; returns what the client then writes.
    std::string reopen(version v = version::v1_2) {
        session.restart(now);
        CHECK(output() == first_frame);
        feed("CONNECTED\nversion:" + std::string(to_string(v)) + "\n\n^@");
        CHECK(session.state() == client_state::connected);
        return frames(v);
    }

    std::string first_frame = wire("CONNECT\naccept-version:1.0,1.1,1.2\nhost:h\n\n^@");
};

client opened(client_options o = {.host = "h"}, version v = version::v1_2) {
    client c(std::move(o));
    c.open(v);
    return c;
}

}  // namespace

// ---- restart() ---------------------------------------------------------------------------------------------

TEST_CASE("restart: every live subscription again, in order, with its id, before anything else") {
    const version v = GENERATE(from_range(versions));
    client c = opened({.host = "h"}, v);
    auto& s = c.session;
    CHECK(s.subscribe("b", "/b", ack_mode::client, {{"selector", "x > 1"}, {"receipt", "rb"}}) == errc::ok);
    CHECK(s.subscribe("gone", "/gone") == errc::ok);
    CHECK(s.subscribe("a", "/a", ack_mode::client_individual) == errc::ok);
    CHECK(s.unsubscribe("gone") == errc::ok);
    c.output();
    CHECK(c.lose() == "unconfirmed rb connection_lost\nclosed connection_lost\n");
    CHECK(s.subscribe("late", "/late", ack_mode::automatic, {{"receipt", "rl"}}) == errc::ok);

    std::vector<errc> during;
    c.on_event = [&](const client_event& e) {
        if (e.kind == client_event::connected) during.push_back(s.send("/q", "x"));
    };
    // A receipt is asked for once: that of `b` is told already.
    CHECK(c.reopen(v) ==
          "SUBSCRIBE id:b destination:/b ack:client selector:x > 1\n"
          "SUBSCRIBE id:a destination:/a ack:client-individual\n"
          "SUBSCRIBE id:late destination:/late ack:auto receipt:rl\n"
          "SEND destination:/q content-length:1 [x]\n");
    CHECK(during == std::vector<errc>{errc::ok});
    CHECK(s.epoch() == 2);
    CHECK(s.pending_receipts() == 1);
    CHECK(s.subscribe("a", "/other") == errc::duplicate_subscription);
    CHECK(c.feed("RECEIPT\nreceipt-id:rl\n\n^@") == "receipt rl: RECEIPT receipt-id:rl\n");

    c.lose();
    c.on_event = [](const client_event&) {};
    CHECK(c.reopen(v) ==
          "SUBSCRIBE id:b destination:/b ack:client selector:x > 1\n"
          "SUBSCRIBE id:a destination:/a ack:client-individual\n"
          "SUBSCRIBE id:late destination:/late ack:auto\n");
    CHECK(s.epoch() == 3);
}

TEST_CASE("restart: a subscription that was refused is not repeated") {
    client c = opened();
    auto& s = c.session;
    CHECK(s.subscribe("good", "/good", ack_mode::automatic, {{"receipt", "rg"}}) == errc::ok);
    CHECK(s.subscribe("bad", "/bad", ack_mode::automatic, {{"receipt", "rb"}}) == errc::ok);
    c.output();
    CHECK(c.feed("ERROR\nreceipt-id:rb\nmessage:no\n\n^@") ==
          "error: ERROR receipt-id:rb message:no\nunconfirmed rg connection_lost\n"
          "unconfirmed rb server_error: ERROR receipt-id:rb message:no\nclosed server_error\n");
    CHECK(c.reopen() == "SUBSCRIBE id:good destination:/good ack:auto\n");
    CHECK(s.subscribe("bad", "/better") == errc::ok);  // the id is free
}

TEST_CASE("restart: an ERROR about an earlier subscription does not take its successor with it") {
    client c = opened();
    auto& s = c.session;
    CHECK(s.subscribe("1", "/old", ack_mode::automatic, {{"receipt", "r"}}) == errc::ok);
    CHECK(s.unsubscribe("1") == errc::ok);
    CHECK(s.subscribe("1", "/new") == errc::ok);
    c.feed("ERROR\nreceipt-id:r\n\n^@");
    CHECK(c.reopen() == "SUBSCRIBE id:1 destination:/new ack:auto\n");
}

TEST_CASE("restart: without `resubscribe` only what was never sent is") {
    client c = opened({.host = "h", .resubscribe = false});
    CHECK(c.session.subscribe("old", "/old") == errc::ok);
    c.lose();
    CHECK(c.session.subscribe("new", "/new") == errc::ok);
    CHECK(c.reopen() == "SUBSCRIBE id:new destination:/new ack:auto\n");
    CHECK(c.session.subscribe("old", "/old") == errc::ok);
}

TEST_CASE("restart: more subscriptions than the output holds follow as it is written, and all else waits for them") {
    client_options o{.host = "h"};
    o.limits.max_output = 100;
    o.high_water = 50;
    o.low_water = 10;
    client c(o);
    auto& s = c.session;
    std::string expected;
    for (const auto* id : {"1", "2", "3", "4", "5"}) {
        CHECK(s.subscribe(id, "/topic/of/some/length") == errc::ok);
        if (id[0] != '3')
            expected += std::string("SUBSCRIBE id:") + id + " destination:/topic/of/some/length ack:auto\n";
    }
    for (int connection = 0; connection < 2; ++connection) {
        std::string written = sim::frames_in(c.output(), version::v1_2);
        CHECK(written == "CONNECT accept-version:1.0,1.1,1.2 host:h\n");
        c.feed("CONNECTED\nversion:1.2\n\n^@");
        CHECK(s.output_congested());
        written.clear();
        std::string octets;
        for (int rounds = 0; !s.output().empty(); ++rounds) {
            REQUIRE(rounds < 1000);
            // Nothing overtakes them, however small it is, and what is refused leaves no trace.
            if (octets.size() < 100) {
                CHECK(s.send("/", "") == errc::output_full);
                CHECK(s.subscribe("late", "/") == errc::output_full);
                CHECK(s.request("/", "") == errc::output_full);
                CHECK(s.disconnect() == errc::output_full);
                CHECK(s.pending_requests() == 0);
                CHECK(s.pending_receipts() == 0);
            }
            if (octets.empty() && connection == 0) CHECK(s.unsubscribe("3") == errc::ok);  // waits itself: never sent
            octets += s.output().substr(0, 1);
            s.consume_output(1, c.now);
        }
        CHECK_FALSE(s.output_congested());
        CHECK(sim::frames_in(octets, version::v1_2) == expected);
        CHECK(s.send("/", "") == errc::ok);
        c.output();
        c.lose();
        s.restart(c.now);
    }
}

TEST_CASE("restart: a connection lost among the subscriptions repeats them all") {
    client_options o{.host = "h"};
    o.limits.max_output = 100;
    client c(o);
    auto& s = c.session;
    for (const auto* id : {"1", "2", "3"}) {
        const std::string receipt = std::string("r") + id + "x";
        CHECK(s.subscribe(id, "/topic/some", ack_mode::automatic, {{"receipt", receipt}}) == errc::ok);
    }
    c.open();
    CHECK(s.pending_receipts() == 1);
    CHECK(c.lose() ==
          "unconfirmed r1x connection_lost\nunconfirmed r2x connection_lost\n"
          "unconfirmed r3x connection_lost\nclosed connection_lost\n");
    CHECK(c.reopen() ==
          "SUBSCRIBE id:1 destination:/topic/some ack:auto\nSUBSCRIBE id:2 destination:/topic/some ack:auto\n"
          "SUBSCRIBE id:3 destination:/topic/some ack:auto\n");
}

TEST_CASE("restart: a subscription that the new version cannot carry ends the connection, not silently itself") {
    client c = opened();
    auto& s = c.session;
    CHECK(s.subscribe("1", "/first") == errc::ok);
    CHECK(s.subscribe("2", "/two\nlines", ack_mode::automatic) == errc::ok);
    c.lose();
    s.restart(c.now);
    c.output();
    CHECK(c.feed("CONNECTED\nversion:1.0\n\n^@") == "connected: CONNECTED version:1.0\nclosed not_representable\n");
    CHECK(s.finished());
    CHECK(c.reopen() ==
          "SUBSCRIBE id:1 destination:/first ack:auto\nSUBSCRIBE id:2 destination:/two\\nlines ack:auto\n");
    c.lose();
    CHECK(s.unsubscribe("2") == errc::ok);
    CHECK(c.reopen(version::v1_0) == "SUBSCRIBE id:1 destination:/first ack:auto\n");
}

TEST_CASE("restart: events not polled come first, and nothing is read or written until then") {
    client c = opened();
    auto& s = c.session;
    CHECK(s.subscribe("1", "/q", ack_mode::client) == errc::ok);
    CHECK(s.send("/q", "a", {{"receipt", s.next_receipt_id()}}) == errc::ok);
    CHECK(s.send("/q", "b", {{"receipt", s.next_receipt_id()}}) == errc::ok);
    CHECK(s.request("/q", "c") == errc::ok);
    const std::string octets =
        wire("RECEIPT\nreceipt-id:r1\n\n^@MESSAGE\nsubscription:1\nmessage-id:1\nack:1\ndestination:/q\n\nx^@RECEI");
    CHECK(s.receive(octets, c.now) == errc::ok);
    c.now += 1s;
    s.restart(c.now);

    CHECK(s.unsent() == 0);
    CHECK(s.output() == "");
    CHECK_FALSE(s.wants_input());
    CHECK_FALSE(s.finished());  // the new transport is not to be closed, nor its write side
    CHECK_FALSE(s.output_finished());
    CHECK(s.receive("x", c.now) == errc::input_full);
    CHECK_FALSE(s.next_timeout());
    CHECK(s.epoch() == 1);
    CHECK(s.send("/q", "x") == errc::not_connected);
    CHECK(s.subscribe("2", "/two", ack_mode::automatic, {{"receipt", "two"}}) == errc::ok);
    CHECK(s.unsubscribe("2") == errc::not_connected);  // its receipt could end in nothing

    std::vector<errc> acks;
    std::vector<std::uint32_t> epochs;
    std::vector<client_state> states;
    c.on_event = [&](const client_event& e) {
        epochs.push_back(e.epoch);
        states.push_back(s.state());
        if (e.is_message()) acks.push_back(s.ack(e));
    };
    // The subscription made since belongs to the connection to come, and so does its receipt.
    CHECK(c.poll() ==
          "receipt r1: RECEIPT receipt-id:r1\n"
          "message: MESSAGE subscription:1 message-id:1 ack:1 destination:/q [x]\n"
          "unconfirmed r2 unexpected_eof\nunconfirmed q1 unexpected_eof\nclosed unexpected_eof\n");
    CHECK(acks == std::vector<errc>{errc::not_connected});
    CHECK(epochs == std::vector<std::uint32_t>(5, 1));
    CHECK(states.back() == client_state::connecting);  // `closed` has started the next one
    CHECK(s.epoch() == 2);
    CHECK(s.wants_input());
    CHECK(c.output() == c.first_frame);
    c.feed("CONNECTED\nversion:1.1\n\n^@");
    CHECK(c.frames() ==
          "SUBSCRIBE id:1 destination:/q ack:client\nSUBSCRIBE id:2 destination:/two ack:auto receipt:two\n");
    CHECK(s.pending_receipts() == 1);
}

TEST_CASE("restart: whenever it is called, `closed` is told once per connection") {
    enum class stage { connecting, connected, disconnecting, lost, polled, error, half_polled };
    const stage at = GENERATE(stage::connecting, stage::connected, stage::disconnecting, stage::lost, stage::polled,
                              stage::error, stage::half_polled);
    const int restarts = GENERATE(1, 2, 3);
    client c;
    auto& s = c.session;
    if (at != stage::connecting) c.open();
    if (at == stage::disconnecting) CHECK(s.disconnect() == errc::ok);
    if (at == stage::lost) s.transport_closed(c.now);
    if (at == stage::polled) c.lose();
    if (at == stage::error) CHECK(s.receive(wire("ERROR\n\n^@"), c.now) == errc::ok);
    if (at == stage::half_polled) {
        CHECK(s.send("/q", "x", {{"receipt", "r"}}) == errc::ok);
        CHECK(s.receive(wire("ERROR\nreceipt-id:r\nmessage:no\n\n^@"), c.now) == errc::ok);
        REQUIRE(s.poll_event()->kind == client_event::error);
    }
    c.output();
    for (int i = 0; i < restarts; ++i) s.restart(c.now);
    std::string log = c.poll();
    if (at == stage::half_polled) {
        CHECK(log == "unconfirmed r server_error: ERROR receipt-id:r message:no\nclosed server_error\n");
    }
    // The second restart() ends the connection that the first one began; those before a poll are one.
    CHECK(c.closed == (at == stage::polled && restarts > 1 ? 2U : 1U));
    CHECK(s.epoch() == c.closed + 1);
    CHECK(s.state() == client_state::connecting);
    CHECK(c.output() == c.first_frame);
    CHECK(c.poll() == "");
}

TEST_CASE("restart: a new transport that is lost before the old events are polled") {
    client c = opened();
    auto& s = c.session;
    CHECK(s.receive(wire("ERROR\nmessage:no\n\n^@"), c.now) == errc::ok);
    if (GENERATE(false, true)) REQUIRE(s.poll_event()->kind == client_event::error);
    s.restart(c.now);
    CHECK_FALSE(s.finished());
    CHECK_FALSE(s.output_finished());
    s.transport_closed(c.now);
    c.poll();
    CHECK(c.closed == 2);
    CHECK(s.epoch() == 2);
    CHECK(s.finished());
    SECTION("and one after it") {
        s.restart(c.now);
        CHECK(c.output() == c.first_frame);
    }
    SECTION("one that is replaced before, is not") {
        c.reopen();
        s.transport_closed(c.now);
        s.restart(c.now);
        s.transport_closed(c.now);
        s.restart(c.now);
        CHECK(c.poll() == "closed connection_lost\n");
        CHECK(c.output() == c.first_frame);
    }
}

TEST_CASE("restart: the time to connect counts from there, and beats and receipts of before are forgotten") {
    client c = opened({.host = "h", .heart_beat = {1s, 1s}, .receipt_timeout = 3s});
    auto& s = c.session;
    c.lose();
    c.now += 1h;
    s.restart(c.now);
    c.output();
    CHECK(s.next_timeout() == c.now + 30s);
    CHECK(c.wait(29s) == "");
    CHECK(c.wait(1s) == "closed connect_timeout\n");
}

TEST_CASE("restart: everything of the connection before is gone: version, beats, transactions, half a frame") {
    client c({.host = "h", .heart_beat = {1s, 1s}});
    auto& s = c.session;
    c.open(version::v1_2, "heart-beat:1000,1000\nsession:one\nserver:first/1\n");
    CHECK(s.begin("t") == errc::ok);
    c.feed("MESSAGE\nsubscription:1\n");
    CHECK(c.lose() == "closed unexpected_eof\n");
    s.restart(c.now);
    CHECK_FALSE(s.negotiated_version());
    CHECK(s.intervals() == stomp::heart_beat_intervals{});
    CHECK(s.session_id() == "");
    CHECK(s.server_name() == "");
    c.open(version::v1_1);
    CHECK(s.next_timeout() == std::nullopt);
    CHECK(s.commit("t") == errc::unknown_transaction);
    CHECK(s.begin("t") == errc::ok);
    CHECK(s.last_receipt_number() == 0);
}

TEST_CASE("restart: receipt and request numbers go on counting") {
    client c = opened({.host = "h", .confirm_sends = true});
    auto& s = c.session;
    CHECK(s.send("/q", "x") == errc::ok);
    CHECK(s.request("/q", "x") == errc::ok);
    c.lose();
    c.reopen();
    CHECK(s.send("/q", "y") == errc::ok);
    CHECK(s.last_receipt_number() == 3);
    CHECK(s.request("/q", "x") == errc::ok);
    CHECK(s.last_request_number() == 2);
}

TEST_CASE(
    "restart: a recorded subscription is sent like any other: taken back by a frame, its receipt asked for once") {
    client c = opened();
    c.lose();
    CHECK(c.session.subscribe("late", "/late", ack_mode::automatic, {{"receipt", "r"}}) == errc::ok);
    CHECK(c.reopen() == "SUBSCRIBE id:late destination:/late ack:auto receipt:r\n");
    CHECK(c.session.pending_receipts() == 1);
    SECTION("taken back") {
        CHECK(c.session.unsubscribe("late", {{"receipt", "u"}}) == errc::ok);
        CHECK(c.frames() == "UNSUBSCRIBE id:late receipt:u\n");
        CHECK(c.session.pending_receipts() == 2);
        CHECK(c.lose() == "unconfirmed r connection_lost\nunconfirmed u connection_lost\nclosed connection_lost\n");
        CHECK(c.reopen().empty());
    }
    SECTION("confirmed") {
        c.feed("RECEIPT\nreceipt-id:r\n\n^@");
        CHECK(c.lose() == "closed connection_lost\n");
    }
    SECTION("sent again") {
        CHECK(c.lose() == "unconfirmed r connection_lost\nclosed connection_lost\n");
        CHECK(c.reopen() == "SUBSCRIBE id:late destination:/late ack:auto\n");
        CHECK(c.session.pending_receipts() == 0);
    }
}

TEST_CASE("restart: every event has the number of its connection, an expired receipt's too") {
    client c = opened({.host = "h", .receipt_timeout = 1s});
    std::vector<std::uint32_t> epochs;
    c.on_event = [&](const client_event& e) { epochs.push_back(e.epoch); };
    c.lose();
    c.reopen();
    CHECK(c.session.send("/q", "x", {{"receipt", "r"}}) == errc::ok);
    c.wait(0ms);
    CHECK(c.wait(1s) == "unconfirmed r receipt_timeout\n");
    REQUIRE(epochs.size() == 3);  // closed, connected, unconfirmed
    CHECK(epochs[0] != epochs[1]);
    CHECK(epochs[1] == epochs[2]);
}

TEST_CASE("1.1: a message whose subscription or id is empty cannot be acknowledged") {
    const std::string_view headers = GENERATE("subscription:\nmessage-id:7\n", "subscription:1\nmessage-id:\n");
    client c = opened({.host = "h"}, version::v1_1);
    c.on_event = [&](const client_event& e) { CHECK(c.session.ack(e) == errc::nothing_to_ack); };
    c.feed("MESSAGE\ndestination:/q\n" + std::string(headers) + "\n^@");
    CHECK(c.frames(version::v1_1).empty());
    CHECK(c.closed == 0);
}

TEST_CASE("restart: with new options, from the next connection on") {
    client c({.host = "h", .versions = {version::v1_1}});
    auto& s = c.session;
    c.output();
    CHECK(s.subscribe("1", "/q") == errc::ok);
    // CONNECTED of the old connection has arrived, but is not polled yet: it answers what was offered there.
    CHECK(s.receive(wire("CONNECTED\nversion:1.1\nserver:a\n\n^@"), c.now) == errc::ok);
    s.restart({.host = "other", .login = "me", .versions = {version::v1_2}, .heart_beat = {1s, 0ms}}, c.now);
    CHECK(c.poll() == "connected: CONNECTED version:1.1 server:a\nclosed connection_lost\n");
    CHECK(c.frames() == "CONNECT accept-version:1.2 host:other login:me heart-beat:1000,0\n");
    CHECK(c.feed("CONNECTED\nversion:1.1\n\n^@") == "closed version_not_offered\n");
    s.restart({.host = "x"}, c.now);
    s.restart({.host = "y", .resubscribe = false}, c.now);  // only the last ones count
    c.poll();
    CHECK(c.frames() == "CONNECT accept-version:1.0,1.1,1.2 host:y\n");
}

TEST_CASE("restart: a CONNECT that cannot be written gives no output and one `closed`, and a later one can") {
    client c = opened({.host = "h", .keep_sends = 4});
    auto& s = c.session;
    CHECK(s.subscribe("1", "/q") == errc::ok);
    c.lose();
    CHECK(s.send("/q", "kept", {{"receipt", "k"}}) == errc::ok);
    s.restart({.host = "h", .passcode = "a\nb", .keep_sends = 4}, c.now);
    CHECK(s.unsent() == 0);
    CHECK(s.finished());
    CHECK_FALSE(s.next_timeout());
    CHECK(c.poll() == "closed not_representable\n");
    CHECK(c.poll() == "");
    CHECK(s.pending_receipts() == 1);
    s.restart({.host = "h", .keep_sends = 4}, c.now);
    c.output();
    c.feed("CONNECTED\nversion:1.2\n\n^@");
    CHECK(c.frames() ==
          "SUBSCRIBE id:1 destination:/q ack:auto\nSEND destination:/q receipt:k content-length:4 [kept]\n");
}

TEST_CASE("restart: a caller that does not read goes on not reading") {
    client c({.host = "h", .heart_beat = {0ms, 1s}});
    auto& s = c.session;
    c.open(version::v1_2, "heart-beat:1000,0\n");
    s.pause_input(c.now);
    c.lose();
    s.restart(c.now);
    c.open(version::v1_2, "heart-beat:1000,0\n");
    CHECK(c.wait(1h) == "");  // its own silence, not the server's
    s.resume_input(c.now);
    s.handle_timeout(c.now);
    CHECK(c.wait(3s - 1ms) == "");
    CHECK(c.wait(1ms) == "closed heart_beat_timeout\n");
}

// ---- sends that are kept -----------------------------------------------------------------------------------

TEST_CASE("keep_sends: refused while not connected unless asked for") {
    client c;
    CHECK(c.session.send("/q", "x") == errc::not_connected);
    CHECK(c.session.kept_sends() == 0);
}

TEST_CASE("keep_sends: sent after the subscriptions, in order, each receipt once") {
    client c({.host = "h", .keep_sends = 10});
    auto& s = c.session;
    CHECK(s.send("/q", "1", {{"receipt", s.next_receipt_id()}}) == errc::ok);
    CHECK(s.subscribe("s", "/q", ack_mode::automatic, {{"receipt", "rs"}}) == errc::ok);
    CHECK(s.send("/q", std::string_view("2\0", 2), {{"k", "v"}}) == errc::ok);
    CHECK(s.kept_sends() == 2);
    CHECK(s.pending_receipts() == 1);
    CHECK(c.frames() == "CONNECT accept-version:1.0,1.1,1.2 host:h\n");
    c.feed("CONNECTED\nversion:1.2\n\n^@");
    CHECK(s.kept_sends() == 0);
    CHECK(s.pending_receipts() == 2);
    CHECK(s.send("/q", "3") == errc::ok);
    CHECK(c.frames() ==
          "SUBSCRIBE id:s destination:/q ack:auto receipt:rs\n"
          "SEND destination:/q receipt:r1 content-length:1 [1]\n"
          "SEND destination:/q k:v content-length:2 [2\\x00]\n"
          "SEND destination:/q content-length:1 [3]\n");
    CHECK(c.feed("RECEIPT\nreceipt-id:r1\n\n^@") == "receipt r1: RECEIPT receipt-id:r1\n");
    // What was sent is not kept for another connection.
    CHECK(c.lose() == "unconfirmed rs connection_lost\nclosed connection_lost\n");
    CHECK(c.reopen() == "SUBSCRIBE id:s destination:/q ack:auto\n");
}

TEST_CASE("keep_sends: they outlast connections that never open, their receipts with them") {
    client c({.host = "h", .keep_sends = 10, .receipt_timeout = 1s});
    auto& s = c.session;
    CHECK(s.send("/q", "x", {{"receipt", "k"}}) == errc::ok);
    CHECK(c.wait(10s) == "");  // its time begins when it is sent
    CHECK(c.lose() == "closed connection_lost\n");
    CHECK(s.send("/q", "y", {{"receipt", "k"}}) == errc::duplicate_receipt);
    CHECK(s.subscribe("1", "/q", ack_mode::automatic, {{"receipt", "k"}}) == errc::duplicate_receipt);
    for (int i = 0; i < 3; ++i) {
        s.restart(c.now);
        c.output();
        CHECK(c.feed("ERROR\nmessage:busy\nreceipt-id:k\n\n^@") ==
              "error: ERROR message:busy receipt-id:k\nclosed connect_rejected\n");
        CHECK(s.kept_sends() == 1);
        CHECK(s.pending_receipts() == 1);
    }
    CHECK(c.reopen() == "SEND destination:/q receipt:k content-length:1 [x]\n");
    CHECK(s.send("/q", "y", {{"receipt", "k"}}) == errc::duplicate_receipt);
    CHECK(c.wait(0s) == "");
    CHECK(c.wait(1s) == "unconfirmed k receipt_timeout\n");
    CHECK(s.send("/q", "y", {{"receipt", "k"}}) == errc::ok);
}

TEST_CASE("keep_sends: their number is bounded, at n and n + 1") {
    client c({.host = "h", .keep_sends = 3});
    auto& s = c.session;
    for (int i = 0; i < 3; ++i) CHECK(s.send("/q", "x") == errc::ok);
    CHECK(s.send("/q", "x") == errc::output_full);
    CHECK(s.kept_sends() == 3);
    c.open();
    CHECK(s.send("/q", "x") == errc::ok);
}

TEST_CASE("keep_sends: their octets are bounded by max_output, at n and n + 1") {
    client_options o{.host = "h", .keep_sends = 100};
    o.limits.max_output = 200;
    client c(o);
    auto& s = c.session;
    // A name, a value and two octets for each header, and the body.
    constexpr std::size_t overhead = std::string_view("destination:/q\n").size();
    CHECK(s.send("/q", std::string(100 - overhead, 'a')) == errc::ok);
    CHECK(s.send("/q", std::string(101 - overhead, 'b'), {{"receipt", "b"}}) == errc::output_full);
    CHECK(s.send("/q", std::string(101 - overhead, 'b')) == errc::output_full);
    CHECK(s.pending_receipts() == 0);
    CHECK(s.send("/q", std::string(100 - overhead, 'b')) == errc::ok);
    CHECK(s.send("", "") == errc::output_full);
    CHECK(s.send("/q", std::string(201, 'c')) == errc::frame_too_large);
    CHECK(s.kept_sends() == 2);
    c.open();
    // Both do not fit into the output together: the second follows the first, and nothing comes between.
    CHECK(s.kept_sends() == 1);
    CHECK(s.send("", "") == errc::output_full);
    CHECK(c.frames() ==
          "SEND destination:/q content-length:85 [85 octets]\nSEND destination:/q content-length:85 [85 octets]\n");
    CHECK(s.kept_sends() == 0);
    // The room is free again.
    c.lose();
    CHECK(s.send("/q", std::string(150 - overhead, 'a')) == errc::ok);
}

TEST_CASE("keep_sends: receipts are bounded by max_receipts, whoever asks for them") {
    client_options o{.host = "h", .keep_sends = 100};
    o.limits.max_receipts = 3;
    client c(o);
    auto& s = c.session;
    CHECK(s.subscribe("1", "/q", ack_mode::automatic, {{"receipt", "a"}}) == errc::ok);
    CHECK(s.send("/q", "", {{"receipt", "b"}}) == errc::ok);
    CHECK(s.send("/q", "", {{"receipt", "a"}}) == errc::duplicate_receipt);
    CHECK(s.send("/q", "", {{"receipt", "c"}}) == errc::ok);
    CHECK(s.send("/q", "", {{"receipt", "d"}}) == errc::limit_receipts);
    CHECK(s.send("/q", "") == errc::ok);
    c.open();
    CHECK(s.pending_receipts() == 3);
    CHECK(s.send("/q", "", {{"receipt", "d"}}) == errc::limit_receipts);
}

TEST_CASE("keep_sends: what could not be written is refused at once") {
    client c({.host = "h", .keep_sends = 10});
    auto& s = c.session;
    CHECK(s.send("/q", "x", {{"transaction", "t"}}) == errc::not_connected);  // there is none
    CHECK(s.send("/q", "x", {{"a", "b\nc"}}) == errc::not_representable);     // 1.0 may be agreed on
    CHECK(s.send("/q", "x", {{"content-length", "7"}}) == errc::content_length_conflict);
    CHECK(s.send("/q", "x", {{"destination", "/r"}}) == errc::reserved_header);
    CHECK(s.request("/q", "x") == errc::not_connected);  // somebody waits for the answer now
    CHECK(s.kept_sends() == 0);
    CHECK(s.pending_receipts() == 0);
}

TEST_CASE("keep_sends: nothing is kept for later once DISCONNECT is sent, until the connection is closed") {
    client c = opened({.host = "h", .keep_sends = 10});
    auto& s = c.session;
    CHECK(s.disconnect() == errc::ok);
    CHECK(s.send("/q", "x") == errc::not_connected);
    CHECK(c.feed("RECEIPT\nreceipt-id:r1\n\n^@") == "receipt r1: RECEIPT receipt-id:r1\nclosed ok\n");
    CHECK(s.send("/q", "x") == errc::ok);
    CHECK(c.reopen() == "SEND destination:/q content-length:1 [x]\n");
}

TEST_CASE("keep_sends: none of them goes to a connection that is known to be lost") {
    client_options o{.host = "h", .keep_sends = 10};
    o.limits.max_output = 200;
    client c(o);
    auto& s = c.session;
    for (int i = 0; i < 3; ++i) CHECK(s.send("/q", std::string(50, static_cast<char>('a' + i))) == errc::ok);
    c.output();
    SECTION("before CONNECTED is polled") {
        CHECK(s.receive(wire("CONNECTED\nversion:1.2\n\n^@"), c.now) == errc::ok);
        s.transport_closed(c.now);
        CHECK(c.poll() == "connected: CONNECTED version:1.2\nclosed connection_lost\n");
        CHECK(s.kept_sends() == 3);
    }
    SECTION("while they wait for room") {
        c.feed("CONNECTED\nversion:1.2\n\n^@");
        CHECK(s.kept_sends() == 1);
        s.transport_closed(c.now);
        s.consume_output(s.unsent(), c.now);  // a write that had been under way
        CHECK(s.kept_sends() == 1);
        CHECK(s.send("/q", "z") == errc::ok);  // behind them
        CHECK(c.poll() == "closed connection_lost\n");
    }
}

TEST_CASE("keep_sends: new options that cannot write one do not hold up the others, and its receipt still ends") {
    client c({.host = "h", .versions = {version::v1_2}, .keep_sends = 10});
    auto& s = c.session;
    CHECK(s.send("/q", "1", {{"a", "b\nc"}, {"receipt", "one"}}) == errc::ok);
    CHECK(s.send("/q", "2", {{"receipt", "two"}}) == errc::ok);
    c.lose();
    s.restart({.host = "h", .versions = {version::v1_0}, .keep_sends = 10}, c.now);
    c.output();
    c.feed("CONNECTED\n\n^@");
    CHECK(c.frames(version::v1_0) == "SEND destination:/q receipt:two content-length:1 [2]\n");
    CHECK(s.pending_receipts() == 2);
    CHECK(c.feed("RECEIPT\nreceipt-id:two\n\n^@") == "receipt two: RECEIPT receipt-id:two\n");
    CHECK(c.lose() == "unconfirmed one connection_lost\nclosed connection_lost\n");
}

// ---- receipts ----------------------------------------------------------------------------------------------

TEST_CASE("confirm_sends: every SEND has a receipt with the next number, by whichever call") {
    client c = opened({.host = "h", .confirm_sends = true});
    auto& s = c.session;
    CHECK(s.send("/q", "a") == errc::ok);
    CHECK(s.last_receipt_number() == 1);
    CHECK(s.send("/q", "b", {{"receipt", "mine"}}) == errc::ok);
    CHECK(s.last_receipt_number() == 1);
    const std::array<header, 1> to{header{"destination", "/q"}};
    CHECK(s.send_frame({command::send, {}, to, "c"}) == errc::ok);
    CHECK(s.last_receipt_number() == 2);
    CHECK(s.send_frame({command::send, "SEND", to, "d"}) == errc::ok);
    CHECK(s.begin("t") == errc::ok);
    CHECK(s.subscribe("1", "/q") == errc::ok);
    CHECK(s.request("/q", "e") == errc::ok);
    CHECK(s.last_receipt_number() == 4);
    CHECK(c.frames() ==
          "SEND destination:/q receipt:r1 content-length:1 [a]\n"
          "SEND destination:/q receipt:mine content-length:1 [b]\n"
          "SEND destination:/q receipt:r2 content-length:1 [c]\n"
          "SEND destination:/q receipt:r3 content-length:1 [d]\n"
          "BEGIN transaction:t\n"
          "SUBSCRIBE id:1 destination:/q ack:auto\n"
          "SEND destination:/q reply-to:/temp-queue/replies correlation-id:q1 receipt:r4 content-length:1 [e]\n");
    std::vector<std::uint64_t> numbers;
    c.on_event = [&](const client_event& e) {
        if (e.kind != client_event::closed) numbers.push_back(e.receipt_number);
    };
    CHECK(c.feed("RECEIPT\nreceipt-id:r2\n\n^@") == "receipt r2: RECEIPT receipt-id:r2\n");
    CHECK(c.lose() ==
          "unconfirmed r1 connection_lost\nunconfirmed mine connection_lost\nunconfirmed r3 connection_lost\n"
          "unconfirmed r4 connection_lost\nunconfirmed q1 connection_lost\nclosed connection_lost\n");
    CHECK(numbers == std::vector<std::uint64_t>{2, 1, 0, 3, 4, 0});
}

TEST_CASE("confirm_sends: kept ones too; a number that a refused call took is not used again") {
    client c({.host = "h", .confirm_sends = true, .keep_sends = 1});
    auto& s = c.session;
    CHECK(s.send("/q", "a") == errc::ok);
    CHECK(s.last_receipt_number() == 1);
    CHECK(s.send("/q", "b") == errc::output_full);
    c.open();
    CHECK(c.frames() == "SEND destination:/q receipt:r1 content-length:1 [a]\n");
    CHECK(s.pending_receipts() == 1);
    CHECK(s.send("/q", "c") == errc::ok);
    CHECK(s.last_receipt_number() > 1);
    const std::string id = "r" + std::to_string(s.last_receipt_number());
    CHECK(c.frames() == "SEND destination:/q receipt:" + id + " content-length:1 [c]\n");
}

TEST_CASE("unconfirmed: at the deadline, by number; the RECEIPT that comes later has none") {
    client c = opened({.host = "h", .confirm_sends = true, .receipt_timeout = 5s});
    auto& s = c.session;
    CHECK(s.send("/q", "a") == errc::ok);
    CHECK(s.next_timeout() == c.now);
    c.output();
    c.wait(2s);
    CHECK(s.send("/q", "b") == errc::ok);
    CHECK(s.next_timeout() == c.now);  // the second starts the clock for itself
    c.output();
    std::vector<std::uint64_t> numbers;
    c.on_event = [&](const client_event& e) { numbers.push_back(e.receipt_number); };
    CHECK(c.wait(3s - 1ms) == "");
    CHECK(c.wait(1ms) == "unconfirmed r1 receipt_timeout\n");
    CHECK(s.next_timeout() == c.now + 2s);
    CHECK(c.feed("RECEIPT\nreceipt-id:r1\n\n^@") == "receipt r1: RECEIPT receipt-id:r1\n");
    CHECK(s.state() == client_state::connected);
    CHECK(c.wait(2s) == "unconfirmed r2 receipt_timeout\n");
    CHECK(numbers == std::vector<std::uint64_t>{1, 0, 2});
}

TEST_CASE("unconfirmed: a receipt that has arrived in time counts, however late it is polled") {
    client c = opened({.host = "h", .confirm_sends = true, .receipt_timeout = 5s});
    auto& s = c.session;
    CHECK(s.send("/q", "a") == errc::ok);
    CHECK(s.send("/q", "b") == errc::ok);
    c.output();
    CHECK(s.receive(wire("RECEIPT\nreceipt-id:r1\n\n^@"), c.now) == errc::ok);
    CHECK(c.wait(1h) == "receipt r1: RECEIPT receipt-id:r1\nunconfirmed r2 receipt_timeout\n");
}

TEST_CASE("unconfirmed: each reason") {
    client c = opened({.host = "h", .confirm_sends = true});
    auto& s = c.session;
    CHECK(s.send("/q", "a") == errc::ok);
    CHECK(s.send("/q", "b") == errc::ok);
    c.output();
    std::string rest;
    SECTION("an ERROR names one") {
        CHECK(c.feed("ERROR\nreceipt-id:r2\n\n^@") ==
              "error: ERROR receipt-id:r2\nunconfirmed r1 connection_lost\nunconfirmed r2 server_error: ERROR "
              "receipt-id:r2\n"
              "closed server_error\n");
    }
    SECTION("an ERROR names none; the RECEIPT behind it does not count") {
        CHECK(c.feed("ERROR\n\n^@RECEIPT\nreceipt-id:r1\n\n^@") ==
              "error: ERROR\nunconfirmed r1 connection_lost\nunconfirmed r2 connection_lost\nclosed server_error\n");
    }
    SECTION("the connection is lost") {
        CHECK(c.lose() == "unconfirmed r1 connection_lost\nunconfirmed r2 connection_lost\nclosed connection_lost\n");
    }
    SECTION("the server breaks the protocol") {
        CHECK(c.feed("NONSENSE\n\n^@") ==
              "unconfirmed r1 unknown_command\nunconfirmed r2 unknown_command\nclosed unknown_command\n");
    }
    SECTION("restart") {
        s.restart(c.now);
        CHECK(c.poll() == "unconfirmed r1 connection_lost\nunconfirmed r2 connection_lost\nclosed connection_lost\n");
        CHECK(c.output() == c.first_frame);
    }
    SECTION("disconnect") {
        CHECK(s.disconnect() == errc::ok);
        CHECK(c.feed("RECEIPT\nreceipt-id:r2\n\n^@RECEIPT\nreceipt-id:r3\n\n^@") ==
              "receipt r2: RECEIPT receipt-id:r2\nreceipt r3: RECEIPT receipt-id:r3\nunconfirmed r1 "
              "connection_lost\nclosed ok\n");
    }
    CHECK(s.pending_receipts() == 0);
}

TEST_CASE("unconfirmed: over several connections each receipt ends once, where it was sent") {
    client c({.host = "h", .confirm_sends = true, .keep_sends = 100});
    auto& s = c.session;
    std::vector<int> ended(64);
    std::vector<std::uint32_t> epochs(64);
    c.on_event = [&](const client_event& e) {
        if (e.kind != client_event::receipt && e.kind != client_event::unconfirmed) return;
        ++ended[e.receipt_number];
        epochs[e.receipt_number] = e.epoch;
    };
    for (int i = 0; i < 4; ++i) {
        CHECK(s.send("/q", "kept") == errc::ok);
        c.open();
        CHECK(s.send("/q", "sent") == errc::ok);
        CHECK(s.send("/q", "sent") == errc::ok);
        c.output();
        c.feed("RECEIPT\nreceipt-id:r" + std::to_string(s.last_receipt_number() - 1) + "\n\n^@");
        if (i % 2 == 0) c.lose();
        s.restart(c.now);
        c.poll();
    }
    CHECK(s.last_receipt_number() == 12);
    for (std::uint32_t n = 1; n <= 12; ++n) {
        CAPTURE(n);
        CHECK(ended[n] == 1);
        CHECK(epochs[n] == (n - 1) / 3 + 1);
    }
}

// ---- acknowledgements --------------------------------------------------------------------------------------

TEST_CASE("stale_ack: what an earlier connection delivered is not acknowledged, in any version or mode") {
    const version v = GENERATE(from_range(versions));
    const ack_mode mode = GENERATE(ack_mode::client, ack_mode::client_individual);
    client c = opened({.host = "h"}, v);
    auto& s = c.session;
    CHECK(s.subscribe("1", "/q", mode) == errc::ok);
    std::vector<ack_handle> handles;
    std::optional<client_event> event;
    c.on_event = [&](const client_event& e) {
        if (!e.is_message()) return;
        handles.emplace_back(e);
        event = e;
        event->frame = {};
    };
    c.feed("MESSAGE\nsubscription:1\nmessage-id:m1\nack:a1\ndestination:/q\n\n^@");
    c.output();
    REQUIRE(handles.size() == 1);
    CHECK(s.ack(handles[0]) == errc::ok);
    CHECK(c.output().starts_with("ACK\n"));

    c.lose();
    CHECK(s.ack(handles[0]) == errc::not_connected);
    s.restart(c.now);
    CHECK(s.ack(handles[0]) == errc::stale_ack);
    c.open(v);
    c.output();
    for (const auto& use : {handles[0], ack_handle(handles[0])}) {
        CHECK(s.ack(use) == errc::stale_ack);
        CHECK(s.nack(use, {{"requeue", "true"}, {"receipt", "r"}}) == errc::stale_ack);
    }
    CHECK(s.ack(*event) == errc::stale_ack);
    CHECK(s.nack(*event) == errc::stale_ack);
    CHECK(s.unsent() == 0);
    CHECK(s.pending_receipts() == 0);
    // The same message again, with the same ids: it is the handle of this connection that counts.
    c.feed("MESSAGE\nsubscription:1\nmessage-id:m1\nack:a1\ndestination:/q\n\n^@");
    CHECK(s.ack(handles[0]) == errc::stale_ack);
    CHECK(s.ack(handles[1]) == errc::ok);
    CHECK(handles[1].epoch() == 2);
}

TEST_CASE("A handle that is empty or moved from acknowledges nothing") {
    client c = opened();
    std::optional<ack_handle> handle;
    c.on_event = [&](const client_event& e) {
        if (e.is_message()) handle.emplace(e);
    };
    c.feed("MESSAGE\nsubscription:1\nmessage-id:m1\nack:a1\ndestination:/q\n\n^@");
    const ack_handle taken = std::move(*handle);
    CHECK(c.session.ack(*handle) == errc::nothing_to_ack);
    CHECK(c.session.ack(ack_handle(client_event{})) == errc::nothing_to_ack);
    CHECK(c.session.ack(taken) == errc::ok);
}

TEST_CASE("NACK takes headers of the broker's, such as requeue") {
    const version v = GENERATE(version::v1_1, version::v1_2);
    client c = opened({.host = "h"}, v);
    auto& s = c.session;
    CHECK(s.subscribe("1", "/q", ack_mode::client_individual) == errc::ok);
    c.output();
    c.on_event = [&](const client_event& e) {
        if (e.is_message()) CHECK(s.nack(e, {{"requeue", "false"}, {"receipt", "n"}}) == errc::ok);
    };
    c.feed("MESSAGE\nsubscription:1\nmessage-id:m1\nack:a1\ndestination:/q\n\n^@");
    CHECK(c.frames(v) == (v == version::v1_2 ? "NACK id:a1 requeue:false receipt:n\n"
                                             : "NACK subscription:1 message-id:m1 requeue:false receipt:n\n"));
    CHECK(s.pending_receipts() == 1);
}

// ---- request and reply -------------------------------------------------------------------------------------

namespace {

std::string message(std::string_view subscription, std::string_view correlation, std::string_view more = {}) {
    return "MESSAGE\nsubscription:" + std::string(subscription) +
           "\nmessage-id:m\nack:a\ndestination:/d\ncorrelation-id:" + std::string(correlation) + "\n" +
           std::string(more) + "\nx^@";
}

std::string seen(std::string_view subscription, std::string_view correlation, std::string_view more = {}) {
    return ": MESSAGE subscription:" + std::string(subscription) +
           " message-id:m ack:a destination:/d correlation-id:" + std::string(correlation) + std::string(more) +
           " [x]\n";
}

}  // namespace

TEST_CASE("request: the reply comes without a subscription, as from RabbitMQ") {
    client c = opened();
    auto& s = c.session;
    CHECK(s.request("/queue/work", "2 + 2", {{"content-type", "text/plain"}}) == errc::ok);
    CHECK(s.last_request_number() == 1);
    CHECK(s.pending_requests() == 1);
    CHECK(s.pending_receipts() == 0);
    CHECK(c.frames() ==
          "SEND destination:/queue/work reply-to:/temp-queue/replies correlation-id:q1 "
          "content-type:text/plain content-length:5 [2 + 2]\n");
    std::vector<client_event> events;
    c.on_event = [&](const client_event& e) { events.push_back(e); };
    CHECK(c.feed(message("/temp-queue/replies", "q1")) == "reply q1" + seen("/temp-queue/replies", "q1"));
    REQUIRE(events.size() == 1);
    CHECK(events[0].request_number == 1);
    CHECK(events[0].receipt_number == 0);
    CHECK(s.pending_requests() == 0);
    // A second answer is nobody's.
    CHECK(c.feed(message("/temp-queue/replies", "q1")) == "message" + seen("/temp-queue/replies", "q1"));
}

TEST_CASE("request: the reply comes over a subscription to its address, as from ActiveMQ, and is acknowledged there") {
    const version v = GENERATE(from_range(versions));
    client c = opened({.host = "h", .reply_to = "/temp-queue/mine"}, v);
    auto& s = c.session;
    CHECK(s.subscribe("replies", "/temp-queue/mine", ack_mode::client) == errc::ok);
    CHECK(s.request("/queue/work", "a") == errc::ok);
    CHECK(s.request("/queue/work", "b", {{"correlation-id", "mine"}}) == errc::ok);
    c.output();
    std::vector<errc> acks;
    std::optional<ack_handle> kept;
    c.on_event = [&](const client_event& e) {
        acks.push_back(s.ack(e));
        kept.emplace(e);
    };
    CHECK(c.feed(message("replies", "mine")) == "reply mine" + seen("replies", "mine"));
    CHECK(acks == std::vector<errc>{errc::ok});
    CHECK(s.ack(*kept) == errc::ok);
    CHECK(c.feed(message("replies", "q1")) == "reply q1" + seen("replies", "q1"));
    CHECK(c.feed(message("replies", "other")) == "message" + seen("replies", "other"));
    CHECK(s.pending_requests() == 0);
}

TEST_CASE("request: each may have an address of its own") {
    client c = opened();
    auto& s = c.session;
    CHECK(s.subscribe("1", "/queue/here") == errc::ok);
    CHECK(s.request("/queue/work", "a", {{"reply-to", "/queue/here"}}) == errc::ok);
    c.output();
    CHECK(c.feed(message("1", "q1")) == "reply q1" + seen("1", "q1"));
}

TEST_CASE("request: what others ask of this client is no reply, even if it has the same correlation-id") {
    client c = opened();
    auto& s = c.session;
    CHECK(s.subscribe("work", "/queue/work", ack_mode::client) == errc::ok);
    CHECK(s.request("/queue/work", "a") == errc::ok);
    // Another client of this library counts from q1 as well. And this client serves the queue that it asks.
    CHECK(c.feed(message("work", "q1", "reply-to:/reply-queue/1\n")) ==
          "message" + seen("work", "q1", " reply-to:/reply-queue/1"));
    CHECK(c.feed(message("work", "q1")) == "message" + seen("work", "q1"));
    CHECK(s.pending_requests() == 1);
    CHECK(c.feed(message("/temp-queue/replies", "q1")) == "reply q1" + seen("/temp-queue/replies", "q1"));
}

TEST_CASE("request: an empty correlation-id is not that of a message without one") {
    client c = opened();
    CHECK(c.session.request("/q", "a", {{"correlation-id", ""}}) == errc::ok);
    CHECK(c.feed("MESSAGE\nsubscription:1\nmessage-id:m\ndestination:/d\n\n^@") ==
          "message: MESSAGE subscription:1 message-id:m destination:/d\n");
    CHECK(c.session.pending_requests() == 1);
    c.feed(message("1", ""));
    CHECK(c.session.pending_requests() == 0);
}

TEST_CASE("request: the same correlation-id twice at a time is refused, and one after the other is not") {
    client c = opened();
    auto& s = c.session;
    CHECK(s.request("/q", "a", {{"correlation-id", "q1"}}) == errc::ok);
    c.output();
    CHECK(s.request("/q", "b", {{"correlation-id", "q1"}}) == errc::duplicate_receipt);
    CHECK(s.request("/q", "b") == errc::duplicate_receipt);  // its own would be q1 ...
    CHECK(s.request("/q", "b") == errc::ok);                 // ... and is not tried twice
    CHECK(s.pending_requests() == 2);
    CHECK(c.frames() == "SEND destination:/q reply-to:/temp-queue/replies correlation-id:q2 content-length:1 [b]\n");
    c.feed(message("t", "q1"));
    CHECK(s.request("/q", "b", {{"correlation-id", "q1"}}) == errc::ok);
}

TEST_CASE("request: unconfirmed at its deadline, by number; the answer that comes later is a message") {
    client c = opened({.host = "h", .request_timeout = 5s});
    auto& s = c.session;
    CHECK(s.request("/q", "a") == errc::ok);
    CHECK(s.next_timeout() == c.now);
    c.output();
    c.wait(0s);
    CHECK(s.next_timeout() == c.now + 5s);
    c.wait(3s);
    CHECK(s.request("/q", "b") == errc::ok);
    c.output();
    CHECK(c.wait(2s - 1ms) == "");
    std::vector<client_event> events;
    c.on_event = [&](const client_event& e) { events.push_back(e); };
    CHECK(c.wait(1ms) == "unconfirmed q1 receipt_timeout\n");
    REQUIRE(events.size() == 1);
    CHECK(events[0].request_number == 1);
    CHECK(events[0].receipt_number == 0);
    CHECK(events[0].receipt_id == "");
    CHECK(c.feed(message("t", "q1")) == "message" + seen("t", "q1"));
    CHECK(s.pending_requests() == 1);
    CHECK(c.wait(3s) == "unconfirmed q2 receipt_timeout\n");
    CHECK(s.state() == client_state::connected);
}

TEST_CASE("request: lost with the connection, whatever ends it, and not carried over") {
    client c = opened();
    auto& s = c.session;
    CHECK(s.request("/q", "a", {{"receipt", "r"}}) == errc::ok);
    c.output();
    SECTION("lost") {
        CHECK(c.lose() == "unconfirmed r connection_lost\nunconfirmed q1 connection_lost\nclosed connection_lost\n");
    }
    SECTION("an ERROR") {
        CHECK(c.feed("ERROR\nreceipt-id:r\n\n^@") ==
              "error: ERROR receipt-id:r\nunconfirmed r server_error: ERROR receipt-id:r\n"
              "unconfirmed q1 connection_lost\nclosed server_error\n");
    }
    SECTION("a protocol error") {
        CHECK(c.feed("CONNECTED\n\n^@") ==
              "unconfirmed r already_connected\nunconfirmed q1 already_connected\nclosed already_connected\n");
    }
    SECTION("goodbye") {
        CHECK(s.disconnect() == errc::ok);
        CHECK(c.feed("RECEIPT\nreceipt-id:r1\n\n^@") ==
              "receipt r1: RECEIPT receipt-id:r1\nunconfirmed r connection_lost\nunconfirmed q1 "
              "connection_lost\nclosed ok\n");
    }
    CHECK(s.pending_requests() == 0);
    c.reopen();
    CHECK(c.feed(message("t", "q1")) == "message" + seen("t", "q1"));
}

TEST_CASE("request: as many at once as receipts, at n and n + 1, and a refused one leaves nothing") {
    client_options o{.host = "h", .confirm_sends = true};
    o.limits.max_receipts = 2;
    client c = opened(o);
    auto& s = c.session;
    CHECK(s.request("/q", "a") == errc::ok);
    CHECK(s.request("/q", "a", {{"destination", "/r"}}) == errc::reserved_header);
    CHECK(s.request("/q", "a", {{"x", std::string_view("\0", 1)}}) == errc::nul_in_header);
    CHECK(s.request("/q", "a", {{"transaction", "t"}}) == errc::unknown_transaction);
    CHECK(s.request("/q", "a") == errc::ok);
    CHECK(s.request("/q", "a") == errc::limit_receipts);
    CHECK(s.pending_requests() == 2);
    CHECK(s.pending_receipts() == 2);
    c.feed("RECEIPT\nreceipt-id:r1\n\n^@RECEIPT\nreceipt-id:r" + std::to_string(s.last_receipt_number()) + "\n\n^@");
    CHECK(s.request("/q", "a") == errc::limit_receipts);
    c.feed(message("t", "q1"));
    CHECK(s.request("/q", "a") == errc::ok);
}

// ---- back-pressure -----------------------------------------------------------------------------------------

TEST_CASE("output_congested: from the high mark until the low one, and not between") {
    client_options o{.host = "h", .high_water = 1000, .low_water = 200};
    client c = opened(o);
    auto& s = c.session;
    const auto fill_to = [&](std::size_t octets) {  // "SEND\ndestination:/\n\n" and NUL are 21 octets
        const std::size_t body = octets - s.unsent() - 21 - std::string_view("content-length:123\n").size();
        REQUIRE(body >= 100);
        REQUIRE(body < 1000);
        CHECK(s.send("/", std::string(body, 'x')) == errc::ok);
        REQUIRE(s.unsent() == octets);
    };
    const auto sink_to = [&](std::size_t octets) { s.consume_output(s.unsent() - octets, c.now); };
    fill_to(1000);
    CHECK_FALSE(s.output_congested());
    sink_to(500);
    fill_to(1001);
    CHECK(s.output_congested());
    sink_to(201);
    CHECK(s.output_congested());
    fill_to(900);
    CHECK(s.output_congested());
    sink_to(200);
    CHECK_FALSE(s.output_congested());
    fill_to(1000);
    CHECK_FALSE(s.output_congested());
    fill_to(1200);
    CHECK(s.output_congested());

    SECTION("not in a new connection") {
        s.restart(c.now);
        CHECK_FALSE(s.output_congested());  // discarded
        c.poll();
        CHECK_FALSE(s.output_congested());
    }
    SECTION("not once nothing more is to be written") {
        c.feed("ERROR\n\n^@");
        CHECK(s.unsent() == 0);
        CHECK_FALSE(s.output_congested());
    }
}

TEST_CASE("output_congested: by what was kept as well, even where the output is full") {
    client_options o{.host = "h", .keep_sends = 100, .high_water = 100, .low_water = 50};
    o.limits.max_output = 250;
    client c(o);
    for (int i = 0; i < 3; ++i) CHECK(c.session.send("/q", std::string(60, 'x')) == errc::ok);
    c.output();
    c.feed("CONNECTED\nversion:1.2\n\n^@");
    CHECK(c.session.kept_sends() == 1);
    CHECK(c.session.output_congested());
}

TEST_CASE("output_full: refused as a whole, and nothing that was accepted is lost") {
    client_options o{.host = "h", .confirm_sends = true};
    o.limits.max_output = 1000;
    client c = opened(o);
    auto& s = c.session;
    std::string accepted;
    std::string octets;
    std::size_t refused = 0;
    for (int i = 0; i < 500; ++i) {
        const std::string body = std::to_string(i);
        const errc e = s.send("/q", body);
        REQUIRE(s.unsent() <= 1000);
        if (e == errc::ok) {
            accepted += "SEND destination:/q receipt:r" + std::to_string(s.last_receipt_number()) +
                        " content-length:" + std::to_string(body.size()) + " [" + body + "]\n";
        } else {
            REQUIRE(e == errc::output_full);
            ++refused;
        }
        const std::size_t n = (std::min)(s.output().size(), static_cast<std::size_t>(i * 7919 % 120));
        octets += s.output().substr(0, n);
        s.consume_output(n, c.now);
    }
    CHECK(refused > 10);
    octets += c.output();
    CHECK(sim::frames_in(octets, version::v1_2) == accepted);
    CHECK(s.pending_receipts() == 500 - refused);
}
