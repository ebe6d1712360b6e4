// Reads tests/vectors/*.json: conformance vectors typed by hand from the specifications.
#ifndef STOMP_TESTS_SUPPORT_VECTORS_HPP
#define STOMP_TESTS_SUPPORT_VECTORS_HPP

#include <stomp/frame.hpp>
#include <stomp/limits.hpp>
#include <stomp/parser.hpp>
#include <stomp/version.hpp>

#include "support/give_up.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifndef STOMP_TEST_DATA
#error "STOMP_TEST_DATA must name the folder of the tests' sources"
#endif

namespace vectors {

using nlohmann::json;

inline json read(const std::string& name) {
    const std::string path = std::string(STOMP_TEST_DATA) + "/vectors/" + name;
    std::ifstream in(path);
    if (!in) give_up("cannot read " + path);
    return json::parse(in);
}

inline std::string decode_base64(std::string_view text) {
    const auto digit = [](char c) -> unsigned {
        constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const std::size_t at = digits.find(c);
        if (at == digits.npos) give_up("not base64");
        return static_cast<unsigned>(at);
    };
    std::string octets;
    unsigned bits = 0;
    unsigned held = 0;
    for (const char c : text) {
        if (c == '=') break;
        bits = bits << 6 | digit(c);
        held += 6;
        if (held >= 8) {
            held -= 8;
            octets += static_cast<char>(bits >> held & 0xff);
        }
    }
    return octets;
}

/// "1.2", or "none" for a version that is not negotiated yet.
inline std::optional<stomp::version> version_of(const json& vector) {
    const auto text = vector.at("version").get<std::string>();
    if (text == "none") return std::nullopt;
    const auto v = stomp::parse_version(text);
    if (!v) give_up("not a version: " + text);
    return v;
}

inline stomp::strictness strictness_of(const json& vector) {
    const std::string profile = vector.value("profile", "default");
    if (profile == "strict") return stomp::strictness::strict;
    if (profile == "lenient") return stomp::strictness::lenient;
    if (profile != "default") give_up("not a profile: " + profile);
    return stomp::strictness::standard;
}

inline stomp::limits limits_of(const json& vector) {
    stomp::limits bounds;
    if (!vector.contains("limits")) return bounds;
    for (const auto& [name, value] : vector.at("limits").items()) {
        const auto number = value.get<std::size_t>();
        if (name == "max_command") {
            bounds.max_command = number;
        } else if (name == "max_header_line") {
            bounds.max_header_line = number;
        } else if (name == "max_headers") {
            bounds.max_headers = number;
        } else if (name == "max_head") {
            bounds.max_head = number;
        } else if (name == "max_body") {
            bounds.max_body = number;
        } else {
            give_up("not a limit: " + name);
        }
    }
    return bounds;
}

/// A frame that a vector describes. Owns its text; view() is valid as long as this object stays where it is.
struct frame {
    std::string verb;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::vector<stomp::header> entries;

    explicit frame(const json& described)
        : verb(described.at("command").get<std::string>()),
          headers(described.at("headers").get<std::vector<std::pair<std::string, std::string>>>()),
          body(decode_base64(described.value("body_b64", ""))) {}

    stomp::frame_view view() {
        entries.clear();
        for (const auto& [name, value] : headers) entries.push_back({name, value});
        return {stomp::parse_command(verb), verb, entries, body};
    }
};

}  // namespace vectors

#endif
