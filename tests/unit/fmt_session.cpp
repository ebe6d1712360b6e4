#include <stomp/fmt_session.hpp>

#include "support/catch.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace std::string_view_literals;
using stomp::client_event;
using stomp::command;
using stomp::header;
using stomp::server_event;

namespace {

const std::array<header, 1> receipt{{{"receipt-id", "r7"}}};

}  // namespace

TEST_CASE("fmt_session: kinds and states by name, with width") {
    CHECK(fmt::format("{}", client_event::unconfirmed) == "unconfirmed");
    CHECK(fmt::format("[{:>8}]", server_event::send) == "[    send]");
    std::string all;
    for (const auto kind : {client_event::connected, client_event::message, client_event::reply, client_event::receipt,
                            client_event::unconfirmed, client_event::error, client_event::closed}) {
        all += fmt::format("{} ", kind);
    }
    CHECK(all == "connected message reply receipt unconfirmed error closed ");
    all.clear();
    for (const auto kind : {server_event::connect, server_event::send, server_event::subscribe,
                            server_event::unsubscribe, server_event::ack, server_event::nack, server_event::commit,
                            server_event::disconnect, server_event::custom, server_event::closed}) {
        all += fmt::format("{} ", kind);
    }
    CHECK(all == "connect send subscribe unsubscribe ack nack commit disconnect custom closed ");
    CHECK(fmt::format("{} {} {} {}", stomp::client_state::connecting, stomp::client_state::connected,
                      stomp::client_state::disconnecting,
                      stomp::client_state::closed) == "connecting connected disconnecting closed");
    CHECK(fmt::format("{} {} {} {}", stomp::server_state::connecting, stomp::server_state::deciding,
                      stomp::server_state::connected,
                      stomp::server_state::closed) == "connecting deciding connected closed");
}

TEST_CASE("fmt_session: client events") {
    client_event event;
    event.kind = client_event::receipt;
    event.frame = {command::receipt, {}, receipt, {}};
    event.receipt_id = "r7";
    event.receipt_number = 7;
    event.epoch = 1;
    CHECK(fmt::format("{}", event) == "receipt receipt=r7: RECEIPT receipt-id=r7");

    event = {};
    event.kind = client_event::unconfirmed;
    event.receipt_id = "two words";
    event.reason = stomp::errc::receipt_timeout;
    event.epoch = 2;
    CHECK(fmt::format("{}", event) == R"(unconfirmed receipt="two words" (receipt_timeout) epoch=2)");

    event = {};
    event.kind = client_event::unconfirmed;
    event.correlation_id = "q1";
    event.request_number = 1;
    event.reason = stomp::errc::connection_lost;
    event.epoch = 1;
    CHECK(fmt::format("{}", event) == "unconfirmed request=q1 (connection_lost)");

    event = {};
    CHECK(fmt::format("{}", event) == "closed (ok)");
    event.reason = stomp::errc::heart_beat_timeout;
    CHECK(fmt::format("{}", event) == "closed (heart_beat_timeout)");
}

TEST_CASE("fmt_session: server events") {
    const std::array<header, 1> id{{{"id", "s1-2-9"}}};
    const std::vector<std::uint64_t> tags{41, 42};
    server_event event;
    event.kind = server_event::ack;
    event.frame = {command::ack, {}, id, {}};
    event.subscription = {0, 3};
    event.settled = tags;
    CHECK(fmt::format("{}", event) == "ack subscription=0.3 settled=[41 42]: ACK id=s1-2-9");

    std::vector<std::uint64_t> many;
    for (std::uint64_t i = 1; i <= 1000; ++i) many.push_back(i);
    event = {};
    event.reason = stomp::errc::stall_timeout;
    event.settled = many;
    CHECK(fmt::format("{}", event) ==
          "closed (stall_timeout) settled=[1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 ... 1000 in all]");

    const std::array<header, 1> transaction{{{"transaction", "t"}}};
    const std::array<header, 1> destination{{{"destination", "/q"}}};
    const std::array<stomp::transaction_step, 2> steps{{{command::send, {command::send, {}, destination, "hi"}},
                                                        {command::ack, {command::ack, {}, id, {}}, {0, 3}, tags}}};
    event = {};
    event.kind = server_event::commit;
    event.frame = {command::commit, {}, transaction, {}};
    event.steps = steps;
    CHECK(fmt::format("{}", event) == "commit steps=2: COMMIT transaction=t");
    CHECK(fmt::format("{}", steps[0]) == R"(SEND destination=/q [2 octets "hi"])");
    CHECK(fmt::format("{}", steps[1]) == "ACK id=s1-2-9 subscription=0.3 settled=[41 42]");
}

TEST_CASE("fmt_session: broker events") {
    CHECK(fmt::format("{} {} {} {} {}", stomp::broker_event::connect, stomp::broker_event::message,
                      stomp::broker_event::subscribed, stomp::broker_event::unsubscribed,
                      stomp::broker_event::closed) == "connect message subscribed unsubscribed closed");
    const std::array<header, 2> headers{{{"destination", "/app/hello"}, {"Authorization", "Bearer hunter2"}}};
    stomp::broker_event event;
    event.kind = stomp::broker_event::message;
    event.from = {17, 1};
    event.frame = {command::send, {}, headers, "you"};
    CHECK(fmt::format("{}", event) ==
          R"(message from=17.1: SEND destination=/app/hello Authorization=*** [3 octets "you"])");
    event = {};
    event.from = {17, 1};
    event.reason = stomp::errc::connection_lost;
    CHECK(fmt::format("{}", event) == "closed (connection_lost) from=17.1");
}

TEST_CASE("fmt_session, SC51, E-13: no event of a whole conversation shows a secret, on either end") {
    const stomp::time_point now{};
    stomp::client_options options;
    options.host = "h";
    options.login = "user-name";
    options.passcode = "hunter2";
    options.headers = {{"Authorization", "Bearer hunter2"}, {"passcode", "hunter2"}, {"X-Token", "hunter2"}};
    stomp::client_session client(options, now);
    stomp::server_session server({}, now);
    std::string log;
    const auto move = [&](auto& from, auto& to) {
        while (!from.output().empty()) {
            REQUIRE(to.receive(from.output(), now) == stomp::errc::ok);
            from.consume_output(from.output().size(), now);
        }
    };
    for (int i = 0; i < 4; ++i) {
        move(client, server);
        while (const auto event = server.poll_event()) {
            log += fmt::format("{:l}\n{:.4000l}\n", *event, *event);
            CHECK(fmt::format("{}", *event).find("hunter2") == std::string::npos);
            if (event->kind == server_event::connect) {
                REQUIRE(event->frame.get("passcode") == "hunter2");
                REQUIRE(server.accept("s1", {{"authorization", "hunter2"}}) == stomp::errc::ok);
            }
            if (event->kind == server_event::send) server.fail("no such destination", event->frame);
        }
        move(server, client);
        while (const auto event = client.poll_event()) {
            log += fmt::format("{:l}\n", *event);
            if (event->kind == client_event::connected) {
                REQUIRE(
                    client.send("/q", "body", {{"AUTHORIZATION", "hunter2"}, {"receipt", client.next_receipt_id()}}) ==
                    stomp::errc::ok);
            }
        }
    }
    INFO(log);
    CHECK(log.find("hunter2") == std::string::npos);
    CHECK(log.find("user-name") == std::string::npos);
    CHECK(log.find("connect: CONNECT accept-version=1.0,1.1,1.2 host=h login=*** passcode=*** Authorization=***") == 0);
    CHECK(log.find("connected: CONNECTED version=1.2 session=s1") != std::string::npos);
    CHECK(log.find("send: SEND destination=/q AUTHORIZATION=*** receipt=r1 content-length=4 [4 octets \"body\"]") !=
          std::string::npos);
    CHECK(log.find("error (server_error): ERROR message=\"no such destination\" receipt-id=r1") != std::string::npos);
    CHECK(log.find("unconfirmed receipt=r1 (server_error): ERROR message=\"no such destination\" receipt-id=r1") !=
          std::string::npos);
    CHECK(log.find("closed (server_error)") != std::string::npos);
}
