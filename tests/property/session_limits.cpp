// Each field of `limits` at n, which is accepted, and at n + 1, which ends in the error that names it: for a server
// session before and after login and for a client session.
#include <stomp/client.hpp>
#include <stomp/encode.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace std::string_literals;
using namespace std::string_view_literals;
using stomp::command;
using stomp::errc;
using stomp::header;
using stomp::limits;
using stomp::server_event;

namespace {

constexpr stomp::time_point now{};

std::string connect(std::string_view more = {}) {
    return "CONNECT\naccept-version:1.2\n" + std::string(more) + "\n" + '\0';
}

/// Polls a server session to the end and writes nothing down but how it ended, and what it delivered.
struct result {
    errc reason = errc::ok;
    std::size_t frames = 0;
    bool ended = false;
};

result poll(stomp::server_session& s) {
    result r;
    while (const auto e = s.poll_event()) {
        if (e->kind == server_event::connect) {
            CHECK(s.accept("s") == errc::ok);
        } else if (e->kind == server_event::closed) {
            r.ended = true;
            r.reason = e->reason;
        } else {
            ++r.frames;
        }
    }
    return r;
}

void write_out(stomp::detail::connection& s) {
    while (!s.output().empty()) s.consume_output(s.output().size(), now);
}

stomp::server_session server_with(const limits& l) {
    stomp::server_options o;
    o.limits = l;
    stomp::server_session s(o, now);
    CHECK(s.receive(connect(), now) == errc::ok);
    CHECK_FALSE(poll(s).ended);
    write_out(s);
    return s;
}

stomp::client_session client_with(const limits& l) {
    stomp::client_options o;
    o.host = "h";
    o.limits = l;
    stomp::client_session s(o, now);
    write_out(s);
    CHECK(s.receive("CONNECTED\nversion:1.2\n\n\0"sv, now) == errc::ok);
    while (s.poll_event()) {
    }
    CHECK(s.state() == stomp::client_state::connected);
    return s;
}

// How the three roles take a frame: errc::ok where it is an event.

errc server_takes(std::string_view bytes, const limits& l) {
    stomp::server_session s = server_with(l);
    CHECK(s.receive(bytes, now) == errc::ok);
    const result r = poll(s);
    CHECK(r.frames == (r.ended ? 0U : 1U));
    return r.reason;
}

errc stranger_is_taken(std::string_view bytes, const limits& l) {
    stomp::server_options o;
    o.before_login = l;
    stomp::server_session s(o, now);
    CHECK(s.receive(bytes, now) == errc::ok);
    const result r = poll(s);
    CHECK(r.ended == (s.state() != stomp::server_state::connected));
    return r.reason;
}

errc client_takes(std::string_view bytes, const limits& l) {
    stomp::client_session s = client_with(l);
    CHECK(s.receive(bytes, now) == errc::ok);
    const auto e = s.poll_event();
    REQUIRE(e);
    return e->kind == stomp::client_event::message ? errc::ok : e->reason;
}

constexpr std::string_view send_head = "SEND\ndestination:d\n";
constexpr std::string_view message_head = "MESSAGE\nsubscription:0\nmessage-id:1\ndestination:d\n";

std::string send(std::string_view headers, std::string_view body = {}) {
    return std::string(send_head) + std::string(headers) + "\n" + std::string(body) + '\0';
}
std::string message(std::string_view headers, std::string_view body = {}) {
    return std::string(message_head) + std::string(headers) + "\n" + std::string(body) + '\0';
}

std::string line(std::size_t octets) { return "h:" + std::string(octets - 2, 'v') + "\n"; }

std::string lines(std::size_t n) {
    std::string all;
    for (std::size_t i = 0; i < n; ++i) all += "h:v\n";
    return all;
}

constexpr std::size_t some[]{1, 2, 3, 15, 16, 17, 63, 64, 65, 100, 511, 512, 513, 4095, 4096, 4097};

}  // namespace

TEST_CASE("L-04: max_command at n and n + 1") {
    limits l = limits::server();
    l.max_command = 4;
    CHECK(server_takes(send({}), l) == errc::ok);
    CHECK(server_takes("ABORT\ntransaction:t\n\n\0"sv, l) == errc::limit_command);
    for (const std::size_t n : {1U, 4U, 16U, 200U}) {  // an unknown command is found only after its limit
        l.max_command = n;
        CHECK(server_takes(std::string(n, 'X') + "\n\n" + '\0', l) == errc::unknown_command);
        CHECK(server_takes(std::string(n, 'X') + "\r\n\n" + '\0', l) == errc::unknown_command);
        CHECK(server_takes(std::string(n + 1, 'X'), l) == errc::limit_command);
    }
    l = limits::before_login();
    l.max_command = 7;
    CHECK(stranger_is_taken(connect(), l) == errc::ok);
    CHECK(stranger_is_taken("CONNECTX", l) == errc::limit_command);
    l.max_command = 6;
    CHECK(stranger_is_taken("CONNECT", l) == errc::limit_command);
    l = limits::client();
    l.max_command = 9;
    CHECK(client_takes(message({}), l) == errc::ok);
    CHECK(client_takes("MESSAGESXX", l) == errc::limit_command);
}

TEST_CASE("L-02: max_header_line at n and n + 1") {
    for (const std::size_t n : some) {
        if (n < 20) continue;
        limits l = limits::server();
        l.max_header_line = n;
        CHECK(server_takes(send(line(n)), l) == errc::ok);
        CHECK(server_takes(send(line(n + 1)), l) == errc::limit_header_line);
        CHECK(server_takes(std::string(send_head) + "h:" + std::string(n - 1, 'v'), l) == errc::limit_header_line);
        l = limits::before_login();
        l.max_header_line = n;
        if (n < 2048) {
            CHECK(stranger_is_taken(connect(line(n)), l) == errc::ok);
            CHECK(stranger_is_taken(connect(line(n + 1)), l) == errc::limit_header_line);
        }
        l = limits::client();
        l.max_header_line = n;
        CHECK(client_takes(message(line(n)), l) == errc::ok);
        CHECK(client_takes(message(line(n + 1)), l) == errc::limit_header_line);
    }
}

TEST_CASE("L-01: max_headers at n and n + 1") {
    for (const std::size_t n : some) {
        if (n < 3 || n > 1000) continue;
        limits l = limits::server();
        l.max_headers = n;
        CHECK(server_takes(send(lines(n - 1)), l) == errc::ok);
        CHECK(server_takes(send(lines(n)), l) == errc::limit_headers);
        l = limits::before_login();
        l.max_headers = n;
        CHECK(stranger_is_taken(connect(lines(n - 1)), l) == errc::ok);
        CHECK(stranger_is_taken(connect(lines(n)), l) == errc::limit_headers);
        l = limits::client();
        l.max_headers = n;
        CHECK(client_takes(message(lines(n - 3)), l) == errc::ok);
        CHECK(client_takes(message(lines(n - 2)), l) == errc::limit_headers);
    }
}

TEST_CASE("L-02: max_head at n and n + 1") {
    for (const std::size_t n : some) {
        if (n < 100) continue;
        const auto padding = [](std::size_t octets) { return line(octets - 1); };
        limits l = limits::server();
        l.max_head = n;
        CHECK(server_takes(send(padding(n - send_head.size() - 1)), l) == errc::ok);
        CHECK(server_takes(send(padding(n - send_head.size())), l) == errc::limit_head);
        l = limits::before_login();
        l.max_head = n;
        l.max_header_line = 5000;
        const std::size_t own = connect().size() - 2;
        CHECK(stranger_is_taken(connect(padding(n - own - 1)), l) == errc::ok);
        CHECK(stranger_is_taken(connect(padding(n - own)), l) == errc::limit_head);
        l = limits::client();
        l.max_head = n;
        CHECK(client_takes(message(padding(n - message_head.size() - 1)), l) == errc::ok);
        CHECK(client_takes(message(padding(n - message_head.size())), l) == errc::limit_head);
    }
}

TEST_CASE("L-03: max_body at n and n + 1, counted and not") {
    for (const std::size_t n : some) {
        const auto counted = [](std::size_t octets) { return "content-length:" + std::to_string(octets) + "\n"; };
        limits l = limits::server();
        l.max_body = n;
        CHECK(server_takes(send({}, std::string(n, 'b')), l) == errc::ok);
        CHECK(server_takes(send(counted(n), std::string(n, '\0')), l) == errc::ok);
        CHECK(server_takes(std::string(send_head) + "\n" + std::string(n + 1, 'b'), l) == errc::limit_body);
        CHECK(server_takes(std::string(send_head) + counted(n + 1) + "\n", l) == errc::limit_body);
        l = limits::client();
        l.max_body = n;
        CHECK(client_takes(message({}, std::string(n, 'b')), l) == errc::ok);
        CHECK(client_takes(message(counted(n), std::string(n, '\0')), l) == errc::ok);
        CHECK(client_takes(message({}, std::string(n + 1, 'b')), l) == errc::limit_body);
        CHECK(client_takes(message(counted(n + 1)), l) == errc::limit_body);
    }
    limits none = limits::server();
    none.max_body = 0;
    CHECK(server_takes(send({}), none) == errc::ok);
    CHECK(server_takes(send("content-length:0\n"), none) == errc::ok);
    CHECK(server_takes(std::string(send_head) + "\nb", none) == errc::limit_body);
    // No frame before login has a body, whatever the limit.
    limits l = limits::before_login();
    l.max_body = 1000;
    CHECK(stranger_is_taken(connect("content-length:0\n"), l) == errc::ok);
    CHECK(stranger_is_taken("CONNECT\naccept-version:1.2\n\nb", l) == errc::body_not_allowed);
}

TEST_CASE("L-05: max_input: wanted at n - 1 octets that wait, not at n") {
    const auto check = [](auto& s, std::size_t n) {
        CHECK(s.receive(std::string(n - 1, '\n'), now) == errc::ok);
        CHECK(s.wants_input());
        CHECK_FALSE(s.input_buffer().empty());
        CHECK(s.receive("\n", now) == errc::ok);
        CHECK_FALSE(s.wants_input());
        CHECK(s.input_buffer().empty());
        CHECK(s.receive("\n", now) == errc::input_full);
        CHECK_FALSE(s.poll_event());
        CHECK(s.wants_input());
    };
    for (const std::size_t n : some) {
        if (n < 2) continue;
        limits l = limits::server();
        l.max_input = n;
        stomp::server_session s = server_with(l);
        check(s, n);
        l = limits::client();
        l.max_input = n;
        stomp::client_session c = client_with(l);
        check(c, n);

        // A frame may be larger than what may wait.
        CHECK(s.receive(std::string(send_head) + "\n" + std::string(n, 'b'), now) == errc::ok);
        CHECK_FALSE(s.wants_input());
        CHECK_FALSE(s.poll_event());
        CHECK(s.wants_input());
        CHECK(s.receive("\0"sv, now) == errc::ok);
        CHECK(poll(s).frames == 1);

        // Before the application has decided.
        stomp::server_options o;
        o.before_login.max_input = n;
        stomp::server_session d(o, now);
        CHECK(d.receive(connect(), now) == errc::ok);
        CHECK(d.poll_event());
        CHECK(d.receive(std::string(n - 1, '\n'), now) == errc::ok);
        CHECK(d.wants_input());
        CHECK(d.receive("\n", now) == errc::ok);
        CHECK_FALSE(d.poll_event());
        CHECK(d.receive("\n", now) == errc::input_full);
        CHECK(d.accept() == errc::ok);
        CHECK_FALSE(d.poll_event());
        CHECK(d.wants_input());
    }
}

TEST_CASE("L-05: max_output at n and n + 1, empty and not") {
    const std::size_t overhead =
        stomp::encoded_size(command::send, {{"destination", "d"}}, std::string(500, 'b'), stomp::version::v1_2) - 500;
    for (const std::size_t n : {600U, 999U}) {
        limits l = limits::client();
        l.max_output = n;
        stomp::client_session c = client_with(l);
        CHECK(c.send("d", std::string(n - overhead + 1, 'b')) == errc::frame_too_large);
        CHECK(c.unsent() == 0);
        CHECK(c.send("d", std::string(n - overhead, 'b')) == errc::ok);
        CHECK(c.unsent() == n);
        CHECK(c.send("d", {}) == errc::output_full);
        write_out(c);
        CHECK(c.send("d", std::string(n - overhead - 100, 'b')) == errc::ok);
        const std::size_t empty =
            stomp::encoded_size(command::send, {{"destination", "d"}, {"k", ""}}, {}, stomp::version::v1_2);
        CHECK(c.send("d", {}, {{"k", std::string(100 - empty + 1, 'v')}}) == errc::output_full);
        CHECK(c.unsent() == n - 100);
        CHECK(c.send("d", {}, {{"k", std::string(100 - empty, 'v')}}) == errc::ok);
        CHECK(c.unsent() == n);
    }
    // A server keeps room for ERROR: a quarter of little, some KiB of much.
    limits l = limits::server();
    l.max_output = 4000;
    stomp::server_session s = server_with(l);
    const std::size_t receipt = "RECEIPT\nreceipt-id:\n\n\0"sv.size();
    CHECK(s.receipt(std::string(3000 - receipt + 1, 'r')) == errc::frame_too_large);
    CHECK(s.receipt(std::string(3000 - receipt, 'r')) == errc::ok);
    CHECK(s.unsent() == 3000);
    CHECK(s.receipt({}) == errc::output_full);
    s.fail(std::string(200, 'w'));
    CHECK(s.unsent() > 3200);
    CHECK(s.unsent() <= 4000);
}

TEST_CASE("L-05: max_subscriptions at n and n + 1") {
    for (const std::size_t n : {0U, 1U, 2U, 7U, 8U, 9U, 64U, 200U}) {
        limits l = limits::server();
        l.max_subscriptions = n;
        stomp::server_session s = server_with(l);
        l = limits::client();
        l.max_subscriptions = n;
        stomp::client_session c = client_with(l);
        const auto subscribe = [&s](std::size_t i) {
            CHECK(s.receive("SUBSCRIBE\nid:" + std::to_string(i) + "\ndestination:d\n\n" + '\0', now) == errc::ok);
            return poll(s);
        };
        for (std::size_t i = 0; i < n; ++i) {
            CHECK(subscribe(i).frames == 1);
            CHECK(c.subscribe(std::to_string(i), "d") == errc::ok);
        }
        CHECK(c.subscribe("more", "d") == errc::limit_subscriptions);
        if (n != 0) {
            CHECK(c.unsubscribe("0") == errc::ok);
            CHECK(c.subscribe("more", "d") == errc::ok);
            CHECK(s.receive("UNSUBSCRIBE\nid:0\n\n\0"sv, now) == errc::ok);
            CHECK(poll(s).frames == 1);
            CHECK(subscribe(0).frames == 1);
        }
        CHECK(subscribe(n).reason == errc::limit_subscriptions);
    }
}

TEST_CASE("L-05: max_unsettled and max_unsettled_bytes at n and n + 1") {
    const header to{"destination", "d"};
    const stomp::frame_view sent{command::send, {}, std::span(&to, 1), "hello"};
    const auto subscribed = [](stomp::server_session& s) {
        CHECK(s.receive("SUBSCRIBE\nid:0\ndestination:d\nack:client-individual\n\n\0"sv, now) == errc::ok);
        const auto e = s.poll_event();
        REQUIRE(e);
        return e->subscription;
    };
    for (const std::size_t n : {0U, 1U, 2U, 8U, 100U}) {
        limits l = limits::server();
        l.max_unsettled = n;
        stomp::server_session s = server_with(l);
        const auto subscription = subscribed(s);
        for (std::size_t i = 0; i < n; ++i) CHECK(s.message(subscription, sent, i) == errc::ok);
        CHECK(s.message(subscription, sent, n) == errc::window_full);
        CHECK(s.unsettled() == n);
        CHECK_FALSE(poll(s).ended);
    }
    limits l = limits::server();
    stomp::server_session measured = server_with(l);
    const std::size_t before = measured.unsent();
    CHECK(measured.message(subscribed(measured), sent, 1) == errc::ok);
    const std::size_t size = measured.unsent() - before;
    for (const bool more : {false, true}) {
        l.max_unsettled_bytes = 3 * size - (more ? 1 : 0);
        stomp::server_session s = server_with(l);
        const auto subscription = subscribed(s);
        CHECK(s.message(subscription, sent, 1) == errc::ok);
        CHECK(s.message(subscription, sent, 2) == errc::ok);
        CHECK(s.message(subscription, sent, 3) == (more ? errc::window_full : errc::ok));
    }
}

TEST_CASE("T-11: max_transactions, max_transaction_frames and max_transaction_bytes at n and n + 1") {
    const auto begin = [](std::size_t i) { return "BEGIN\ntransaction:" + std::to_string(i) + "\n\n" + '\0'; };
    const auto takes = [](const limits& l, const std::string& bytes) {
        stomp::server_session s = server_with(l);
        CHECK(s.receive(bytes, now) == errc::ok);
        return poll(s).reason;
    };
    for (const std::size_t n : {0U, 1U, 2U, 8U, 50U}) {
        limits l = limits::server();
        l.max_transactions = n;
        std::string all;
        for (std::size_t i = 0; i < n; ++i) all += begin(i);
        CHECK(takes(l, all) == errc::ok);
        CHECK(takes(l, all + begin(n)) == errc::limit_transactions);
        if (n != 0) CHECK(takes(l, all + "ABORT\ntransaction:0\n\n" + '\0' + begin(n)) == errc::ok);

        l = limits::client();
        l.max_transactions = n;
        stomp::client_session c = client_with(l);
        for (std::size_t i = 0; i < n; ++i) CHECK(c.begin(std::to_string(i)) == errc::ok);
        CHECK(c.begin("more") == errc::limit_transactions);
        if (n != 0) {
            CHECK(c.commit("0") == errc::ok);
            CHECK(c.begin("more") == errc::ok);
        }

        l = limits::server();
        l.max_transaction_frames = n;
        const std::string enlisted = "SEND\ndestination:d\ntransaction:0\n\n"s + '\0';
        all = begin(0);
        for (std::size_t i = 0; i < n; ++i) all += enlisted;
        CHECK(takes(l, all) == errc::ok);
        CHECK(takes(l, all + enlisted) == errc::limit_transaction_frames);
    }
    const std::string enlisted = "SEND\ndestination:d\ntransaction:0\n\n12345"s + '\0';
    const std::size_t size = "destination"sv.size() + 1 + "transaction"sv.size() + 1 + 2 * 32 + 5;
    limits l = limits::server();
    l.max_transaction_bytes = 2 * size;
    CHECK(takes(l, begin(0) + enlisted + enlisted) == errc::ok);
    l.max_transaction_bytes = 2 * size - 1;
    CHECK(takes(l, begin(0) + enlisted) == errc::ok);
    CHECK(takes(l, begin(0) + enlisted + enlisted) == errc::limit_transaction_bytes);
    CHECK(takes(l, begin(0) + enlisted + "ABORT\ntransaction:0\n\n" + '\0' + begin(0) + enlisted) == errc::ok);
}

TEST_CASE("L-06: max_receipts at n and n + 1; DISCONNECT always gets one") {
    for (const std::size_t n : {0U, 1U, 2U, 8U, 100U}) {
        limits l = limits::client();
        l.max_receipts = n;
        stomp::client_session c = client_with(l);
        for (std::size_t i = 0; i < n; ++i) CHECK(c.send("d", {}, {{"receipt", c.next_receipt_id()}}) == errc::ok);
        CHECK(c.pending_receipts() == n);
        CHECK(c.send("d", {}, {{"receipt", c.next_receipt_id()}}) == errc::limit_receipts);
        CHECK(c.send("d", {}) == errc::ok);
        if (n != 0) {
            CHECK(c.receive("RECEIPT\nreceipt-id:r1\n\n\0"sv, now) == errc::ok);
            CHECK(c.poll_event());
            CHECK(c.send("d", {}, {{"receipt", c.next_receipt_id()}}) == errc::ok);
        }
        CHECK(c.disconnect() == errc::ok);
        CHECK(c.pending_receipts() == n + 1);
    }
}

TEST_CASE("L-03, L-05: without limits nothing wraps around, with limits of zero nothing gets in") {
    limits none;
    for (const auto field : {&limits::max_command, &limits::max_header_line, &limits::max_headers, &limits::max_head,
                             &limits::max_body, &limits::max_input, &limits::max_output, &limits::max_subscriptions,
                             &limits::max_unsettled, &limits::max_unsettled_bytes, &limits::max_transactions,
                             &limits::max_transaction_frames, &limits::max_transaction_bytes, &limits::max_receipts}) {
        none.*field = SIZE_MAX;
    }
    CHECK(stomp::max_memory(none) == SIZE_MAX);
    CHECK(stranger_is_taken(connect(line(5000)), none) == errc::ok);
    CHECK(server_takes(send(line(5000), std::string(5000, 'b')), none) == errc::ok);
    CHECK(client_takes(message(line(5000), std::string(5000, 'b')), none) == errc::ok);
    CHECK(server_takes("SUBSCRIBE\nid:0\ndestination:d\nreceipt:1\n\n\0"sv, none) == errc::ok);
    stomp::server_session s = server_with(none);
    CHECK(s.receive("BEGIN\ntransaction:0\nreceipt:1\n\n\0SEND\ndestination:d\ntransaction:0\nreceipt:2\n\n12345\0"
                    "COMMIT\ntransaction:0\nreceipt:3\n\n\0"sv,
                    now) == errc::ok);
    CHECK(poll(s).frames == 1);
    CHECK(s.receipt("r") == errc::ok);
    stomp::client_session c = client_with(none);
    CHECK(c.send("d", "hello", {{"receipt", "1"}}) == errc::ok);

    // A frame with a huge content-length waits; nothing is computed from it that could wrap.
    CHECK(s.receive(send("content-length:18446744073709551615\n", "hello"), now) == errc::ok);
    CHECK_FALSE(s.poll_event());

    limits zero{};
    for (const auto field : {&limits::max_command, &limits::max_header_line, &limits::max_headers, &limits::max_head,
                             &limits::max_body, &limits::max_input, &limits::max_output}) {
        zero = limits::before_login();
        zero.*field = 0;
        stomp::server_options o;
        o.before_login = zero;
        stomp::server_session d(o, now);
        (void)d.receive(connect(), now);
        if (const result r = poll(d); r.ended) CHECK(stomp::is_limit(r.reason));
    }
}
