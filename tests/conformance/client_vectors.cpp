// The client session's vectors, in one piece, in two at every place, and octet by octet (F-13).
#include <stomp/client.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"
#include "support/vectors.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using stomp::client_event;
using stomp::errc;

namespace {

struct outcome {
    std::vector<stomp::frame> frames;
    errc reason = errc::ok;
    std::size_t closed = 0;
    stomp::heart_beat_intervals intervals;
    std::optional<stomp::version> version;

    friend bool operator==(const outcome&, const outcome&) = default;
};

stomp::client_options options_of(const vectors::json& v) {
    stomp::client_options o{.host = "h", .versions = {}};
    const auto& setup = v.at("setup");
    const auto offered = setup.at("accept_version").get<std::string>();
    for (const stomp::version one : stomp::all_versions) {
        if (offered.find(to_string(one)) != offered.npos) o.versions.push_back(one);
    }
    if (setup.contains("heart_beat"))
        o.heart_beat = stomp::parse_heart_beat(setup.at("heart_beat").get<std::string>()).value();
    return o;
}

outcome run(const vectors::json& v, const std::vector<std::string_view>& pieces) {
    stomp::client_session session(options_of(v), sim::start);
    if (v.at("setup").contains("subscriptions")) {
        for (const auto& [id, mode] : v.at("setup").at("subscriptions").items()) {
            CHECK(session.subscribe(id, "/q/a", stomp::parse_ack_mode(mode.get<std::string>()).value()) == errc::ok);
        }
    }
    outcome result;
    for (const std::string_view piece : pieces) {
        if (result.closed != 0) {
            CHECK_FALSE(session.wants_input());
            continue;
        }
        CHECK(session.receive(piece, sim::start) == errc::ok);
        while (const auto e = session.poll_event()) {
            CHECK(result.closed == 0);
            if (e->kind == client_event::closed) {
                result.reason = e->reason;
                ++result.closed;
            } else {
                result.frames.emplace_back(e->frame);
            }
        }
    }
    if (result.closed != 0) CHECK(session.unsent() == 0);  // E-11: no word to a server that breaks the protocol
    result.intervals = session.intervals();
    result.version = session.negotiated_version();
    return result;
}

void check(const vectors::json& v, const outcome& result) {
    const auto& expect = v.at("expect");
    CHECK(result.frames.size() == expect.at("frames").size());
    for (std::size_t i = 0; i < result.frames.size() && i < expect.at("frames").size(); ++i) {
        vectors::frame f(expect.at("frames").at(i));
        CHECK(sim::describe(result.frames[i].view()) == sim::describe(f.view()));
        CHECK(result.frames[i] == stomp::frame(f.view()));
    }
    const std::string error = expect.value("error", "ok");
    CHECK(to_string(result.reason) == error);
    CHECK(result.closed == (error == "ok" ? 0 : 1));
    if (const auto negotiated = vectors::version_of(v)) CHECK(result.version == negotiated);
    if (expect.contains("intervals")) {
        CHECK(result.intervals.client_to_server.count() == expect.at("intervals").at(0).get<int>());
        CHECK(result.intervals.server_to_client.count() == expect.at("intervals").at(1).get<int>());
    }
}

}  // namespace

TEST_CASE("C-08 … SV-09: the client vectors, however the octets arrive") {
    const auto all = vectors::read("client.json");
    CHECK(all.size() == 18);
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
