// What real brokers and clients sent, replayed through the right end: in the pieces in which it came and octet by octet.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"
#include "support/transcripts.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
    stomp::time_point now = sim::start;
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
    return replay(stomp::client_session(options_of(c), sim::start), c, false, octet_by_octet,
                  [](stomp::client_session&, const client_event&) {});
}

result replay_to_server(const connection& c, bool octet_by_octet) {
    stomp::server_options o;
    o.heart_beat = {std::chrono::seconds(1), std::chrono::seconds(1)};
    return replay(stomp::server_session(o, sim::start), c, true, octet_by_octet,
                  [](stomp::server_session& s, const server_event& e) {
                      if (e.kind == server_event::connect) CHECK(s.accept("s") == errc::ok);
                  });
}

}  // namespace

TEST_CASE("dump") {
    for (const connection& c : transcripts::read_all()) {
        const result r = replay_to_client(c, false);
        const result s = replay_to_server(c, false);
        std::printf("%s | %s | C %zu %s | S %zu %s\n", c.file.c_str(), c.title.c_str(), r.frames, to_string(r.reason).data(), s.frames, to_string(s.reason).data());
        const result r2 = replay_to_client(c, true);
        const result s2 = replay_to_server(c, true);
        CHECK(sim::difference(r2.log, r.log) == "");
        CHECK(sim::difference(s2.log, s.log) == "");
    }
}
