// Servers that break the conversation, or wear a client down.
#include <stomp/limits.hpp>

#include "hostile.hpp"

using namespace hostile;
using counting_new::heap_watch;
using stomp::client_event;
using stomp::limits;
using stomp::version;

TEST_CASE("abuse 69: what a server may not say before CONNECTED, or twice (C-25, C-27)") {
    for (const std::size_t piece : pieces) {
        const auto refused = [piece](std::string_view bytes, errc expected) {
            CAPTURE(std::string(bytes), piece);
            server s;
            const std::size_t wrote = s.written.size();
            s.feed(bytes, piece);
            CHECK(s.written.size() == wrote);
            CHECK(s.seen(client_event::message) + s.seen(client_event::receipt) == 0);
            s.must_be_over(expected);
        };
        refused("MESSAGE\nsubscription:0\nmessage-id:1\ndestination:d\n\nhello\0"sv, errc::not_connected);
        refused("RECEIPT\nreceipt-id:1\n\n\0"sv, errc::not_connected);
        refused("CONNECT\naccept-version:1.2\n\n\0"sv, errc::wrong_direction);
        refused("HTTP/1.1 400\r\n\r\n\0"sv, errc::unknown_command);
        refused("\0"sv, errc::malformed_command);
        refused("CONNECTED\nversion:1.2\n\n\0CONNECTED\nversion:1.2\n\n\0"sv, errc::already_connected);
        refused("CONNECTED\nversion:1.3\n\n\0"sv, errc::version_not_offered);
        refused("CONNECTED\nversion:\n\n\0"sv, errc::version_not_offered);
        refused("CONNECTED\nversion:1.2,1.1\n\n\0"sv, errc::version_not_offered);
        refused("CONNECTED\nversion:1.2\nheart-beat:1\n\n\0"sv, errc::bad_heart_beat);
        refused("CONNECTED\nversion:1.2\nheart-beat:-1,0\n\n\0"sv, errc::bad_heart_beat);
    }
}

TEST_CASE("abuse 69: a version that was not offered, or none at all (C-08, C-12)") {
    stomp::client_options options = server::default_options();
    options.versions = {version::v1_1, version::v1_2};
    for (const auto bytes : {"CONNECTED\nversion:1.0\n\n\0"sv, "CONNECTED\n\n\0"sv}) {
        server s(options);
        s.feed(bytes);
        s.must_be_over(errc::version_not_offered);
    }
    server s;
    s.feed("CONNECTED\n\n\0"sv);
    CHECK(s.session.negotiated_version() == version::v1_0);
}

TEST_CASE("abuse 70: messages for a subscription that is not held are told, one by one, and kept nowhere (S-11)") {
    server s;
    s.logged_in();
    s.keeps_output = false;
    const auto message = "MESSAGE\nsubscription:nobody\nmessage-id:1\ndestination:d\nack:1\n\nhello\0"sv;
    s.feed(message);
    const heap_watch heap;
    for (int i = 0; i < 10'000; ++i) s.feed(message);
    CHECK(heap.allocations() == 0);
    CHECK(s.seen(client_event::message) == 10'001);
    CHECK(s.closed == 0);
    // A message that lacks what its version requires ends the session.
    client_refuses("MESSAGE\nsubscription:0\ndestination:d\n\n\0"sv, errc::missing_header);
    client_refuses("MESSAGE\nmessage-id:1\ndestination:d\n\n\0"sv, errc::missing_header);
    client_refuses("MESSAGE\nsubscription:0\nmessage-id:1\n\n\0"sv, errc::missing_header);
}

TEST_CASE("abuse 71: receipts nobody waits for do no harm; after ERROR nothing counts (R-11, E-10, E-12, R-06)") {
    server s;
    s.logged_in();
    std::size_t numbered = 0;
    s.on_event = [&numbered](const client_event& e) {
        if (e.kind == client_event::receipt && e.receipt_number != 0) ++numbered;
    };
    CHECK(s.session.send("d", "b", {{"receipt", s.session.next_receipt_id()}}) == errc::ok);
    CHECK(s.session.send("d", "b", {{"receipt", s.session.next_receipt_id()}}) == errc::ok);
    s.settle();
    s.feed("RECEIPT\nreceipt-id:other\n\n\0RECEIPT\nreceipt-id:r1\n\n\0RECEIPT\nreceipt-id:r1\n\n\0"sv);
    CHECK(s.seen(client_event::receipt) == 3);
    CHECK(numbered == 1);
    CHECK(s.session.pending_receipts() == 1);
    CHECK(s.closed == 0);
    s.feed("ERROR\nreceipt-id:r2\nmessage:no\n\n\0RECEIPT\nreceipt-id:r2\n\n\0"sv);
    CHECK(s.seen(client_event::error) == 1);
    CHECK(s.seen(client_event::unconfirmed) == 1);
    CHECK(s.seen(client_event::receipt) == 3);
    s.must_be_over(errc::server_error);
    client_refuses("RECEIPT\n\n\0"sv, errc::missing_header);
}

TEST_CASE("abuse 72: a server that sends too much of anything (L-06, L-08)") {
    client_refuses("MESSAGE\nsubscription:0\nmessage-id:1\ndestination:d\ncontent-length:1073741824\n\n"sv,
                   errc::limit_body);
    client_refuses("ERROR\ncontent-length:1073741824\n\n"sv, errc::limit_body);
    for (const std::string_view endless : {"a:b\n"sv, "a"sv}) {
        server s;
        s.logged_in();
        const std::string more = repeat(endless, 1024);
        const heap_watch heap;
        s.feed("MESSAGE\n");
        for (int i = 0; i < 1000 && s.closed == 0; ++i) s.feed(more);
        CHECK(heap.peak() <= 64 * 1024);
        s.must_be_over(endless.size() == 1 ? errc::limit_header_line : errc::limit_headers);
    }
}

TEST_CASE("abuse 73: receipts that never come are given up in time, and are bounded (R-09, L-06)") {
    stomp::client_options options = server::default_options();
    options.receipt_timeout = 10s;
    server s(options);
    s.logged_in();
    s.keeps_output = false;
    errc e = errc::ok;
    std::size_t sent = 0;
    for (; e == errc::ok; ++sent) {
        e = s.session.send("d", "b", {{"receipt", s.session.next_receipt_id()}});
        s.settle();
    }
    CHECK(e == errc::limit_receipts);
    CHECK(sent == limits::client().max_receipts + 1);
    CHECK(s.session.pending_receipts() == limits::client().max_receipts);
    s.session.handle_timeout(s.now);
    s.wait(9'999ms);
    CHECK(s.seen(client_event::unconfirmed) == 0);
    s.wait(1ms);
    CHECK(s.seen(client_event::unconfirmed) == limits::client().max_receipts);
    CHECK(s.session.pending_receipts() == 0);
    CHECK(s.closed == 0);
    CHECK(s.session.send("d", "b", {{"receipt", s.session.next_receipt_id()}}) == errc::ok);
    s.settle();
    s.session.transport_closed(s.now);
    s.settle();
    CHECK(s.seen(client_event::unconfirmed) == limits::client().max_receipts + 1);
    CHECK(s.reason == errc::connection_lost);
}

TEST_CASE("abuse 74: after ERROR the client closes by itself, and says nothing more (E-10, E-11)") {
    for (const std::string_view bytes :
         {"ERROR\nmessage:no\n\nwhy\0"sv, "ERROR\n\n\0"sv, "ERROR\nescape:\\t\\x\n\n\0"sv}) {
        server early;
        early.feed(bytes);
        CHECK(early.session.finished());
        CHECK(early.seen(client_event::error) == 1);
        early.must_be_over(errc::connect_rejected);
    }
    server s;
    s.logged_in();
    s.reads_output = false;
    CHECK(s.session.send("d", "unsent") == errc::ok);
    s.feed("ERROR\nmessage:no\n\nwhy\0"sv);
    CHECK(s.session.finished());
    CHECK(s.session.send("d", "late") == errc::not_connected);
    CHECK(s.session.output().empty());
    CHECK(s.session.unsent() == 0);
    s.must_be_over(errc::server_error);
}

TEST_CASE("abuse 59, 60: a server that promised heart-beats and is silent, or floods them (C-20, C-23)") {
    stomp::client_options options = server::default_options();
    options.heart_beat = {1000ms, 1000ms};
    server s(options);
    s.feed("CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n\0"sv);
    s.session.handle_timeout(s.now);
    const std::size_t wrote = s.written.size();
    const std::string beats(1000, '\n');
    s.feed(beats);
    const heap_watch heap;
    for (int i = 0; i < 100; ++i) s.feed(beats);
    CHECK(heap.allocations() == 0);
    CHECK(s.written.size() == wrote);
    s.wait(2'999ms);
    CHECK(s.closed == 0);
    s.wait(24h * 3650);
    s.must_be_over(errc::heart_beat_timeout);
}
