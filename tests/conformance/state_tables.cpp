// What each end does with each command in each state: every cell, driven by real octets. The outcomes stand here as the
// specifications have them, not as the library's own tables do.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>

using stomp::client_state;
using stomp::command;
using stomp::errc;
using stomp::server_event;
using stomp::server_state;
using stomp::version;

namespace {

/// The first words of each line: "error, closed server_error".
std::string brief(std::string_view log) {
    std::string out;
    while (!log.empty()) {
        std::string_view line = log.substr(0, log.find('\n'));
        log.remove_prefix((std::min)(line.size() + 1, log.size()));
        line = line.substr(0, line.find(": "));
        if (!out.empty()) out += ", ";
        out += line;
    }
    return out;
}

/// The commands only: "RECEIPT, ERROR".
std::string commands(std::string_view frames) {
    std::string out;
    while (!frames.empty()) {
        const std::string_view line = frames.substr(0, frames.find('\n'));
        frames.remove_prefix((std::min)(line.size() + 1, frames.size()));
        if (!out.empty()) out += ", ";
        out += line.substr(0, line.find(' '));
    }
    return out;
}

struct client_cell {
    client_state state;
    std::string_view verb;
    std::string_view events;
};

using enum client_state;
constexpr std::array client_cells{
    client_cell{connecting, "PING", "closed unknown_command"},
    client_cell{connecting, "CONNECT", "closed wrong_direction"},
    client_cell{connecting, "STOMP", "closed wrong_direction"},
    client_cell{connecting, "SEND", "closed wrong_direction"},
    client_cell{connecting, "SUBSCRIBE", "closed wrong_direction"},
    client_cell{connecting, "UNSUBSCRIBE", "closed wrong_direction"},
    client_cell{connecting, "ACK", "closed wrong_direction"},
    client_cell{connecting, "NACK", "closed wrong_direction"},
    client_cell{connecting, "BEGIN", "closed wrong_direction"},
    client_cell{connecting, "COMMIT", "closed wrong_direction"},
    client_cell{connecting, "ABORT", "closed wrong_direction"},
    client_cell{connecting, "DISCONNECT", "closed wrong_direction"},
    client_cell{connecting, "CONNECTED", "connected"},
    client_cell{connecting, "MESSAGE", "closed not_connected"},  // C-25
    client_cell{connecting, "RECEIPT", "closed not_connected"},
    client_cell{connecting, "ERROR", "error, closed connect_rejected"},

    client_cell{connected, "PING", "unconfirmed mine unknown_command, closed unknown_command"},
    client_cell{connected, "CONNECT", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "STOMP", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "SEND", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "SUBSCRIBE", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "UNSUBSCRIBE", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "ACK", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "NACK", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "BEGIN", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "COMMIT", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "ABORT", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "DISCONNECT", "unconfirmed mine wrong_direction, closed wrong_direction"},
    client_cell{connected, "CONNECTED", "unconfirmed mine already_connected, closed already_connected"},  // C-27
    client_cell{connected, "MESSAGE", "message"},
    client_cell{connected, "RECEIPT", "receipt mine"},
    client_cell{connected, "ERROR", "error, unconfirmed mine connection_lost, closed server_error"},  // E-10

    client_cell{disconnecting, "PING", "unconfirmed r1 unknown_command, closed unknown_command"},
    client_cell{disconnecting, "CONNECT", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "STOMP", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "SEND", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "SUBSCRIBE", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "UNSUBSCRIBE", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "ACK", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "NACK", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "BEGIN", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "COMMIT", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "ABORT", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "DISCONNECT", "unconfirmed r1 wrong_direction, closed wrong_direction"},
    client_cell{disconnecting, "CONNECTED", "unconfirmed r1 already_connected, closed already_connected"},
    client_cell{disconnecting, "MESSAGE", "message"},
    client_cell{disconnecting, "RECEIPT", "receipt r1, closed ok"},  // CL-08
    client_cell{disconnecting, "ERROR", "error, unconfirmed r1 connection_lost, closed server_error"},
};
static_assert(client_cells.size() == 3 * stomp::command_count);

/// A frame of each kind that is right in itself.
std::string frame_from_server(std::string_view verb, std::string_view receipt) {
    const std::string line = std::string(verb) + "\n";
    if (verb == "CONNECTED") return line + "version:1.2\n\n^@";
    if (verb == "MESSAGE") return line + "subscription:1\nmessage-id:1\nack:1\ndestination:/q\n\nx^@";
    if (verb == "RECEIPT") return line + "receipt-id:" + std::string(receipt) + "\n\n^@";
    if (verb == "ERROR") return line + "message:no\n\n^@";
    if (verb == "SEND") return line + "destination:/q\n\nx^@";
    if (verb == "SUBSCRIBE") return line + "id:1\ndestination:/q\n\n^@";
    if (verb == "UNSUBSCRIBE" || verb == "ACK" || verb == "NACK") return line + "id:1\n\n^@";
    if (verb == "BEGIN" || verb == "COMMIT" || verb == "ABORT") return line + "transaction:t\n\n^@";
    if (verb == "CONNECT" || verb == "STOMP") return line + "accept-version:1.2\nhost:h\n\n^@";
    return line + "\n^@";
}

struct server_cell {
    server_state state;
    std::string_view verb;
    std::string_view events;
    std::string_view sent;
};

using in = server_state;
constexpr std::array server_cells{
    // C-01: nothing but CONNECT and STOMP opens a session
    server_cell{in::connecting, "PING", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "CONNECT", "connect", "CONNECTED"},
    server_cell{in::connecting, "STOMP", "connect", "CONNECTED"},
    server_cell{in::connecting, "SEND", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "SUBSCRIBE", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "UNSUBSCRIBE", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "ACK", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "NACK", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "BEGIN", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "COMMIT", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "ABORT", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "DISCONNECT", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "CONNECTED", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "MESSAGE", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "RECEIPT", "closed not_connected", "ERROR"},
    server_cell{in::connecting, "ERROR", "closed not_connected", "ERROR"},

    server_cell{in::connected, "PING", "closed unknown_command settled=7", "ERROR"},
    server_cell{in::connected, "CONNECT", "closed already_connected settled=7", "ERROR"},  // C-27
    server_cell{in::connected, "STOMP", "closed already_connected settled=7", "ERROR"},
    server_cell{in::connected, "SEND", "send", "RECEIPT"},
    server_cell{in::connected, "SUBSCRIBE", "subscribe", "RECEIPT"},
    server_cell{in::connected, "UNSUBSCRIBE", "unsubscribe settled=7", "RECEIPT"},
    server_cell{in::connected, "ACK", "ack settled=7", "RECEIPT"},
    server_cell{in::connected, "NACK", "nack settled=7", "RECEIPT"},
    server_cell{in::connected, "BEGIN", "", "RECEIPT"},
    server_cell{in::connected, "COMMIT", "commit", "RECEIPT"},
    server_cell{in::connected, "ABORT", "", "RECEIPT"},
    server_cell{in::connected, "DISCONNECT", "disconnect, closed ok settled=7", "RECEIPT"},
    server_cell{in::connected, "CONNECTED", "closed wrong_direction settled=7", "ERROR"},  // SV-01
    server_cell{in::connected, "MESSAGE", "closed wrong_direction settled=7", "ERROR"},
    server_cell{in::connected, "RECEIPT", "closed wrong_direction settled=7", "ERROR"},
    server_cell{in::connected, "ERROR", "closed wrong_direction settled=7", "ERROR"},
};
static_assert(server_cells.size() == 2 * stomp::command_count);

/// Right in itself, and in a session with subscription 1, a message s-1-1 of it, and the transaction t.
std::string frame_from_client(std::string_view verb) {
    const std::string line = std::string(verb) + "\nreceipt:r\n";
    if (verb == "CONNECT" || verb == "STOMP") return line + "accept-version:1.2\nhost:h\n\n^@";
    if (verb == "SEND") return line + "destination:/q\n\nx^@";
    if (verb == "SUBSCRIBE") return line + "id:2\ndestination:/q\n\n^@";
    if (verb == "UNSUBSCRIBE") return line + "id:1\n\n^@";
    if (verb == "ACK" || verb == "NACK") return line + "id:s-1-1\n\n^@";
    if (verb == "BEGIN") return line + "transaction:u\n\n^@";
    if (verb == "COMMIT" || verb == "ABORT") return line + "transaction:t\n\n^@";
    if (verb == "MESSAGE") return line + "subscription:1\nmessage-id:1\ndestination:/q\n\nx^@";
    if (verb == "RECEIPT") return line + "receipt-id:r\n\n^@";
    return line + "\n^@";
}

void open_session(sim::lone_server& s) {
    s.open();
    s.feed("SUBSCRIBE\nid:1\ndestination:/q\nack:client\n\n^@BEGIN\ntransaction:t\n\n^@");
    const std::array<stomp::header, 1> headers{stomp::header{"destination", "/q"}};
    REQUIRE(s.session.message(s.subscription, {command::send, {}, headers, "m"}, 7) == errc::ok);
    s.output();
}

}  // namespace

TEST_CASE("C-25 C-27 SV-01 E-10 E-11 E-12: the client, each state and command") {
    std::set<std::pair<client_state, std::string_view>> seen;
    for (const client_cell& cell : client_cells) {
        INFO("state " << static_cast<int>(cell.state) << ", " << cell.verb);
        CHECK(seen.emplace(cell.state, cell.verb).second);
        sim::lone_client c;
        if (cell.state != connecting) {
            c.open();
            if (cell.state == connected) REQUIRE(c.session.send("/q", "x", {{"receipt", "mine"}}) == errc::ok);
            if (cell.state == disconnecting) REQUIRE(c.session.disconnect() == errc::ok);
        }
        c.output();
        REQUIRE(c.session.state() == cell.state);
        const std::string frame = frame_from_server(cell.verb, cell.state == connected ? "mine" : "r1");
        CHECK(brief(c.feed(frame)) == cell.events);
        CHECK(c.output() == "");  // a client never answers, not even with an error
        const bool over = cell.events.find("closed") != cell.events.npos;
        CHECK((c.session.state() == client_state::closed) == over);
        CHECK(c.session.finished() == over);
        CHECK(c.session.receive(sim::wire(frame), c.now) == (over ? errc::input_full : errc::ok));
    }
}

TEST_CASE("E-12: the closed client hears nothing more") {
    for (const client_cell& cell : client_cells) {
        if (cell.state != connected) continue;
        sim::lone_client c;
        c.open();
        const std::string octets = sim::wire("ERROR\n\n^@" + frame_from_server(cell.verb, "mine"));
        CHECK(c.session.receive(octets, c.now) == errc::ok);
        CHECK(brief(c.poll()) == "error, closed server_error");
    }
}

TEST_CASE("C-01 C-27 SV-01 CL-01 R-02 R-06: the server, each state and command") {
    std::set<std::pair<server_state, std::string_view>> seen;
    for (const server_cell& cell : server_cells) {
        INFO("state " << static_cast<int>(cell.state) << ", " << cell.verb);
        CHECK(seen.emplace(cell.state, cell.verb).second);
        sim::lone_server s;
        if (cell.state == server_state::connected) open_session(s);
        REQUIRE(s.session.state() == cell.state);
        CHECK(brief(s.feed(frame_from_client(cell.verb))) == cell.events);
        CHECK(commands(s.frames()) == cell.sent);
        const bool over = cell.events.find("closed") != cell.events.npos;
        CHECK((s.session.state() == server_state::closed) == over);
        CHECK(s.session.output_finished() == over);
    }
}

TEST_CASE("P7 C-30: the server reads nothing between CONNECT and the application's answer, then all") {
    for (const server_cell& cell : server_cells) {
        if (cell.state != server_state::connected) continue;
        INFO(cell.verb);
        sim::lone_server s;
        s.on_event = [](const server_event&) {};
        CHECK(brief(s.feed(sim::connect_frame(version::v1_2))) == "connect");
        REQUIRE(s.session.state() == server_state::deciding);
        CHECK(s.feed(frame_from_client(cell.verb)) == "");
        CHECK(s.output() == "");
        if (cell.verb == "ACK" || cell.verb == "NACK" || cell.verb == "UNSUBSCRIBE" || cell.verb == "COMMIT" ||
            cell.verb == "ABORT") {
            continue;  // what they name cannot be there yet
        }
        REQUIRE(s.session.accept("s") == errc::ok);
        std::string events = brief(s.poll());
        if (const auto at = events.find(" settled"); at != events.npos) events.erase(at);
        std::string expected(cell.events);
        if (const auto at = expected.find(" settled"); at != expected.npos) expected.erase(at);
        CHECK(events == expected);
        CHECK(commands(s.frames()) == "CONNECTED, " + std::string(cell.sent));
    }
}

TEST_CASE("E-09 CL-10: the closed server drops whatever still arrives") {
    const bool fault = GENERATE(true, false);
    for (const server_cell& cell : server_cells) {
        if (cell.state != server_state::connected) continue;
        INFO(cell.verb);
        sim::lone_server s;
        open_session(s);
        CHECK(s.session.receive(sim::wire((fault ? "SEND\n\n^@" : "DISCONNECT\n\n^@") + frame_from_client(cell.verb)),
                                s.now) == errc::ok);
        CHECK(brief(s.poll()) == (fault ? "closed missing_header settled=7" : "disconnect, closed ok settled=7"));
        CHECK(commands(s.frames()) == (fault ? "ERROR" : ""));
        CHECK(s.feed(frame_from_client(cell.verb)) == "");
        CHECK(s.output() == "");
    }
}
