// The client's session alone: what it writes and what it refuses.
#include <stomp/client.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <array>
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
using stomp::client_session;
using stomp::client_state;
using stomp::command;
using stomp::errc;
using stomp::frame_view;
using stomp::header;
using stomp::version;

namespace {

std::string written_by(client_options o) {
    client_session s(std::move(o), sim::start);
    return sim::take_output(s);
}

constexpr std::string_view message_frame =
    "MESSAGE\nsubscription:1\nmessage-id:m:1\nack:a-1\ndestination:/q\n\nhello^@";

/// An open client with subscription "1" in `client` mode and nothing in its output.
struct subscriber : lone_client {
    explicit subscriber(version v = version::v1_2, client_options o = {.host = "h"}) : lone_client(std::move(o)) {
        open(v);
        REQUIRE(session.subscribe("1", "/q", ack_mode::client) == errc::ok);
        output();
    }

    /// Calls a command with the event of a MESSAGE in hand; returns what it wrote.
    std::string with_message(std::string_view frame, const std::function<void(const client_event&)>& use) {
        on_event = [&](const client_event& e) {
            if (e.kind == client_event::message) use(e);
        };
        feed(frame);
        on_event = [](const client_event&) {};
        return output();
    }
};

}  // namespace

// ---- connecting --------------------------------------------------------------------------------------------

TEST_CASE("C-06 C-10 C-13: CONNECT names the versions in ascending order, the host, and what is set") {
    CHECK(written_by({.host = "h"}) == wire("CONNECT\naccept-version:1.0,1.1,1.2\nhost:h\n\n^@"));
    CHECK(written_by({.host = "h", .versions = {version::v1_2, version::v1_1, version::v1_2}}) ==
          wire("CONNECT\naccept-version:1.1,1.2\nhost:h\n\n^@"));
    CHECK(written_by({.host = "h", .login = "me", .passcode = " a:b\\c ", .headers = {{"client-id", "x"}}}) ==
          wire("CONNECT\naccept-version:1.0,1.1,1.2\nhost:h\nlogin:me\npasscode: a:b\\c \nclient-id:x\n\n^@"));
}

TEST_CASE("C-07: a client of 1.0 needs neither accept-version nor host") {
    CHECK(written_by({.versions = {version::v1_0}}) == wire("CONNECT\n\n^@"));
    CHECK(written_by({.host = "h", .versions = {version::v1_0}}) == wire("CONNECT\nhost:h\n\n^@"));
}

TEST_CASE("C-16 C-18: heart-beats are offered only when asked for, and not below 100 ms") {
    CHECK(written_by({.host = "h", .versions = {version::v1_2}, .heart_beat = {5s, 0ms}}) ==
          wire("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:5000,0\n\n^@"));
    CHECK(written_by({.host = "h", .versions = {version::v1_2}, .heart_beat = {1ms, 99ms}}) ==
          wire("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:100,100\n\n^@"));
    CHECK(written_by({.host = "h", .versions = {version::v1_2}, .heart_beat = {100ms, 101ms}}) ==
          wire("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:100,101\n\n^@"));
}

TEST_CASE("Q-06: escape_connect writes the handshake with escapes, for servers that decode it") {
    client_options o{.host = "h", .passcode = "a\\b:c", .versions = {version::v1_2}};
    o.encoding.escape_connect = true;
    CHECK(written_by(o) == wire("CONNECT\naccept-version:1.2\nhost:h\npasscode:a\\\\b\\cc\n\n^@"));
}

TEST_CASE("H-11: a CONNECT that cannot be written gives no output and one closed event") {
    const std::vector<std::pair<client_options, errc>> cases{
        {client_options{}, errc::missing_header},
        {{.host = "h", .versions = {}}, errc::no_common_version},
        {{.host = "h", .passcode = "a\nb"}, errc::not_representable},
        {{.host = std::string("a\0b", 3)}, errc::nul_in_header},
        {{.host = "h", .headers = {{"", "x"}}}, errc::header_empty_name},
        {{.host = "h", .headers = {{"a:b", "x"}}}, errc::not_representable},
        {{.host = std::string(2 * 1024 * 1024, 'h')}, errc::frame_too_large},
    };
    for (const auto& [options, reason] : cases) {
        lone_client c(options);
        CHECK(c.session.unsent() == 0);
        CHECK(c.session.finished());
        CHECK_FALSE(c.session.wants_input());
        CHECK_FALSE(c.session.next_timeout());
        CHECK(c.session.state() == client_state::closed);
        CHECK(c.poll() == "closed " + std::string(to_string(reason)) + "\n");
        CHECK(c.poll() == "");
        CHECK(c.output() == "");
    }
}

TEST_CASE("C-12 C-14 C-15 C-19: what CONNECTED says can be asked for") {
    lone_client c({.host = "h", .heart_beat = {4s, 10s}});
    CHECK_FALSE(c.session.negotiated_version());
    CHECK(c.session.session_id() == "");
    c.open(version::v1_1, "session:abc\nserver:thing/1.0 comment\nheart-beat:8000,6000\n");
    CHECK(c.session.negotiated_version() == version::v1_1);
    CHECK(c.session.session_id() == "abc");
    CHECK(c.session.server_name() == "thing/1.0 comment");
    CHECK(c.session.intervals() == stomp::heart_beat_intervals{6s, 10s});
    CHECK(c.session.epoch() == 1);
}

// ---- commands: what they write -----------------------------------------------------------------------------

TEST_CASE("CL-02 S-01 S-02 T-01 CL-08: what each command writes") {
    lone_client c;
    c.open();
    const auto wrote = [&](errc e) {
        CHECK(e == errc::ok);
        return c.output();
    };
    auto& s = c.session;
    CHECK(wrote(s.send("/q", "hi", {{"k:", "a\nb"}})) ==
          wire("SEND\ndestination:/q\nk\\c:a\\nb\ncontent-length:2\n\nhi^@"));
    CHECK(wrote(s.send("/q", "")) == wire("SEND\ndestination:/q\n\n^@"));
    CHECK(wrote(s.subscribe("1", "/q")) == wire("SUBSCRIBE\nid:1\ndestination:/q\nack:auto\n\n^@"));
    CHECK(wrote(s.subscribe("2", "/q", ack_mode::client_individual, {{"selector", "x"}})) ==
          wire("SUBSCRIBE\nid:2\ndestination:/q\nack:client-individual\nselector:x\n\n^@"));
    CHECK(wrote(s.unsubscribe("2", {{"receipt", "r"}})) == wire("UNSUBSCRIBE\nid:2\nreceipt:r\n\n^@"));
    CHECK(wrote(s.begin("t")) == wire("BEGIN\ntransaction:t\n\n^@"));
    CHECK(wrote(s.send("/q", "x", {{"transaction", "t"}})) ==
          wire("SEND\ndestination:/q\ntransaction:t\ncontent-length:1\n\nx^@"));
    CHECK(wrote(s.commit("t")) == wire("COMMIT\ntransaction:t\n\n^@"));
    CHECK(wrote(s.begin("t")) == wire("BEGIN\ntransaction:t\n\n^@"));
    CHECK(wrote(s.abort("t")) == wire("ABORT\ntransaction:t\n\n^@"));
    const std::array<header, 1> headers{header{"x", "y"}};
    CHECK(wrote(s.send_frame({command::unknown, "PING", headers, {}})) == wire("PING\nx:y\n\n^@"));
    CHECK(wrote(s.disconnect()) == wire("DISCONNECT\nreceipt:r1\n\n^@"));
    CHECK(s.state() == client_state::disconnecting);
}

TEST_CASE("B-15: content-length can be left out, for brokers that take it for binary") {
    client_options o{.host = "h"};
    o.encoding.content_length = stomp::content_length_policy::if_needed;
    lone_client c(o);
    c.open();
    CHECK(c.session.send("/q", "text") == errc::ok);
    CHECK(c.output() == wire("SEND\ndestination:/q\n\ntext^@"));
    CHECK(c.session.send("/q", std::string_view("a\0b", 3)) == errc::ok);
    CHECK(c.output() == wire("SEND\ndestination:/q\ncontent-length:3\n\na^@b^@"));
}

TEST_CASE("A-05 A-06 A-07 A-09: ACK and NACK in the form of each version, from the event or a handle") {
    const bool kept = GENERATE(false, true);
    const bool negative = GENERATE(false, true);
    const auto settle = [&](client_session& s, const client_event& e) {
        if (!kept) return negative ? s.nack(e, {{"requeue", "false"}}) : s.ack(e);
        const ack_handle handle(e);
        CHECK(handle.epoch() == 1);
        return negative ? s.nack(handle, {{"requeue", "false"}}) : s.ack(handle);
    };
    const std::string verb = negative ? "NACK\n" : "ACK\n";
    const std::string end = negative ? "requeue:false\n\n^@" : "\n^@";
    const version v = GENERATE(version::v1_0, version::v1_1, version::v1_2);
    const std::array<std::string, 3> per_version{"message-id:m:1\n", "subscription:1\nmessage-id:m\\c1\n", "id:a-1\n"};
    const std::string& headers = per_version[static_cast<std::size_t>(v)];
    subscriber c(v);
    const std::string sent = c.with_message(message_frame, [&](const client_event& e) {
        const errc expected = negative && v == version::v1_0 ? errc::unknown_command : errc::ok;
        CHECK(settle(c.session, e) == expected);
    });
    CHECK(sent == (negative && v == version::v1_0 ? "" : wire(verb + headers + end)));
}

TEST_CASE("A-08: an ACK takes part in a transaction") {
    subscriber c;
    CHECK(c.session.begin("t") == errc::ok);
    c.output();
    CHECK(c.with_message(message_frame, [&](const client_event& e) {
        CHECK(c.session.ack(e, {{"transaction", "t"}}) == errc::ok);
    }) == wire("ACK\nid:a-1\ntransaction:t\n\n^@"));
}

// ---- commands: what they refuse ----------------------------------------------------------------------------

TEST_CASE("C-26 CL-10: what is refused while not connected has no effect") {
    lone_client c;
    subscriber source;
    std::optional<ack_handle> handle;
    source.with_message(message_frame, [&](const client_event& e) { handle.emplace(e); });
    const client_state state = GENERATE(client_state::connecting, client_state::disconnecting, client_state::closed);
    const errc refusal = errc::not_connected;
    if (state != client_state::connecting) c.open();
    if (state == client_state::disconnecting) CHECK(c.session.disconnect() == errc::ok);
    if (state == client_state::closed) c.lose();
    REQUIRE(c.session.state() == state);
    c.output();

    auto& s = c.session;
    CHECK(s.send("/q", "x") == refusal);
    CHECK(s.begin("t") == refusal);
    CHECK(s.commit("t") == refusal);
    CHECK(s.abort("t") == refusal);
    CHECK(s.ack(*handle) == refusal);
    CHECK(s.nack(*handle) == refusal);
    CHECK(s.disconnect() == refusal);
    CHECK(s.request("/q", "x") == refusal);
    CHECK(s.send_frame({command::unknown, "PING", {}, {}}) == refusal);
    const errc recorded = state == client_state::disconnecting ? refusal : errc::ok;
    CHECK(s.subscribe("1", "/q") == recorded);
    CHECK(s.unsubscribe("1") == (recorded == errc::ok ? errc::ok : refusal));
    CHECK(s.unsent() == 0);
    CHECK(s.pending_receipts() == (state == client_state::disconnecting ? 1U : 0U));
}

TEST_CASE("A transport that is known to be gone takes no more commands, but records subscriptions") {
    lone_client c;
    c.open();
    CHECK(c.session.subscribe("old", "/q") == errc::ok);
    c.session.transport_closed(c.now);
    CHECK(c.session.state() == client_state::connected);  // `closed` is not polled yet
    const std::size_t before = c.session.unsent();
    CHECK(c.session.send("/q", "x", {{"receipt", "r"}}) == errc::not_connected);
    CHECK(c.session.disconnect() == errc::not_connected);
    CHECK(c.session.request("/q", "x") == errc::not_connected);
    CHECK(c.session.subscribe("new", "/q") == errc::ok);
    CHECK(c.session.unsubscribe("old") == errc::ok);
    CHECK(c.session.unsent() == before);
    CHECK(c.session.pending_receipts() == 0);
    CHECK(c.poll() == "closed connection_lost\n");
    c.session.restart(c.now);
    c.output();
    c.open();
    CHECK(c.frames() == "SUBSCRIBE id:new destination:/q ack:auto\n");
}

TEST_CASE("CL-07 SV-01 C-27: frames that a client cannot send are refused") {
    lone_client c;
    c.open(GENERATE(version::v1_0, version::v1_1, version::v1_2));
    const version v = *c.session.negotiated_version();
    auto& s = c.session;
    CHECK(s.send_frame({command::connect, {}, {}, {}}) == errc::already_connected);
    CHECK(s.send_frame({command::stomp, {}, {}, {}}) == errc::already_connected);
    for (const command theirs : {command::connected, command::message, command::receipt, command::error}) {
        CHECK(s.send_frame({theirs, {}, {}, {}}) == errc::wrong_direction);
    }
    CHECK(s.send_frame({command::unknown, {}, {}, {}}) == errc::malformed_command);
    CHECK(s.send_frame({command::unknown, "A\nB", {}, {}}) == errc::malformed_command);
    CHECK(s.send_frame({command::send, "SENT", {}, {}}) == errc::missing_header);
    CHECK(s.send_frame({command::send, {}, {}, "x"}) == errc::missing_header);
    CHECK(s.send_frame({command::subscribe, {}, {}, {}}) == errc::missing_header);
    const std::array<header, 1> destination{header{"destination", "/q"}};
    CHECK(s.send_frame({command::subscribe, {}, destination, {}}) == errc::missing_header);  // in 1.0 too
    CHECK(s.send_frame({command::send, "SENT", destination, {}}) == errc::malformed_command);
    CHECK(s.send_frame({command::unsubscribe, {}, {}, {}}) == errc::missing_header);
    CHECK(s.send_frame({command::unsubscribe, {}, destination, {}}) == errc::missing_header);
    CHECK(s.send_frame({command::begin, {}, {}, {}}) == errc::missing_header);
    CHECK(s.send_frame({command::commit, {}, {}, {}}) == errc::missing_header);
    CHECK(s.send_frame({command::abort, {}, {}, {}}) == errc::missing_header);
    CHECK(s.send_frame({command::ack, {}, {}, {}}) == errc::missing_header);
    CHECK(s.send_frame({command::nack, {}, {}, {}}) ==
          (v == version::v1_0 ? errc::unknown_command : errc::missing_header));
    CHECK(s.send_frame({command::disconnect, {}, {}, "x"}) == errc::body_not_allowed);
    const std::array<header, 3> bad{header{"id", "1"}, header{"destination", "/q"}, header{"ack", "maybe"}};
    CHECK(s.send_frame({command::subscribe, {}, bad, {}}) == errc::bad_ack_mode);
    CHECK(s.unsent() == 0);
    CHECK(s.state() == client_state::connected);
}

TEST_CASE("H-11 H-12: what the version cannot carry is refused and nothing is written") {
    lone_client c;
    c.open(GENERATE(version::v1_0, version::v1_1, version::v1_2));
    const version v = *c.session.negotiated_version();
    auto& s = c.session;
    CHECK(s.send("/q", "x", {{"a", std::string_view("\0", 1)}}) == errc::nul_in_header);
    CHECK(s.send("/q", "x", {{"", "a"}}) == errc::header_empty_name);
    CHECK(s.send("/q", "x", {{"content-length", "2"}}) == errc::content_length_conflict);
    CHECK(s.send("/q", "x", {{"content-length", "one"}}) == errc::bad_content_length);
    CHECK(s.unsent() == 0);
    CHECK(s.send("/q", "x", {{"a", "\n"}}) == (v == version::v1_0 ? errc::not_representable : errc::ok));
    CHECK(s.send("/q", "x", {{"a", "\r"}}) == (v == version::v1_2 ? errc::ok : errc::not_representable));
    CHECK(s.send("/q\n", "x", {{"receipt", "r"}}) == (v == version::v1_0 ? errc::not_representable : errc::ok));
    CHECK(s.pending_receipts() == (v == version::v1_0 ? 0U : 1U));
    CHECK(s.subscribe("a\nb", "/q", ack_mode::automatic, {{"receipt", "s"}}) ==
          (v == version::v1_0 ? errc::not_representable : errc::ok));
    CHECK(s.unsubscribe("a\nb") == (v == version::v1_0 ? errc::unknown_subscription : errc::ok));
    CHECK(s.begin("a\nb") == (v == version::v1_0 ? errc::not_representable : errc::ok));
    CHECK(s.commit("a\nb") == (v == version::v1_0 ? errc::unknown_transaction : errc::ok));
}

TEST_CASE("Headers that a command writes itself are refused in extra") {
    subscriber c;
    auto& s = c.session;
    CHECK(s.send("/q", "x", {{"destination", "/r"}}) == errc::reserved_header);
    CHECK(s.subscribe("2", "/q", ack_mode::client, {{"id", "3"}}) == errc::reserved_header);
    CHECK(s.subscribe("2", "/q", ack_mode::client, {{"destination", "3"}}) == errc::reserved_header);
    CHECK(s.subscribe("2", "/q", ack_mode::client, {{"ack", "auto"}}) == errc::reserved_header);
    CHECK(s.unsubscribe("1", {{"id", "2"}}) == errc::reserved_header);
    CHECK(s.begin("t", {{"transaction", "u"}}) == errc::reserved_header);
    CHECK(s.commit("t", {{"transaction", "u"}}) == errc::reserved_header);
    CHECK(s.abort("t", {{"transaction", "u"}}) == errc::reserved_header);
    CHECK(c.with_message(message_frame, [&](const client_event& e) {
        CHECK(s.ack(e, {{"id", "2"}}) == errc::reserved_header);
        CHECK(s.nack(e, {{"id", "2"}}) == errc::reserved_header);
    }) == "");
    CHECK(s.unsent() == 0);
}

TEST_CASE("S-03 S-10 S-14: subscription ids are unique while they are in use") {
    subscriber c;
    auto& s = c.session;
    CHECK(s.subscribe("1", "/other") == errc::duplicate_subscription);
    CHECK(s.unsubscribe("2") == errc::unknown_subscription);
    CHECK(s.unsent() == 0);
    CHECK(s.unsubscribe("1") == errc::ok);
    CHECK(s.unsubscribe("1") == errc::unknown_subscription);
    CHECK(s.subscribe("1", "/other") == errc::ok);
}

TEST_CASE("T-05 T-07 T-10: transactions are open once, and frames name open ones") {
    subscriber c;
    auto& s = c.session;
    CHECK(s.begin("t") == errc::ok);
    CHECK(s.begin("t") == errc::duplicate_transaction);
    CHECK(s.commit("u") == errc::unknown_transaction);
    CHECK(s.abort("u") == errc::unknown_transaction);
    CHECK(s.send("/q", "x", {{"transaction", "u"}}) == errc::unknown_transaction);
    c.output();
    CHECK(c.with_message(message_frame, [&](const client_event& e) {
        CHECK(s.ack(e, {{"transaction", "u"}}) == errc::unknown_transaction);
        CHECK(s.nack(e, {{"transaction", "u"}}) == errc::unknown_transaction);
    }) == "");
    CHECK(s.commit("t") == errc::ok);
    CHECK(s.commit("t") == errc::unknown_transaction);
    CHECK(s.begin("t") == errc::ok);
    CHECK(s.abort("t") == errc::ok);
    CHECK(s.abort("t") == errc::unknown_transaction);
}

TEST_CASE("L-06 T-11: the client's own limits, at n and n + 1") {
    client_options o{.host = "h"};
    o.limits.max_subscriptions = 2;
    o.limits.max_transactions = 2;
    o.limits.max_receipts = 2;
    lone_client c(o);
    const bool open = GENERATE(true, false);
    if (open) c.open();
    auto& s = c.session;
    CHECK(s.subscribe("1", "/q", ack_mode::automatic, {{"receipt", "a"}}) == errc::ok);
    CHECK(s.subscribe("2", "/q", ack_mode::automatic, {{"receipt", "a"}}) == errc::duplicate_receipt);
    CHECK(s.subscribe("2", "/q", ack_mode::automatic, {{"receipt", "b"}}) == errc::ok);
    CHECK(s.subscribe("3", "/q") == errc::limit_subscriptions);
    CHECK(s.subscribe("2", "/q") == errc::duplicate_subscription);
    if (!open) {
        CHECK(s.unsubscribe("2") == errc::not_connected);  // its receipt could end in nothing
        c.open();
        CHECK(s.pending_receipts() == 2);
    }
    c.output();
    CHECK(s.send("/q", "x", {{"receipt", "b"}}) == errc::duplicate_receipt);
    CHECK(s.send("/q", "x", {{"receipt", "c"}}) == errc::limit_receipts);
    CHECK(s.unsubscribe("2", {{"receipt", "c"}}) == errc::limit_receipts);
    CHECK(s.unsent() == 0);
    CHECK(s.begin("t") == errc::ok);
    CHECK(s.begin("u") == errc::ok);
    CHECK(s.begin("v") == errc::limit_transactions);
    CHECK(c.feed("RECEIPT\nreceipt-id:a\n\n^@") == "receipt a: RECEIPT receipt-id:a\n");
    CHECK(s.send("/q", "x", {{"receipt", "c"}}) == errc::ok);
    CHECK(s.disconnect() == errc::ok);  // may always be confirmed
    CHECK(s.pending_receipts() == 3);
}

TEST_CASE("L-06: recorded subscriptions are bounded by max_receipts as well") {
    client_options o{.host = "h"};
    o.limits.max_receipts = 1;
    lone_client c(o);
    CHECK(c.session.subscribe("1", "/q", ack_mode::automatic, {{"receipt", "a"}}) == errc::ok);
    CHECK(c.session.subscribe("2", "/q", ack_mode::automatic, {{"receipt", "b"}}) == errc::limit_receipts);
    CHECK(c.session.subscribe("2", "/q") == errc::ok);
}

TEST_CASE("Only messages that wait for an acknowledgement can be acknowledged") {
    lone_client c;
    c.open();
    auto& s = c.session;
    CHECK(s.subscribe("auto", "/q") == errc::ok);
    CHECK(s.ack(client_event{}) == errc::nothing_to_ack);
    CHECK(s.ack(ack_handle{}) == errc::nothing_to_ack);
    CHECK(ack_handle{}.epoch() == 0);
    c.output();
    std::vector<errc> results;
    c.on_event = [&](const client_event& e) {
        results.push_back(s.ack(e));
        results.push_back(s.nack(ack_handle(e)));
    };
    c.feed("MESSAGE\nsubscription:auto\nmessage-id:1\nack:1\ndestination:/q\n\n^@");  // of an automatic subscription
    c.feed("MESSAGE\nsubscription:gone\nmessage-id:1\ndestination:/q\n\n^@");         // of none, without ack header
    c.feed("RECEIPT\nreceipt-id:1\n\n^@");
    CHECK(results == std::vector<errc>(6, errc::nothing_to_ack));
    CHECK(s.unsent() == 0);
    // What is not held may still be acknowledged: UNSUBSCRIBE may have crossed it.
    results.clear();
    c.feed("MESSAGE\nsubscription:gone\nmessage-id:1\nack:1\ndestination:/q\n\n^@");
    CHECK(results == std::vector<errc>(2, errc::ok));
}

// ---- what the server says ----------------------------------------------------------------------------------

TEST_CASE("S-11: a MESSAGE of a subscription that is not held is an event") {
    lone_client c;
    c.open();
    CHECK(c.feed("MESSAGE\nsubscription:9\nmessage-id:1\ndestination:/q\n\nx^@") ==
          "message: MESSAGE subscription:9 message-id:1 destination:/q [x]\n");
}

TEST_CASE("R-08 R-11: receipts are told apart by their ids, and unknown ones are told too") {
    lone_client c;
    c.open();
    auto& s = c.session;
    const stomp::receipt_id first = s.next_receipt_id();
    CHECK(first.number() == 1);
    CHECK(std::string_view(first) == "r1");
    CHECK(s.send("/q", "x", {{"receipt", first}}) == errc::ok);
    CHECK(s.send("/q", "x", {{"receipt", s.next_receipt_id()}}) == errc::ok);
    CHECK(s.send("/q", "x", {{"receipt", "a:b"}}) == errc::ok);
    CHECK(s.pending_receipts() == 3);
    std::vector<std::uint64_t> numbers;
    c.on_event = [&](const client_event& e) { numbers.push_back(e.receipt_number); };
    CHECK(c.feed("RECEIPT\nreceipt-id:a\\cb\n\n^@RECEIPT\nreceipt-id:r2\n\n^@RECEIPT\nreceipt-id:r2\n\n^@"
                 "RECEIPT\nreceipt-id:r1\n\n^@RECEIPT\nreceipt-id:r9\n\n^@") ==
          "receipt a:b: RECEIPT receipt-id:a:b\nreceipt r2: RECEIPT receipt-id:r2\nreceipt r2: RECEIPT receipt-id:r2\n"
          "receipt r1: RECEIPT receipt-id:r1\nreceipt r9: RECEIPT receipt-id:r9\n");
    CHECK(numbers == std::vector<std::uint64_t>{0, 2, 0, 1, 0});  // a repeated or unknown one has no number
    CHECK(s.pending_receipts() == 0);
}

TEST_CASE("The number in a receipt id") {
    CHECK(stomp::receipt_id::number_of("r1") == 1);
    CHECK(stomp::receipt_id::number_of("r9999999999999999999") == 9999999999999999999U);
    for (const std::string_view other :
         {"", "r", "r0", "r01", "1", "R1", "r1x", "rx", "r-1", "r99999999999999999999"}) {
        CHECK(stomp::receipt_id::number_of(other) == 0);
    }
}

TEST_CASE("Q-34 E-10 E-12: an ERROR ends the session; the receipt it names carries it, others are merely lost") {
    lone_client c;
    c.open();
    for (const auto* id : {"1", "2", "3"}) CHECK(c.session.send("/q", "x", {{"receipt", id}}) == errc::ok);
    std::vector<std::string> bodies;
    c.on_event = [&](const client_event& e) { bodies.emplace_back(e.frame.body); };
    CHECK(c.feed("ERROR\nmessage:bad\nreceipt-id:2\n\nwhy^@RECEIPT\nreceipt-id:1\n\n^@") ==
          "error: ERROR message:bad receipt-id:2 [why]\n"
          "unconfirmed 1 connection_lost\n"
          "unconfirmed 2 server_error: ERROR message:bad receipt-id:2 [why]\n"
          "unconfirmed 3 connection_lost\n"
          "closed server_error\n");
    CHECK(bodies == std::vector<std::string>{"why", "", "why", "", ""});
    CHECK(c.session.finished());
    CHECK(c.session.output() == "");  // nothing more is sent (E-11)
    CHECK(c.session.unsent() == 0);
    CHECK(c.session.receive("x", c.now) == errc::input_full);
    CHECK(c.session.input_buffer().empty());
}

TEST_CASE("H-19: an ERROR before CONNECTED may hold any escape") {
    lone_client c;
    c.output();
    CHECK(c.feed("ERROR\nmessage:a\\tb\\nc\\\n\n^@") ==
          "error: ERROR message:a\\\\tb\\nc\\\\\nclosed connect_rejected\n");
}

TEST_CASE("CL-08: a DISCONNECT ends with its receipt") {
    lone_client c;
    c.open();
    CHECK(c.session.send("/q", "x", {{"receipt", "slow"}}) == errc::ok);
    CHECK(c.session.disconnect() == errc::ok);
    CHECK(c.session.disconnect() == errc::not_connected);
    CHECK_FALSE(c.session.output_finished());
    CHECK(c.feed("MESSAGE\nsubscription:1\nmessage-id:1\ndestination:/q\n\n^@") ==
          "message: MESSAGE subscription:1 message-id:1 destination:/q\n");
    CHECK(c.feed("RECEIPT\nreceipt-id:r1\n\n^@") ==
          "receipt r1: RECEIPT receipt-id:r1\nunconfirmed slow connection_lost\nclosed ok\n");
    CHECK(c.session.finished());
}

TEST_CASE("CL-09 E-08: DISCONNECT without a receipt is answered by the end of the stream") {
    lone_client c;
    c.open();
    CHECK(c.session.send_frame({command::disconnect, {}, {}, {}}) == errc::ok);
    CHECK(c.frames() == "DISCONNECT\n");
    CHECK(c.lose() == "closed ok\n");
}

TEST_CASE("F-21: a stream that ends inside a frame is told as such") {
    lone_client c;
    c.open();
    CHECK(c.feed("MESSAGE\nsubscription:1\n") == "");
    CHECK(c.lose() == "closed unexpected_eof\n");
    CHECK(c.closed == 1);
}

TEST_CASE("What was received before the end of the stream is still told") {
    lone_client c;
    c.open();
    const std::string octets = wire("RECEIPT\nreceipt-id:1\n\n^@RECEIPT\nreceipt-id:2\n\n^@");
    CHECK(c.session.receive(octets, c.now) == errc::ok);
    c.session.transport_closed(c.now);
    CHECK(c.session.finished());
    CHECK_FALSE(c.session.wants_input());
    CHECK(c.poll() == "receipt 1: RECEIPT receipt-id:1\nreceipt 2: RECEIPT receipt-id:2\nclosed connection_lost\n");
}

// ---- subscriptions recorded --------------------------------------------------------------------------------

TEST_CASE("C-26: a subscription made before CONNECTED follows it at once, with its receipt") {
    lone_client c;
    CHECK(c.session.subscribe("b", "/b", ack_mode::client, {{"receipt", "r"}, {"selector", "x"}}) == errc::ok);
    CHECK(c.session.subscribe("a", "/a") == errc::ok);
    CHECK(c.session.subscribe("c", "/c") == errc::ok);
    CHECK(c.session.unsubscribe("c") == errc::ok);
    CHECK(c.frames() == "CONNECT accept-version:1.0,1.1,1.2 host:h\n");
    CHECK(c.session.pending_receipts() == 0);
    c.on_event = [&](const client_event& e) {
        if (e.kind == client_event::connected) CHECK(c.session.send("/q", "first") == errc::ok);
    };
    c.feed("CONNECTED\nversion:1.1\n\n^@");
    CHECK(c.frames(version::v1_1) ==
          "SUBSCRIBE id:b destination:/b ack:client selector:x receipt:r\n"
          "SUBSCRIBE id:a destination:/a ack:auto\n"
          "SEND destination:/q content-length:5 [first]\n");
    CHECK(c.session.pending_receipts() == 1);
}

TEST_CASE("A recorded subscription that is taken back while others are still being sent is left out, the rest follow") {
    client_options o{.host = "h"};
    o.limits.max_output = 300;
    lone_client c(o);
    const std::string where(90, 'd');
    for (const auto* id : {"1", "2", "3", "4", "5"}) CHECK(c.session.subscribe(id, where) == errc::ok);
    c.open();
    const std::string sent = wire("SUBSCRIBE\nid:1\ndestination:" + where + "\nack:auto\n\n^@");
    CHECK(c.session.unsent() == 2 * sent.size());  // no room for more
    CHECK(c.session.send("/q", "x") == errc::output_full);
    CHECK(c.session.unsubscribe("3") == errc::ok);  // the next one
    CHECK(c.session.unsubscribe("5") == errc::ok);  // the last one
    std::string ids;
    for (const char octet : c.output()) {
        if (octet >= '1' && octet <= '9') ids += octet;
    }
    CHECK(ids == "124");
    CHECK(c.session.send("/q", "x") == errc::ok);
}

TEST_CASE("A receipt of a subscription that was never sent is unconfirmed when the connection ends") {
    lone_client c;
    CHECK(c.session.subscribe("b", "/b", ack_mode::client, {{"receipt", "r"}}) == errc::ok);
    c.output();
    CHECK(c.feed("ERROR\nmessage:no\n\n^@") ==
          "error: ERROR message:no\nunconfirmed r connection_lost\nclosed connect_rejected\n");
}

TEST_CASE("R-01: an empty receipt is a receipt, also of a recorded subscription") {
    lone_client c;
    CHECK(c.session.subscribe("a", "/a", ack_mode::automatic, {{"receipt", ""}}) == errc::ok);
    CHECK(c.session.subscribe("b", "/b", ack_mode::automatic, {{"receipt", ""}}) == errc::duplicate_receipt);
    c.open();
    CHECK(c.frames() == "SUBSCRIBE id:a destination:/a ack:auto receipt:\n");
    CHECK(c.session.pending_receipts() == 1);
    CHECK(c.feed("RECEIPT\nreceipt-id:\n\n^@") == "receipt: RECEIPT receipt-id:\n");
    CHECK(c.session.pending_receipts() == 0);
}

TEST_CASE("H-11: a recorded subscription must be writable in every version that may be agreed on") {
    lone_client all;
    CHECK(all.session.subscribe("a\nb", "/q") == errc::not_representable);
    CHECK(all.session.subscribe(std::string(2'000'000, 'x'), "/q") == errc::frame_too_large);
    lone_client modern({.host = "h", .versions = {version::v1_1, version::v1_2}});
    CHECK(modern.session.subscribe("a\nb", "/q") == errc::ok);
    CHECK(modern.session.subscribe("a\rb", "/q") == errc::not_representable);
}
