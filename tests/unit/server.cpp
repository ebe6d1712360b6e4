// The server's session alone: what an application sees and what it may do.
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using sim::lone_server;
using sim::wire;
using stomp::command;
using stomp::errc;
using stomp::frame_view;
using stomp::header;
using stomp::header_list;
using stomp::server_event;
using stomp::server_session;
using stomp::version;

namespace {

const std::array<header, 1> to_q{header{"destination", "/q"}};
const frame_view hello{command::send, {}, to_q, "hello"};

}  // namespace

TEST_CASE("F-05 H-12: what has to be echoed and holds a CR that 1.0 and 1.1 cannot escape is refused") {
    // Written back as it came it would break the answer apart for a peer that takes CR LF as the end of a line.
    const auto v = GENERATE(version::v1_0, version::v1_1);
    lone_server s;
    s.open(v);
    SECTION("a subscription id") {
        CHECK(s.feed("SUBSCRIBE\ndestination:/q\nid:a\rb\n\n^@") == "closed bare_cr\n");
    }
    SECTION("a receipt") {
        CHECK(s.feed("SEND\ndestination:/q\nreceipt:a\rb\n\nx^@") == "closed bare_cr\n");
    }
    SECTION("a receipt of a frame that is wrong for another reason") {
        CHECK(s.feed("SEND\nreceipt:a\rb\n\nx^@") == "closed missing_header\n");
    }
    const std::string sent = s.frames(v);
    CHECK(sent.substr(0, 6) == "ERROR ");
    CHECK(sent.find("receipt-id") == sent.npos);
}

TEST_CASE("H-03: in 1.2 a CR in an id or a receipt is escaped and comes back") {
    lone_server s;
    s.open();
    s.feed("SUBSCRIBE\ndestination:/q\nid:a\\rb\nreceipt:c\\rd\n\n^@");
    CHECK(s.session.message(s.subscription, hello, 1) == errc::ok);
    CHECK(s.frames() == "RECEIPT receipt-id:c\\rd\n"
                        "MESSAGE subscription:a\\rb message-id:s-0-1 destination:/q content-length:5 [hello]\n");
}

// ---- receipts ----------------------------------------------------------------------------------------------

TEST_CASE("R-06: a message() that is refused does not answer the receipt, so fail() still can") {
    lone_server s;
    s.open();
    s.also = [&](const server_event& e) {
        if (e.kind != server_event::subscribe) return;
        CHECK(s.session.message(e.subscription, hello, 1, {{"ack", "mine"}}) == errc::reserved_header);
        CHECK(s.session.message(e.subscription, hello, 1, {{"", "x"}}) == errc::header_empty_name);
        CHECK(s.session.message({}, hello, 1) == errc::unknown_subscription);
        s.session.fail("no such queue", e.frame);
    };
    s.feed("SUBSCRIBE\ndestination:/q\nid:1\nreceipt:r\n\n^@");
    CHECK(s.frames() == "ERROR message:no such queue receipt-id:r\n");
}

TEST_CASE("Q-35: the receipt of the event in hand stands before a message(), and counts when room is measured") {
    stomp::server_options o;
    o.limits.max_output = 8 * 1024;
    o.limits.max_header_line = 64;
    lone_server s(o);
    s.open();
    s.feed("SUBSCRIBE\ndestination:/q\nid:1\n\n^@");
    std::size_t delivered = 0;
    s.also = [&](const server_event&) {
        const frame_view one{command::send, {}, to_q, "x"};
        while (s.session.message(s.subscription, one, 1) == errc::ok) ++delivered;
    };
    s.feed("SEND\ndestination:/q\nreceipt:r\n\n^@");
    REQUIRE(delivered > 10);
    s.session.fail("enough");
    CHECK(s.session.unsent() <= o.limits.max_output);
    const std::string sent = s.frames();
    CHECK(sent.substr(0, 21) == "RECEIPT receipt-id:r\n");
    CHECK(sent.find("ERROR message:enough") != sent.npos);
}

TEST_CASE("CL-08: without auto_receipt only the receipt of DISCONNECT ends the session") {
    lone_server s({.auto_receipt = false});
    s.open();
    CHECK(s.feed("SEND\ndestination:/q\nreceipt:slow\n\nx^@") == "send: SEND destination:/q receipt:slow [x]\n");
    CHECK(s.feed("DISCONNECT\nreceipt:bye\n\n^@") == "disconnect: DISCONNECT receipt:bye\n");
    CHECK(s.session.receipt("slow") == errc::ok);  // the answer of the slow work comes first
    CHECK(s.poll() == "");
    CHECK(s.session.receipt("bye") == errc::ok);
    CHECK(s.poll() == "closed ok\n");
    CHECK(s.frames() == "RECEIPT receipt-id:slow\nRECEIPT receipt-id:bye\n");
    CHECK(s.session.receipt("late") == errc::not_connected);
}

TEST_CASE("CL-08: without auto_receipt an unanswered DISCONNECT ends after the linger time") {
    lone_server s({.auto_receipt = false, .linger = 500ms});
    s.open();
    CHECK(s.feed("DISCONNECT\nreceipt:bye\n\n^@") == "disconnect: DISCONNECT receipt:bye\n");
    CHECK(s.session.next_timeout() == s.now);  // not armed yet
    CHECK(s.wait(0ms) == "");
    CHECK(s.session.next_timeout() == s.now + 500ms);
    CHECK(s.wait(499ms) == "");
    CHECK(s.wait(1ms) == "closed ok\n");
    CHECK(s.frames() == "");
}

TEST_CASE("CL-09: without auto_receipt a DISCONNECT that asks for nothing ends the session at once") {
    lone_server s({.auto_receipt = false});
    s.open();
    CHECK(s.feed("DISCONNECT\n\n^@") == "disconnect: DISCONNECT\nclosed ok\n");
    CHECK(s.frames() == "");
}

TEST_CASE("R-02: without auto_receipt the application answers, when it likes") {
    lone_server s({.auto_receipt = false});
    s.open();
    s.also = [&](const server_event& e) {
        if (e.frame.get_or("receipt") == "now") CHECK(s.session.receipt_for(e.frame) == errc::ok);
        if (!e.frame.get("receipt")) CHECK(s.session.receipt_for(e.frame) == errc::ok);  // no effect
    };
    s.feed("SEND\ndestination:/q\nreceipt:later\n\n^@SEND\ndestination:/q\n\n^@SEND\ndestination:/q\nreceipt:now\n\n^@");
    CHECK(s.session.receipt("later") == errc::ok);
    CHECK(s.frames() == "RECEIPT receipt-id:now\nRECEIPT receipt-id:later\n");
    // What the session answers by itself it answers at once.
    s.feed("BEGIN\ntransaction:t\nreceipt:b\n\n^@SEND\ndestination:/q\ntransaction:t\nreceipt:e\n\n^@"
           "ABORT\ntransaction:t\nreceipt:a\n\n^@");
    CHECK(s.frames() == "RECEIPT receipt-id:b\nRECEIPT receipt-id:e\nRECEIPT receipt-id:a\n");
}

TEST_CASE("C-31: receipt on CONNECT is never answered") {
    SECTION("with CONNECTED") {
        const bool by_itself = GENERATE(true, false);
        lone_server s({.auto_receipt = by_itself});
        s.also = [&](const server_event& e) { CHECK(s.session.receipt_for(e.frame) == errc::ok); };
        s.feed(sim::connect_frame(version::v1_2, "receipt:r\n"));
        CHECK(s.frames() == "CONNECTED version:1.2 session:s heart-beat:0,0\n");
    }
    SECTION("with ERROR") {
        lone_server s;
        s.on_event = [&](const server_event& e) {
            if (e.kind == server_event::connect) s.session.fail("closed today", e.frame);
        };
        s.feed(sim::connect_frame(version::v1_2, "receipt:r\n"));
        CHECK(s.frames() == "ERROR message:closed today\n");
    }
    SECTION("with the ERROR for a second CONNECT") {
        lone_server s;
        s.open();
        s.feed(sim::connect_frame(version::v1_2, "receipt:r\n"));
        CHECK(s.frames() == "ERROR message:the session is connected already\n");
    }
}

TEST_CASE("R-02: receipt_for() answers the event in hand, once") {
    lone_server s;
    s.open();
    stomp::frame earlier;
    s.also = [&](const server_event& e) {
        if (e.frame.get_or("receipt") == "1") earlier = stomp::frame(e.frame);
        if (e.frame.get_or("receipt") != "2") return;
        CHECK(s.session.receipt_for(earlier.view()) == errc::ok);  // answered already: no effect
        CHECK(s.session.receipt_for(e.frame) == errc::ok);
        CHECK(s.session.receipt_for(e.frame) == errc::ok);
        CHECK(s.session.unsent() == wire("RECEIPT\nreceipt-id:1\n\n^@RECEIPT\nreceipt-id:2\n\n^@").size());
    };
    s.feed("SEND\ndestination:/q\nreceipt:1\n\n^@SEND\ndestination:/q\nreceipt:2\n\n^@");
    CHECK(s.frames() == "RECEIPT receipt-id:1\nRECEIPT receipt-id:2\n");
}

TEST_CASE("R-06: fail() cancels the receipt of the event in hand, of any kind") {
    const auto* const frame = GENERATE("SEND\ndestination:/q\nreceipt:r\n\nx^@", "SUBSCRIBE\nid:1\ndestination:/q\nreceipt:r\n\n^@",
                                       "DISCONNECT\nreceipt:r\n\n^@");
    lone_server s;
    s.open();
    s.also = [&](const server_event& e) {
        if (e.kind != server_event::closed) s.session.fail("no", e.frame);
    };
    s.feed(frame);
    CHECK(s.closed == 1);
    CHECK(s.reason == errc::closed_by_application);
    CHECK(s.frames() == "ERROR message:no receipt-id:r\n");
}

// ---- transactions ------------------------------------------------------------------------------------------

TEST_CASE("S-13 A-18: UNSUBSCRIBE leaves acks to the transaction that they are enlisted in") {
    lone_server s;
    s.open();
    s.feed("SUBSCRIBE\nid:1\ndestination:/q\nack:client-individual\n\n^@");
    for (const std::uint64_t tag : {1U, 2U, 3U}) CHECK(s.session.message(s.subscription, hello, tag) == errc::ok);
    s.feed("BEGIN\ntransaction:t\n\n^@ACK\nid:s-2-2\ntransaction:t\n\n^@");
    CHECK(s.feed("UNSUBSCRIBE\nid:1\n\n^@") == "unsubscribe settled=1,3: UNSUBSCRIBE id:1\n");
    CHECK(s.session.unsettled() == 1);

    SECTION("COMMIT settles them") {
        CHECK(s.feed("COMMIT\ntransaction:t\n\n^@") ==
              "commit: COMMIT transaction:t\n   step ACK id:s-2-2 transaction:t settled=2\n");
        CHECK(s.session.unsettled() == 0);
        CHECK(s.lose() == "closed connection_lost\n");
    }
    SECTION("ABORT gives them back: nobody can settle them any more") {
        CHECK(s.feed("ABORT\ntransaction:t\nreceipt:r\n\n^@") == "nack settled=2: ABORT transaction:t receipt:r\n");
        CHECK(s.frames().substr(0, 7) == "MESSAGE");
        CHECK(s.session.unsettled() == 0);
        CHECK(s.lose() == "closed connection_lost\n");
    }
    SECTION("so does the end of the connection") { CHECK(s.lose() == "closed connection_lost settled=2\n"); }
}

TEST_CASE("T-04: a tag is given back exactly once, by commit as well") {
    lone_server s;
    s.open();
    s.feed("SUBSCRIBE\nid:1\ndestination:/q\nack:client\n\n^@");
    for (const std::uint64_t tag : {1U, 2U, 3U}) CHECK(s.session.message(s.subscription, hello, tag) == errc::ok);
    s.feed("BEGIN\ntransaction:t\n\n^@ACK\nid:s-2-2\ntransaction:t\n\n^@");
    s.also = [&](const server_event& e) {
        if (e.kind == server_event::commit) s.session.fail("cannot", e.frame);
    };
    CHECK(s.feed("COMMIT\ntransaction:t\nreceipt:c\n\n^@") ==
          "commit: COMMIT transaction:t receipt:c\n   step ACK id:s-2-2 transaction:t settled=1,2\n"
          "closed closed_by_application settled=3\n");
}

// ---- messages ----------------------------------------------------------------------------------------------

TEST_CASE("H-16 H-20: a destination whose first entry a version cannot carry is refused, not replaced by the second") {
    const std::array<header, 2> headers{header{"destination", "/a\nb"}, header{"destination", "/c"}};
    const frame_view sent{command::send, {}, headers, "x"};
    lone_server s;
    s.open(version::v1_0);
    s.feed("SUBSCRIBE\nid:1\ndestination:/q\n\n^@");
    CHECK(s.session.message(s.subscription, sent, 1) == errc::not_representable);
    CHECK(s.session.message(s.subscription, stomp::shared_message(sent), 1) == errc::not_representable);
    CHECK(s.session.unsent() == 0);
}

TEST_CASE("An empty shared_message is no message") {
    const stomp::shared_message nothing;
    CHECK(nothing.body().empty());
    CHECK(nothing.memory() == 0);
    lone_server s;
    s.open();
    s.feed("SUBSCRIBE\nid:1\ndestination:/q\n\n^@");
    CHECK(s.session.message(s.subscription, nothing, 1) == errc::missing_header);
}
