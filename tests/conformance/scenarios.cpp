// The scenarios of the conformance checklist that concern one connection: a client session against a server session in
// virtual time. Those that need a broker's queues are done where the rule is the session's: tags stand for messages, and
// "requeued" is a tag that is given back.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"
#include "support/pair.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using sim::connection_pair;
using sim::wire;
using stomp::ack_handle;
using stomp::ack_mode;
using stomp::client_event;
using stomp::client_options;
using stomp::client_state;
using stomp::command;
using stomp::errc;
using stomp::frame_view;
using stomp::header;
using stomp::milliseconds;
using stomp::server_event;
using stomp::server_options;
using stomp::subscription_handle;
using stomp::version;

namespace {

const std::array<header, 1> to_q{header{"destination", "/q"}};

frame_view message_of(std::string_view body) { return {command::send, {}, to_q, body}; }

/// Both ends connected, with what is needed to deliver messages and to acknowledge them.
struct conversation : connection_pair {
    explicit conversation(version v = version::v1_2, server_options s = {}, client_options c = {.host = "h"})
        : connection_pair(only(std::move(c), v), std::move(s)) {
        on_server = [this](const server_event& e) {
            if (e.kind == server_event::connect) CHECK(server.accept("s") == errc::ok);
            if (e.kind == server_event::subscribe) subscriptions.push_back(e.subscription);
            if (also) also(e);
        };
        on_client = [this](const client_event& e) {
            if (e.kind == client_event::message) {
                handles.emplace_back(e);
                frames.emplace_back(e.frame);
            }
        };
        settle();
        REQUIRE(client.negotiated_version() == v);
        log.clear();
    }

    static client_options only(client_options c, version v) {
        c.versions = {v};
        return c;
    }

    void subscribe(std::string_view id, ack_mode mode) {
        REQUIRE(client.subscribe(id, "/q", mode) == errc::ok);
        settle();
        log.clear();
    }

    /// Sends messages m<tag> to the n-th subscription and has the client read them.
    void deliver(std::size_t n, std::initializer_list<std::uint64_t> tags) {
        for (const std::uint64_t tag : tags) {
            REQUIRE(server.message(subscriptions.at(n), message_of("m" + std::to_string(tag)), tag) == errc::ok);
        }
        settle();
        log.clear();
    }

    std::string run() {
        settle();
        return take_log();
    }

    std::string lose() {
        break_link();
        return take_log();
    }

    std::vector<subscription_handle> subscriptions;  // of the server, in order
    std::vector<ack_handle> handles;                 // of the client: messages in order of arrival
    std::vector<stomp::frame> frames;                // theirs
    std::function<void(const server_event&)> also;
};

}  // namespace

// ---- acknowledgement ---------------------------------------------------------------------------------------

TEST_CASE("SC01 A-02 A-04: in client mode an ACK covers what came before it, the rest comes back") {
    conversation c;
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1, 2, 3});
    CHECK(c.client.ack(c.handles[1]) == errc::ok);
    CHECK(c.run() == "S ack settled=1,2: ACK id:s-2-2\n");
    CHECK(c.lose() == "S closed connection_lost settled=3\nC closed connection_lost\n");
}

TEST_CASE("SC02 A-03: in client-individual mode an ACK covers one message") {
    conversation c;
    c.subscribe("s", ack_mode::client_individual);
    c.deliver(0, {1, 2, 3});
    CHECK(c.client.ack(c.handles[1]) == errc::ok);
    CHECK(c.run() == "S ack settled=2: ACK id:s-2-2\n");
    CHECK(c.lose() == "S closed connection_lost settled=1,3\nC closed connection_lost\n");
}

TEST_CASE("SC03 A-13: cumulative means on the same subscription") {
    conversation c;
    c.subscribe("a", ack_mode::client);
    c.subscribe("b", ack_mode::client);
    c.deliver(0, {1});
    c.deliver(1, {2});
    c.deliver(0, {3});
    CHECK(c.client.ack(c.handles[2]) == errc::ok);
    CHECK(c.run() == "S ack settled=1,3: ACK id:s-3-3\n");
    CHECK(c.server.unsettled() == 1);
    CHECK(c.lose() == "S closed connection_lost settled=2\nC closed connection_lost\n");
}

TEST_CASE("SC04 A-11: in client mode a NACK covers what came before it") {
    conversation c;
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1, 2, 3});
    CHECK(c.client.nack(c.handles[1]) == errc::ok);
    CHECK(c.run() == "S nack settled=1,2: NACK id:s-2-2\n");
    CHECK(c.server.unsettled() == 1);
}

TEST_CASE("SC05 A-11: in client-individual mode a NACK covers one message") {
    conversation c;
    c.subscribe("s", ack_mode::client_individual);
    c.deliver(0, {1, 2, 3});
    CHECK(c.client.nack(c.handles[1]) == errc::ok);
    CHECK(c.run() == "S nack settled=2: NACK id:s-2-2\n");
    CHECK(c.server.unsettled() == 2);
}

TEST_CASE("SC06 A-19: an ACK for what is settled already is an error") {
    conversation c;
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1, 2, 3});
    CHECK(c.client.ack(c.handles[2]) == errc::ok);
    CHECK(c.client.ack(c.handles[0]) == errc::ok);
    CHECK(c.run() ==
          "S ack settled=1,2,3: ACK id:s-3-3\n"
          "S closed unknown_ack\n"
          "C error: ERROR message:no unsettled message has this id\n"
          "C closed server_error\n");
}

TEST_CASE("SC07 A-01 SV-05: in auto mode a message is settled by sending it and has no ack header") {
    conversation c;
    c.subscribe("s", ack_mode::automatic);
    c.deliver(0, {1});
    REQUIRE(c.frames.size() == 1);
    CHECK_FALSE(c.frames[0].view().get("ack"));
    CHECK(c.frames[0].view().get("message-id"));
    CHECK(c.server.unsettled() == 0);
    CHECK(c.lose() == "S closed connection_lost\nC closed connection_lost\n");
}

TEST_CASE("SC08 A-17: an ACK for a message of an auto subscription is an error") {
    conversation c;
    c.subscribe("s", ack_mode::automatic);
    c.deliver(0, {1});
    const stomp::frame message = c.frames.at(0);
    const std::array<header, 1> id{header{"id", message.view().get_or("message-id")}};
    CHECK(c.client.send_frame({command::ack, {}, id, {}}) == errc::ok);
    CHECK(c.run().substr(0, 21) == "S closed unknown_ack\n");
}

TEST_CASE("SC09 A-06: in 1.1 an ACK must name the message's own subscription") {
    conversation c(version::v1_1);
    c.subscribe("s", ack_mode::client);
    c.subscribe("other", ack_mode::client);
    c.deliver(0, {1});
    const std::array<header, 2> headers{header{"subscription", "other"}, header{"message-id", "s-1-1"}};
    CHECK(c.client.send_frame({command::ack, {}, headers, {}}) == errc::ok);
    CHECK(c.run().substr(0, 31) == "S closed unknown_ack settled=1\n");
}

TEST_CASE("SC10 A-02 A-06: in 1.1 an ACK is cumulative") {
    conversation c(version::v1_1);
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1, 2});
    CHECK_FALSE(c.frames.at(0).view().get("ack"));
    CHECK(c.client.ack(c.handles[1]) == errc::ok);
    CHECK(c.run() == "S ack settled=1,2: ACK subscription:s message-id:s-2-2\n");
}

TEST_CASE("SC11 A-05 Q-43: in 1.0 an ACK is cumulative and names the message alone") {
    conversation c(version::v1_0);
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1, 2});
    CHECK(c.frames.at(0).view().get("message-id") != c.frames.at(1).view().get("message-id"));
    CHECK(c.client.ack(c.handles[1]) == errc::ok);
    CHECK(c.run() == "S ack settled=1,2: ACK message-id:s-2-2\n");
}

TEST_CASE("SC12 Q-43: in 1.0 each delivery has its own message-id, also when ids are given") {
    conversation c(version::v1_0);
    c.subscribe("a", ack_mode::client);
    c.subscribe("b", ack_mode::client);
    for (const auto h : c.subscriptions) {
        CHECK(c.server.message(h, message_of("same"), 1, {{"message-id", "same"}}) == errc::ok);
    }
    c.settle();
    REQUIRE(c.frames.size() == 2);
    CHECK(c.frames[0].view().get("message-id") != c.frames[1].view().get("message-id"));
}

TEST_CASE("SC13 A-14: an ack value is never used twice on a connection") {
    conversation c;
    for (const auto* id : {"a", "b", "c"}) c.subscribe(id, ack_mode::client_individual);
    std::set<std::string> acks;
    std::set<std::string> ids;
    std::uint32_t random = 1;
    for (std::uint64_t tag = 0; tag < 10'000; ++tag) {
        random = random * 1664525 + 1013904223;
        REQUIRE(c.server.message(c.subscriptions[random % 3], message_of("x"), tag) == errc::ok);
        if ((random >> 16) % 4 != 0 && c.server.unsettled() < 500) continue;
        c.settle();
        for (std::size_t i = 0; i < c.handles.size(); ++i) {
            acks.emplace(c.frames[i].view().get_or("ack"));
            ids.emplace(c.frames[i].view().get_or("message-id"));
            REQUIRE(c.client.ack(c.handles[i]) == errc::ok);  // the slots are used again and again
        }
        c.handles.clear();
        c.frames.clear();
        c.settle();
    }
    c.settle();
    for (const auto& f : c.frames) {
        acks.emplace(f.view().get_or("ack"));
        ids.emplace(f.view().get_or("message-id"));
    }
    CHECK(acks.size() == 10'000);
    CHECK(ids == acks);  // Q-40: so that a client that mixes them up is right too
    CHECK(c.server_closed == 0);
}

TEST_CASE("SC14 S-13 A-19: UNSUBSCRIBE gives the unsettled messages back, a later ACK is an error") {
    conversation c;
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1});
    CHECK(c.client.unsubscribe("s") == errc::ok);
    CHECK(c.client.ack(c.handles[0]) == errc::ok);
    CHECK(c.run().substr(0, 60) == "S unsubscribe settled=1: UNSUBSCRIBE id:s\nS closed unknown_a");
}

// ---- transactions ------------------------------------------------------------------------------------------

TEST_CASE("SC15 T-03 T-04: a transaction is one event, at COMMIT, in order") {
    conversation c;
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1, 2});
    CHECK(c.client.begin("t") == errc::ok);
    CHECK(c.client.send("/q", "a", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.client.ack(c.handles[0], {{"transaction", "t"}}) == errc::ok);
    CHECK(c.client.send("/q", "b", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.client.nack(c.handles[1], {{"transaction", "t"}}) == errc::ok);
    CHECK(c.run() == "");  // nothing before COMMIT
    CHECK(c.server.unsettled() == 2);
    CHECK(c.client.commit("t", {{"receipt", "r"}}) == errc::ok);
    CHECK(c.run() ==
          "S commit: COMMIT transaction:t receipt:r\n"
          "   step SEND destination:/q transaction:t content-length:1 [a]\n"
          "   step ACK id:s-1-1 transaction:t settled=1\n"
          "   step SEND destination:/q transaction:t content-length:1 [b]\n"
          "   step NACK id:s-2-2 transaction:t settled=2\n"
          "C receipt r: RECEIPT receipt-id:r\n");
    CHECK(c.server.unsettled() == 0);
}

TEST_CASE("SC16 T-04: of an aborted transaction nothing is seen") {
    conversation c;
    CHECK(c.client.begin("t") == errc::ok);
    CHECK(c.client.send("/q", "a", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.client.abort("t", {{"receipt", "r"}}) == errc::ok);
    CHECK(c.run() == "C receipt r: RECEIPT receipt-id:r\n");
}

TEST_CASE("SC17 A-18: ABORT takes an ACK back") {
    conversation c;
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1, 2});
    CHECK(c.client.begin("t") == errc::ok);
    CHECK(c.client.ack(c.handles[1], {{"transaction", "t"}}) == errc::ok);
    CHECK(c.client.abort("t") == errc::ok);
    CHECK(c.client.ack(c.handles[1]) == errc::ok);
    CHECK(c.run() == "S ack settled=1,2: ACK id:s-2-2\n");
}

TEST_CASE("SC18 A-18 T-06: what a lost transaction would have settled comes back") {
    conversation c;
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1, 2});
    CHECK(c.client.begin("t") == errc::ok);
    CHECK(c.client.ack(c.handles[0], {{"transaction", "t"}}) == errc::ok);
    CHECK(c.run() == "");
    CHECK(c.lose() == "S closed connection_lost settled=1,2\nC closed connection_lost\n");
}

TEST_CASE("SC19 T-06: DISCONNECT aborts what is open") {
    conversation c;
    CHECK(c.client.begin("t") == errc::ok);
    CHECK(c.client.send("/q", "a", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.client.disconnect() == errc::ok);
    CHECK(c.run() ==
          "S disconnect: DISCONNECT receipt:r1\nS closed ok\nC receipt r1: RECEIPT receipt-id:r1\nC closed ok\n");
}

TEST_CASE("SC20 T-08: several transactions at once are kept apart") {
    conversation c;
    CHECK(c.client.begin("a") == errc::ok);
    CHECK(c.client.begin("b") == errc::ok);
    CHECK(c.client.send("/q", "1", {{"transaction", "a"}}) == errc::ok);
    CHECK(c.client.send("/q", "2", {{"transaction", "b"}}) == errc::ok);
    CHECK(c.client.commit("b") == errc::ok);
    CHECK(c.client.abort("a") == errc::ok);
    CHECK(c.run() ==
          "S commit: COMMIT transaction:b\n"
          "   step SEND destination:/q transaction:b content-length:1 [2]\n");
}

TEST_CASE("SC21 T-05: a transaction's id is the connection's own") {
    conversation a;
    conversation b;
    for (conversation* c : {&a, &b}) {
        CHECK(c->client.begin("t1") == errc::ok);
        CHECK(c->client.commit("t1") == errc::ok);
        CHECK(c->run() == "S commit: COMMIT transaction:t1\n");
    }
}

TEST_CASE("SC22 T-09: a COMMIT that the application refuses is an ERROR, and nothing of it remains") {
    conversation c;
    CHECK(c.client.begin("t") == errc::ok);
    CHECK(c.client.send("/good", "1", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.client.send("/bad", "2", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.client.commit("t", {{"receipt", "r"}}) == errc::ok);
    c.also = [&](const server_event& e) {
        if (e.kind == server_event::commit) c.server.fail("no /bad", e.frame);
    };
    CHECK(c.run() ==
          "S commit: COMMIT transaction:t receipt:r\n"
          "   step SEND destination:/good transaction:t content-length:1 [1]\n"
          "   step SEND destination:/bad transaction:t content-length:1 [2]\n"
          "S closed closed_by_application\n"
          "C error: ERROR message:no /bad receipt-id:r\n"
          "C unconfirmed r server_error: ERROR message:no /bad receipt-id:r\n"
          "C closed server_error\n");
}

// ---- receipts and errors -----------------------------------------------------------------------------------

TEST_CASE("SC23 R-08: receipts may come in any order") {
    conversation c(version::v1_2, {.auto_receipt = false});
    for (const auto* id : {"1", "2"}) CHECK(c.client.send("/q", id, {{"receipt", id}}) == errc::ok);
    c.run();
    CHECK(c.server.receipt("2") == errc::ok);
    CHECK(c.server.receipt("1") == errc::ok);
    CHECK(c.run() == "C receipt 2: RECEIPT receipt-id:2\nC receipt 1: RECEIPT receipt-id:1\n");
    CHECK(c.client.pending_receipts() == 0);
}

TEST_CASE("SC24 Q-35: the RECEIPT of SUBSCRIBE comes before its first MESSAGE") {
    conversation c;
    c.also = [&](const server_event& e) {
        if (e.kind == server_event::subscribe) CHECK(c.server.message(e.subscription, message_of("x"), 1) == errc::ok);
    };
    CHECK(c.client.subscribe("s", "/q", ack_mode::automatic, {{"receipt", "r"}}) == errc::ok);
    CHECK(c.run() ==
          "S subscribe: SUBSCRIBE id:s destination:/q ack:auto receipt:r\n"
          "C receipt r: RECEIPT receipt-id:r\n"
          "C message: MESSAGE subscription:s message-id:s-0-1 destination:/q content-length:1 [x]\n");
}

TEST_CASE("SC25 R-06 E-05: a frame that fails gets an ERROR with its receipt-id and no RECEIPT") {
    conversation c;
    CHECK(c.client.send_frame({command::unknown, "PING", std::array<header, 1>{header{"receipt", "r"}}, {}}) ==
          errc::ok);
    CHECK(c.run() ==
          "S closed unknown_command\n"
          "C error: ERROR message:the command does not exist in this STOMP version receipt-id:r\n"
          "C unconfirmed r server_error: ERROR message:the command does not exist in this STOMP version receipt-id:r\n"
          "C closed server_error\n");
}

TEST_CASE("SC26 Q-34 E-10: an ERROR fails the receipt it names with its text, the others as lost") {
    conversation c(version::v1_2, {.auto_receipt = false});
    for (const auto* id : {"1", "2", "3"}) CHECK(c.client.send("/q", id, {{"receipt", id}}) == errc::ok);
    c.also = [&](const server_event& e) {
        if (e.frame.get_or("receipt") == "2") c.server.fail("not two", e.frame);
    };
    CHECK(c.run() ==
          "S send: SEND destination:/q receipt:1 content-length:1 [1]\n"
          "S send: SEND destination:/q receipt:2 content-length:1 [2]\n"
          "S closed closed_by_application\n"
          "C error: ERROR message:not two receipt-id:2\n"
          "C unconfirmed 1 connection_lost\n"
          "C unconfirmed 2 server_error: ERROR message:not two receipt-id:2\n"
          "C unconfirmed 3 connection_lost\n"
          "C closed server_error\n");
}

TEST_CASE("SC27 E-10: a client closes by itself after an ERROR and sends nothing more") {
    const version v = GENERATE(version::v1_0, version::v1_1, version::v1_2);
    sim::lone_client c;
    c.open(v);
    CHECK(c.session.send("/q", "not written yet") == errc::ok);
    CHECK(c.feed("ERROR\nmessage:no\n\n^@") == "error: ERROR message:no\nclosed server_error\n");
    CHECK(c.session.finished());
    CHECK(c.session.output_finished());
    CHECK(c.output() == "");
    CHECK(c.session.send("/q", "x") == errc::not_connected);
    CHECK_FALSE(c.session.next_timeout());
}

TEST_CASE("SC28 E-11: a client that cannot read its server closes without a word") {
    const version v = GENERATE(version::v1_0, version::v1_1, version::v1_2);
    sim::lone_client c;
    c.open(v);
    CHECK(c.feed("MESSAGE\nno colon\n\n^@") == "closed header_no_colon\n");
    CHECK(c.session.finished());
    CHECK(c.output() == "");
}

TEST_CASE("SC29 CL-08: a MESSAGE in flight is delivered before the end") {
    sim::lone_client c;
    c.open();
    CHECK(c.session.disconnect() == errc::ok);
    CHECK(c.feed("MESSAGE\nsubscription:1\nmessage-id:1\ndestination:/q\n\nx^@RECEIPT\nreceipt-id:r1\n\n^@") ==
          "message: MESSAGE subscription:1 message-id:1 destination:/q [x]\n"
          "receipt r1: RECEIPT receipt-id:r1\nclosed ok\n");
}

TEST_CASE("SC30 E-08 Q-36: a DISCONNECT that is answered otherwise ends all the same") {
    sim::lone_client c;
    c.open();
    CHECK(c.session.disconnect() == errc::ok);
    SECTION("by ERROR") {
        CHECK(c.feed("ERROR\nmessage:Session closed.\n\n^@") ==
              "error: ERROR message:Session closed.\nunconfirmed r1 connection_lost\nclosed server_error\n");
    }
    SECTION("by the end of the stream") {
        CHECK(c.lose() == "unconfirmed r1 connection_lost\nclosed connection_lost\n");
    }
    SECTION("by nothing") {
        c.wait(0ms);
        CHECK(c.wait(4999ms) == "");
        CHECK(c.wait(1ms) == "unconfirmed r1 disconnect_timeout\nclosed disconnect_timeout\n");
    }
    CHECK(c.closed == 1);
    CHECK(c.session.finished());
}

TEST_CASE("SC31 CL-10: no command after disconnect()") {
    conversation c;
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1});
    CHECK(c.client.disconnect() == errc::ok);
    const std::size_t before = c.client.unsent();
    CHECK(c.client.send("/q", "x") == errc::not_connected);
    CHECK(c.client.subscribe("t", "/q") == errc::not_connected);
    CHECK(c.client.unsubscribe("s") == errc::not_connected);
    CHECK(c.client.ack(c.handles[0]) == errc::not_connected);
    CHECK(c.client.begin("t") == errc::not_connected);
    CHECK(c.client.disconnect() == errc::not_connected);
    CHECK(c.client.unsent() == before);
}

TEST_CASE("SC32 E-07: the ERROR arrives although the client goes on sending") {
    connection_pair p({.host = "h"}, {}, {.latency = 50ms});
    p.finish(200ms);
    CHECK(p.client.send_frame({command::unknown, "PING", {}, {}}) == errc::ok);
    for (int i = 0; i < 100; ++i) CHECK(p.client.send("/q", std::string(1000, 'x')) == errc::ok);
    p.log.clear();
    p.finish();
    CHECK(p.log ==
          "S closed unknown_command\n"
          "C error: ERROR message:the command does not exist in this STOMP version\n"
          "C closed server_error\n");
    CHECK(p.server.finished());
}

// ---- heart-beats -------------------------------------------------------------------------------------------

TEST_CASE("SC33 C-21 C-22: an idle client sends an EOL in time") {
    const version v = GENERATE(version::v1_1, version::v1_2);
    connection_pair p({.host = "h", .versions = {v}, .heart_beat = {1s, 0ms}}, {.heart_beat = {0ms, 1s}});
    p.settle();
    p.to_server.clear();
    auto last = p.now;
    for (int i = 0; i < 1000; ++i) {
        p.advance(10ms);
        if (!p.to_server.empty()) {
            CHECK(p.to_server == "\n");
            CHECK(p.now - last <= 1s);
            CHECK(p.now - last >= 400ms);  // nor much more often than needed
            last = p.now;
            p.to_server.clear();
        }
        REQUIRE(p.now - last <= 1s);
    }
    CHECK(p.server_closed == 0);
}

TEST_CASE("SC34 C-20 F-25: a frame in pieces shows that its sender lives, and holds no heart-beat") {
    connection_pair p({.host = "h", .heart_beat = {1s, 0ms}}, {.heart_beat = {0ms, 1s}});
    p.settle();
    const std::string body(3000, 'x');
    CHECK(p.client.send("/q", body) == errc::ok);
    p.client_writes = false;
    std::string frame;
    while (p.client.unsent() != 0) {
        const std::string piece(p.client.output().substr(0, 100));
        CHECK(p.server.receive(piece, p.now) == errc::ok);
        p.client.consume_output(piece.size(), p.now);
        frame += piece;
        p.advance(300ms);
        REQUIRE(p.server_closed == 0);
    }
    CHECK(p.elapsed() > 9s);
    CHECK(frame.substr(0, 5) == "SEND\n");
    CHECK(frame == wire("SEND\ndestination:/q\ncontent-length:3000\n\n" + body + "^@"));
}

TEST_CASE("SC35 C-23: a silent peer is given up after max(2 n, n + 2 s), on both ends") {
    const auto [interval, dead] =
        GENERATE(table<milliseconds, milliseconds>({{1s, 3s}, {2s, 4s}, {5s, 10s}, {60s, 120s}}));
    const bool client_listens = GENERATE(true, false);
    connection_pair p({.host = "h", .heart_beat = {interval, interval}}, {.heart_beat = {interval, interval}});
    p.settle();
    p.log.clear();
    (client_listens ? p.client_reads : p.server_reads) = false;  // nothing arrives any more
    p.advance(dead - 1ms);
    CHECK(p.log == "");
    p.advance(1ms);
    CHECK(p.log.find(client_listens ? "C closed heart_beat_timeout\n" : "S closed heart_beat_timeout\n") != p.log.npos);
}

TEST_CASE("SC36 C-21: a clock that jumps neither beats like mad nor goes back") {
    SECTION("our own beats") {
        sim::lone_client c({.host = "h", .heart_beat = {1s, 0ms}});
        c.open(version::v1_2, "heart-beat:0,1000\n");
        c.wait(0ms);
        const auto before = c.session.next_timeout();
        c.session.handle_timeout(c.now - 1h);  // counts as the last one
        CHECK(c.session.next_timeout() == before);
        CHECK(c.session.unsent() == 0);
        c.wait(1h);
        CHECK(c.session.output() == "\n");  // one, not seven thousand
        CHECK(*c.session.next_timeout() > c.now);
        c.wait(1h);
        CHECK(c.session.output() == "\n");  // and not a second one behind it
        c.session.handle_timeout(stomp::time_point::max());
        CHECK(c.session.output() == "\n");
    }
    SECTION("the peer's") {
        sim::lone_client c({.host = "h", .heart_beat = {0ms, 1s}});
        c.open(version::v1_2, "heart-beat:1000,0\n");
        c.wait(0ms);
        c.session.handle_timeout(c.now - 1h);
        CHECK(c.poll() == "");
        CHECK(c.wait(24h * 3650) == "closed heart_beat_timeout\n");
        CHECK(c.wait(1h) == "");
        c.session.handle_timeout(sim::start);
        CHECK(c.poll() == "");
    }
}

TEST_CASE("SC37 C-28: in 1.0 there are no heart-beats, whatever both would like") {
    connection_pair p({.host = "h", .versions = {version::v1_0}, .heart_beat = {1s, 1s}}, {.heart_beat = {1s, 1s}});
    p.settle();
    CHECK(p.client.intervals() == stomp::heart_beat_intervals{});
    p.to_server.clear();
    p.to_client.clear();
    p.log.clear();
    p.advance(1h);
    CHECK(p.to_server == "");
    CHECK(p.to_client == "");
    CHECK(p.log == "");
}

// ---- messages ----------------------------------------------------------------------------------------------

TEST_CASE("SC38 H-18 H-08: user headers arrive as they were sent, whatever they hold") {
    conversation c;
    c.subscribe("s", ack_mode::automatic);
    c.also = [&](const server_event& e) {
        if (e.kind != server_event::send) return;
        CHECK(c.server.message(c.subscriptions[0], e.frame, 1) == errc::ok);
        CHECK(c.server.message(c.subscriptions[0], stomp::shared_message(e.frame), 2) == errc::ok);
    };
    const std::string value = " :\\\n\r\\n";
    CHECK(c.client.send("/q", "x", {{"k", value}, {value, "name"}}) == errc::ok);
    c.settle();
    REQUIRE(c.frames.size() == 2);
    for (const auto& f : c.frames) {
        CHECK(f.view().get("k") == value);
        CHECK(f.view().get(value) == "name");
    }
}

TEST_CASE("SC39 H-20: a header that a subscriber's version cannot carry is left out, the message arrives") {
    const std::array<header, 4> headers{header{"destination", "/q"}, header{"lf", "a\nb"}, header{"cr", "a\rb"},
                                        header{"colon", "a:b"}};
    const frame_view sent{command::send, {}, headers, "x"};
    const stomp::shared_message shared(sent);
    const version v = GENERATE(version::v1_0, version::v1_1, version::v1_2);
    conversation c(v);
    c.subscribe("s", ack_mode::automatic);
    CHECK(c.server.message(c.subscriptions[0], sent, 1) == errc::ok);
    CHECK(c.server.message(c.subscriptions[0], shared, 2) == errc::ok);
    c.settle();
    REQUIRE(c.frames.size() == 2);
    for (const auto& f : c.frames) {
        CHECK(f.view().get("lf") == (v == version::v1_0 ? std::nullopt : std::optional<std::string_view>("a\nb")));
        CHECK(f.view().get("cr") == (v == version::v1_2 ? std::optional<std::string_view>("a\rb") : std::nullopt));
        CHECK(f.view().get("colon") == "a:b");
        CHECK(f.view().body == "x");
    }
}

TEST_CASE("SC40 SV-10 B-14: headers of the sender that are the server's are not forwarded") {
    conversation c;
    c.subscribe("s", ack_mode::client);
    c.also = [&](const server_event& e) {
        if (e.kind == server_event::send) CHECK(c.server.message(c.subscriptions[0], e.frame, 1) == errc::ok);
    };
    CHECK(c.client.send("/q", "body",
                        {{"subscription", "x"},
                         {"message-id", "x"},
                         {"ack", "x"},
                         {"receipt", "r"},
                         {"content-length", "4"},
                         {"redelivered", "true"},
                         {"mine", "1"}}) == errc::ok);
    c.settle();
    REQUIRE(c.frames.size() == 1);
    CHECK(sim::describe(c.frames[0].view()) ==
          "MESSAGE subscription:s message-id:s-1-1 ack:s-1-1 destination:/q mine:1 content-length:4 [body]");
}

TEST_CASE("SC41 H-16 H-18: repeated headers keep their order, the first one counts") {
    conversation c;
    c.subscribe("s", ack_mode::automatic);
    c.also = [&](const server_event& e) {
        if (e.kind == server_event::send) CHECK(c.server.message(c.subscriptions[0], e.frame, 1) == errc::ok);
    };
    CHECK(c.client.send("/q", "", {{"foo", "1"}, {"foo", "2"}}) == errc::ok);
    c.settle();
    REQUIRE(c.frames.size() == 1);
    CHECK(c.frames[0].view().get("foo") == "1");
    CHECK(sim::describe(c.frames[0].view()) == "MESSAGE subscription:s message-id:s-0-1 destination:/q foo:1 foo:2");
}

TEST_CASE("SC42 B-09: a content-type is passed on and never invented") {
    conversation c;
    c.subscribe("s", ack_mode::automatic);
    c.also = [&](const server_event& e) {
        if (e.kind == server_event::send) CHECK(c.server.message(c.subscriptions[0], e.frame, 1) == errc::ok);
    };
    CHECK(c.client.send("/q", "x") == errc::ok);
    CHECK(c.client.send("/q", "x", {{"content-type", "text/plain"}}) == errc::ok);
    c.settle();
    REQUIRE(c.frames.size() == 2);
    CHECK_FALSE(c.frames[0].view().get("content-type"));
    CHECK(c.frames[1].view().get("content-type") == "text/plain");
}

TEST_CASE("SC43 SV-08: a message for two subscriptions is two MESSAGEs") {
    conversation c(GENERATE(version::v1_0, version::v1_1, version::v1_2));
    c.subscribe("a", ack_mode::automatic);
    c.subscribe("b", ack_mode::automatic);
    const stomp::shared_message shared(message_of("x"));
    for (const auto h : c.subscriptions) CHECK(c.server.message(h, shared, 1) == errc::ok);
    c.settle();
    REQUIRE(c.frames.size() == 2);
    CHECK(c.frames[0].view().get("subscription") == "a");
    CHECK(c.frames[1].view().get("subscription") == "b");
}

TEST_CASE("SC44 CL-05 S-08 E-02: what the application refuses is one ERROR and the end") {
    const bool subscribes = GENERATE(true, false);
    conversation c(GENERATE(version::v1_0, version::v1_1, version::v1_2));
    c.also = [&](const server_event& e) {
        if (e.kind == server_event::send || e.kind == server_event::subscribe) c.server.fail("not for you", e.frame);
    };
    CHECK((subscribes ? c.client.subscribe("s", "/q") : c.client.send("/q", "x")) == errc::ok);
    CHECK(c.client.send("/q", "later") == errc::ok);
    const std::string log = c.run();
    CHECK(log.substr(log.find('\n') + 1) ==
          "S closed closed_by_application\nC error: ERROR message:not for you\nC closed server_error\n");
}

// ---- limits and secrets ------------------------------------------------------------------------------------

TEST_CASE("SC46 L-08: memory grows by the octets received, not by those declared") {
    server_options o;
    o.limits.max_body = 16 * 1024 * 1024;
    sim::lone_server s(o);
    s.open();
    const counting_new::heap_watch heap;
    CHECK(s.feed("SEND\ndestination:/q\ncontent-length:16777216\n\nx") == "");
    CHECK(heap.peak() < 8 * 1024);
    CHECK(s.closed == 0);
}

TEST_CASE("SC47 L-07: no CONNECT within the login time, however slowly it comes") {
    const bool slowly = GENERATE(true, false);
    sim::lone_server s;
    const std::string frame = wire(sim::connect_frame(version::v1_2));
    for (std::size_t i = 0; i < 9; ++i) {
        if (slowly) CHECK(s.session.receive(frame.substr(i, 1), s.now) == errc::ok);
        CHECK(s.wait(1s) == "");
    }
    CHECK(s.wait(999ms) == "");
    CHECK(s.session.next_timeout() == s.now + 1ms);
    CHECK(s.wait(1ms) == "closed login_timeout\n");
    CHECK(s.session.finished());
    CHECK(s.output() == "");
    CHECK_FALSE(s.session.next_timeout());
}

TEST_CASE("SC50 W-04: a server restricted to the agreed subprotocol refuses another version") {
    connection_pair p({.host = "h", .versions = {version::v1_2}}, {.versions = {version::v1_1}});
    p.finish();
    CHECK(p.log ==
          "S closed no_common_version\n"
          "C error: ERROR message:no STOMP version in common version:1.1 content-type:text/plain content-length:22 "
          "[see the header version]\n"
          "C closed connect_rejected\n");
}

TEST_CASE("SC51 E-13: no ERROR repeats a passcode") {
    const auto* const frame = GENERATE("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:x\npasscode:s3cret\n\n^@",
                                       "CONNECT\naccept-version:9\nhost:h\npasscode:s3cret\n\n^@",
                                       "CONNECT\naccept-version:1.2\nhost:h\npasscode:s3cret\nbad line\n\n^@",
                                       "CONNECT\naccept-version:1.2\nhost:h\npasscode:s3cret\n\nbody^@",
                                       "SEND\ndestination:/q\npasscode:s3cret\n\n^@");
    sim::lone_server s;
    s.feed(frame);
    CHECK(s.closed == 1);
    const std::string sent = s.output();
    CHECK(sent.substr(0, 6) == "ERROR\n");
    CHECK(sent.find("s3cret") == sent.npos);
}

TEST_CASE("SC52 CL-13: unknown headers are ignored on every command") {
    conversation c(GENERATE(version::v1_0, version::v1_1, version::v1_2));
    c.subscribe("s", ack_mode::client);
    c.deliver(0, {1});
    const std::array<header, 1> kept{header{"x-unknown", "1"}};
    CHECK(c.client.send("/q", "", kept) == errc::ok);
    CHECK(c.client.subscribe("t", "/q", ack_mode::automatic, kept) == errc::ok);
    CHECK(c.client.unsubscribe("t", kept) == errc::ok);
    CHECK(c.client.begin("t", kept) == errc::ok);
    CHECK(c.client.ack(c.handles[0], kept) == errc::ok);
    CHECK(c.client.commit("t", kept) == errc::ok);
    CHECK(c.client.begin("u", kept) == errc::ok);
    CHECK(c.client.abort("u", kept) == errc::ok);
    const std::array<header, 2> bye{header{"x-unknown", "1"}, header{"receipt", "r"}};
    CHECK(c.client.send_frame({command::disconnect, {}, bye, {}}) == errc::ok);
    const std::string log = c.run();
    CHECK(log.substr(log.size() - 12) == "C closed ok\n");
}
