// A client that starts again on new transports, against a new server session each time (see unit/client_long_run.cpp for
// the client alone).
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using sim::connection_pair;
using stomp::ack_handle;
using stomp::ack_mode;
using stomp::client_event;
using stomp::client_state;
using stomp::command;
using stomp::errc;
using stomp::server_event;

TEST_CASE("restart: the same ids on the new connection, before anything that `connected` leads to") {
    connection_pair p;
    CHECK(p.client.subscribe("b", "/b") == errc::ok);
    CHECK(p.client.subscribe("a", "/a", ack_mode::client) == errc::ok);
    p.on_client = [&](const client_event& e) {
        if (e.kind == client_event::connected) CHECK(p.client.send("/q", "hello") == errc::ok);
    };
    const std::string opened =
        "S subscribe: SUBSCRIBE id:b destination:/b ack:auto\n"
        "S subscribe: SUBSCRIBE id:a destination:/a ack:client\n"
        "S send: SEND destination:/q content-length:5 [hello]\n";
    p.settle();
    CHECK(p.log.ends_with(opened));
    for (std::uint32_t epoch = 2; epoch < 5; ++epoch) {
        p.break_link();
        CHECK(p.log.ends_with("S closed connection_lost\nC closed connection_lost\n"));
        p.log.clear();
        p.reconnect();
        CHECK(p.client.state() == client_state::connecting);
        CHECK(p.client.epoch() == epoch);
        p.settle();
        CHECK(p.log.ends_with(opened));
    }
    CHECK(p.client_closed == 3);
}

TEST_CASE("restart: receipts end in the epoch in which they were asked for, acks do not cross it") {
    connection_pair p({.host = "h"}, {.auto_receipt = false});
    std::optional<ack_handle> handle;
    std::map<std::string, std::uint32_t, std::less<>> ended;
    stomp::subscription_handle subscription;
    p.on_client = [&](const client_event& e) {
        if (e.kind == client_event::message) handle.emplace(e);
        if (e.kind == client_event::unconfirmed || e.kind == client_event::receipt) {
            CHECK(ended.emplace(e.receipt_id, e.epoch).second);
        }
    };
    p.on_server = [&](const server_event& e) {
        if (e.kind == server_event::connect) CHECK(p.server.accept("s") == errc::ok);
        if (e.kind == server_event::subscribe) subscription = e.subscription;
    };
    CHECK(p.client.subscribe("1", "/q", ack_mode::client) == errc::ok);
    p.settle();
    const std::array<stomp::header, 1> to_q{stomp::header{"destination", "/q"}};
    CHECK(p.server.message(subscription, {command::send, {}, to_q, "x"}, 1) == errc::ok);
    CHECK(p.client.send("/q", "sent", {{"receipt", "old"}}) == errc::ok);
    p.settle();
    REQUIRE(handle);
    p.client_writes = false;
    CHECK(p.client.send("/q", "never written", {{"receipt", "unsent"}}) == errc::ok);
    p.client_writes = true;

    p.reconnect();  // of a session that is not over: counts as the loss of the old transport
    CHECK(p.client.epoch() == 1);
    CHECK_FALSE(p.client.wants_input());
    CHECK(p.client.unsent() == 0);
    CHECK(p.client.send("/q", "x") == errc::not_connected);
    p.log.clear();
    p.settle();
    CHECK(
        p.log.starts_with("C unconfirmed old connection_lost\nC unconfirmed unsent connection_lost\n"
                          "C closed connection_lost\n"));
    CHECK(p.client.epoch() == 2);
    CHECK(p.client.state() == client_state::connected);
    CHECK(ended == std::map<std::string, std::uint32_t, std::less<>>{{"old", 1}, {"unsent", 1}});
    CHECK(p.client.ack(*handle) == errc::stale_ack);
    CHECK(p.client.nack(*handle) == errc::stale_ack);
    CHECK(p.client.unsent() == 0);
    CHECK(p.client.pending_receipts() == 0);
}

TEST_CASE("restart: twice in a row is one `closed` each, and one live connection in the end") {
    connection_pair p;
    CHECK(p.client.subscribe("1", "/q") == errc::ok);
    p.settle();
    p.client.restart(p.now);
    p.client.restart(p.now);  // the first one still waits for `closed` to be polled
    CHECK(p.client.poll_event()->kind == client_event::closed);
    CHECK_FALSE(p.client.poll_event());
    CHECK(p.client.epoch() == 2);
    p.client.restart(p.now);  // this one ends a connection that has not even begun
    const auto e = p.client.poll_event();
    REQUIRE(e);
    CHECK(e->kind == client_event::closed);
    CHECK(e->epoch == 2);
    CHECK(e->reason == errc::connection_lost);
    CHECK_FALSE(p.client.poll_event());
    CHECK(p.client.epoch() == 3);
    p.client_closed = 2;
    p.log.clear();
    p.reconnect();
    p.settle();
    CHECK(p.log.find("S subscribe: SUBSCRIBE id:1 destination:/q ack:auto\n") != std::string::npos);
}

TEST_CASE("restart at every octet of the first connection: subscribed again, nothing told twice") {
    const auto script = [](connection_pair& p) {
        CHECK(p.client.subscribe("1", "/q", ack_mode::client, {{"receipt", "s"}}) == errc::ok);
        p.on_client = [&p](const client_event& e) {
            if (e.kind == client_event::connected)
                CHECK((p.client.send("/q", "x", {{"receipt", p.client.next_receipt_id()}}) == errc::ok || p.broken));
        };
    };
    connection_pair whole;
    script(whole);
    whole.settle();
    const std::size_t up = whole.to_server.size();
    const std::size_t down = whole.to_client.size();
    REQUIRE(up > 100);
    for (std::size_t k = 0; k <= up + down; ++k) {
        INFO(k);
        sim::link_options l{.latency = 1ms, .read_size = 1};
        (k <= up ? l.cut_to_server : l.cut_to_client) = k <= up ? k : k - up;
        connection_pair p({.host = "h"}, {}, l);
        script(p);
        p.advance(20ms);
        REQUIRE(p.broken);
        CHECK(p.client_closed == 1);
        p.log.clear();
        p.reconnect();
        p.settle();
        CHECK(p.client.state() == client_state::connected);
        CHECK(p.log.find("S subscribe: SUBSCRIBE id:1 destination:/q ack:client\nS send: SEND") != std::string::npos);
        CHECK(p.client.pending_receipts() == 0);
        CHECK(p.client_closed == 1);
    }
}
