// The arithmetic of versions and heart-beats.
#include <stomp/heart_beat.hpp>
#include <stomp/version.hpp>

#include "support/catch.hpp"
#include "support/vectors.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

TEST_CASE("C-19: heart-beat vectors", "[conformance]") {
    const auto file = vectors::read("negotiation.json");
    for (const auto& v : file.at("heart_beat")) {
        INFO(v.at("id").get<std::string>() << ": " << v.value("note", ""));
        const auto offer = [&](const char* frame) {
            // A missing header is an offer of nothing.
            if (v.at(frame).is_null()) return std::optional(stomp::heart_beat{});
            return stomp::parse_heart_beat(v.at(frame).get<std::string>());
        };
        const auto client = offer("connect");
        const auto server = offer("connected");
        if (v.at("expect").is_string()) {
            CHECK_FALSE((client && server));
            continue;
        }
        REQUIRE((client && server));
        const auto agreed = stomp::negotiate(*client, *server);
        CHECK(agreed.client_to_server.count() == v.at("expect").at(0).get<std::int64_t>());
        CHECK(agreed.server_to_client.count() == v.at("expect").at(1).get<std::int64_t>());
    }
}

TEST_CASE("C-07, C-08: version vectors", "[conformance]") {
    const auto file = vectors::read("negotiation.json");
    for (const auto& v : file.at("version")) {
        INFO(v.at("id").get<std::string>() << ": " << v.value("note", ""));
        std::vector<stomp::version> ours;
        bool representable = true;
        for (const auto& text : v.at("server")) {
            const auto version = stomp::parse_version(text.get<std::string>());
            if (version) ours.push_back(*version);
            representable = representable && version;
        }
        std::optional<std::string> offered;
        if (!v.at("accept_version").is_null()) offered = v.at("accept_version").get<std::string>();
        const auto chosen = stomp::negotiate(offered, ours);
        if (!representable) {
            // A version that does not exist ("1.10") cannot be one of ours; it must not be mistaken for one either.
            CHECK(chosen == stomp::version::v1_2);
        } else if (v.at("expect").is_null()) {
            CHECK_FALSE(chosen.has_value());
        } else {
            CHECK(chosen == stomp::parse_version(v.at("expect").get<std::string>()));
        }
    }
}
