// The broker's own rules, one at a time. Conversations between several clients are in pair/broker_*.cpp.
#include <stomp/broker.hpp>

#include "support/broker_harness.hpp"
#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using sim::broker_event;
using sim::broker_host;
using sim::errc;
using stomp::ack_mode;
using stomp::broker_action;
using stomp::broker_options;
using stomp::connection_id;

namespace {

/// A SEND as text.
std::string send(std::string_view destination, std::string_view body, std::string_view headers = {}) {
    return "SEND\ndestination:" + std::string(destination) + "\n" + std::string(headers) + "\n" + std::string(body) +
           "^@";
}
std::string subscribe(std::string_view id, std::string_view destination, std::string_view headers = {}) {
    return "SUBSCRIBE\nid:" + std::string(id) + "\ndestination:" + std::string(destination) + "\n" +
           std::string(headers) + "\n^@";
}

/// The ids that poll_changed() returns now, in order.
std::vector<connection_id> changed(stomp::broker& b) {
    std::vector<connection_id> out;
    while (const auto id = b.poll_changed()) out.push_back(*id);
    return out;
}

void write_all(stomp::broker& b, connection_id id) {
    while (!b.output(id).empty()) b.consume_output(id, b.output(id).size(), sim::start);
}

/// What becomes of a frame that a logged-in client says: the ERROR's message, or nothing.
std::string refusal(broker_host& host, std::string_view frame) {
    sim::line& l = host.raw("who");
    l.say(frame);
    host.settle();
    const std::string heard = l.heard();
    const std::size_t at = heard.find("ERROR message:");
    std::string why =
        at == std::string::npos ? std::string() : heard.substr(at + 14, heard.find_first_of("\n", at) - at - 14);
    CHECK(l.ended == !why.empty());
    host.cut(l);
    return why;
}

}  // namespace

// ---- connections -------------------------------------------------------------------------------------------

TEST_CASE("broker: an id names one connection for as long as it exists, and never another") {
    stomp::broker b;
    const connection_id first = b.open(sim::start);
    REQUIRE(first);
    CHECK(b.wants_input(first));
    CHECK(b.stats().connections == 1);
    b.transport_closed(first, sim::start);
    const auto e = b.poll_event();
    REQUIRE(e);
    CHECK(e->kind == broker_event::closed);
    CHECK(e->from == first);
    CHECK(e->reason == errc::connection_lost);
    CHECK(b.finished(first));
    b.forget(first);
    CHECK(b.stats().connections == 0);

    const connection_id second = b.open(sim::start);
    CHECK(second.slot == first.slot);  // memory is used again
    CHECK(second != first);
    for (const connection_id stale : {first, connection_id{}, connection_id{7, 1}}) {
        CHECK_FALSE(b.wants_input(stale));
        CHECK(b.input_buffer(stale).empty());
        b.commit_input(stale, 1, sim::start);
        CHECK(b.receive(stale, "x", sim::start) == errc::unknown_connection);
        b.transport_closed(stale, sim::start);
        CHECK(b.output(stale).empty());
        std::array<std::string_view, 2> chunks;
        CHECK(b.output(stale, chunks) == 0);
        CHECK(b.output_frame(stale, chunks) == 0);
        b.consume_output(stale, 1, sim::start);
        CHECK(b.output_finished(stale));
        CHECK(b.finished(stale));
        CHECK(b.accept(stale) == errc::unknown_connection);
        b.reject(stale, "no");
        b.fail(stale, "no");
        b.close(stale);
        b.forget(stale);
        CHECK(b.user(stale).empty());
        CHECK(b.session(stale) == nullptr);
        CHECK(b.reply({broker_event::message, stale, {}, errc::ok}, "x") == errc::unknown_connection);
    }
    CHECK_FALSE(b.finished(second));
    CHECK_FALSE(b.output_finished(second));
    CHECK(b.wants_input(second));
    CHECK_FALSE(b.poll_event());
    CHECK(b.stats().connections == 1);
}

TEST_CASE("broker: max_connections at n and n+1") {
    stomp::broker b({.max_connections = 3});
    std::vector<connection_id> ids;
    for (int i = 0; i < 3; ++i) ids.push_back(b.open(sim::start));
    CHECK(std::all_of(ids.begin(), ids.end(), [](connection_id id) { return static_cast<bool>(id); }));
    CHECK_FALSE(b.open(sim::start));
    b.transport_closed(ids[1], sim::start);
    CHECK_FALSE(b.open(sim::start));
    REQUIRE(b.poll_event());
    b.forget(ids[1]);
    CHECK(b.open(sim::start));
    CHECK_FALSE(b.open(sim::start));
}

TEST_CASE("broker: accept() gives the connection its user and its session id") {
    broker_host host({.session_prefix = "node7-"});
    sim::line& l = host.dial();
    l.say(sim::connect_frame(stomp::version::v1_2, "login:bob\n"));
    host.settle();
    CHECK(l.heard() == "CONNECTED version:1.2 session:node7-0.1 heart-beat:0,0 user-name:bob\n");
    CHECK(host.broker.user(l.id) == "bob");
    CHECK(host.broker.session(l.id)->session_id() == "node7-0.1");
    CHECK(host.broker.accept(l.id, "mallory") == errc::invalid_state);
    CHECK(host.broker.user(l.id) == "bob");

    SECTION("nobody in particular") {
        sim::line& other = host.dial();
        other.say(sim::connect_frame(stomp::version::v1_0));
        host.settle();
        CHECK(other.heard(stomp::version::v1_0) == "CONNECTED version:1.0 session:node7-1.1\n");
        CHECK(host.broker.user(other.id).empty());
    }
    SECTION("a name that cannot be shown is refused and nothing happens") {
        sim::line& other = host.dial();
        errc e = errc::ok;
        host.on_event = [&](const broker_event& event) {
            if (event.kind != broker_event::connect) return;
            e = host.broker.accept(event.from, "a\nb");
            CHECK(host.broker.accept(event.from, "a b") == errc::ok);
        };
        other.say(sim::connect_frame(stomp::version::v1_2));
        host.settle();
        CHECK(e == errc::not_representable);
        CHECK(host.broker.user(other.id) == "a b");
    }
}

TEST_CASE("broker: reject() ends the connection with ERROR, and `closed` follows once (E-02, E-07)") {
    broker_host host;
    host.on_event = [&](const broker_event& e) {
        if (e.kind == broker_event::connect) host.broker.reject(e.from, "not you");
    };
    sim::line& l = host.dial();
    l.say(sim::connect_frame(stomp::version::v1_2) + send("/topic/a", "x"));
    host.settle();
    CHECK(l.heard() == "ERROR message:not you\n");
    CHECK(host.take_log() == "closed connect_rejected\n");
    CHECK(l.ended);
    CHECK(l.open);  // lingering
    host.advance(5s);
    CHECK_FALSE(l.open);
    CHECK(host.take_log().empty());
    CHECK(host.broker.stats().connections == 0);
    host.advance(5s);  // the login deadline that was
    CHECK_FALSE(host.broker.next_timeout());
}

TEST_CASE("broker: open() restricts the versions (SC50, W-04)") {
    broker_host host;
    const std::array only{stomp::version::v1_1};
    sim::line& l = host.dial(only);
    l.say(sim::connect_frame(stomp::version::v1_2));
    host.settle();
    CHECK(l.heard().starts_with("ERROR message:"));
    sim::line& m = host.dial(only);
    m.say("CONNECT\naccept-version:1.0,1.1,1.2\nhost:h\n\n^@");
    host.settle();
    CHECK(m.heard().starts_with("CONNECTED version:1.1 "));
}

TEST_CASE("broker: fail(), close() and forget() from outside") {
    broker_host host;
    sim::line& l = host.raw("a");
    SECTION("fail() says why") {
        host.broker.fail(l.id, "maintenance");
        host.settle();
        CHECK(l.heard() == "ERROR message:maintenance\n");
        CHECK(host.take_log() == "closed closed_by_application\n");
        CHECK(l.ended);
    }
    SECTION("close() says nothing") {
        host.broker.close(l.id);
        host.settle();
        CHECK(l.heard().empty());
        CHECK(host.take_log() == "closed connection_lost\n");
        CHECK_FALSE(l.open);
        CHECK(host.broker.stats().connections == 0);
    }
    SECTION("forget() before `closed`: it still comes, and then the id is gone") {
        host.broker.forget(l.id);
        l.open = false;
        CHECK(host.broker.stats().connections == 1);
        const auto e = host.broker.poll_event();
        REQUIRE(e);
        CHECK(e->kind == broker_event::closed);
        CHECK(e->from == l.id);
        CHECK(host.broker.user(e->from) == "a");
        CHECK_FALSE(host.broker.poll_event());
        CHECK(host.broker.stats().connections == 0);
        CHECK(host.broker.session(l.id) == nullptr);
        CHECK(changed(host.broker).empty());
    }
    SECTION("twice, and inside the event itself") {
        host.broker.forget(l.id);
        host.broker.forget(l.id);
        l.open = false;
        const auto e = host.broker.poll_event();
        REQUIRE(e);
        host.broker.forget(e->from);
        CHECK(host.broker.stats().connections == 0);
        CHECK_FALSE(host.broker.poll_event());
        const connection_id next = host.broker.open(host.now);
        CHECK(next.slot == l.id.slot);
        CHECK_FALSE(host.broker.poll_event());
        CHECK(host.broker.wants_input(next));
    }
}

TEST_CASE("broker: moving it keeps every connection, subscription and view") {
    broker_host host;
    sim::line& l = host.raw("a");
    l.say(subscribe("1", "/topic/a"));
    host.settle();
    CHECK(host.broker.publish("/topic/a", "x") == errc::ok);
    const std::string_view before = host.broker.output(l.id);
    stomp::broker moved = std::move(host.broker);
    CHECK(moved.output(l.id).data() == before.data());
    CHECK(moved.publish("/topic/a", "y") == errc::ok);
    CHECK(moved.stats().delivered == 2);
    host.broker = std::move(moved);
    host.settle();
    CHECK(l.heard() ==
          "MESSAGE subscription:1 message-id:s0.1-0-1 destination:/topic/a content-length:1 [x]\n"
          "MESSAGE subscription:1 message-id:s0.1-0-2 destination:/topic/a content-length:1 [y]\n");
}

// ---- what the host must do ---------------------------------------------------------------------------------

TEST_CASE("broker: whatever tells the time begins the deadlines that wait for it") {
    broker_host host;
    sim::line& l = host.raw();
    l.say(subscribe("1", "/topic/a"));
    host.advance(11s);  // past the login's
    stomp::broker& b = host.broker;
    CHECK(b.publish("/topic/a", "x") == errc::ok);
    CHECK(b.next_timeout() <= host.now);  // the stall deadline begins with the next time told
    const auto later = host.now + 5s;
    const int how = GENERATE(0, 1, 2, 3, 4);
    switch (how) {
        case 0: CHECK(b.receive({}, "", later) == errc::unknown_connection); break;
        case 1: b.commit_input({}, 0, later); break;
        case 2: b.consume_output({}, 0, later); break;
        case 3: b.transport_closed({}, later); break;
        default: CHECK(b.open(later)); break;
    }
    CAPTURE(how);
    CHECK(b.next_timeout() == later + 10s);
}

TEST_CASE("broker: octets may be read into the session's own buffer") {
    broker_host host;
    sim::line& l = host.raw();
    stomp::broker& b = host.broker;
    const std::string flood(64 * 1024, '\n');
    const auto room = b.input_buffer(l.id, flood.size());
    REQUIRE(room.size() >= flood.size());
    std::copy(flood.begin(), flood.end(), room.begin());
    b.commit_input(l.id, flood.size(), sim::start);
    CHECK_FALSE(b.wants_input(l.id));
    CHECK(changed(b) == std::vector{l.id});
    CHECK_FALSE(b.poll_event());
    CHECK(b.wants_input(l.id));
    CHECK(changed(b) == std::vector{l.id});
}

TEST_CASE("broker: accept() may come later, and what the client sent meanwhile is worked off then") {
    stomp::broker b;
    const connection_id id = b.open(sim::start);
    REQUIRE(b.receive(id, sim::wire(sim::connect_frame(stomp::version::v1_2) + send("/topic/a", "x")), sim::start) ==
            errc::ok);
    REQUIRE(b.poll_event());
    CHECK_FALSE(b.poll_event());
    changed(b);
    CHECK(b.accept(id) == errc::ok);
    CHECK(changed(b) == std::vector{id});
    CHECK_FALSE(b.poll_event());
    CHECK(b.stats().published == 1);
}

TEST_CASE("broker: frames wait for room for their receipts, and go on once there is") {
    broker_options o;
    o.session.limits.max_output = 4096;
    o.session.limits.max_header_line = 100;
    broker_host host(o);
    sim::line& l = host.raw();
    l.accepts = 0;
    for (int i = 0; i < 100; ++i) l.say(send("/topic/a", "x", "receipt:" + std::string(60, 'r') + "\n"));
    host.settle();
    const auto before = host.broker.stats().published;
    CHECK(before < 100);
    write_all(host.broker, l.id);
    CHECK_FALSE(host.broker.poll_event());
    CHECK(host.broker.stats().published > before);
}

TEST_CASE("broker: what waits for a connection follows what it takes, without an event between") {
    broker_options o;
    o.session.limits.max_output = 16 * 1024;
    o.low_water = GENERATE(std::size_t{0}, std::size_t{4096});
    broker_host host(o);
    sim::line& l = host.raw();
    l.say(subscribe("1", "/topic/a") + subscribe("2", "/queue/a") + subscribe("3", "/queue/b"));
    host.settle();
    stomp::broker& b = host.broker;
    const std::string body(1000, 'x');
    for (int i = 0; i < 50; ++i) {
        CHECK(b.publish("/topic/a", body) == errc::ok);
        CHECK(b.publish("/queue/a", body) == errc::ok);
        CHECK(b.publish("/queue/b", body) == errc::ok);
    }
    CHECK(b.stats().backlog_messages > 20);
    CHECK(b.stats().queued_messages > 60);
    write_all(b, l.id);
    CHECK(b.stats().backlog_messages == 0);
    CHECK(b.stats().queued_messages == 0);
    CHECK(b.stats().delivered == 150);
    CHECK(b.stats().dropped == 0);
}

TEST_CASE("broker: poll_changed() returns each affected id once, and no other") {
    broker_host host;
    std::vector<sim::line*> lines;
    for (int i = 0; i < 5; ++i) lines.push_back(&host.raw());
    for (const std::size_t i : {1U, 3U}) lines[i]->say(subscribe("1", "/topic/a"));
    host.settle();
    stomp::broker& b = host.broker;
    CHECK(changed(b).empty());

    CHECK(b.publish("/topic/a", "x") == errc::ok);
    CHECK(b.publish("/topic/a", "y") == errc::ok);
    CHECK(changed(b) == std::vector{lines[1]->id, lines[3]->id});
    CHECK(changed(b).empty());

    SECTION("more output is a change, what the host has written is none") {
        CHECK(b.publish("/topic/a", "z") == errc::ok);
        CHECK(changed(b) == std::vector{lines[1]->id, lines[3]->id});
        b.consume_output(lines[1]->id, 5, sim::start);
        CHECK(changed(b).empty());
        write_all(b, lines[1]->id);
        CHECK_FALSE(b.poll_event());
        CHECK(changed(b).empty());
        CHECK(b.publish("/topic/a", "z") == errc::ok);
        CHECK(changed(b) == std::vector{lines[1]->id, lines[3]->id});
    }
    SECTION("a frame that causes no output is no change") {
        REQUIRE(b.receive(lines[0]->id, "SEND\ndestination:/topic/none\n\n", sim::start) == errc::ok);
        CHECK_FALSE(b.poll_event());
        CHECK(changed(b).empty());
        REQUIRE(b.receive(lines[0]->id, std::string_view("\0\n\n\n", 4), sim::start) == errc::ok);
        CHECK_FALSE(b.poll_event());
        CHECK(changed(b).empty());
    }
    SECTION("wants_input, even if it is back to what it was") {
        const std::string flood(64 * 1024, '\n');
        REQUIRE(b.receive(lines[0]->id, flood, sim::start) == errc::ok);
        CHECK_FALSE(b.wants_input(lines[0]->id));
        CHECK_FALSE(b.poll_event());
        CHECK(b.wants_input(lines[0]->id));
        CHECK(changed(b) == std::vector{lines[0]->id});
        REQUIRE(b.receive(lines[0]->id, flood, sim::start) == errc::ok);
        CHECK(changed(b) == std::vector{lines[0]->id});
        CHECK(b.receive(lines[0]->id, "\n", sim::start) == errc::input_full);
        CHECK_FALSE(b.poll_event());
        CHECK(changed(b) == std::vector{lines[0]->id});
    }
    SECTION("the end: when all is written, and when it is time to close") {
        b.fail(lines[0]->id, "enough");
        CHECK(changed(b) == std::vector{lines[0]->id});
        write_all(b, lines[0]->id);
        CHECK(b.output_finished(lines[0]->id));
        CHECK(changed(b) == std::vector{lines[0]->id});
        REQUIRE(b.poll_event());
        CHECK(changed(b).empty());
        b.handle_timeout(sim::start);
        b.handle_timeout(sim::start + 10s);
        CHECK(b.finished(lines[0]->id));
        const auto told = changed(b);  // those that did not read have stalled at the same time
        CHECK(std::count(told.begin(), told.end(), lines[0]->id) == 1);
    }
    SECTION("not for an id that was forgotten") {
        CHECK(b.publish("/topic/a", "z") == errc::ok);
        b.forget(lines[1]->id);
        lines[1]->open = false;
        CHECK(changed(b) == std::vector{lines[3]->id});
        REQUIRE(b.poll_event());
        CHECK_FALSE(b.poll_event());
        CHECK(changed(b).empty());
    }
}

TEST_CASE("broker: a host that never asks what has changed costs no memory for it") {
    stomp::broker b;
    for (int i = 0; i < 1000; ++i) {
        const connection_id id = b.open(sim::start);
        REQUIRE(id);
        CHECK(id.slot == 0);
        b.fail(id, "no");
        b.transport_closed(id, sim::start);
        REQUIRE(b.poll_event());
        b.forget(id);
    }
    // The last one's place in the line is all there is.
    const connection_id id = b.open(sim::start);
    CHECK(changed(b).size() <= 1);
    CHECK(b.wants_input(id));
}

TEST_CASE(
    "broker: next_timeout() is the earliest of all connections, and due at once where one begins with the next now") {
    stomp::broker b({.session = {.login_timeout = 10s}});
    CHECK_FALSE(b.next_timeout());
    const connection_id first = b.open(sim::start);
    const connection_id second = b.open(sim::start + 3s);
    CHECK(b.next_timeout() == sim::start + 10s);
    b.handle_timeout(sim::start + 5s);
    CHECK(b.next_timeout() == sim::start + 10s);
    b.handle_timeout(sim::start + 10s);
    CHECK(b.finished(first));
    CHECK_FALSE(b.finished(second));
    auto e = b.poll_event();
    REQUIRE(e);
    CHECK(e->reason == errc::login_timeout);
    CHECK(e->from == first);
    b.forget(first);
    CHECK(b.next_timeout() == sim::start + 13s);

    // ERROR is queued without the time being told: its deadline begins later.
    b.fail(second, "no");
    CHECK(b.next_timeout() == sim::start + 10s);
    b.handle_timeout(sim::start + 11s);
    REQUIRE(b.next_timeout());
    CHECK(*b.next_timeout() > sim::start + 11s);
    b.handle_timeout(sim::start);  // backwards: nothing happens
    CHECK_FALSE(b.finished(second));
    b.handle_timeout(sim::start + 24h * 3650);
    CHECK(b.finished(second));
    REQUIRE(b.poll_event());
    b.forget(second);
    b.handle_timeout(sim::start + 24h * 3651);
    CHECK_FALSE(b.next_timeout());
}

TEST_CASE("broker: a deadline that has moved does not make the clock spin") {
    // Lingering is over when the peer closes, whatever deadline was set before.
    broker_host host;
    sim::line& l = host.raw();
    host.broker.fail(l.id, "no");
    host.settle();
    CHECK(l.ended);
    host.broker.transport_closed(l.id, host.now);
    for (int i = 0; i < 20; ++i) {
        host.now += 1s;
        host.broker.handle_timeout(host.now);
        host.broker.handle_timeout(host.now);
        const auto next = host.broker.next_timeout();
        if (next) CHECK(*next > host.now);
    }
    CHECK(host.broker.finished(l.id));
}

TEST_CASE("broker: input through its own buffer, output frame by frame") {
    broker_host host;
    sim::line& l = host.raw();
    const std::string octets = sim::wire(subscribe("1", "/topic/a") + send("/topic/a", "x") + send("/topic/a", "y"));
    const std::span<char> room = host.broker.input_buffer(l.id, octets.size());
    REQUIRE(room.size() >= octets.size());
    std::copy(octets.begin(), octets.end(), room.begin());
    host.broker.commit_input(l.id, octets.size(), host.now);
    CHECK_FALSE(host.broker.poll_event());
    std::array<std::string_view, 4> chunks;
    const std::size_t n = host.broker.output_frame(l.id, chunks);
    std::string first;
    for (std::size_t i = 0; i < n; ++i) first += chunks[i];
    CHECK(sim::frames_in(first, stomp::version::v1_2) ==
          "MESSAGE subscription:1 message-id:s0.1-0-1 destination:/topic/a content-length:1 [x]\n");
    std::string all;
    const std::size_t gathered = host.broker.output(l.id, chunks);
    for (std::size_t i = 0; i < gathered; ++i) all += chunks[i];
    CHECK(all.size() > first.size());
    CHECK(all.substr(0, first.size()) == first);
}

// ---- destinations ------------------------------------------------------------------------------------------

TEST_CASE("broker: what a client may send to and subscribe to (SC44, CL-05, S-08)") {
    broker_host host;
    const auto bad = std::string(explain(errc::bad_destination));
    for (const std::string_view d : {"/topic/a", "/topic/a/b", "/topic/a*", "/topic/**a", "/topic//", "/queue/a",
                                     "/queue/*", "/queue/..//x?y=1,z", "/app/a"}) {
        CAPTURE(d);
        CHECK(refusal(host, send(d, "x")).empty());
    }
    for (const std::string_view d :
         {"", "a", "/", "/topic", "/topic/", "/queue/", "/app/", "/user/", "/user/queue/a", "/TOPIC/a", "/topic/*",
          "/topic/a/*/b", "/topic/**", "/topic/a/**", "topic/a", " /topic/a", "/topic/a\\n", "/queue/\\ra"}) {
        CAPTURE(d);
        CHECK(refusal(host, send(d, "x")) == bad);
    }
    for (const std::string_view d : {"/topic/a", "/topic/*", "/topic/*/b", "/topic/**", "/topic/a/**", "/queue/a",
                                     "/queue/**/a", "/user/queue/a", "/user/**/x"}) {
        CAPTURE(d);
        CHECK(refusal(host, subscribe("1", d)).empty());
    }
    for (const std::string_view d : {"", "a", "/topic/", "/topic/**/a", "/topic/a/**/", "/queue/", "/app/a", "/app/",
                                     "/user/", "/topic/\\n/a", "/queue/a\\r"}) {
        CAPTURE(d);
        CHECK(refusal(host, subscribe("1", d)) == bad);
    }
    CHECK(refusal(host, subscribe("1", "/queue/a", "selector:a=1\n")) == "selectors are not supported");
    CHECK(host.broker.stats().subscriptions == 0);
    CHECK(host.broker.stats().queues == 2);  // what was sent to queues is kept, but the one has had a consumer
}

TEST_CASE("broker: a subscription's id has at most 256 octets") {
    broker_host host;
    CHECK(refusal(host, subscribe(std::string(256, 'x'), "/queue/a")).empty());
    CHECK(refusal(host, subscribe(std::string(257, 'x'), "/queue/a")) == "the subscription's id is too long");
    CHECK(host.broker.stats().subscriptions == 0);
}

TEST_CASE("broker: max_destination and max_segments at n and n+1") {
    broker_host host({.max_destination = 20, .max_segments = 4});
    const auto bad = std::string(explain(errc::bad_destination));
    const std::string longest = "/topic/" + std::string(13, 'x');
    CHECK(refusal(host, send(longest, "x")).empty());
    CHECK(refusal(host, send(longest + "x", "x")) == bad);
    CHECK(refusal(host, subscribe("1", longest)).empty());
    CHECK(refusal(host, subscribe("1", longest + "x")) == bad);
    CHECK(refusal(host, send("/topic/a/b/c", "x")).empty());
    CHECK(refusal(host, send("/topic/a/b/c/d", "x")) == bad);
    CHECK(refusal(host, subscribe("1", "/topic/*/b/**")).empty());
    CHECK(refusal(host, subscribe("1", "/topic/*/b/c/**")) == bad);
    CHECK(host.broker.publish(longest + "x", "x") == errc::bad_destination);
    CHECK(host.broker.publish_to_user("u", "/queue/" + std::string(8, 'x'), "x") == errc::ok);
    CHECK(host.broker.publish_to_user("u", "/queue/" + std::string(9, 'x'), "x") == errc::bad_destination);
}

TEST_CASE("broker: prefixes are options") {
    broker_host host({.topic_prefix = "t/", .queue_prefix = "q/", .app_prefix = "rpc/", .user_prefix = "me/"});
    auto& c = host.join("ann");
    CHECK(c.session.subscribe("1", "t/a/*") == errc::ok);
    CHECK(c.session.subscribe("2", "q/a") == errc::ok);
    CHECK(c.session.subscribe("3", "me/x") == errc::ok);
    CHECK(c.session.subscribe("4", "t/hello") == errc::ok);
    host.settle();
    host.on_event = [&](const broker_event& e) {
        host.usual(e);
        if (e.kind == broker_event::message)
            CHECK(host.broker.reply(e, "hello, " + std::string(e.frame.body)) == errc::ok);
    };
    CHECK(c.session.send("t/a/b", "1") == errc::ok);
    CHECK(c.session.send("q/a", "2") == errc::ok);
    CHECK(c.session.send("rpc/hello", "me") == errc::ok);
    CHECK(host.broker.publish_to_user("ann", "x", "3") == errc::ok);
    host.settle();
    CHECK(c.bodies() == "3 1 2 hello, me");
    CHECK(refusal(host, send("/topic/a", "x")) == explain(errc::bad_destination));
}

// ---- topics ------------------------------------------------------------------------------------------------

TEST_CASE("broker: a topic's message goes to every subscription, of one connection too (SC43, SV-08)") {
    broker_host host;
    sim::line& a = host.raw();
    sim::line& b = host.raw();
    a.say(subscribe("1", "/topic/x") + subscribe("2", "/topic/x") + subscribe("3", "/topic/*"));
    b.say(subscribe("1", "/topic/x"));
    host.settle();
    a.say(send("/topic/x", "hi", "k:v\nreceipt:r\n"));
    host.settle();
    CHECK(a.heard() ==
          "RECEIPT receipt-id:r\n"
          "MESSAGE subscription:1 message-id:s0.1-0-1 destination:/topic/x k:v content-length:2 [hi]\n"
          "MESSAGE subscription:2 message-id:s0.1-0-2 destination:/topic/x k:v content-length:2 [hi]\n"
          "MESSAGE subscription:3 message-id:s0.1-0-3 destination:/topic/x k:v content-length:2 [hi]\n");
    CHECK(b.heard() == "MESSAGE subscription:1 message-id:s1.1-0-1 destination:/topic/x k:v content-length:2 [hi]\n");
    CHECK(host.broker.stats().published == 1);
    CHECK(host.broker.stats().delivered == 4);

    a.say("UNSUBSCRIBE\nid:1\n\n^@UNSUBSCRIBE\nid:3\n\n^@");  // S-11
    host.cut(b);
    host.settle();
    CHECK(host.broker.publish("/topic/x", "on") == errc::ok);
    host.settle();
    CHECK(a.heard() == "MESSAGE subscription:2 message-id:s0.1-0-4 destination:/topic/x content-length:2 [on]\n");
    CHECK(host.broker.stats().subscriptions == 1);
    CHECK(host.broker.publish("/topic/nobody", "x") == errc::ok);
}

TEST_CASE("broker: patterns") {
    struct row {
        std::string_view pattern;
        std::string_view yes;
        std::string_view no;
    };
    const row r = GENERATE(values<row>({{"/topic/*", "/topic/a", "/topic/a/b"},
                                        {"/topic/*", "/topic/ab", "/topic//b"},
                                        {"/topic/**", "/topic/a/b/c", "/queue/a"},
                                        {"/topic/a/**", "/topic/a", "/topic/ab"},
                                        {"/topic/a/**", "/topic/a/b", "/topic/b/a"},
                                        {"/topic/*/c", "/topic/b/c", "/topic/b/d"},
                                        {"/topic/*/c", "/topic//c", "/topic/c"},
                                        {"/topic/*/*", "/topic/b/c", "/topic/b"},
                                        {"/topic/a*/*", "/topic/a*/c", "/topic/ab/c"},
                                        {"/topic/*/b/**", "/topic/a/b", "/topic/a/c"}}));
    CAPTURE(r.pattern, r.yes, r.no);
    broker_host host;
    auto& c = host.join();
    CHECK(c.session.subscribe("1", r.pattern) == errc::ok);
    host.settle();
    CHECK(host.broker.publish(r.yes, "yes") == errc::ok);
    CHECK(host.broker.publish(r.no, "no") == errc::ok);
    host.settle();
    const auto messages = c.take_messages();
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].body == "yes");
    CHECK(messages[0].destination == r.yes);
}

TEST_CASE("broker: a client's SEND and the application's publish() may be too large to be a MESSAGE") {
    broker_options o;
    o.session.limits.max_output = 4096;
    o.session.limits.max_header_line = 600;
    o.dead_letter = "/queue/" + std::string(100, 'd');
    broker_host host(o);
    auto& c = host.join();
    // The longest ids there may be, and each of their octets takes two.
    CHECK(c.session.subscribe(std::string(255, ':') + "1", "/topic/a") == errc::ok);
    CHECK(c.session.subscribe(std::string(255, ':') + "2", "/queue/a", ack_mode::client) == errc::ok);
    host.settle();
    // 256 for names and numbers, the subscription's id, twice the session's, the dead-letter queue.
    const std::size_t mine = 256 + 2 * 256 + 4 * 1 + 2 * 107;
    const std::size_t room = stomp::server_session::largest_message(o.session.limits) - mine;
    // destination:/topic/a, content-length:nnnn and the blank line
    const std::size_t head = 21 + 20 + 1;
    for (const std::string_view d : {"/topic/a", "/queue/a"}) {
        CAPTURE(d);
        CHECK(host.broker.publish(d, std::string(room - head, 'x')) == errc::ok);
        host.settle();
        CHECK(c.take_messages().size() == 1);
        CHECK(host.broker.publish(d, std::string(room - head + 1, 'x')) == errc::frame_too_large);
    }
    CHECK(host.broker.publish_to_user("u", "x", std::string(room, 'x')) == errc::frame_too_large);
    CHECK(refusal(host, send("/topic/a", std::string(room, 'x'))) == explain(errc::frame_too_large));
    CHECK(refusal(host, send("/queue/b", std::string(room, 'x'))) == explain(errc::frame_too_large));
    CHECK(host.broker.stats().queues == 1);
}

TEST_CASE("broker: by default the largest frame that a client may send passes, whichever way it goes") {
    broker_host host;
    const stomp::limits l = stomp::limits::server();
    auto& reader = host.join();
    CHECK(reader.session.subscribe("t", "/topic/a") == errc::ok);
    CHECK(reader.session.subscribe("q", "/queue/a", ack_mode::client) == errc::ok);
    host.settle();
    // Values of colons, which a subscriber gets escaped: two octets each.
    const std::string colons(l.max_header_line / 2 - 10, ':');
    const std::string headers = "a:" + colons + "\nb:" + colons + "\nc:" + colons + "\n";
    const std::string body(l.max_body, 'x');
    const auto largest = [&](std::string_view destination) {
        return send(destination, body, headers + "content-length:" + std::to_string(body.size()) + "\n");
    };
    sim::line& sender = host.raw();
    sender.say(largest("/topic/a") + largest("/queue/a"));
    host.settle();
    CHECK(reader.take_messages().size() == 2);
    // Two of them for one who does not read: the second one waits.
    reader.transport.accepts = 0;
    sender.say(largest("/topic/a") + largest("/topic/a"));
    host.settle();
    CHECK(host.broker.stats().backlog_messages == 1);
    CHECK(host.broker.stats().dropped == 0);
    reader.transport.accepts = SIZE_MAX;
    host.settle();
    CHECK(reader.take_messages().size() == 2);
    // In a transaction there is room for one.
    sender.say("BEGIN\ntransaction:1\n\n^@SEND\ntransaction:1" + largest("/topic/a").substr(4) +
               "COMMIT\ntransaction:1\n\n^@");
    host.settle();
    CHECK(reader.take_messages().size() == 1);
    CHECK(sender.open);
    // And a client can send it.
    CHECK(reader.session.send("/topic/a", body, {{"a", colons}}) == errc::ok);
    host.settle();
    CHECK(reader.take_messages().size() == 1);
}

TEST_CASE("broker: publish() refuses what no version can carry, and what is no topic or queue") {
    stomp::broker b;
    CHECK(b.publish("/topic/a", "x", {{"k", std::string_view("a\0b", 3)}}) == errc::ok);  // the header is left out
    CHECK(b.publish(std::string_view("/topic/a\0b", 10), "x") == errc::not_representable);
    CHECK(b.publish("/queue/a", "x", {{"destination", "/queue/b"}}) == errc::ok);  // the first one wins
    CHECK(b.stats().queued_messages == 1);
    for (const std::string_view d : {"", "a", "/topic/*", "/app/a", "/user/queue/a"}) {
        CHECK(b.publish(d, "x") == errc::bad_destination);
    }
    CHECK(b.publish_to_user("", "/queue/a", "x") == errc::bad_destination);
    CHECK(b.publish_to_user("u", "", "x") == errc::bad_destination);
    CHECK(b.publish("/queue/a\rb", "x") == errc::bad_destination);  // 1.1 cannot carry it
    CHECK(b.publish("/topic/a\nb", "x") == errc::bad_destination);  // nor 1.0 this
    CHECK(b.stats().published == 2);
}

TEST_CASE("broker: what comes and goes again leaves no memory behind") {
    broker_host host;
    sim::line& l = host.raw();
    std::string heard;
    const auto say = [&](const std::string& text) {
        REQUIRE(host.broker.receive(l.id, sim::wire(text), host.now) == errc::ok);
        while (host.broker.poll_event()) {
        }
        for (std::string_view next; !(next = host.broker.output(l.id)).empty();) {
            heard += next;
            host.broker.consume_output(l.id, next.size(), host.now);
        }
    };
    say(subscribe("q", "/queue/a", "ack:client\n"));
    int serial = 0;
    const auto round = [&] {
        const std::string n = std::to_string(++serial);
        heard.clear();
        say(subscribe("t", "/topic/" + n) + subscribe("p", "/topic/" + n + "/*") + subscribe("u", "/user/queue/" + n) +
            subscribe("n", "/queue/" + n) + send("/topic/" + n, "x") + send("/queue/a", "x"));
        const std::size_t ack = heard.find("\nack:") + 5;
        const std::string id = heard.substr(ack, heard.find('\n', ack) - ack);
        say("UNSUBSCRIBE\nid:t\n\n^@UNSUBSCRIBE\nid:p\n\n^@UNSUBSCRIBE\nid:u\n\n^@UNSUBSCRIBE\nid:n\n\n^@" +
            (serial % 2 == 0 ? "ACK\nid:" + id + "\n\n^@" : std::string()));
    };
    for (int i = 0; i < 100; ++i) round();
    std::size_t held = 0;
    {
        const counting_new::heap_watch heap;
        for (int i = 0; i < 2000; ++i) round();
        held = heap.held();
    }
    CHECK(held < 4000);
    CHECK(l.open);
    CHECK(host.broker.stats().connections == 1);
    CHECK(host.broker.stats().queues == 1);
    CHECK(host.broker.stats().subscriptions == 1);
}

TEST_CASE("broker: the memory of a backlog is given back, and a message that just fits into it can wait") {
    broker_options o;
    o.session.limits.max_output = 16 * 1024;
    o.session.limits.max_header_line = 1024;
    const std::string body(6000, 'x');
    const std::array<stomp::header, 1> to{{{"destination", "/topic/a"}}};
    const std::size_t one = stomp::shared_message({stomp::command::send, {}, to, body + "01"}).memory();
    broker_host host(o);
    sim::line& l = host.raw();
    l.say(subscribe("1", "/topic/a"));
    host.settle();
    write_all(host.broker, l.id);
    const auto fill = [&](stomp::broker& b, int count) {
        for (int i = 10; i < 10 + count; ++i) CHECK(b.publish("/topic/a", body + std::to_string(i)) == errc::ok);
    };
    SECTION("memory") {
        std::size_t held = 0;
        std::size_t waiting = 0;
        {
            const counting_new::heap_watch heap;
            for (int i = 0; i < 5000 && waiting < 1000; ++i) {
                if (host.broker.publish("/topic/a", "x") != errc::ok) break;
                waiting = host.broker.stats().backlog_messages;
            }
            write_all(host.broker, l.id);
            held = heap.held();
        }
        CHECK(waiting == 1000);
        CHECK(host.broker.stats().backlog_messages == 0);
        CHECK(held < 30'000);
    }
    SECTION("room for exactly one") {
        o.max_backlog_bytes = one;
        broker_host other(o);
        sim::line& m = other.raw();
        m.say(subscribe("1", "/topic/a"));
        other.settle();
        fill(other.broker, 6);
        CHECK(other.broker.stats().backlog_messages == 1);
        CHECK(other.broker.stats().dropped == 3);
        other.settle();
        CHECK(m.from_broker.find("x15") != std::string::npos);  // the newest one took the place of the oldest
    }
}

TEST_CASE("broker: what waited for a connection goes with it") {
    broker_options o;
    o.session.limits.max_output = 16 * 1024;
    broker_host host(o);
    sim::line& l = host.raw();
    l.say(subscribe("1", "/topic/a"));
    host.settle();
    l.accepts = 0;
    for (int i = 0; i < 30; ++i) CHECK(host.broker.publish("/topic/a", std::string(1000, 'x')) == errc::ok);
    CHECK(host.broker.stats().backlog_messages > 10);
    host.cut(l);
    CHECK(host.broker.stats().backlog_messages == 0);
    CHECK(host.broker.stats().dropped == 0);
}

TEST_CASE("broker: a queue that a transaction settles the last message of is gone, though its reader had gone before") {
    broker_host host;
    sim::line& l = host.raw();
    l.say(subscribe("1", "/queue/a", "ack:client\n"));
    host.settle();
    CHECK(host.broker.publish("/queue/a", "x") == errc::ok);
    l.say("BEGIN\ntransaction:t\n\n^@ACK\ntransaction:t\nid:s0.1-1-1\n\n^@UNSUBSCRIBE\nid:1\n\n^@");
    host.settle();
    CHECK(host.numbers() == "queued 0 unsettled 1 queues 1 subscriptions 0");
    l.say("COMMIT\ntransaction:t\n\n^@");
    host.settle();
    CHECK(l.open);
    CHECK(host.numbers() == "queued 0 unsettled 0 queues 0 subscriptions 0");
}

TEST_CASE("broker: a transaction with a message that is too large is refused as a whole (T-09)") {
    broker_options o;
    o.session.limits.max_output = 8 * 1024;
    o.session.limits.max_header_line = 100;
    broker_host host(o);
    const std::string_view large = GENERATE("/topic/a", "/queue/a");
    CHECK(refusal(host, "BEGIN\ntransaction:t\n\n^@" + send("/queue/b", "x", "transaction:t\n") +
                            send(large, std::string(8000, 'x'), "transaction:t\n") + "COMMIT\ntransaction:t\n\n^@") ==
          explain(errc::frame_too_large));
    CHECK(host.broker.stats().published == 0);
    CHECK(host.numbers() == "queued 0 unsettled 0 queues 0 subscriptions 0");
}

TEST_CASE("broker: prefetch-count is a number, or does not count") {
    const auto [text, expected] =
        GENERATE(table<std::string, std::size_t>({{"9", 9}, {"10", 10}, {"0\\c", 20}, {"5x", 20}, {"99", 20}}));
    broker_options o;
    o.window = 20;
    broker_host host(o);
    sim::line& l = host.raw();
    l.say(subscribe("1", "/queue/a", "ack:client\nprefetch-count:" + text + "\n"));
    host.settle();
    for (int i = 0; i < 30; ++i) CHECK(host.broker.publish("/queue/a", "x") == errc::ok);
    CAPTURE(text);
    CHECK(host.broker.stats().unsettled_messages == expected);
}

// ---- queues ------------------------------------------------------------------------------------------------

TEST_CASE("broker: a queue keeps what nobody takes, then each message goes to one consumer in turn") {
    broker_host host;
    for (const std::string_view body : {"1", "2", "3", "4", "5", "6"})
        CHECK(host.broker.publish("/queue/q", body) == errc::ok);
    CHECK(host.numbers() == "queued 6 unsettled 0 queues 1 subscriptions 0");
    CHECK(host.broker.stats().queued_bytes != 0);
    auto& a = host.join();
    CHECK(a.session.subscribe("1", "/queue/q", ack_mode::client, {{"prefetch-count", "2"}}) == errc::ok);
    host.settle();
    CHECK(host.numbers() == "queued 4 unsettled 2 queues 1 subscriptions 1");
    auto& b = host.join();
    auto& c = host.join();
    CHECK(b.session.subscribe("1", "/queue/q", ack_mode::client_individual, {{"prefetch-count", "1"}}) == errc::ok);
    CHECK(c.session.subscribe("1", "/queue/q") == errc::ok);
    host.settle();
    const auto got = a.take_messages();
    REQUIRE(got.size() == 2);
    CHECK(got[0].body + got[1].body == "12");
    CHECK(b.bodies() == "3");
    CHECK(c.bodies() == "4 5 6");
    CHECK(host.numbers() == "queued 0 unsettled 3 queues 1 subscriptions 3");
    CHECK(a.session.ack(got[1].handle) == errc::ok);
    host.settle();
    CHECK(host.numbers() == "queued 0 unsettled 1 queues 1 subscriptions 3");
    // b is full; the others take turns, beginning with the one that has waited longest.
    for (const std::string_view body : {"7", "8", "9"}) CHECK(host.broker.publish("/queue/q", body) == errc::ok);
    host.settle();
    CHECK(a.bodies() == "8");
    CHECK(b.bodies().empty());
    CHECK(c.bodies() == "7 9");
}

TEST_CASE("broker: a queue exists while it has messages or consumers") {
    broker_host host;
    auto& c = host.join();
    CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client) == errc::ok);
    host.settle();
    CHECK(host.broker.stats().queues == 1);
    CHECK(c.session.send("/queue/q", "x") == errc::ok);
    host.settle();
    const auto got = c.take_messages();
    REQUIRE(got.size() == 1);
    CHECK(c.session.ack(got[0].handle) == errc::ok);
    host.settle();
    CHECK(host.broker.stats().queues == 1);
    CHECK(c.session.unsubscribe("1") == errc::ok);
    host.settle();
    CHECK(host.broker.stats().queues == 0);
    CHECK(c.session.send("/queue/q", "y") == errc::ok);
    host.settle();
    CHECK(host.broker.stats().queues == 1);
    CHECK(c.session.subscribe("2", "/queue/q") == errc::ok);  // takes the last one
    CHECK(c.session.unsubscribe("2") == errc::ok);
    host.settle();
    CHECK(c.bodies() == "y");
    CHECK(host.numbers() == "queued 0 unsettled 0 queues 0 subscriptions 0");
    CHECK(host.broker.stats().queued_bytes == 0);
}

TEST_CASE("broker: prefetch-count lowers the window and nothing else") {
    struct row {
        std::string_view wanted;
        std::size_t window;
    };
    const row r = GENERATE(values<row>({{"1", 1},
                                        {"3", 3},
                                        {"7", 7},
                                        {"8", 8},
                                        {"9", 8},
                                        {"0", 8},
                                        {"00", 8},
                                        {"002", 2},
                                        {"", 8},
                                        {"-1", 8},
                                        {"2x", 8},
                                        {"x2", 8},
                                        {"99999999999999999999999999999", 8},
                                        {"18446744073709551617", 8}}));
    CAPTURE(r.wanted);
    broker_host host({.window = 8});
    for (int i = 0; i < 20; ++i) CHECK(host.broker.publish("/queue/q", "x") == errc::ok);
    auto& c = host.join();
    CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client, {{"prefetch-count", r.wanted}}) == errc::ok);
    host.settle();
    CHECK(c.messages.size() == r.window);
}

TEST_CASE("broker: a window of zero counts as one") {
    broker_host host({.window = 0});
    CHECK(host.broker.publish("/queue/q", "x") == errc::ok);
    auto& c = host.join();
    CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client) == errc::ok);
    host.settle();
    CHECK(c.bodies() == "x");
}

TEST_CASE("broker: max_queue_messages at n and n+1, unsettled ones included") {
    broker_host host({.max_queue_messages = 3});
    auto& c = host.join();
    CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client, {{"prefetch-count", "2"}}) == errc::ok);
    host.settle();
    for (const std::string_view body : {"1", "2", "3"}) CHECK(host.broker.publish("/queue/q", body) == errc::ok);
    CHECK(host.broker.publish("/queue/q", "4") == errc::queue_full);
    CHECK(refusal(host, send("/queue/q", "4")) == explain(errc::queue_full));
    CHECK(host.broker.publish("/queue/other", "1") == errc::ok);
    host.settle();
    const auto got = c.take_messages();
    REQUIRE(got.size() == 2);
    CHECK(c.session.ack(got[0].handle) == errc::ok);
    host.settle();
    CHECK(c.bodies() == "3");
    CHECK(host.broker.publish("/queue/q", "4") == errc::ok);
    CHECK(host.broker.publish("/queue/q", "5") == errc::queue_full);
}

TEST_CASE("broker: max_queue_bytes at n and n+1, for a queue that is new, too") {
    const stomp::shared_message probe({stomp::command::send,
                                       {},
                                       std::array<stomp::header, 1>{{{"destination", "/queue/q"}}},
                                       std::string_view("12345")});
    const std::size_t size = probe.memory();
    broker_host host({.max_queue_bytes = 3 * size});
    for (int i = 0; i < 3; ++i) CHECK(host.broker.publish("/queue/q", "12345") == errc::ok);
    CHECK(host.broker.stats().queued_bytes == 3 * size);
    CHECK(host.broker.publish("/queue/q", "") == errc::queue_full);
    CHECK(host.broker.stats().queues == 1);
    CHECK(host.broker.publish("/queue/r", std::string(3 * size, 'x')) == errc::queue_full);
    CHECK(host.broker.stats().queues == 1);
    auto& c = host.join();
    CHECK(c.session.subscribe("1", "/queue/q") == errc::ok);
    host.settle();
    CHECK(host.broker.stats().queued_bytes == 0);
    CHECK(host.broker.publish("/queue/q", "12345") == errc::ok);
}

TEST_CASE("broker: max_queues at n and n+1, for SEND and SUBSCRIBE; the dead-letter queue may always be") {
    broker_host host({.max_queues = 2, .max_deliveries = 1});
    CHECK(host.broker.publish("/queue/a", "x") == errc::ok);
    auto& c = host.join();
    CHECK(c.session.subscribe("1", "/queue/b", ack_mode::client) == errc::ok);
    host.settle();
    CHECK(host.broker.stats().queues == 2);
    CHECK(host.broker.publish("/queue/c", "x") == errc::queue_full);
    CHECK(refusal(host, send("/queue/c", "x")) == explain(errc::queue_full));
    CHECK(refusal(host, subscribe("1", "/queue/c")) == explain(errc::queue_full));
    CHECK(refusal(host, subscribe("1", "/queue/a")).empty());
    CHECK(host.broker.publish("/queue/b", "y") == errc::ok);
    host.settle();
    const auto got = c.take_messages();
    REQUIRE(got.size() == 1);
    CHECK(c.session.nack(got[0].handle) == errc::ok);
    CHECK(c.session.subscribe("2", "/queue/dead-letter") == errc::ok);
    host.settle();
    CHECK(c.bodies() == "y*");
}

TEST_CASE("broker: nobody who is known to be gone is given a queue's message") {
    broker_options o;
    o.session.heart_beat = {.can_send = 1s, .wants = 1s};
    broker_host host(o);
    const auto mode = GENERATE("ack:auto\n", "ack:client\n");
    sim::line& gone = host.raw("gone", stomp::version::v1_2, "heart-beat:1000,1000\n");
    gone.say(subscribe("1", "/queue/a", mode));
    host.settle();
    CHECK(gone.heard().empty());
    SECTION("transport_closed()") { host.broker.transport_closed(gone.id, host.now); }
    SECTION("close()") { host.broker.close(gone.id); }
    SECTION("fail()") { host.broker.fail(gone.id, "bye"); }
    SECTION("forget()") {
        gone.open = false;
        host.broker.forget(gone.id);
    }
    SECTION("no sign of life") { host.broker.handle_timeout(host.now + 1min); }
    SECTION("DISCONNECT") {
        gone.say("DISCONNECT\nreceipt:bye\n\n^@");
        CHECK(host.broker.receive(gone.id, gone.to_broker, host.now) == errc::ok);
        gone.to_broker.clear();
        // Worked off, and its RECEIPT written, but not yet closed: the event after it comes first.
        sim::line& other = host.dial();
        CHECK(host.broker.receive(other.id, "CONNECT\naccept-version:1.2\nhost:h\n\n" + std::string(1, '\0'),
                                  host.now) == errc::ok);
        REQUIRE(host.broker.poll_event());
    }
    CHECK(host.broker.publish("/queue/a", "kept") == errc::ok);
    CHECK(host.broker.stats().delivered == 0);
    CHECK(host.broker.stats().queued_messages == 1);
    host.settle();
    CHECK(gone.heard().find("MESSAGE") == std::string::npos);
    auto& heir = host.join();
    CHECK(heir.session.subscribe("1", "/queue/a") == errc::ok);
    host.settle();
    CHECK(heir.bodies() == "kept");  // for the first time
}

TEST_CASE("broker: a message that a 1.1 or 1.0 client cannot be sent does not get into its way") {
    broker_host host({.max_deliveries = 1});
    auto& sender = host.join();
    CHECK(sender.session.subscribe("1", "/queue/a", ack_mode::client) == errc::ok);
    host.settle();
    CHECK(host.broker.publish("/queue/a", "dead", {{"k", "a\rb"}, {"l", "a\nb"}}) == errc::ok);
    host.settle();
    for (const auto& m : sender.take_messages()) CHECK(sender.session.nack(m.handle) == errc::ok);
    host.settle();
    CHECK(host.broker.stats().dead_lettered == 1);
    auto& old = host.join({}, GENERATE(stomp::version::v1_0, stomp::version::v1_1));
    CHECK(old.session.subscribe("1", "/queue/dead-letter") == errc::ok);
    host.settle();
    CHECK(host.broker.publish("/queue/dead-letter", "next") == errc::ok);
    host.settle();
    CHECK(old.bodies() == "dead* next");  // without the header
}

TEST_CASE("broker: a topic's subscription that owes acknowledgements waits alone, and in order") {
    broker_options o;
    o.session.limits.max_unsettled = 3;
    o.max_backlog_messages = 4;
    o.low_water = SIZE_MAX;
    broker_host host(o);
    auto& c = host.join();
    CHECK(c.session.subscribe("owes", "/topic/a", ack_mode::client) == errc::ok);
    CHECK(c.session.subscribe("free", "/topic/*") == errc::ok);
    host.settle();
    const auto publish = [&](std::string_view bodies) {
        for (const char body : bodies) CHECK(host.broker.publish("/topic/a", {&body, 1}) == errc::ok);
        host.settle();
    };
    const auto of = [](const std::vector<sim::received>& all, std::string_view subscription) {
        std::string bodies;
        for (const auto& m : all) bodies += m.subscription == subscription ? m.body : "";
        return bodies;
    };
    publish("12345");
    auto got = c.take_messages();
    CHECK(of(got, "owes") == "123");
    CHECK(of(got, "free") == "12345");
    CHECK(host.broker.stats().backlog_messages == 2);

    SECTION("an ACK lets the oldest through, and what is new stays behind them") {
        CHECK(c.session.ack(got.front().handle) == errc::ok);
        host.settle();
        publish("6");
        got = c.take_messages();
        CHECK(of(got, "owes") == "4");
        CHECK(of(got, "free") == "6");
        CHECK(host.broker.stats().backlog_messages == 2);
    }
    SECTION("a full output in between changes nothing in the order") {
        c.transport.accepts = 0;
        const std::string large(stomp::limits::server().max_output / 3, 'x');
        for (int i = 0; i < 3; ++i) CHECK(host.broker.publish("/topic/b", large) == errc::ok);  // one of them waits
        publish("67");                                                                          // behind it, for both
        CHECK(host.broker.stats().backlog_messages == 2 + 4);  // which the large one had to make room for
        CHECK(host.broker.stats().dropped == 1);
        c.transport.accepts = SIZE_MAX;
        host.settle();
        auto more = c.take_messages();
        CHECK(of(more, "owes").empty());
        CHECK(of(more, "free") == large + large + "67");
        CHECK(host.broker.stats().backlog_messages == 2 + 2);
        for (int round = 0; round < 4; ++round) {
            for (const auto& m : got) {
                if (m.subscription == "owes") CHECK(c.session.ack(m.handle) == errc::ok);
            }
            host.settle();
            got = c.take_messages();
            more.insert(more.end(), got.begin(), got.end());
        }
        CHECK(of(more, "owes") == "4567");
        CHECK(host.broker.stats().backlog_messages == 0);
    }
    SECTION("an open window is of no use to the small while a large one waits for room") {
        const std::size_t room = stomp::server_session::largest_message(stomp::limits::server());
        const std::string large(room * 8 / 10, 'L');
        CHECK(host.broker.publish("/topic/a", large) == errc::ok);
        host.settle();
        CHECK(of(c.take_messages(), "free") == large);
        c.transport.accepts = 0;
        CHECK(host.broker.publish("/topic/b", std::string(room / 2, 'b')) == errc::ok);  // into the output
        // With another one that waits for room in front of the next small one, and without.
        if (GENERATE(true, false)) {
            CHECK(host.broker.publish("/topic/c", std::string(room * 6 / 10, 'c')) == errc::ok);
        }
        publish("6");  // waits, too
        for (const auto& m : got) {
            if (m.subscription == "owes") CHECK(c.session.ack(m.handle) == errc::ok);
        }
        host.settle();  // "4" and "5" fit, the large one does not
        publish("7");
        c.transport.accepts = room / 4;
        host.settle();  // now there is room for the "c", but not for the large one
        c.transport.accepts = SIZE_MAX;
        std::string order;
        for (int round = 0; round < 4; ++round) {
            host.settle();
            for (const auto& m : c.take_messages()) {
                if (m.subscription != "owes") continue;
                order += m.body.front();
                CHECK(c.session.ack(m.handle) == errc::ok);
            }
        }
        CHECK(order == "45L67");
    }
    SECTION("what does not fit is dropped, and of that subscription alone") {
        publish("6789");
        CHECK(host.broker.stats().backlog_messages == 4);
        CHECK(host.broker.stats().dropped == 2);
        CHECK(of(c.take_messages(), "free") == "6789");
    }
    SECTION("what waits for a subscription that goes, goes") {
        CHECK(c.session.unsubscribe("owes") == errc::ok);
        host.settle();
        CHECK(host.broker.stats().backlog_messages == 0);
        publish("6");
        CHECK(of(c.take_messages(), "free") == "6");
    }
    SECTION("what waits for a connection that goes, goes") {
        host.cut(c);
        CHECK(host.broker.stats().backlog_messages == 0);
    }
}

TEST_CASE("broker: poll_changed() tells of what has come while a write was under way") {
    broker_host host;
    sim::line& l = host.raw();
    auto& b = host.broker;
    const auto say = [&](std::string frame) {
        frame += '\0';
        CHECK(b.receive(l.id, frame, host.now) == errc::ok);
    };
    say("BEGIN\ntransaction:t\nreceipt:1\n\n");
    CHECK_FALSE(b.poll_event());
    CHECK(changed(b) == std::vector{l.id});
    const std::size_t writing = b.output(l.id).size();
    say("BEGIN\ntransaction:u\nreceipt:2\n\n");
    say("SEND\ndestination:/app/a\n\n");
    REQUIRE(b.poll_event());  // the second receipt has been queued before it
    b.consume_output(l.id, writing, host.now);
    CHECK_FALSE(b.poll_event());
    CHECK_FALSE(b.output(l.id).empty());
    CHECK(changed(b) == std::vector{l.id});
}

TEST_CASE("broker: an empty queue gives the memory of what it held back, though it has a consumer") {
    broker_host host({.window = 1});
    auto& c = host.join();
    CHECK(c.session.subscribe("1", "/queue/a", ack_mode::client) == errc::ok);
    host.settle();
    const auto work_off = [&] {
        for (auto got = c.take_messages(); !got.empty(); got = c.take_messages()) {
            CHECK(c.session.ack(got.back().handle) == errc::ok);
            host.settle();
        }
    };
    CHECK(host.broker.publish("/queue/a", "x") == errc::ok);
    host.settle();
    work_off();
    const counting_new::heap_watch watch;
    for (int i = 0; i < 5000; ++i) CHECK(host.broker.publish("/queue/a", "x") == errc::ok);
    CHECK(watch.held() > 500'000);
    host.settle();
    work_off();
    CHECK(host.numbers() == "queued 0 unsettled 0 queues 1 subscriptions 1");
    CHECK(watch.held() < 20'000);
}

#ifdef __cpp_exceptions
TEST_CASE("broker: a connection that is ended because memory ran out in consume_output() is told of") {
    broker_options o;
    o.session.limits.max_output = 40'000;
    o.low_water = 100;
    broker_host host(o);
    sim::line& l = host.raw();
    l.say(subscribe("1", "/topic/a"));
    host.settle();
    l.accepts = 0;
    for (int i = 0; i < 10; ++i) CHECK(host.broker.publish("/topic/a", std::string(9000, 'x')) == errc::ok);
    REQUIRE(host.broker.stats().backlog_messages != 0);
    (void)changed(host.broker);
    const std::size_t unsent = host.broker.session(l.id)->unsent();
    counting_new::fail_at(1);
    CHECK_THROWS_AS(host.broker.consume_output(l.id, unsent, host.now), std::bad_alloc);
    counting_new::fail_at(0);
    CHECK(changed(host.broker) == std::vector{l.id});
    const auto e = host.broker.poll_event();
    REQUIRE(e);
    CHECK(e->kind == broker_event::closed);
    CHECK(e->reason == errc::out_of_memory);
    CHECK(host.broker.stats().backlog_messages == 0);
}
#endif

TEST_CASE("broker: the preset dead-letter queue follows the prefix of queues") {
    broker_host host({.queue_prefix = "q/", .max_deliveries = 1});
    auto& c = host.join();
    CHECK(c.session.subscribe("1", "q/a", ack_mode::client) == errc::ok);
    CHECK(host.broker.publish("q/a", "x") == errc::ok);
    host.settle();
    for (const auto& m : c.take_messages()) CHECK(c.session.nack(m.handle) == errc::ok);
    CHECK(c.session.subscribe("2", "q/dead-letter") == errc::ok);
    host.settle();
    CHECK(c.bodies() == "x*");
    CHECK(host.broker.stats().dead_lettered == 1);
}

TEST_CASE("broker: what was delivered too often goes to the dead-letter queue (A-10)") {
    broker_host host({.max_deliveries = 3});
    auto& c = host.join();
    std::string how;
    c.on_event = [&](const sim::client_event& e) {
        if (e.kind != sim::client_event::message) return;
        how += e.frame.get("redelivered") ? "r" : "f";
        if (e.frame.get_or("subscription") == "1") CHECK(c.session.nack(e) == errc::ok);
    };
    CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client_individual) == errc::ok);
    CHECK(c.session.send("/queue/q", "bad", {{"k", "v"}}) == errc::ok);
    host.settle();
    CHECK(how == "frr");
    CHECK(host.broker.stats().dead_lettered == 1);
    CHECK(host.broker.stats().redelivered == 2);
    CHECK(host.broker.stats().dropped == 0);
    CHECK(host.broker.stats().queues == 2);
    c.messages.clear();

    // Dead ones are given back as often as it takes.
    for (int i = 0; i < 5; ++i) {
        CHECK(c.session.subscribe("d", "/queue/dead-letter", ack_mode::client) == errc::ok);
        host.settle();
        const auto got = c.take_messages();
        REQUIRE(got.size() == 1);
        CHECK(got[0].body == "bad");
        CHECK(got[0].destination == "/queue/dead-letter");  // the first entry counts; the original follows
        CHECK(got[0].redelivered);
        std::string destinations;
        for (const stomp::header& h : got[0].frame.view().headers) {
            if (h.name == "destination") destinations += std::string(h.value) + " ";
        }
        CHECK(destinations == "/queue/dead-letter /queue/q ");
        CHECK(got[0].frame.view().get_or("k") == "v");
        CHECK(c.session.unsubscribe("d") == errc::ok);
        host.settle();
    }
    CHECK(host.numbers() == "queued 1 unsettled 0 queues 2 subscriptions 1");
    CHECK(host.broker.stats().redelivered == 2 + 5);
}

TEST_CASE("broker: without a dead-letter queue the dead are dropped; without max_deliveries nobody dies") {
    SECTION("no name") {
        broker_host host({.max_deliveries = 1, .dead_letter = ""});
        auto& c = host.join();
        CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client) == errc::ok);
        CHECK(c.session.send("/queue/q", "x") == errc::ok);
        host.settle();
        CHECK(c.session.unsubscribe("1") == errc::ok);
        host.settle();
        CHECK(host.numbers() == "queued 0 unsettled 0 queues 0 subscriptions 0");
        CHECK(host.broker.stats().dropped == 1);
        CHECK(host.broker.stats().dead_lettered == 0);
    }
    SECTION("the dead-letter queue is full") {
        broker_host host({.max_queue_messages = 1, .max_deliveries = 1});
        CHECK(host.broker.publish("/queue/dead-letter", "first") == errc::ok);
        auto& c = host.join();
        CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client) == errc::ok);
        CHECK(c.session.send("/queue/q", "x") == errc::ok);
        host.settle();
        host.cut(c);
        CHECK(host.numbers() == "queued 1 unsettled 0 queues 1 subscriptions 0");
        CHECK(host.broker.stats().dropped == 1);
    }
    SECTION("for ever") {
        broker_host host({.max_deliveries = 0});
        auto& c = host.join();
        CHECK(host.broker.publish("/queue/q", "x") == errc::ok);
        for (int i = 0; i < 50; ++i) {
            CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client) == errc::ok);
            host.settle();
            CHECK(c.bodies() == (i == 0 ? "x" : "x*"));
            CHECK(c.session.unsubscribe("1") == errc::ok);
            host.settle();
        }
        CHECK(host.broker.stats().redelivered == 49);
    }
}

TEST_CASE("broker: what comes back is delivered again in its old order, before what is new") {
    broker_host host({.window = 3});
    auto& c = host.join();
    for (const std::string_view body : {"1", "2", "3", "4", "5"})
        CHECK(host.broker.publish("/queue/q", body) == errc::ok);
    CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client_individual) == errc::ok);
    host.settle();
    auto got = c.take_messages();
    REQUIRE(got.size() == 3);
    SECTION("unsubscribed") {
        CHECK(c.session.ack(got[1].handle) == errc::ok);
        CHECK(c.session.unsubscribe("1") == errc::ok);
        CHECK(c.session.subscribe("2", "/queue/q") == errc::ok);
        host.settle();
        CHECK(c.bodies() == "4 1* 3* 4* 5");
    }
    SECTION("the connection is lost") {
        host.cut(c);
        auto& d = host.join();
        CHECK(d.session.subscribe("1", "/queue/q") == errc::ok);
        host.settle();
        CHECK(d.bodies() == "1* 2* 3* 4 5");
    }
    SECTION("given back in another order, while nobody else takes messages") {
        auto& d = host.join();
        CHECK(d.session.subscribe("1", "/queue/q", ack_mode::client, {{"prefetch-count", "1"}}) == errc::ok);
        host.settle();
        const auto other = d.take_messages();
        REQUIRE(other.size() == 1);
        CHECK(other[0].body == "4");
        CHECK(c.session.nack(got[2].handle) == errc::ok);
        CHECK(c.session.nack(got[0].handle) == errc::ok);
        host.settle();
        CHECK(c.bodies() == "3* 1*");  // c itself takes them at once
        CHECK(c.session.unsubscribe("1") == errc::ok);
        CHECK(d.session.ack(other[0].handle) == errc::ok);
        host.settle();
        CHECK(d.bodies() == "1*");
        CHECK(host.broker.stats().queued_messages == 3);
    }
}

// ---- the application ---------------------------------------------------------------------------------------

TEST_CASE("broker: /app destinations are events, answered at the topic of the same name or at reply-to") {
    broker_host host;
    auto& c = host.join("ann");
    auto& d = host.join();
    for (auto* s : {&c, &d}) {
        CHECK(s->session.subscribe("1", "/topic/hello/x") == errc::ok);
        CHECK(s->session.subscribe("2", "/queue/answers") == errc::ok);
        CHECK(s->session.subscribe("3", "/user/queue/answers") == errc::ok);
    }
    host.settle();
    errc expected = errc::ok;
    host.on_event = [&](const broker_event& e) {
        if (e.kind != broker_event::message) return;
        CHECK(e.from == c.transport.id);
        CHECK(host.broker.reply(e, "re: " + std::string(e.frame.body), {{"k", "v"}}) == expected);
    };
    const auto ask = [&](std::string_view body, stomp::header_list extra) {
        CHECK(c.session.send("/app/hello/x", body, extra) == errc::ok);
        host.settle();
    };
    SECTION("by convention to the topic") {
        ask("1", {});
        CHECK(host.take_log() == "message: SEND destination:/app/hello/x content-length:1 [1]\n");
        CHECK(d.bodies() == "re: 1");
        const auto got = c.take_messages();
        REQUIRE(got.size() == 1);
        CHECK(got[0].frame.view().get_or("k") == "v");
        CHECK_FALSE(got[0].frame.view().get("correlation-id"));
    }
    SECTION("reply-to a queue, with the correlation-id") {
        ask("1", {{"reply-to", "/queue/answers"}, {"correlation-id", "c:7"}});
        const auto got = c.take_messages();
        REQUIRE(got.size() == 1);
        CHECK(got[0].destination == "/queue/answers");
        CHECK(got[0].frame.view().get_or("correlation-id") == "c:7");
        CHECK(d.take_messages().empty());
    }
    SECTION("reply-to the user's own destination: no one else's of the same name") {
        ask("1", {{"reply-to", "/user/queue/answers"}});
        CHECK(c.bodies() == "re: 1");
        CHECK(d.bodies().empty());
    }
    SECTION("a reply-to that is no place to send to") {
        expected = errc::bad_destination;
        ask("1", {{"reply-to", "/app/hello"}});
        ask("1", {{"reply-to", "/topic/*"}});
        ask("1", {{"reply-to", "/user/"}});
        ask("1", {{"reply-to", ""}});
        CHECK(c.take_messages().empty());
    }
    SECTION("only a message can be replied to") {
        CHECK(host.broker.reply({broker_event::closed, c.transport.id, {}, errc::ok}, "x") == errc::invalid_state);
        CHECK(host.broker.reply({broker_event::connect, c.transport.id, {}, errc::ok}, "x") == errc::invalid_state);
    }
    SECTION("the library's own request()") {
        CHECK(c.session.request("/app/hello/x", "1", {{"reply-to", "/user/queue/answers"}}) == errc::ok);
        host.settle();
        CHECK(c.bodies() == "re: 1");
    }
    SECTION("whose topic would be a pattern") {
        expected = errc::bad_destination;
        CHECK(c.session.send("/app/*", "1") == errc::ok);
        host.settle();
    }
}

TEST_CASE("broker: an application's message counts as processed when the next event is asked for (R-03)") {
    broker_host host;
    sim::line& l = host.raw();
    l.say(subscribe("1", "/topic/hello"));
    host.settle();
    SECTION("answered: the receipt comes first") {
        host.on_event = [&](const broker_event& e) { CHECK(host.broker.reply(e, "hi") == errc::ok); };
        l.say(send("/app/hello", "x", "receipt:r\n"));
        host.settle();
        CHECK(l.heard() ==
              "RECEIPT receipt-id:r\n"
              "MESSAGE subscription:1 message-id:s0.1-0-1 destination:/topic/hello content-length:2 [hi]\n");
    }
    SECTION("failed: no receipt, one ERROR (R-06, SC25)") {
        host.on_event = [&](const broker_event& e) {
            if (e.kind == broker_event::message) host.broker.fail(e.from, "no");
        };
        l.say(send("/app/hello", "x", "receipt:r\n") + send("/app/hello", "y"));
        host.settle();
        CHECK(l.heard() == "ERROR message:no\n");
        CHECK(host.take_log() == "message: SEND destination:/app/hello receipt:r [x]\nclosed closed_by_application\n");
    }
}

TEST_CASE("broker: /user destinations are private to the user's connections") {
    broker_host host;
    auto& bob1 = host.join("bob");
    auto& bob2 = host.join("bob");
    auto& ann = host.join("ann");
    auto& nobody1 = host.join();
    auto& nobody2 = host.join();
    std::vector<sim::client*> all{&bob1, &bob2, &ann, &nobody1, &nobody2};
    for (auto* c : all) {
        CHECK(c->session.subscribe("1", "/user/queue/news") == errc::ok);
        CHECK(c->session.subscribe("2", "/user/queue/other") == errc::ok);
    }
    CHECK(bob2.session.subscribe("3", "/user/queue/news") == errc::ok);
    host.settle();
    const auto heard = [&] {
        std::string out;
        for (auto* c : all) out += std::to_string(c->take_messages().size());
        return out;
    };
    CHECK(host.broker.publish_to_user("bob", "/queue/news", "x") == errc::ok);
    host.settle();
    CHECK(bob1.messages.at(0).destination == "/user/queue/news");
    CHECK(heard() == "12000");
    CHECK(host.broker.publish_to_user("bob", "queue/news", "x") == errc::ok);  // the slash is there or not
    host.settle();
    CHECK(heard() == "12000");
    CHECK(host.broker.publish_to_user("eve", "/queue/news", "x") == errc::ok);
    host.settle();
    CHECK(heard() == "00000");
    // A user whose name and destination run together with another's.
    CHECK(host.broker.publish_to_user("bo", "b/queue/news", "x") == errc::ok);
    host.settle();
    CHECK(heard() == "00000");
    // A client cannot publish to users, only the application can.
    CHECK(refusal(host, send("/user/queue/news", "x")) == explain(errc::bad_destination));
    CHECK(refusal(host, send("/user/bob/queue/news", "x")) == explain(errc::bad_destination));
    host.on_event = [&](const broker_event& e) {
        if (e.kind == broker_event::message) CHECK(host.broker.reply(e, "you") == errc::ok);
    };
    CHECK(nobody2.session.send("/app/x", "", {{"reply-to", "/user/queue/news"}}) == errc::ok);
    host.settle();
    CHECK(heard() == "00001");
}

TEST_CASE("broker: authorize() sees exactly the string used, for SEND and SUBSCRIBE") {
    std::vector<std::string> asked;
    broker_options o;
    o.authorize = [&](std::string_view user, broker_action action, std::string_view destination) {
        asked.push_back(std::string(user) + (action == broker_action::send ? " > " : " < ") + std::string(destination));
        return destination.find("secret") == std::string_view::npos;
    };
    broker_host host(o);
    const auto questions = [&] {
        std::string out;
        for (const std::string& a : std::exchange(asked, {})) out += a + "\n";
        return out;
    };
    CHECK(refusal(host, send("/topic/a//..\\c%2e", "x")).empty());
    CHECK(questions() == "who > /topic/a//..:%2e\n");
    CHECK(refusal(host, send("/queue/secret", "x")) == explain(errc::not_authorized));
    CHECK(questions() == "who > /queue/secret\n");
    CHECK(refusal(host, subscribe("1", "/topic/**")).empty());
    CHECK(questions() == "who < /topic/**\n");
    CHECK(refusal(host, subscribe("1", "/user/secret")) == explain(errc::not_authorized));
    CHECK(questions() == "who < /user/secret\n");
    CHECK(refusal(host, send("/app/secret", "x")) == explain(errc::not_authorized));
    CHECK(questions() == "who > /app/secret\n");
    CHECK(host.take_log().find("message") == std::string::npos);

    // What is no destination is refused without asking.
    CHECK(refusal(host, send("/nowhere/secret", "x")) == explain(errc::bad_destination));
    CHECK(questions().empty());

    // In a transaction: at its COMMIT, and all or nothing (T-09).
    CHECK(refusal(host, "BEGIN\ntransaction:t\n\n^@" + send("/topic/a", "x", "transaction:t\n") +
                            send("/topic/secret", "x", "transaction:t\n") + "COMMIT\ntransaction:t\n\n^@") ==
          explain(errc::not_authorized));
    CHECK(questions() == "who > /topic/a\nwho > /topic/secret\n");
    CHECK(host.broker.stats().published == 1);  // the first of all

    // The application itself is not asked, but where a client chose the destination, that client is.
    CHECK(host.broker.publish("/queue/secret", "x") == errc::ok);
    CHECK(questions().empty());
    errc replied = errc::ok;
    host.on_event = [&](const broker_event& e) {
        host.usual(e);
        if (e.kind == broker_event::message) replied = host.broker.reply(e, "x");
    };
    CHECK(refusal(host, send("/app/a", "x", "reply-to:/queue/secret\n")).empty());
    CHECK(questions() == "who > /app/a\nwho > /queue/secret\n");
    CHECK(replied == errc::not_authorized);
    CHECK(refusal(host, send("/app/a", "x", "reply-to:/queue/open\n")).empty());
    CHECK(replied == errc::ok);
    CHECK(questions() == "who > /app/a\nwho > /queue/open\n");
    CHECK(refusal(host, send("/app/a", "x")).empty());
    CHECK(questions() == "who > /app/a\n");
}

TEST_CASE("broker: subscription events, by option") {
    broker_options o;
    o.subscription_events = true;
    broker_host host(o);
    sim::line& l = host.raw();
    host.on_event = [&](const broker_event& e) {
        // A greeting for whoever comes: after the receipt of its SUBSCRIBE.
        if (e.kind == broker_event::subscribed)
            CHECK(host.broker.publish(e.frame.get_or("destination"), "welcome") == errc::ok);
    };
    l.say(subscribe("1", "/topic/a", "receipt:r\n"));
    host.settle();
    CHECK(l.heard() ==
          "RECEIPT receipt-id:r\n"
          "MESSAGE subscription:1 message-id:s0.1-0-1 destination:/topic/a content-length:7 [welcome]\n");
    l.say("UNSUBSCRIBE\nid:1\n\n^@" + subscribe("2", "/topic/b"));
    host.settle();
    host.cut(l);
    CHECK(host.take_log() ==
          "subscribed: SUBSCRIBE id:1 destination:/topic/a receipt:r\n"
          "unsubscribed: UNSUBSCRIBE id:1\n"
          "subscribed: SUBSCRIBE id:2 destination:/topic/b\n"
          "closed connection_lost\n");
}

// ---- transactions ------------------------------------------------------------------------------------------

TEST_CASE("broker: messages to the application inside a transaction come one by one after its COMMIT") {
    broker_host host;
    sim::line& l = host.raw();
    l.say("BEGIN\ntransaction:t\n\n^@" + send("/app/a", "1", "transaction:t\n") +
          send("/topic/a", "2", "transaction:t\n") + send("/app/b", "3", "transaction:t\n") +
          subscribe("1", "/topic/*"));
    host.settle();
    CHECK(host.take_log().empty());
    int n = 0;
    SECTION("each may be answered, and the connection may end in between") {
        host.on_event = [&](const broker_event& e) {
            if (e.kind != broker_event::message) return;
            CHECK(e.from == l.id);
            CHECK(host.broker.reply(e, "re") == errc::ok);
            if (++n == 1) host.broker.forget(e.from);
        };
        l.say("COMMIT\ntransaction:t\nreceipt:c\n\n^@");
        host.settle();
        CHECK(host.take_log() ==
              "message: SEND destination:/app/a transaction:t [1]\n"
              "message: SEND destination:/app/b transaction:t [3]\n"
              "closed connection_lost\n");
        CHECK(host.broker.stats().connections == 0);
        CHECK(host.broker.stats().subscriptions == 0);
    }
    SECTION("the receipt of COMMIT stands before what it causes") {
        host.on_event = [&](const broker_event& e) { CHECK(host.broker.reply(e, "re") == errc::ok); };
        l.say("COMMIT\ntransaction:t\nreceipt:c\n\n^@");
        host.settle();
        CHECK(l.heard() ==
              "RECEIPT receipt-id:c\n"
              "MESSAGE subscription:1 message-id:s0.1-0-1 destination:/topic/a content-length:1 [2]\n"
              "MESSAGE subscription:1 message-id:s0.1-0-2 destination:/topic/a content-length:2 [re]\n"
              "MESSAGE subscription:1 message-id:s0.1-0-3 destination:/topic/b content-length:2 [re]\n");
    }
}

TEST_CASE("broker: a transaction takes effect as a whole or not at all, at the exact bound (SC22, T-09)") {
    // In each row: the destinations of its SENDs, and whether they fit.
    struct row {
        std::vector<std::string> sends;
        bool fits;
    };
    const std::vector<row> rows{{{"/queue/a", "/queue/a", "/queue/b", "/queue/b"}, true},
                                {{"/queue/a", "/queue/a", "/queue/a"}, false},
                                {{"/queue/a", "/queue/b", "/queue/c"}, false},  // max_queues
                                {{"/queue/a", "/topic/*"}, false},
                                {{"/queue/a", "/user/queue/b"}, false},
                                {{"/queue/a", "/app/x", "/topic/t"}, true}};
    for (const row& r : rows) {
        CAPTURE(r.sends);
        broker_host host({.max_queues = 2, .max_queue_messages = 2});
        sim::line& watcher = host.raw();
        watcher.say(subscribe("1", "/topic/**"));
        sim::line& l = host.raw();
        l.say("BEGIN\ntransaction:t\n\n^@");
        for (const std::string& d : r.sends) l.say(send(d, "x", "transaction:t\n"));
        l.say("COMMIT\ntransaction:t\nreceipt:c\n\n^@");
        host.settle();
        const std::string heard = l.heard();
        if (r.fits) {
            CHECK(heard == "RECEIPT receipt-id:c\n");
            const auto app = std::count(r.sends.begin(), r.sends.end(), "/app/x");
            CHECK(host.broker.stats().published == r.sends.size() - static_cast<std::size_t>(app));
        } else {
            CHECK(heard.starts_with("ERROR message:"));
            CHECK(heard.find("receipt-id:c") != std::string::npos);
            CHECK(host.numbers() == "queued 0 unsettled 0 queues 0 subscriptions 1");
            CHECK(watcher.heard().empty());
            CHECK(host.take_log() == "closed closed_by_application\n");
            // The promises are given back.
            CHECK(host.broker.publish("/queue/a", "1") == errc::ok);
            CHECK(host.broker.publish("/queue/a", "2") == errc::ok);
        }
    }
}

TEST_CASE("broker: the acknowledgements of a transaction that fails are taken back, in order (T-09, A-18)") {
    broker_host host;
    for (const std::string_view body : {"1", "2", "3"}) CHECK(host.broker.publish("/queue/q", body) == errc::ok);
    auto& c = host.join();
    CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client_individual) == errc::ok);
    host.settle();
    const auto got = c.take_messages();
    REQUIRE(got.size() == 3);
    auto& other = host.join();
    CHECK(other.session.subscribe("1", "/queue/q") == errc::ok);
    CHECK(c.session.begin("t") == errc::ok);
    for (const std::size_t i : {1U, 0U}) CHECK(c.session.ack(got[i].handle, {{"transaction", "t"}}) == errc::ok);
    CHECK(c.session.send("/nowhere", "x", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.session.commit("t") == errc::ok);
    host.settle();
    CHECK(other.bodies() == "1* 2* 3*");
    CHECK(host.numbers() == "queued 0 unsettled 0 queues 1 subscriptions 1");
}

TEST_CASE("broker: a transaction outlives the subscription whose messages it settles (T-03, S-13)") {
    broker_host host;
    for (const std::string_view body : {"1", "2", "3"}) CHECK(host.broker.publish("/queue/q", body) == errc::ok);
    auto& c = host.join();
    CHECK(c.session.subscribe("1", "/queue/q", ack_mode::client_individual) == errc::ok);
    host.settle();
    const auto got = c.take_messages();
    REQUIRE(got.size() == 3);
    CHECK(c.session.begin("t") == errc::ok);
    CHECK(c.session.ack(got[0].handle, {{"transaction", "t"}}) == errc::ok);
    CHECK(c.session.nack(got[2].handle, {{"transaction", "t"}}) == errc::ok);
    CHECK(c.session.unsubscribe("1") == errc::ok);
    CHECK(c.session.subscribe("other", "/queue/r", ack_mode::client) == errc::ok);  // in the same slot
    host.settle();
    CHECK(host.numbers() == "queued 1 unsettled 2 queues 2 subscriptions 1");
    SECTION("COMMIT") {
        CHECK(c.session.commit("t") == errc::ok);
        host.settle();
        CHECK(host.numbers() == "queued 2 unsettled 0 queues 2 subscriptions 1");
        CHECK(c.session.subscribe("2", "/queue/q") == errc::ok);
        host.settle();
        CHECK(c.bodies() == "2* 3*");
    }
    SECTION("ABORT") {
        CHECK(c.session.abort("t") == errc::ok);
        CHECK(c.session.subscribe("2", "/queue/q") == errc::ok);
        host.settle();
        CHECK(c.bodies() == "1* 2* 3*");
    }
    SECTION("neither") {
        host.cut(c);
        CHECK(host.numbers() == "queued 3 unsettled 0 queues 1 subscriptions 0");
    }
    // The slot's new owner has its whole window.
    if (c.transport.open) {
        for (int i = 0; i < 70; ++i) CHECK(host.broker.publish("/queue/r", "x") == errc::ok);
        host.settle();
        CHECK(c.messages.size() == 64);
    }
}

TEST_CASE("broker: room that opens by UNSUBSCRIBE, ABORT or COMMIT is used without waiting for more") {
    // The session's own window is full of one subscription's messages: topics and queues of the connection wait.
    broker_options o;
    o.session.limits.max_unsettled = 4;
    broker_host host(o);
    auto& c = host.join();
    CHECK(c.session.subscribe("full", "/queue/full", ack_mode::client) == errc::ok);
    CHECK(c.session.subscribe("q", "/queue/q", ack_mode::client_individual) == errc::ok);
    CHECK(c.session.subscribe("t", "/topic/t", ack_mode::client_individual) == errc::ok);
    host.settle();
    for (int i = 0; i < 4; ++i) CHECK(host.broker.publish("/queue/full", "f") == errc::ok);
    CHECK(host.broker.publish("/queue/q", "q") == errc::ok);
    CHECK(host.broker.publish("/topic/t", "t") == errc::ok);
    host.settle();
    const auto got = c.take_messages();
    CHECK(got.size() == 4);
    CHECK(host.broker.stats().backlog_messages == 1);
    SECTION("UNSUBSCRIBE") { CHECK(c.session.unsubscribe("full") == errc::ok); }
    SECTION("COMMIT") {
        CHECK(c.session.begin("x") == errc::ok);
        CHECK(c.session.ack(got[3].handle, {{"transaction", "x"}}) == errc::ok);
        CHECK(c.session.commit("x") == errc::ok);
    }
    SECTION("ABORT after UNSUBSCRIBE") {
        CHECK(c.session.begin("x") == errc::ok);
        CHECK(c.session.ack(got[3].handle, {{"transaction", "x"}}) == errc::ok);
        CHECK(c.session.unsubscribe("full") == errc::ok);
        host.settle();
        CHECK(c.take_messages().empty());
        CHECK(c.session.abort("x") == errc::ok);
    }
    SECTION("ACK") { CHECK(c.session.ack(got[1].handle) == errc::ok); }
    host.settle();
    CHECK(c.bodies() == "t q");
    CHECK(host.broker.stats().backlog_messages == 0);
}

// ---- numbers -----------------------------------------------------------------------------------------------

TEST_CASE("broker: stats() begins and ends with nothing") {
    broker_host host;
    const auto idle = [&] {
        const stomp::broker_stats s = host.broker.stats();
        return s.connections + s.subscriptions + s.queues + s.queued_messages + s.queued_bytes + s.unsettled_messages +
               s.backlog_messages;
    };
    CHECK(idle() == 0);
    auto& c = host.join("u");
    for (const std::string_view d : {"/topic/a", "/topic/*", "/user/a", "/queue/a", "/queue/b"}) {
        CHECK(c.session.subscribe(d, d, ack_mode::client) == errc::ok);
    }
    CHECK(c.session.send("/queue/a", "x") == errc::ok);
    CHECK(c.session.send("/topic/a", "x") == errc::ok);
    host.settle();
    const stomp::broker_stats s = host.broker.stats();
    CHECK(s.connections == 1);
    CHECK(s.subscriptions == 5);
    CHECK(s.queues == 2);
    CHECK(s.published == 2);
    CHECK(s.delivered == 3);
    CHECK(s.unsettled_messages == 1);
    const auto got = c.take_messages();
    for (const auto& m : got) {
        if (m.subscription == "/queue/a") CHECK(c.session.ack(m.handle) == errc::ok);
    }
    host.settle();
    CHECK(host.broker.stats().unsettled_messages == 0);
    CHECK(c.session.disconnect() == errc::ok);
    host.settle();
    CHECK(c.closed == 1);
    CHECK(c.log.find("closed ok") != std::string::npos);
    CHECK(host.take_log() == "closed ok\n");
    CHECK(idle() == 0);
    CHECK(host.broker.stats().delivered == 3);
}
