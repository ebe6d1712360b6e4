// A small program of a user: encode, parse_frame and a client session, from headers that came in one of several ways.
#include <stomp/stomp.hpp>

#include <array>
#include <cstdio>
#include <span>
#include <string>

int main() {
    std::string wire;
    const auto encoded =
        stomp::encode(wire, stomp::command::send, {{"destination", "/queue/a"}}, "hello", stomp::version::v1_2);
    if (encoded != stomp::errc::ok) return 1;

    std::array<stomp::header, 8> storage{};
    const auto parsed = stomp::parse_frame(std::span<char>(wire), storage, stomp::version::v1_2);
    if (parsed.status != stomp::parse_status::frame || parsed.consumed != wire.size()) return 2;
    if (parsed.frame.body != "hello" || parsed.frame.get("destination") != "/queue/a") return 3;

    stomp::client_options options;
    options.host = "example.org";
    const auto now = stomp::time_point{};
    stomp::client_session session{options, now};
    if (!session.output().starts_with("CONNECT\n")) return 4;
    session.consume_output(session.output().size(), now);

    using namespace std::string_view_literals;
    if (session.receive("CONNECTED\nversion:1.2\n\n\0"sv, now) != stomp::errc::ok) return 5;
    const auto event = session.poll_event();
    if (!event || event->kind != stomp::client_event::connected) return 6;
    if (session.send("/queue/a", "hello") != stomp::errc::ok || session.output().empty()) return 7;

    std::printf("stomp %d.%d.%d\n", STOMP_VERSION_MAJOR, STOMP_VERSION_MINOR, STOMP_VERSION_PATCH);
    return 0;
}
