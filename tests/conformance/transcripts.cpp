// What real brokers and clients sent, replayed through the right end: in the pieces in which it came and octet by octet.
#include "support/transcripts.hpp"

#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

using stomp::client_event;
using stomp::errc;
using stomp::server_event;
using transcripts::connection;

namespace {

struct result {
    std::string log;
    errc reason = errc::ok;
    std::size_t frames = 0;
    std::size_t closed = 0;
};

/// Feeds one direction at the recorded times; then the stream ends.
template <class Session, class React>
result replay(Session session, const connection& c, bool from_client, bool octet_by_octet, React react) {
    result r;
    const auto poll = [&] {
        while (const auto e = session.poll_event()) {
            CHECK(r.closed == 0);
            r.log += sim::describe(*e) + "\n";
            if (e->kind == std::remove_cvref_t<decltype(*e)>::closed) {
                r.reason = e->reason;
                ++r.closed;
            } else {
                ++r.frames;
            }
            react(session, *e);
        }
    };
    stomp::time_point now = sim::start + c.chunks.front().at;
    for (const transcripts::chunk& chunk : c.chunks) {
        now = (std::max)(now, sim::start + chunk.at);
        session.handle_timeout(now);
        if (chunk.from_client != from_client) continue;
        std::string_view rest = chunk.octets;
        while (!rest.empty()) {
            const std::string_view piece = rest.substr(0, octet_by_octet ? 1 : rest.npos);
            rest.remove_prefix(piece.size());
            if (session.wants_input()) CHECK(session.receive(piece, now) == errc::ok);
            poll();
            sim::take_output(session, now);
        }
    }
    poll();
    session.transport_closed(now);
    poll();
    CHECK(r.closed == 1);
    return r;
}

/// The options of a client that would have sent this CONNECT.
stomp::client_options options_of(const connection& c) {
    stomp::client_options o{.host = "h"};
    stomp::parser parser;
    parser.feed(c.octets(true));
    if (parser.next() != stomp::parse_status::frame) return o;
    const stomp::frame_view& f = parser.frame();
    if (f.command != stomp::command::connect && f.command != stomp::command::stomp) return o;
    const auto offered = f.get("accept-version");
    o.versions.clear();
    for (const auto v : stomp::all_versions) {
        if (offered ? offered->find(to_string(v)) != offered->npos : v == stomp::version::v1_0) o.versions.push_back(v);
    }
    if (o.versions.empty()) o.versions = {stomp::version::v1_0};
    o.heart_beat = stomp::parse_heart_beat(f.get_or("heart-beat", "0,0")).value_or(stomp::heart_beat{});
    return o;
}

result replay_to_client(const connection& c, bool octet_by_octet) {
    return replay(stomp::client_session(options_of(c), sim::start + c.chunks.front().at), c, false, octet_by_octet,
                  [](stomp::client_session&, const client_event&) {});
}

result replay_to_server(const connection& c, bool octet_by_octet) {
    stomp::server_options o;
    o.heart_beat = {std::chrono::seconds(1), std::chrono::seconds(1)};
    return replay(stomp::server_session(o, sim::start + c.chunks.front().at), c, true, octet_by_octet,
                  [](stomp::server_session& s, const server_event& e) {
                      if (e.kind == server_event::connect) CHECK(s.accept("s") == errc::ok);
                  });
}

}  // namespace

TEST_CASE("F-13: recorded streams give the same events in the recorded pieces and octet by octet") {
    std::size_t connections = 0;
    std::size_t frames = 0;
    for (const connection& c : transcripts::read_all()) {
        INFO(c.file << " " << c.title);
        ++connections;
        const result to_client = replay_to_client(c, false);
        const result to_server = replay_to_server(c, false);
        CHECK(sim::difference(replay_to_client(c, true).log, to_client.log) == "");
        CHECK(sim::difference(replay_to_server(c, true).log, to_server.log) == "");
        frames += to_client.frames + to_server.frames;
    }
    CHECK(connections == 430);
    CHECK(frames > 1500);
}

TEST_CASE("R-02 E-10: what brokers answer is understood, but for the faults that they are known for") {
    // What each of these breaks is an error by the rules; see "what implementations do" of the conformance checklist.
    const std::map<std::pair<std::string, std::string>, errc> faults{
        // Both offer what the client did, also where that is no heart-beat: RabbitMQ 20 digits, ActiveMQ "-1,-1".
        {{"rabbitmq/1.1-heartbeat.txt", ""}, errc::bad_heart_beat},
        {{"rabbitmq/1.2-heartbeat.txt", ""}, errc::bad_heart_beat},
        {{"activemq/1.2-heartbeat.txt", ""}, errc::bad_heart_beat},
        // RabbitMQ writes \r to a client of 1.1, which has no such escape.
        {{"rabbitmq/1.1-escaping.txt", "subscription id with escapes and spaces"}, errc::bad_escape},
        // What other clients injected: headers that a broker should not have let through.
        {{"rabbitmq/1.0-errors.txt", "cleanup: what reached the queue?"}, errc::header_empty_name},
        {{"rabbitmq/1.1-errors.txt", "cleanup: what reached the queue?"}, errc::header_empty_name},
        {{"activemq/1.0-errors.txt", "cleanup: what reached the queue?"}, errc::nul_in_header},
        {{"activemq/1.1-errors.txt", "cleanup: what reached the queue?"}, errc::nul_in_header},
        {{"activemq/1.2-errors.txt", "cleanup: what reached the queue?"}, errc::nul_in_header},
        {{"activemq/abuse-1.0-header-injection.txt", ""}, errc::missing_header},
        {{"stompserver-rb/1.0-errors.txt", "cleanup: what reached the queue?"}, errc::bad_content_length},
        // stompserver accepts a second CONNECT, and its MESSAGEs to auto subscriptions have no message-id.
        {{"stompserver-rb/1.0-errors.txt", "second CONNECT"}, errc::already_connected},
        {{"stompserver-rb/1.0-basic.txt", ""}, errc::missing_header},
        {{"stompserver-rb/1.0-ack-client-individual.txt", ""}, errc::missing_header},
        {{"stompserver-rb/1.0-escaping.txt", "subscription id with escapes and spaces"}, errc::missing_header},
        // Speaks 1.1, whatever is offered.
        {{"stomp-broker-js/ws-session-1.2.txt", ""}, errc::version_not_offered},
        {{"stomp-broker-js/ws-errors.txt", "foreign Origin"}, errc::version_not_offered},
        {{"stomp-broker-js/ws-errors.txt", "no Origin"}, errc::version_not_offered},
        {{"stomp-broker-js/ws-errors.txt", "bad credentials"}, errc::version_not_offered},
    };
    std::size_t faulty = 0;
    for (const connection& c : transcripts::read_all()) {
        INFO(c.file << " " << c.title);
        const result r = replay_to_client(c, false);
        if (r.reason == errc::connection_lost) continue;
        const bool says_error = c.octets(false).find("ERROR\n") != std::string::npos;
        if (r.reason == errc::server_error || r.reason == errc::connect_rejected) {
            CHECK(says_error);
            CHECK(r.log.find("error: ERROR") != r.log.npos);
            continue;
        }
        ++faulty;
        const auto known = faults.find({c.file, c.title});
        REQUIRE(known != faults.end());
        CHECK(r.reason == known->second);
    }
    CHECK(faulty == 20);
}

TEST_CASE("C-01 … L-05: what clients sent right is accepted, and every wrong input ends in its named error") {
    // By the title that the recording gives it; the same for every broker that it was sent to.
    const std::map<std::string, errc, std::less<>> titles{
        {"SEND before CONNECT", errc::not_connected},
        {"unknown version 9.9", errc::no_common_version},
        {"second CONNECT", errc::already_connected},
        {"unknown command", errc::unknown_command},
        {"lower-case command", errc::unknown_command},
        {"SEND without destination", errc::missing_header},
        {"SUBSCRIBE without destination", errc::missing_header},
        {"SUBSCRIBE duplicate id", errc::duplicate_subscription},
        {"SUBSCRIBE bad ack mode", errc::bad_ack_mode},
        {"UNSUBSCRIBE unknown", errc::unknown_subscription},
        {"ACK unknown", errc::unknown_ack},
        {"ACK without id", errc::missing_header},
        {"COMMIT unknown tx", errc::unknown_transaction},
        {"BEGIN without transaction", errc::missing_header},
        {"BEGIN twice same tx", errc::duplicate_transaction},
        {"SEND in unknown tx", errc::unknown_transaction},
        {"content-length not a number", errc::bad_content_length},
        {"content-length negative", errc::bad_content_length},
        {"content-length +1", errc::bad_content_length},
        {"content-length 0x1", errc::bad_content_length},
        {"content-length \" 1 \"", errc::bad_content_length},
        {"content-length too short (byte after body is not NUL)", errc::missing_terminator},
        {"content-length too long then a second frame (does the 2nd frame become body?)", errc::missing_terminator},
        {"content-length 2^32+1", errc::limit_body},
        {"content-length 2^64+1", errc::limit_body},
        {"header line without colon", errc::header_no_colon},
        {"empty header name", errc::header_empty_name},
        {"NUL inside header", errc::nul_in_header},
        {"HTTP request to the STOMP port", errc::not_connected},
        {"random garbage", errc::not_connected},
        {"garbage", errc::malformed_command},
        {"DISCONNECT then more frames", errc::ok},
    };
    // Wrong in some versions only.
    const auto expected = [&](const connection& c) -> std::optional<errc> {
        const bool v1_0 = c.file.find("/1.0-") != c.file.npos;
        const bool v1_2 = c.file.find("/1.2-") != c.file.npos;
        if (c.title == "SUBSCRIBE without id") return v1_0 ? errc::connection_lost : errc::missing_header;
        if (c.title == "undefined escape \\t") return v1_0 ? errc::connection_lost : errc::bad_escape;
        if (c.title == "trailing lone backslash") return v1_0 ? errc::connection_lost : errc::bad_escape;
        if (c.title == "raw CR inside header value") return v1_2 ? errc::bare_cr : errc::connection_lost;
        const auto i = titles.find(c.title);
        return i == titles.end() ? std::nullopt : std::optional(i->second);
    };
    const std::map<std::string, errc, std::less<>> files{
        {"activemq/abuse-http-cross-protocol.txt", errc::not_connected},
        {"rabbitmq/abuse-http-cross-protocol.txt", errc::not_connected},
        {"rabbitmq/abuse-http-cross-protocol-real-chromium.txt", errc::not_connected},
        {"rabbitmq/abuse-silent-before-connect.txt", errc::unexpected_eof},
        {"activemq/abuse-1.0-header-injection.txt", errc::nul_in_header},
        {"rabbitmq/1.1-escaping.txt", errc::bad_escape},  // \r in 1.1
    };
    std::size_t wrong = 0;
    std::size_t acks = 0;
    for (const connection& c : transcripts::read_all()) {
        INFO(c.file << " " << c.title);
        const result r = replay_to_server(c, false);
        if (const auto reason = expected(c)) {
            ++wrong;
            CHECK(r.reason == *reason);
        } else if (r.reason == errc::unknown_ack) {
            ++acks;  // of a message that the broker had sent: right there, unknown here
            CHECK(c.octets(true).find("ACK\n") != std::string::npos);
        } else if (r.reason == errc::bad_heart_beat) {
            CHECK(c.file.ends_with("-heartbeat.txt"));
        } else if (r.reason != errc::ok && r.reason != errc::connection_lost) {
            const auto file = files.find(c.file);
            REQUIRE(file != files.end());
            CHECK(r.reason == file->second);
        }
    }
    CHECK(wrong > 200);
    CHECK(acks > 20);
}
