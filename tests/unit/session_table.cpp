#include <stomp/detail/session_table.hpp>

#include "support/catch.hpp"

#include <cstddef>

using stomp::client_state;
using stomp::command;
using stomp::errc;
using stomp::server_state;
using stomp::detail::action;
using stomp::detail::look_up;

// What the tables mean is tested with real sessions: conformance/state_tables.cpp. Here: that they are complete.
TEST_CASE("Every refused cell has a reason, and no other but a failing one has any") {
    const auto check = [](stomp::detail::cell cell) {
        CHECK((cell.reason != errc::ok) == (cell.what == action::refuse || cell.what == action::fail));
    };
    for (std::size_t c = 0; c < stomp::command_count; ++c) {
        for (const auto s : {client_state::connecting, client_state::connected, client_state::disconnecting}) {
            check(look_up(s, static_cast<command>(c)));
        }
        for (const auto s : {server_state::connecting, server_state::deciding, server_state::connected}) {
            check(look_up(s, static_cast<command>(c)));
        }
    }
}

TEST_CASE("C-01 SV-01: who may say what") {
    for (std::size_t i = 1; i < stomp::command_count; ++i) {
        const auto c = static_cast<command>(i);
        CHECK((look_up(server_state::connecting, c).what == action::greet) ==
              (c == command::connect || c == command::stomp));
        CHECK(look_up(server_state::deciding, c).what == action::refuse);
        const bool handshake = c == command::connect || c == command::stomp;
        CHECK((look_up(server_state::connected, c).what == action::refuse) == (handshake || !is_client_command(c)));
        if (is_client_command(c)) CHECK(look_up(client_state::connected, c).reason == errc::wrong_direction);
    }
}
