// What sessions ask of the heap: nothing while they are busy, and when the heap refuses, nothing is lost but the call.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using counting_new::heap_watch;
using stomp::ack_mode;
using stomp::client_event;
using stomp::errc;
using stomp::server_event;
using stomp::version;

namespace {

stomp::client_options client_options(version v) {
    stomp::client_options o;
    o.host = "h";
    o.versions = {v};
    o.heart_beat = {1000ms, 1000ms};
    return o;
}

stomp::server_options server_options() {
    stomp::server_options o;
    o.heart_beat = {1000ms, 1000ms};
    return o;
}

/// A client session and a server session joined in memory; the server sends back what it is sent, to the last
/// subscription. Copies into the buffers of the receiver, as a socket would.
struct conversation {
    explicit conversation(version v) : client(client_options(v), now), server(server_options(), now) {}

    stomp::time_point now{};
    stomp::client_session client;
    stomp::server_session server;
    stomp::subscription_handle subscription;
    bool shares = false;  // the server makes a shared_message
    std::size_t messages = 0;
    std::size_t receipts = 0;
    std::size_t settled = 0;
    std::size_t commits = 0;
    errc client_reason = errc::ok;
    errc server_reason = errc::ok;
    bool client_closed = false;
    bool server_closed = false;
    errc failed = errc::ok;  // the first command that was refused

    void note(errc e) {
        if (failed == errc::ok) failed = e;
    }

    /// One direction: what is written is read. Returns whether there was anything.
    template <class From, class To>
    bool carry(From& from, To& to) {
        const std::string_view bytes = from.output();
        if (bytes.empty()) return false;
        const std::size_t n = bytes.size() < 1000 ? bytes.size() : 1000;
        if (to.wants_input()) {
            bytes.copy(to.input_buffer(1000).data(), n);
            to.commit_input(n, now);
        }
        from.consume_output(n, now);
        return true;
    }

    void run() {
        bool more = true;
        while (more) {
            while (const auto e = server.poll_event()) on(*e);
            while (const auto e = client.poll_event()) on(*e);
            more = carry(client, server);
            more = carry(server, client) || more;
        }
    }

    void wait(stomp::milliseconds time) {
        now += time;
        client.handle_timeout(now);
        server.handle_timeout(now);
        run();
    }

    void on(const server_event& e) {
        switch (e.kind) {
            case server_event::connect: note(server.accept("s")); break;
            case server_event::subscribe: subscription = e.subscription; break;
            case server_event::send: echo(e.frame); break;
            case server_event::ack:
            case server_event::nack: settled += e.settled.size(); break;
            case server_event::commit:
                ++commits;
                for (const stomp::transaction_step& step : e.steps) {
                    if (step.command == stomp::command::send) echo(step.frame);
                    settled += step.settled.size();
                }
                break;
            case server_event::closed:
                server_closed = true;
                server_reason = e.reason;
                break;
            default: break;
        }
    }

    void echo(const stomp::frame_view& f) {
        if (shares) {
            note(server.message(subscription, stomp::shared_message(f), 1));
        } else {
            note(server.message(subscription, f, 1, {{"redelivered", "true"}}));
        }
    }

    void on(const client_event& e) {
        switch (e.kind) {
            case client_event::message:
                ++messages;
                if (const errc acked = client.ack(e); acked != errc::nothing_to_ack) note(acked);
                break;
            case client_event::receipt: ++receipts; break;
            case client_event::closed:
                client_closed = true;
                client_reason = e.reason;
                break;
            default: break;
        }
    }
};

constexpr std::array modes{ack_mode::client, ack_mode::client_individual};

}  // namespace

TEST_CASE("no allocation per frame: SEND with receipt, MESSAGE with ACK, heart-beats (P9)") {
    const std::string body(300, 'b');
    const std::string large(3000, 'b');
    for (const version v : stomp::all_versions) {
        for (const ack_mode mode : modes) {
            if (v == version::v1_0 && mode != ack_mode::client) continue;
            conversation c(v);
            c.run();
            c.note(c.client.subscribe("a subscription: with an escape", "/topic/room", mode));
            c.run();
            const auto round = [&](std::string_view text) {
                c.note(c.client.send("/topic/room", text,
                                     {{"receipt", c.client.next_receipt_id()},
                                      {"content-type", "text/plain"},
                                      {"an escape:", "line\none"}}));
                c.run();
                c.wait(500ms);  // and a heart-beat each way
            };
            // 1.0 cannot carry escapes.
            const auto plain_round = [&](std::string_view text) {
                c.note(c.client.send("/topic/room", text, {{"receipt", c.client.next_receipt_id()}}));
                c.run();
                c.wait(500ms);
            };
            const auto rounds = [&](int n) {
                for (int i = 0; i < n; ++i) {
                    const std::string_view text = i % 3 == 0 ? large : body;
                    v == version::v1_0 ? plain_round(text) : round(text);
                }
            };
            rounds(20);
            CAPTURE(v, mode, c.failed);
            const std::size_t before = c.messages;
            const heap_watch heap;
            rounds(1000);
            const std::size_t allocations = heap.allocations();
            CHECK(allocations == 0);
            CHECK(c.failed == errc::ok);
            CHECK(c.messages == before + 1000);
            CHECK(c.settled == c.messages);
            CHECK(c.receipts == c.messages);
            CHECK(c.client.pending_receipts() == 0);
        }
    }
}

TEST_CASE("no allocation per frame: a flow of larger ones (P9)") {
    conversation c(version::v1_2);
    c.run();
    c.note(c.client.subscribe("0", "/queue/a"));
    c.run();
    const std::string body(7000, 'b');
    const auto round = [&] {
        c.note(c.client.send("/queue/a", body));
        c.run();
        c.run();  // polled once more than there are octets
    };
    for (int i = 0; i < 5; ++i) round();
    const heap_watch heap;
    for (int i = 0; i < 100; ++i) round();
    const std::size_t allocations = heap.allocations();
    CHECK(allocations == 0);
    CHECK(c.failed == errc::ok);
    CHECK(c.messages == 105);
}

TEST_CASE("no allocation per frame: bursts of messages that are acknowledged together (P9, A-02)") {
    conversation c(version::v1_2);
    c.run();
    c.note(c.client.subscribe("0", "/queue/a", ack_mode::client_individual));
    c.run();
    const auto burst = [&] {
        for (int i = 0; i < 50; ++i) c.note(c.client.send("/queue/a", "hello"));
        c.run();
    };
    for (int i = 0; i < 5; ++i) burst();
    const heap_watch heap;
    for (int i = 0; i < 100; ++i) burst();
    const std::size_t allocations = heap.allocations();
    CHECK(allocations == 0);
    CHECK(c.failed == errc::ok);
    CHECK(c.messages == 105 * 50);
}

TEST_CASE("a shared message costs its own octets once, and its delivery nothing (P9)") {
    conversation c(version::v1_2);
    c.run();
    c.note(c.client.subscribe("0", "/topic/room", ack_mode::client_individual));
    c.run();
    const stomp::header to{"destination", "/topic/room"};
    const stomp::shared_message small({stomp::command::send, {}, std::span(&to, 1), "hello"});
    const stomp::shared_message large({stomp::command::send, {}, std::span(&to, 1), std::string(6'000, 'b')});
    const auto round = [&] {
        c.note(c.server.message(c.subscription, small, 1));
        c.note(c.server.message(c.subscription, large, 1));
        c.run();
    };
    for (int i = 0; i < 5; ++i) round();
    const heap_watch heap;
    for (int i = 0; i < 100; ++i) round();
    const std::size_t allocations = heap.allocations();
    CHECK(allocations == 0);
    CHECK(c.failed == errc::ok);
    CHECK(c.messages == 210);
}

#ifdef __cpp_exceptions

namespace {

/// A whole life: everything that allocates, in both ends.
void live(conversation& c) {
    c.run();
    c.note(c.client.subscribe("a subscription with a long id", "/topic/room", ack_mode::client));
    c.run();
    const std::string body(3000, 'b');
    c.note(c.client.send("/topic/room", body, {{"receipt", "a receipt with an id that is long"}}));
    c.shares = true;
    c.run();
    c.note(c.client.send("/topic/room", body, {{"receipt", c.client.next_receipt_id()}}));
    c.run();
    c.note(c.client.begin("a transaction with a long id"));
    c.note(c.client.send("/topic/room", body, {{"transaction", "a transaction with a long id"}}));
    c.note(c.client.commit("a transaction with a long id"));
    c.run();
    c.note(c.client.unsubscribe("a subscription with a long id"));
    c.run();
    c.note(c.client.disconnect());
    c.run();
    c.client.transport_closed(c.now);
    c.server.transport_closed(c.now);
    c.run();
}

}  // namespace

TEST_CASE(
    "abuse 75: whichever allocation fails, bad_alloc passes, nothing leaks, and the sessions can be used on (P1)") {
    std::size_t n = 1;
    for (bool failed = true; failed; ++n) {
        failed = false;
        bool ended = true;
        const heap_watch heap;
        {
            std::optional<conversation> c;
            counting_new::fail_at(n);
            try {
                c.emplace(version::v1_2);
                live(*c);
            } catch (const std::bad_alloc&) {
                failed = true;
            }
            counting_new::fail_at(0);
            if (failed && c) {
                // Whoever goes on regardless gets no undefined behaviour, and an end.
                (void)c->client.send("/topic/room", "again");
                c->run();
                c->client.transport_closed(c->now);
                c->server.transport_closed(c->now);
                c->run();
                ended = c->client_closed && c->server_closed;
            }
            if (!failed) {
                CHECK(c->failed == errc::ok);
                CHECK(c->client_reason == errc::ok);
                CHECK(c->server_reason == errc::ok);
                CHECK(c->messages == 3);
                CHECK(c->settled == 3);
            }
        }
        const std::size_t blocks = heap.blocks();
        CAPTURE(n);
        CHECK(blocks == 0);
        CHECK(ended);
    }
    CHECK(n > 50);
}

TEST_CASE("abuse 75: a server session tells of a frame or ends, and gives every tag back once (P1, A-18)") {
    const auto text = [] {
        std::string all;
        for (const std::string_view f :
             {"CONNECT\naccept-version:1.2\n\n", "SUBSCRIBE\nid:0\ndestination:d\nack:client\nreceipt:0\n\n",
              "SUBSCRIBE\nid:1\ndestination:d\nack:client-individual\nreceipt:1\n\n",
              "SEND\ndestination:d\nreceipt:a receipt that needs memory of its own\n\nx",
              "ACK\nid:s-2-2\nreceipt:2\n\n", "BEGIN\ntransaction:a\nreceipt:3\n\n", "ACK\nid:s-6-6\ntransaction:a\n\n",
              "ACK\nid:s-7-7\ntransaction:a\nreceipt:4\n\n", "SEND\ndestination:d\ntransaction:a\nreceipt:5\n\nx",
              "COMMIT\ntransaction:a\nreceipt:6\n\n", "BEGIN\ntransaction:b\nreceipt:7\n\n",
              "ACK\nid:s-8-8\ntransaction:b\nreceipt:8\n\n", "UNSUBSCRIBE\nid:1\nreceipt:9\n\n",
              "ABORT\ntransaction:b\nreceipt:10\n\n", "NACK\nid:s-3-3\nreceipt:11\n\n"}) {
            all += f;
            all += '\0';
        }
        return all;
    }();
    stomp::server_options options;
    options.trailing_eol = true;
    std::size_t n = 1;
    for (bool failed = true; failed; ++n) {
        failed = false;
        stomp::server_session s(options, {});
        REQUIRE(s.receive(text, {}) == errc::ok);
        std::string told;
        std::string tags;
        errc reason = errc::ok;
        const std::string body(600, 'b');
        const stomp::header to{"destination", "d"};
        const stomp::shared_message sent({stomp::command::send, {}, std::span(&to, 1), body});
        std::array<stomp::subscription_handle, 2> subscriptions;
        std::size_t subscribed = 0;
        bool closing = false;
        counting_new::fail_at(n);
        const auto note = [&](std::span<const std::uint64_t> settled) {
            for (const std::uint64_t tag : settled) tags += static_cast<char>('0' + tag);
        };
        while (true) {
            std::optional<server_event> e;
            try {
                e = s.poll_event();
            } catch (const std::bad_alloc&) {
                failed = true;
                continue;
            }
            const std::size_t left = counting_new::until_failure();
            counting_new::fail_at(0);
            if (!e && closing) break;
            if (!e) {
                s.transport_closed({});
                closing = true;
            } else {
                told += "csbuanmdxX"[e->kind];
                note(e->settled);
                for (const stomp::transaction_step& step : e->steps) note(step.settled);
                if (e->kind == server_event::connect) REQUIRE(s.accept("s") == errc::ok);
                if (e->kind == server_event::subscribe) {
                    // Four messages for each, tags 1 to 8.
                    subscriptions[subscribed] = e->subscription;
                    for (std::uint64_t i = 1; i <= 4; ++i) {
                        REQUIRE(s.message(subscriptions[subscribed], sent, 4 * subscribed + i) == errc::ok);
                    }
                    ++subscribed;
                }
                if (e->kind == server_event::closed) reason = e->reason;
            }
            counting_new::fail_at(left);
        }
        counting_new::fail_at(0);
        CAPTURE(n, told, tags);
        std::string heard;
        std::size_t receipts = 0;
        while (!s.output().empty()) {
            heard += s.output();
            s.consume_output(s.output().size(), {});
        }
        for (std::size_t at = 0; (at = heard.find("RECEIPT\n", at)) != std::string::npos; ++at) ++receipts;
        std::sort(tags.begin(), tags.end());
        CHECK(tags == std::string("12345678").substr(0, 4 * subscribed));
        CHECK(told.back() == 'X');
        told.pop_back();
        CHECK(told == std::string_view("cbbsamunn").substr(0, told.size()));
        CHECK(reason == (told.size() < 9 ? errc::out_of_memory : errc::connection_lost));
        if (!failed) CHECK(told.size() == 9);
        CHECK(receipts <= 13);
        if (!failed) CHECK(receipts == 13);
    }
    CHECK(n > 20);
}

#endif
