#include <stomp/detail/escape.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using stomp::command;
using stomp::version;
using stomp::detail::escaping;
using stomp::detail::escaping_of;
using stomp::detail::unescaped;

TEST_CASE("V-02, H-09, H-10: which escapes a frame has") {
    for (const command c : {command::connect, command::stomp, command::connected}) {
        for (const version v : stomp::all_versions) CHECK(escaping_of(c, v) == escaping::none);
        CHECK(escaping_of(c, std::optional<version>()) == escaping::none);
    }
    for (const command c : {command::send, command::message, command::error, command::unknown}) {
        CHECK(escaping_of(c, version::v1_0) == escaping::none);
        CHECK(escaping_of(c, version::v1_1) == escaping::v1_1);
        CHECK(escaping_of(c, version::v1_2) == escaping::v1_2);
        CHECK(escaping_of(c, std::optional<version>()) == escaping::unknown);  // H-19
    }
}

TEST_CASE("H-02, H-03, H-05: the letters after a backslash") {
    for (const escaping rules : {escaping::v1_1, escaping::v1_2, escaping::unknown}) {
        for (int i = 0; i < 256; ++i) {
            const char letter = static_cast<char>(i);
            const char decoded = unescaped(rules, letter);
            if (letter == 'n') {
                CHECK(decoded == '\n');
            } else if (letter == 'c') {
                CHECK(decoded == ':');
            } else if (letter == '\\') {
                CHECK(decoded == '\\');
            } else if (letter == 'r' && rules != escaping::v1_1) {
                CHECK(decoded == '\r');
            } else {
                CHECK(decoded == '\0');
            }
        }
    }
}
