// server_options::trailing_eol: an end of line after every frame, inside the frame's own octets.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"

#include <array>
#include <string>
#include <string_view>

namespace {

using namespace std::string_view_literals;
using namespace std::string_literals;
using stomp::errc;

std::string take_frame(stomp::server_session& s, stomp::time_point now) {
    std::array<std::string_view, 4> chunks;
    const std::size_t n = s.output_frame(chunks);
    std::string frame;
    for (std::size_t i = 0; i < n; ++i) frame += chunks[i];
    s.consume_output(frame.size(), now);
    return frame;
}

}  // namespace

TEST_CASE("F-11 trailing_eol ends every frame of a server with NUL LF, short and long ones", "[server]") {
    const stomp::time_point now{};
    stomp::server_options options;
    options.trailing_eol = true;
    stomp::server_session server(options, now);
    REQUIRE(server.receive("CONNECT\naccept-version:1.2\nhost:/\n\n\0"sv, now) == errc::ok);
    REQUIRE(server.poll_event());
    REQUIRE(server.accept("s") == errc::ok);
    CHECK(take_frame(server, now) == "CONNECTED\nversion:1.2\nsession:s\nheart-beat:0,0\n\n\0\n"sv);

    REQUIRE(server.receive("SUBSCRIBE\nid:0\ndestination:/a\nreceipt:r\n\n\0"sv, now) == errc::ok);
    const auto subscribed = server.poll_event();
    REQUIRE(subscribed);
    const std::array<stomp::header, 1> to{{{"destination", "/a"}}};
    const std::string body(GENERATE(std::size_t{2}, std::size_t{5000}), 'x');
    const stomp::frame_view sent{stomp::command::send, {}, to, body};
    REQUIRE(server.message(subscribed->subscription, sent, 0) == errc::ok);
    REQUIRE(server.message(subscribed->subscription, stomp::shared_message(sent), 0) == errc::ok);
    CHECK(take_frame(server, now) == "RECEIPT\nreceipt-id:r\n\n\0\n"sv);
    const std::string end = "\n\n" + body + "\0\n"s;
    for (int i = 0; i < 2; ++i) {
        const std::string message = take_frame(server, now);
        REQUIRE(message.size() > end.size());
        CHECK(message.substr(0, 8) == "MESSAGE\n");
        CHECK(message.substr(message.size() - end.size()) == end);
    }
    CHECK(server.unsent() == 0);
}
