// The scenarios SC01 to SC52 that concern a broker: several connections, in virtual time.
#include <stomp/broker.hpp>

#include "support/broker_harness.hpp"
#include "support/catch.hpp"

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using sim::broker_event;
using sim::broker_host;
using sim::client;
using sim::errc;
using sim::received;
using stomp::ack_mode;
using stomp::version;

namespace {

constexpr std::string_view q = "/queue/q";

/// A client with m1 … mn of a queue delivered to its subscription "s" and not settled.
struct consumer {
    consumer(broker_host& host, ack_mode mode, int n, version v = version::v1_2) : c(host.join("consumer", v)) {
        CHECK(c.session.subscribe("s", q, mode) == errc::ok);
        host.settle();
        for (int i = 1; i <= n; ++i) CHECK(host.broker.publish(q, "m" + std::to_string(i)) == errc::ok);
        host.settle();
        m = c.take_messages();
        REQUIRE(m.size() == static_cast<std::size_t>(n));
    }

    client& c;
    std::vector<received> m;
};

/// What is left of the queue, taken by somebody new.
std::string rest(broker_host& host) {
    client& c = host.join("heir");
    CHECK(c.session.subscribe("s", q) == errc::ok);
    host.settle();
    const std::string out = c.bodies();
    host.cut(c);
    return out;
}

std::string raw_connect(version v) { return sim::connect_frame(v); }

std::string send(std::string_view destination, std::string_view body, std::string_view headers = {}) {
    return "SEND\ndestination:" + std::string(destination) + "\n" + std::string(headers) + "\n" + std::string(body) +
           "^@";
}

}  // namespace

// ---- acknowledgement ---------------------------------------------------------------------------------------

TEST_CASE("SC01 SC02: ACK is cumulative in client mode and single in client-individual mode (A-02, A-03, A-04)") {
    const version v = GENERATE(version::v1_0, version::v1_1, version::v1_2);
    const bool cumulative = GENERATE(true, false);
    CAPTURE(v, cumulative);
    broker_host host;
    consumer s(host, cumulative ? ack_mode::client : ack_mode::client_individual, 3, v);
    CHECK(s.c.session.ack(s.m[1].handle) == errc::ok);
    host.settle();
    host.cut(s.c);
    CHECK(rest(host) == (cumulative ? "m3*" : "m1* m3*"));
    CHECK(host.numbers() == "queued 0 unsettled 0 queues 0 subscriptions 0");
}

TEST_CASE("SC03: a cumulative ACK settles its own subscription's messages, not the connection's (A-13)") {
    broker_host host;
    client& c = host.join();
    CHECK(c.session.subscribe("a", "/queue/a", ack_mode::client) == errc::ok);
    CHECK(c.session.subscribe("b", "/queue/b", ack_mode::client) == errc::ok);
    host.settle();
    for (const std::string_view d : {"/queue/a", "/queue/b", "/queue/a"}) CHECK(host.broker.publish(d, d) == errc::ok);
    host.settle();
    const auto m = c.take_messages();
    REQUIRE(m.size() == 3);
    CHECK(c.session.ack(m[2].handle) == errc::ok);
    host.settle();
    CHECK(host.numbers() == "queued 0 unsettled 1 queues 2 subscriptions 2");
    host.cut(c);
    CHECK(host.numbers() == "queued 1 unsettled 0 queues 1 subscriptions 0");
}

TEST_CASE("SC04 SC05: NACK covers what ACK would, and it is delivered again (A-11)") {
    const bool cumulative = GENERATE(true, false);
    CAPTURE(cumulative);
    broker_host host;
    consumer s(host, cumulative ? ack_mode::client : ack_mode::client_individual, 3);
    CHECK(s.c.session.nack(s.m[1].handle) == errc::ok);
    host.settle();
    CHECK(s.c.bodies() == (cumulative ? "m1* m2*" : "m2*"));
    CHECK(host.broker.stats().unsettled_messages == 3);
    host.cut(s.c);
    CHECK(rest(host) == "m1* m2* m3*");
}

TEST_CASE("SC06: ACK of what is settled already: ERROR, close (A-19)") {
    broker_host host;
    sim::line& l = host.raw();
    l.say("SUBSCRIBE\nid:s\ndestination:/queue/q\nack:client\n\n^@");
    for (const std::string_view body : {"m1", "m2", "m3"}) CHECK(host.broker.publish(q, body) == errc::ok);
    host.settle();
    l.heard();
    l.say("ACK\nid:s0.1-3-3\nreceipt:1\n\n^@ACK\nid:s0.1-1-1\nreceipt:2\n\n^@");
    host.settle();
    CHECK(l.heard() ==
          "RECEIPT receipt-id:1\nERROR message:" + std::string(explain(errc::unknown_ack)) + " receipt-id:2\n");
    CHECK(l.ended);
    CHECK(host.take_log() == "closed unknown_ack\n");
}

TEST_CASE(
    "SC07 SC08: in auto mode a MESSAGE has no ack header, is gone once sent, and cannot be acknowledged "
    "(A-01, A-17, SV-05)") {
    broker_host host;
    sim::line& l = host.raw();
    CHECK(host.broker.publish(q, "m1") == errc::ok);
    l.say("SUBSCRIBE\nid:s\ndestination:/queue/q\n\n^@");
    host.settle();
    CHECK(l.heard() == "MESSAGE subscription:s message-id:s0.1-0-1 destination:/queue/q content-length:2 [m1]\n");
    CHECK(host.numbers() == "queued 0 unsettled 0 queues 1 subscriptions 1");
    l.say("ACK\nid:s0.1-0-1\n\n^@");
    host.settle();
    CHECK(l.heard() == "ERROR message:" + std::string(explain(errc::unknown_ack)) + "\n");
    CHECK(l.ended);
    CHECK(rest(host).empty());
}

TEST_CASE("SC09 SC10: in 1.1 ACK names subscription and message, and both must be right (A-06)") {
    broker_host host;
    sim::line& l = host.raw({}, version::v1_1);
    l.say(
        "SUBSCRIBE\nid:s\ndestination:/queue/q\nack:client\n\n^@SUBSCRIBE\nid:other\ndestination:/queue/"
        "r\nack:client\n\n^@");
    host.settle();
    for (const std::string_view body : {"m1", "m2"}) CHECK(host.broker.publish(q, body) == errc::ok);
    host.settle();
    l.heard();
    SECTION("right") {
        l.say("ACK\nsubscription:s\nmessage-id:s0.1-2-2\n\n^@");
        host.settle();
        CHECK(l.heard().empty());
        CHECK(host.numbers() == "queued 0 unsettled 0 queues 2 subscriptions 2");
    }
    SECTION("another subscription") {
        l.say("ACK\nsubscription:other\nmessage-id:s0.1-2-2\n\n^@");
        host.settle();
        CHECK(l.ended);
        CHECK(rest(host) == "m1* m2*");
    }
    SECTION("another connection's message") {
        sim::line& thief = host.raw({}, version::v1_1);
        thief.say(
            "SUBSCRIBE\nid:s\ndestination:/queue/q\nack:client\n\n^@ACK\nsubscription:s\nmessage-id:s0.1-2-2\n\n^@");
        host.settle();
        CHECK(thief.ended);
        CHECK_FALSE(l.ended);
        CHECK(host.broker.stats().unsettled_messages == 2);
    }
}

TEST_CASE("SC11 SC12: 1.0, where the message-id alone names a delivery (A-05, Q-43)") {
    broker_host host;
    SECTION("cumulative") {
        consumer s(host, ack_mode::client, 2, version::v1_0);
        CHECK(s.c.session.ack(s.m[1].handle) == errc::ok);
        host.settle();
        CHECK(host.numbers() == "queued 0 unsettled 0 queues 1 subscriptions 1");
    }
    SECTION("the same topic twice: each delivery has its own id") {
        sim::line& l = host.raw({}, version::v1_0);
        l.say("SUBSCRIBE\ndestination:/topic/t\n\n^@SUBSCRIBE\ndestination:/topic/t\n\n^@");
        host.settle();
        CHECK(host.broker.publish("/topic/t", "x") == errc::ok);
        host.settle();
        const std::string heard = l.heard(version::v1_0);
        const std::string first = heard.substr(0, heard.find('\n') + 1);
        CHECK(first.starts_with("MESSAGE message-id:s0.1-0-"));
        CHECK(first.ends_with(" destination:/topic/t content-length:1 [x]\n"));
        const std::string second = heard.substr(first.size());
        CHECK(second.size() == first.size());
        CHECK(second != first);
        l.say("UNSUBSCRIBE\ndestination:/topic/t\n\n^@");
        host.settle();
        CHECK(host.broker.stats().subscriptions == 1);
    }
}

TEST_CASE("SC13: 10,000 deliveries over several subscriptions, all ack values different (A-14)") {
    broker_host host;
    client& c = host.join();
    std::set<std::string> acks;
    c.on_event = [&](const sim::client_event& e) {
        if (e.kind != sim::client_event::message) return;
        CHECK(e.frame.get_or("ack") == e.frame.get_or("message-id"));
        acks.emplace(e.frame.get_or("ack"));
        if (acks.size() % 7 == 0) CHECK(c.session.ack(e) == errc::ok);
    };
    constexpr std::array<std::string_view, 3> queues{"/queue/a", "/queue/b", "/queue/c"};
    for (const std::string_view d : queues) CHECK(c.session.subscribe(d, d, ack_mode::client) == errc::ok);
    for (std::size_t i = 0; i < 10'000; ++i) {
        CHECK(host.broker.publish(queues[i % 3], "x") == errc::ok);
        if (i % 100 == 0) host.settle();
    }
    host.settle();
    CHECK(c.closed == 0);
    CHECK(c.messages.size() == 10'000);
    CHECK(acks.size() == 10'000);
}

TEST_CASE("SC14: UNSUBSCRIBE gives back what is pending; its ids are unknown from then on (S-13, A-19)") {
    broker_host host;
    sim::line& l = host.raw();
    l.say("SUBSCRIBE\nid:s\ndestination:/queue/q\nack:client\n\n^@");
    host.settle();
    CHECK(host.broker.publish(q, "m1") == errc::ok);
    host.settle();
    l.heard();
    l.say("UNSUBSCRIBE\nid:s\n\n^@");
    host.settle();
    CHECK(host.numbers() == "queued 1 unsettled 0 queues 1 subscriptions 0");
    l.say("ACK\nid:s0.1-1-1\n\n^@");
    host.settle();
    CHECK(l.heard() == "ERROR message:" + std::string(explain(errc::unknown_ack)) + "\n");
    CHECK(rest(host) == "m1*");
}

// ---- transactions ------------------------------------------------------------------------------------------

TEST_CASE(
    "SC15 SC16: nothing of a transaction is delivered before COMMIT, all in order after it, nothing after ABORT "
    "(T-03, T-04)") {
    broker_host host;
    client& reader = host.join();
    CHECK(reader.session.subscribe("1", "/topic/t") == errc::ok);
    CHECK(reader.session.subscribe("2", q) == errc::ok);
    client& c = host.join();
    CHECK(c.session.begin("t") == errc::ok);
    CHECK(c.session.send(q, "1", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.session.send("/topic/t", "2", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.session.send(q, "3", {{"transaction", "t"}}) == errc::ok);
    host.settle();
    CHECK(reader.bodies().empty());
    CHECK(host.broker.stats().queued_messages == 0);
    if (GENERATE(true, false)) {
        CHECK(c.session.commit("t") == errc::ok);
        host.settle();
        CHECK(reader.bodies() == "1 2 3");
    } else {
        CHECK(c.session.abort("t") == errc::ok);
        host.settle();
        CHECK(reader.bodies().empty());
        CHECK(host.broker.stats().published == 0);
    }
}

TEST_CASE("SC17 SC18: an ACK in a transaction that is aborted, or lost, has not happened (A-18, T-06)") {
    broker_host host;
    consumer s(host, ack_mode::client, 1);
    CHECK(s.c.session.begin("t") == errc::ok);
    CHECK(s.c.session.ack(s.m[0].handle, {{"transaction", "t"}}) == errc::ok);
    host.settle();
    CHECK(host.broker.stats().unsettled_messages == 1);
    SECTION("aborted, acknowledged again") {
        CHECK(s.c.session.abort("t") == errc::ok);
        CHECK(s.c.session.ack(s.m[0].handle) == errc::ok);
        host.settle();
        CHECK(s.c.closed == 0);
        CHECK(host.numbers() == "queued 0 unsettled 0 queues 1 subscriptions 1");
    }
    SECTION("lost") {
        host.cut(s.c);
        CHECK(rest(host) == "m1*");
    }
    SECTION("committed") {
        CHECK(s.c.session.commit("t") == errc::ok);
        host.settle();
        CHECK(host.numbers() == "queued 0 unsettled 0 queues 1 subscriptions 1");
    }
}

TEST_CASE("SC19: DISCONNECT aborts open transactions and is answered (T-06)") {
    broker_host host;
    client& reader = host.join();
    CHECK(reader.session.subscribe("1", "/topic/t") == errc::ok);
    sim::line& l = host.raw();
    l.say("BEGIN\ntransaction:t\n\n^@" + send("/topic/t", "x", "transaction:t\n") + "DISCONNECT\nreceipt:1\n\n^@");
    l.say(send("/topic/t", "after"));  // CL-10
    host.settle();
    CHECK(l.heard() == "RECEIPT receipt-id:1\n");
    CHECK(l.ended);
    CHECK(reader.bodies().empty());
    CHECK(host.take_log() == "closed ok\n");
    CHECK(host.broker.stats().subscriptions == 1);
}

TEST_CASE("SC20 SC21: transactions are independent, of each other and of other connections' (T-05, T-08)") {
    broker_host host;
    client& a = host.join();
    client& b = host.join();
    CHECK(a.session.subscribe("1", "/topic/t") == errc::ok);
    for (client* c : {&a, &b}) {
        CHECK(c->session.begin("a") == errc::ok);
        CHECK(c->session.begin("b") == errc::ok);
    }
    CHECK(a.session.send("/topic/t", "aa", {{"transaction", "a"}}) == errc::ok);
    CHECK(a.session.send("/topic/t", "ab", {{"transaction", "b"}}) == errc::ok);
    CHECK(b.session.send("/topic/t", "ba", {{"transaction", "a"}}) == errc::ok);
    CHECK(b.session.send("/topic/t", "bb", {{"transaction", "b"}}) == errc::ok);
    CHECK(a.session.commit("b") == errc::ok);
    CHECK(a.session.abort("a") == errc::ok);
    host.settle();
    CHECK(a.bodies() == "ab");
    CHECK(b.session.abort("b") == errc::ok);
    CHECK(b.session.commit("a") == errc::ok);
    host.settle();
    CHECK(a.bodies() == "ba");
    CHECK(a.closed + b.closed == 0);
}

TEST_CASE("SC22: a transaction with one SEND that fails at COMMIT: ERROR, close, nothing delivered (T-09)") {
    broker_host host;
    client& reader = host.join();
    CHECK(reader.session.subscribe("1", "/topic/**") == errc::ok);
    client& c = host.join();
    CHECK(c.session.begin("t") == errc::ok);
    CHECK(c.session.send("/topic/good", "x", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.session.send("/nowhere", "x", {{"transaction", "t"}}) == errc::ok);
    CHECK(c.session.commit("t", {{"receipt", c.session.next_receipt_id()}}) == errc::ok);
    host.settle();
    CHECK(c.closed == 1);
    CHECK(c.log.find("unconfirmed r1 server_error") != std::string::npos);
    CHECK(reader.bodies().empty());
}

// ---- receipts, errors, the end -----------------------------------------------------------------------------

TEST_CASE("SC24: the receipt of SUBSCRIBE stands before its first message (Q-35)") {
    const version v = GENERATE(version::v1_0, version::v1_1, version::v1_2);
    CAPTURE(v);
    broker_host host;
    for (const std::string_view body : {"m1", "m2"}) CHECK(host.broker.publish(q, body) == errc::ok);
    sim::line& l = host.raw({}, v);
    l.say("SUBSCRIBE\nid:s\ndestination:/queue/q\nreceipt:r\n\n^@");
    host.settle();
    const std::string heard = l.heard(v);
    CHECK(heard.starts_with("RECEIPT receipt-id:r\nMESSAGE subscription:s "));
    CHECK(heard.find("[m2]") != std::string::npos);
}

TEST_CASE("SC25 SC44: a frame with a receipt that fails gets ERROR with receipt-id, and no RECEIPT (R-06, E-05)") {
    const std::string_view frame = GENERATE(values<std::string_view>(
        {"SEND\ndestination:/nowhere\nreceipt:r\n\nx^@", "SUBSCRIBE\nid:1\ndestination:/app/x\nreceipt:r\n\n^@",
         "UNSUBSCRIBE\nid:none\nreceipt:r\n\n^@", "ACK\nid:none\nreceipt:r\n\n^@",
         "COMMIT\ntransaction:none\nreceipt:r\n\n^@",
         "SEND\ndestination:/topic/t\ntransaction:none\nreceipt:r\n\nx^@"}));
    CAPTURE(frame);
    broker_host host;
    sim::line& l = host.raw();
    l.say(frame);
    l.say(send("/topic/t", "after"));
    host.settle();
    const std::string heard = l.heard();
    CHECK(heard.starts_with("ERROR message:"));
    CHECK(heard.find(" receipt-id:r") != std::string::npos);
    CHECK(heard.find('\n') == heard.size() - 1);
    CHECK(l.ended);
    CHECK(host.broker.stats().published == 0);
}

TEST_CASE("SC29 SC30: DISCONNECT while messages are on their way ends cleanly (CL-08, E-08)") {
    broker_host host;
    client& c = host.join();
    CHECK(c.session.subscribe("1", "/topic/t") == errc::ok);
    host.settle();
    for (int i = 0; i < 10; ++i) CHECK(host.broker.publish("/topic/t", "x") == errc::ok);
    CHECK(c.session.disconnect() == errc::ok);
    host.settle();
    CHECK(c.messages.size() == 10);
    CHECK(c.log.find("closed ok") != std::string::npos);
    CHECK(host.take_log() == "closed ok\n");
    CHECK(host.broker.stats().connections == 0);
}

TEST_CASE("SC32: the peer gets the ERROR although its own frames are still unread (E-07)") {
    broker_host host;
    sim::line& l = host.raw();
    l.say("BOGUS\n\n^@");
    for (int i = 0; i < 1000; ++i) l.say(send("/topic/t", "still on its way"));
    host.settle();
    CHECK(l.heard().starts_with("ERROR "));
    CHECK(l.ended);
    CHECK(l.open);
    CHECK(l.to_broker.empty());  // read and dropped
    CHECK(host.broker.stats().published == 0);
    host.advance(3s);
    CHECK_FALSE(l.open);
}

// ---- what a message carries --------------------------------------------------------------------------------

TEST_CASE("SC38 SC39: headers cross versions, or are left out where a version cannot carry them (H-18, H-20)") {
    broker_host host;
    std::vector<sim::line*> readers;
    for (const version v : {version::v1_0, version::v1_1, version::v1_2}) {
        readers.push_back(&host.raw({}, v));
        readers.back()->say("SUBSCRIBE\nid:1\ndestination:/topic/t\n\n^@");
    }
    sim::line& l = host.raw();
    l.say(send("/topic/t", "b", "plain:v\ncolon:a\\cb\nslash:a\\\\b\nlf:a\\nb\ncr:a\\rb\nblank:  x\nna\\cme:v\n"));
    host.settle();
    const auto got = [&](std::size_t i) { return readers[i]->heard(stomp::all_versions[i]); };
    CHECK(got(2) ==
          "MESSAGE subscription:1 message-id:s2.1-0-1 destination:/topic/t plain:v colon:a:b slash:a\\\\b lf:a\\nb "
          "cr:a\\rb blank:  x na:me:v content-length:1 [b]\n");
    CHECK(got(1) ==
          "MESSAGE subscription:1 message-id:s1.1-0-1 destination:/topic/t plain:v colon:a:b slash:a\\\\b lf:a\\nb "
          "blank:  x na:me:v content-length:1 [b]\n");
    CHECK(got(0) ==
          "MESSAGE subscription:1 message-id:s0.1-0-1 destination:/topic/t plain:v colon:a:b slash:a\\\\b "
          "blank:  x content-length:1 [b]\n");
}

TEST_CASE(
    "SC40 SC41 SC42: what the broker writes itself is never the sender's, the rest is forwarded as it is "
    "(SV-10, B-09, B-14, H-16, H-18)") {
    broker_host host;
    sim::line& l = host.raw();
    l.say("SUBSCRIBE\nid:mine\ndestination:/topic/t\nack:client\n\n^@");
    l.say(send("/topic/t", "abc",
               "foo:1\nsubscription:x\nmessage-id:x\nack:x\nredelivered:true\ncontent-length:3\nfoo:2\nreceipt:r\n"));
    host.settle();
    CHECK(l.heard() ==
          "RECEIPT receipt-id:r\nMESSAGE subscription:mine message-id:s0.1-1-1 ack:s0.1-1-1 "
          "destination:/topic/t foo:1 foo:2 content-length:3 [abc]\n");
    l.say("BEGIN\ntransaction:t\n\n^@" + send("/topic/t", "abc", "transaction:t\n") + "COMMIT\ntransaction:t\n\n^@");
    host.settle();
    CHECK(l.heard().find("transaction") == std::string::npos);
}

TEST_CASE("SC45: 10,000 connections that come and go leave nothing behind (C-29)") {
    broker_host host;
    stomp::broker& b = host.broker;
    const std::string login =
        sim::wire(raw_connect(version::v1_2) + "SUBSCRIBE\nid:1\ndestination:/queue/q\nack:client\n\n^@" +
                  "SUBSCRIBE\nid:2\ndestination:/topic/t\n\n^@");
    for (int i = 0; i < 10'000; ++i) {
        host.now += 6ms;
        const auto id = b.open(host.now);
        CHECK(id.slot == 0);
        CHECK(b.receive(id, login, host.now) == errc::ok);
        bool told = false;
        while (const auto e = b.poll_event()) {
            if (e->kind == broker_event::connect) CHECK(b.accept(e->from) == errc::ok);
            told = told || e->kind == broker_event::closed;
        }
        b.consume_output(id, b.output(id).size(), host.now);
        CHECK_FALSE(told);
        b.transport_closed(id, host.now);
        while (const auto e = b.poll_event()) told = told || e->kind == broker_event::closed;
        CHECK(told);
        b.forget(id);
    }
    CHECK(host.numbers() == "queued 0 unsettled 0 queues 0 subscriptions 0");
    CHECK(b.stats().connections == 0);
    host.now += 20s;
    b.handle_timeout(host.now);
    CHECK_FALSE(b.next_timeout());
}

TEST_CASE("SC48: octets may be cut anywhere, on every connection (F-29, W-05)") {
    const std::size_t chunk = GENERATE(1U, 2U, 3U, 7U);
    CAPTURE(chunk);
    broker_host host;
    sim::line& a = host.dial();
    sim::line& b = host.dial();
    a.chunk = b.chunk = chunk;
    for (sim::line* l : {&a, &b})
        l->say(raw_connect(version::v1_2) + "\nSUBSCRIBE\nid:1\ndestination:/topic/t\nreceipt:r\n\n^@\n\n");
    host.settle();
    a.say(send("/topic/t", "from a"));
    host.settle();
    CHECK(a.heard() ==
          "CONNECTED version:1.2 session:s0.1 heart-beat:0,0\nRECEIPT receipt-id:r\n"
          "MESSAGE subscription:1 message-id:s0.1-0-1 destination:/topic/t content-length:6 [from a]\n");
    CHECK(b.heard() ==
          "CONNECTED version:1.2 session:s1.1 heart-beat:0,0\nRECEIPT receipt-id:r\n"
          "MESSAGE subscription:1 message-id:s1.1-0-1 destination:/topic/t content-length:6 [from a]\n");
}

TEST_CASE("SC51: no ERROR shows the passcode (E-13)") {
    broker_host host;
    host.on_event = [&](const broker_event& e) {
        if (e.kind == broker_event::connect) host.broker.reject(e.from, "bad login");
    };
    sim::line& l = host.dial();
    l.say(sim::connect_frame(version::v1_2, "login:bob\npasscode:s3cret\n"));
    host.settle();
    CHECK(l.from_broker.find("s3cret") == std::string::npos);
    CHECK(l.heard() == "ERROR message:bad login\n");
}

TEST_CASE("SC52: headers that nobody knows are ignored on every command (CL-13)") {
    broker_host host;
    sim::line& l = host.raw({}, version::v1_2, "x:1\n");
    l.say("SUBSCRIBE\nid:1\ndestination:/queue/q\nack:client\nx:1\n\n^@BEGIN\ntransaction:t\nx:1\n\n^@" +
          send("/queue/q", "m", "x:1\ntransaction:t\n") + "COMMIT\ntransaction:t\nx:1\n\n^@");
    host.settle();
    CHECK(l.heard() ==
          "MESSAGE subscription:1 message-id:s0.1-1-1 ack:s0.1-1-1 destination:/queue/q x:1 content-length:1 [m]\n");
    l.say(
        "ACK\nid:s0.1-1-1\nx:1\n\n^@UNSUBSCRIBE\nid:1\nx:1\n\n^@BEGIN\ntransaction:t\n\n^@ABORT\ntransaction:t\nx:"
        "1\n\n^@" +
        std::string("DISCONNECT\nreceipt:bye\nx:1\n\n^@"));
    host.settle();
    CHECK(l.heard() == "RECEIPT receipt-id:bye\n");
}

// ---- inside a delivery -------------------------------------------------------------------------------------

TEST_CASE("reliability 63, 68: unsubscribing, closing and forgetting inside an event touches nothing that is in use") {
    broker_host host;
    std::vector<client*> all;
    for (int i = 0; i < 6; ++i) {
        all.push_back(&host.join());
        CHECK(all.back()->session.subscribe("1", "/topic/t") == errc::ok);
        CHECK(all.back()->session.subscribe("2", "/queue/t", ack_mode::client) == errc::ok);
    }
    host.settle();
    int n = 0;
    host.on_event = [&](const broker_event& e) {
        if (e.kind != broker_event::message) return;
        switch (n++ % 5) {
            case 0: host.broker.close(e.from); break;
            case 1: host.broker.fail(e.from, "bye"); break;
            case 2: host.broker.fail(all[5]->transport.id, "you too"); break;
            case 3: host.broker.transport_closed(e.from, host.now); break;
            default: break;
        }
        // Still in hand, and still to be answered.
        CHECK(e.frame.body == "hi");
        CHECK(host.broker.reply(e, "re") == errc::ok);
        CHECK(host.broker.publish("/queue/t", "job") == errc::ok);
    };
    for (client* c : all) {
        c->on_event = [c](const sim::client_event& e) {
            if (e.kind == sim::client_event::message && e.frame.get_or("subscription") == "1" &&
                c->messages.size() == 2) {
                (void)c->session.unsubscribe("1");
            }
        };
        CHECK(c->session.send("/app/t", "hi") == errc::ok);
    }
    host.settle();
    CHECK(n == 5);  // the sixth was ended before its message was read
    for (client* c : all) host.cut(*c);
    host.advance(60s);
    CHECK(host.broker.stats().connections == 0);
    CHECK(host.broker.stats().subscriptions == 0);
    CHECK(host.broker.stats().queued_messages == 5);
}

TEST_CASE("reliability 68: calls between poll_event() and poll_changed()") {
    broker_host host;
    sim::line& a = host.raw();
    sim::line& b = host.raw();
    a.say("SUBSCRIBE\nid:1\ndestination:/topic/t\n\n^@");
    b.say("SUBSCRIBE\nid:1\ndestination:/topic/t\n\n^@");
    host.settle();
    stomp::broker& broker = host.broker;
    CHECK(broker.publish("/topic/t", "x") == errc::ok);
    // Both are in the line of the changed ones. One goes, and its slot has a new owner before anybody asks.
    broker.transport_closed(a.id, host.now);
    REQUIRE(broker.poll_event());
    broker.forget(a.id);
    a.open = false;
    const auto fresh = broker.open(host.now);
    CHECK(fresh.slot == a.id.slot);
    std::vector<stomp::connection_id> told;
    while (const auto id = broker.poll_changed()) told.push_back(*id);
    CHECK(std::count(told.begin(), told.end(), b.id) == 1);
    CHECK(std::count(told.begin(), told.end(), a.id) == 0);
    CHECK(broker.output(fresh).empty());
    CHECK(broker.output(a.id).empty());
    CHECK_FALSE(broker.output(b.id).empty());
}
