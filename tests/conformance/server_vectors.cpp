// The server session's vectors, in one piece, in two at every place, and octet by octet (F-13).
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"
#include "support/vectors.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using stomp::errc;
using stomp::milliseconds;
using stomp::server_event;

namespace {

struct outcome {
    std::vector<stomp::frame> frames;
    errc reason = errc::ok;
    std::size_t closed = 0;
    std::string output;
    stomp::heart_beat_intervals intervals;
    std::optional<stomp::version> version;

    friend bool operator==(const outcome&, const outcome&) = default;
};

stomp::server_options options_of(const vectors::json& v) {
    stomp::server_options o;
    o.strictness = vectors::strictness_of(v);
    if (!v.contains("server")) return o;
    const auto& server = v.at("server");
    if (server.contains("versions")) {
        o.versions.clear();
        for (const auto& text : server.at("versions"))
            o.versions.push_back(stomp::parse_version(text.get<std::string>()).value());
    }
    if (server.contains("heart_beat")) {
        o.heart_beat = {milliseconds(server.at("heart_beat").at(0).get<int>()),
                        milliseconds(server.at("heart_beat").at(1).get<int>())};
    }
    return o;
}

outcome run(const vectors::json& v, const std::vector<std::string_view>& pieces) {
    stomp::server_session session(options_of(v), sim::start);
    outcome result;
    for (const std::string_view piece : pieces) {
        CHECK(session.receive(piece, sim::start) == errc::ok);
        while (const auto e = session.poll_event()) {
            if (e->kind == server_event::closed) {
                result.reason = e->reason;
                ++result.closed;
                continue;
            }
            CHECK(result.closed == 0);
            result.frames.emplace_back(e->frame);
            if (e->kind == server_event::connect) CHECK(session.accept("s1") == errc::ok);
        }
        result.output += sim::take_output(session);
    }
    result.intervals = session.intervals();
    result.version = session.negotiated_version();
    return result;
}

/// What the session answers by itself is not shown as an event.
bool shown(const vectors::frame& f) {
    if (f.verb == "BEGIN" || f.verb == "ABORT") return false;
    for (const auto& [name, value] : f.headers) {
        if (name == "transaction") return f.verb == "COMMIT";
    }
    return true;
}

void check(const vectors::json& v, const outcome& result) {
    const auto& expect = v.at("expect");
    std::vector<stomp::frame> frames;
    for (const auto& described : expect.at("frames")) {
        vectors::frame f(described);
        if (shown(f)) frames.emplace_back(f.view());
    }
    CHECK(result.frames.size() == frames.size());
    for (std::size_t i = 0; i < frames.size() && i < result.frames.size(); ++i) {
        CHECK(sim::describe(result.frames[i].view()) == sim::describe(frames[i].view()));
        CHECK(result.frames[i] == frames[i]);
    }

    const std::string error = expect.value("error", "ok");
    CHECK(to_string(result.reason) == error);
    const bool left = !frames.empty() && frames.back().view().command == stomp::command::disconnect;
    CHECK(result.closed == (error != "ok" || left ? 1 : 0));
    CHECK(result.version == vectors::version_of(v));
    if (expect.contains("intervals")) {
        CHECK(result.intervals.client_to_server.count() == expect.at("intervals").at(0).get<int>());
        CHECK(result.intervals.server_to_client.count() == expect.at("intervals").at(1).get<int>());
    }

    stomp::parser parser;
    parser.feed(result.output);
    for (const auto& sent : expect.at("sent")) {
        REQUIRE(parser.next() == stomp::parse_status::frame);
        const stomp::frame_view& f = parser.frame();
        CHECK(f.verb == sent.at("command").get<std::string>());
        for (const auto& [name, value] : sent.at("include").get<std::vector<std::pair<std::string, std::string>>>()) {
            INFO(name);
            CHECK(f.get(name) == std::optional<std::string_view>(value));
        }
        if (sent.contains("absent")) {
            for (const auto& name : sent.at("absent")) CHECK_FALSE(f.get(name.get<std::string>()));
        }
        parser.set_version(result.version);
    }
    CHECK(parser.next() == stomp::parse_status::need_more);
    CHECK(parser.idle());
}

}  // namespace

TEST_CASE("C-01 … E-13: the server vectors, however the octets arrive") {
    const auto all = vectors::read("server.json");
    CHECK(all.size() == 40);
    for (const auto& v : all) {
        INFO(v.at("id").get<std::string>() << " " << v.at("rule").get<std::string>() << ": " << v.value("note", ""));
        const std::string input = vectors::decode_base64(v.at("input_b64").get<std::string>());
        const std::string_view octets = input;
        const outcome whole = run(v, {octets});
        check(v, whole);

        std::vector<std::string_view> pieces;
        for (std::size_t i = 0; i < octets.size(); ++i) pieces.push_back(octets.substr(i, 1));
        CHECK(run(v, pieces) == whole);
        for (std::size_t i = 1; i < octets.size(); ++i) {
            CHECK(run(v, {octets.substr(0, i), octets.substr(i)}) == whole);
        }
    }
}
