// Deadlines of many connections of one broker, in virtual time.
#include <stomp/broker.hpp>

#include "support/broker_harness.hpp"
#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using sim::broker_event;
using sim::broker_host;
using sim::errc;
using stomp::version;

TEST_CASE("SC33 SC37: heart-beats keep every connection alive, in 1.0 without any (C-20, C-21, C-28)") {
    stomp::broker_options o;
    o.session.heart_beat = {1s, 1s};
    broker_host host(o);
    std::vector<sim::client*> all;
    for (int i = 0; i < 12; ++i) {
        host.advance(73ms);  // each with a phase of its own
        all.push_back(&host.join({}, stomp::all_versions[static_cast<std::size_t>(i) % 3],
                                 {.host = "h", .heart_beat = {std::chrono::milliseconds(1000 + 100 * i), 1s}}));
    }
    const std::size_t before = host.changes;
    host.advance(10min);
    for (const sim::client* c : all) CHECK(c->closed == 0);
    CHECK(host.broker.stats().connections == 12);
    CHECK(host.take_log().empty());
    // Eight connections with a beat every half second, and nothing but that.
    CHECK(host.changes - before <= 8 * 1200 + 8);
    CHECK(host.changes - before >= 8 * 1190);
}

TEST_CASE("SC35: a client that promises beats and stops is dead after its tolerance, the others are not (C-23)") {
    stomp::broker_options o;
    o.session.heart_beat = {0s, 1s};
    broker_host host(o);
    auto& alive = host.join({}, version::v1_2, {.host = "h", .heart_beat = {1s, 0s}});
    CHECK(alive.session.subscribe("1", "/queue/q", stomp::ack_mode::client) == errc::ok);
    sim::line& silent = host.raw({}, version::v1_2, "heart-beat:1000,0\n");
    silent.say("SUBSCRIBE\nid:1\ndestination:/queue/q\nack:client\n\n^@");
    host.settle();
    CHECK(host.broker.publish("/queue/q", "1") == errc::ok);
    CHECK(host.broker.publish("/queue/q", "2") == errc::ok);
    host.settle();
    CHECK(alive.bodies() == "1");
    host.advance(2999ms);
    CHECK(silent.open);
    CHECK(alive.bodies().empty());
    host.advance(2ms);
    CHECK_FALSE(silent.open);
    CHECK(host.take_log() == "closed heart_beat_timeout\n");
    CHECK(alive.bodies() == "2*");  // at once, not when something else happens
    CHECK(alive.closed == 0);
}

TEST_CASE("SC36: time that jumps costs connections, but no sense (C-21)") {
    stomp::broker_options o;
    o.session.heart_beat = {1s, 1s};
    broker_host host(o);
    for (int i = 0; i < 5; ++i) host.raw({}, version::v1_2, "heart-beat:1000,1000\n");
    host.broker.handle_timeout(host.now - 1h);
    host.settle();
    CHECK(host.broker.stats().connections == 5);
    host.now += 24h * 3650;
    host.settle();
    std::string closed;
    for (int i = 0; i < 5; ++i) closed += "closed heart_beat_timeout\n";
    CHECK(host.take_log() == closed);
    CHECK(host.broker.stats().connections == 0);
    CHECK_FALSE(host.broker.next_timeout());
}

TEST_CASE("SC47: no CONNECT within the login time, however slowly its octets come (L-07)") {
    broker_host host;
    std::vector<sim::line*> all;
    for (int i = 0; i < 10; ++i) {
        all.push_back(&host.dial());
        host.advance(500ms);
    }
    for (int s = 0; s < 5; ++s) {
        for (sim::line* l : all) l->say("\n");
        host.advance(900ms);
    }
    CHECK(host.broker.stats().connections == 10);
    for (std::size_t i = 0; i < all.size(); ++i) {
        host.advance(500ms);
        CHECK(host.broker.stats().connections == 9 - i);
        CHECK_FALSE(all[i]->open);
    }
}

TEST_CASE("an idle limit counts per connection (ARTEMIS-239)") {
    stomp::broker_options o;
    o.session.idle_timeout = 10min;
    broker_host host(o);
    sim::line& a = host.raw();
    sim::line& b = host.raw();
    host.advance(9min);
    a.say("\n");
    host.advance(2min);
    CHECK(a.open);
    CHECK_FALSE(b.open);
    CHECK(host.take_log() == "closed idle_timeout\n");
    host.advance(9min);
    CHECK_FALSE(a.open);
}

TEST_CASE("deadlines are kept once per connection, however often they change") {
    // Each message starts a stall deadline, each write ends it: nothing may pile up, and none may be missed.
    stomp::broker_options o;
    o.session.stall_timeout = 10s;
    broker_host host(o);
    sim::line& l = host.raw();
    l.say("SUBSCRIBE\nid:1\ndestination:/topic/t\n\n^@");
    host.settle();
    std::size_t calls = 0;
    for (int i = 0; i < 5000; ++i) {
        host.now += 10ms;
        CHECK(host.broker.publish("/topic/t", "x") == errc::ok);
        while (host.broker.next_timeout() && *host.broker.next_timeout() <= host.now) {
            host.broker.handle_timeout(host.now);
            ++calls;
        }
        host.broker.consume_output(l.id, host.broker.output(l.id).size(), host.now);
    }
    CHECK(calls <= 5000 + 10);
    CHECK(host.broker.publish("/topic/t", "x") == errc::ok);
    l.accepts = 0;
    host.advance(9999ms);
    CHECK(l.open);
    host.advance(2ms);
    CHECK_FALSE(l.open);
    CHECK(host.take_log() == "closed stall_timeout\n");
}

TEST_CASE("deadlines of connections that are gone neither pile up nor hide those of others") {
    stomp::broker_options o;
    o.session.heart_beat = {0s, 1s};
    broker_host host(o);
    // Each dies earlier than the one before it.
    constexpr int count = 30;
    for (int i = 0; i < count; ++i) host.raw({}, version::v1_2, "heart-beat:" + std::to_string(60 - i) + "000,0\n");
    const auto joined = host.now;
    host.advance(11s);  // past the deadlines of their logins
    const auto churn = [&host](int rounds) {
        for (int i = 0; i < rounds; ++i) {
            const stomp::connection_id id = host.broker.open(host.now);
            host.broker.transport_closed(id, host.now);
            while (const auto e = host.broker.poll_event()) host.broker.forget(e->from);
            while (host.broker.poll_changed()) {
            }
        }
    };
    churn(100);
    std::size_t held = 0;
    {
        const counting_new::heap_watch heap;
        churn(5000);
        held = heap.held();
    }
    CHECK(held < 1000);
    for (std::size_t left = count; left != 0; --left) {
        const std::chrono::seconds interval(60 - static_cast<int>(left) + 1);
        host.advance(std::chrono::duration_cast<std::chrono::milliseconds>(joined + 2 * interval - host.now) - 1ms);
        CHECK(host.broker.stats().connections == left);
        host.advance(2ms);
        CHECK(host.broker.stats().connections == left - 1);
    }
}
