#include <stomp/command.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using stomp::command;
using stomp::version;

namespace {

std::vector<command> all_commands() {
    std::vector<command> all;
    for (std::size_t i = 1; i < stomp::command_count; ++i) all.push_back(static_cast<command>(i));
    return all;
}

std::vector<std::string_view> required(command c, version v) {
    const auto names = stomp::required_headers(c, v);
    return {names.begin(), names.end()};
}

}  // namespace

TEST_CASE("commands: verbs and back") {
    for (const command c : all_commands()) {
        CHECK_FALSE(to_string(c).empty());
        CHECK(stomp::parse_command(to_string(c)) == c);
    }
    CHECK(to_string(command::unknown).empty());
    CHECK(stomp::parse_command("") == command::unknown);
}

TEST_CASE("F-06, F-22: only the exact verb is the command") {
    for (const command c : all_commands()) {
        const std::string verb(to_string(c));
        std::string lower = verb;
        for (char& octet : lower) octet = static_cast<char>(octet | 0x20);
        for (const std::string& other : {lower, verb + ' ', ' ' + verb, verb + 'X', verb + '\0',
                                         verb.substr(0, verb.size() - 1), "\xef\xbb\xbf" + verb}) {
            INFO(other);
            CHECK(stomp::parse_command(other) == command::unknown);
        }
        for (std::size_t i = 0; i < verb.size(); ++i) {
            std::string other = verb;
            other[i] = static_cast<char>(other[i] ^ 1);
            CHECK(stomp::parse_command(other) != c);
        }
    }
}

TEST_CASE("CL-01, SV-01: each command belongs to one side") {
    for (const command c : all_commands()) CHECK(is_client_command(c) != is_server_command(c));
    CHECK_FALSE(is_client_command(command::unknown));
    CHECK_FALSE(is_server_command(command::unknown));
    for (const command c : {command::connected, command::message, command::receipt, command::error}) {
        CHECK(is_server_command(c));
    }
}

TEST_CASE("B-07: who may have a body") {
    for (const command c : all_commands()) {
        const bool allowed = c == command::send || c == command::message || c == command::error;
        CHECK(body_allowed(c) == allowed);
    }
    CHECK(body_allowed(command::unknown));
}

TEST_CASE("H-09, H-10: whose headers are literal") {
    for (const command c : all_commands()) {
        CHECK(is_handshake(c) == (c == command::connect || c == command::stomp || c == command::connected));
    }
    CHECK_FALSE(is_handshake(command::unknown));
}

TEST_CASE("V-14: NACK came with 1.1") {
    for (const command c : all_commands()) {
        CHECK(since(c) == (c == command::nack ? version::v1_1 : version::v1_0));
    }
}

TEST_CASE("required headers by command and version") {
    using list = std::vector<std::string_view>;
    for (const version v : stomp::all_versions) {
        const bool v1_0 = v == version::v1_0;
        CHECK(required(command::send, v) == list{"destination"});
        for (const command c : {command::begin, command::commit, command::abort})
            CHECK(required(c, v) == list{"transaction"});
        CHECK(required(command::subscribe, v) == (v1_0 ? list{"destination"} : list{"destination", "id"}));
        CHECK(required(command::unsubscribe, v) == (v1_0 ? list{} : list{"id"}));
        CHECK(required(command::message, v) ==
              (v1_0 ? list{"destination", "message-id"} : list{"destination", "message-id", "subscription"}));
        CHECK(required(command::receipt, v) == list{"receipt-id"});
        for (const command c : {command::connect, command::stomp, command::connected, command::disconnect,
                                command::error, command::unknown}) {
            CHECK(required(c, v).empty());
        }
    }
    for (const command c : {command::ack, command::nack}) {
        CHECK(required(c, version::v1_0) == list{"message-id"});
        CHECK(required(c, version::v1_1) == list{"message-id", "subscription"});
        CHECK(required(c, version::v1_2) == list{"id"});
    }
}

static_assert(stomp::parse_command("SEND") == command::send);
static_assert(stomp::to_string(command::disconnect) == "DISCONNECT");
