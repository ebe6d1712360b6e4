// Every frame of a session in the log, both ways, and the last of them kept for the report of a failure. Nothing of this is
// inside the library: what comes in is told by the events, and what goes out is read back from the octets that are written.
// Secrets are masked by the formatters. Needs the {fmt} library; a client and a server in memory stand for a real connection.
//
//     logging            prints each line as it happens, then what a report would hold
#include <stomp/client.hpp>
#include <stomp/fmt_session.hpp>
#include <stomp/parser.hpp>
#include <stomp/server.hpp>

#include <fmt/core.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace {

// The last lines of the log, in memory that is reused: cheap enough to stay switched on in production.
class flight_recorder {
public:
    void sent(std::string_view octets, const stomp::client_session& session) {
        // The frames after CONNECT are written in the version that CONNECTED has told.
        written_.set_version(session.negotiated_version());
        written_.feed(octets);
        while (written_.next() == stomp::parse_status::frame) add("-> {}", written_.frame());
        if (const auto beats = written_.eols(); beats != beats_sent_)
            add("-> {} heart-beats so far", beats_sent_ = beats);
    }

    void got(const stomp::client_event& event) {
        add("<- {}", event);
        if (event.kind == stomp::client_event::closed) written_ = stomp::parser{};  // the next one begins with CONNECT
    }

    // Oldest first.
    void report(std::FILE* to) const {
        const std::size_t first = count_ < lines_.size() ? 0 : count_;
        for (std::size_t i = first; i < first + lines_.size(); ++i) {
            const std::string& line = lines_[i % lines_.size()];
            if (!line.empty()) fmt::print(to, "    {}\n", line);
        }
    }

private:
    template <class... Parts>
    void add(fmt::format_string<const Parts&...> format, const Parts&... parts) {
        std::string& line = lines_[count_++ % lines_.size()];
        line.clear();
        fmt::format_to(std::back_inserter(line), format, parts...);
        fmt::print("{}\n", line);  // or to wherever your program logs
    }

    stomp::parser written_;
    std::uint64_t beats_sent_ = 0;
    std::array<std::string, 8> lines_;
    std::size_t count_ = 0;
};

void check(stomp::errc e) {
    if (e == stomp::errc::ok) return;
    fmt::print(stderr, "{}\n", explain(e));
    std::exit(1);
}

}  // namespace

int main() {
    const auto now = stomp::clock::now();
    stomp::client_session client({.host = "example", .login = "me", .passcode = "correct horse"}, now);
    stomp::server_session server({.server = "example/1"}, now);
    flight_recorder recorder;
    bool failed = false;

    // The server's part: it accepts everybody, echoes each message to the last subscription, and dislikes one of them.
    stomp::subscription_handle subscription;
    const auto serve = [&](const stomp::server_event& event) {
        if (event.kind == stomp::server_event::connect) check(server.accept("session-1"));
        if (event.kind == stomp::server_event::subscribe) subscription = event.subscription;
        if (event.kind != stomp::server_event::send) return;
        if (event.frame.body == "boom") return server.fail("that is too much", event.frame);
        check(server.message(subscription, event.frame, 0));
    };

    // The transport's part. Write what output() gives, log it, consume it: in that order the octets are still there.
    const auto run = [&] {
        for (bool busy = true; busy;) {
            busy = false;
            while (!client.output().empty()) {
                const std::string_view octets = client.output();
                check(server.receive(octets, now));
                recorder.sent(octets, client);
                client.consume_output(octets.size(), now);
                busy = true;
            }
            while (const auto event = server.poll_event()) {
                serve(*event);
                busy = true;
            }
            while (!server.output().empty()) {
                const std::string_view octets = server.output();
                if (client.wants_input()) check(client.receive(octets, now));
                server.consume_output(octets.size(), now);
                busy = true;
            }
            while (const auto event = client.poll_event()) {
                recorder.got(*event);
                failed = failed || (event->kind == stomp::client_event::closed && event->reason != stomp::errc::ok);
                busy = true;
            }
        }
    };

    check(client.subscribe("1", "/topic/news", stomp::ack_mode::automatic));
    run();
    for (const std::string_view body : {"one", "two\nlines", "\xff\xfe not text", "boom"}) {
        check(client.send("/topic/news", body, {{"receipt", client.next_receipt_id()}, {"x-token", "s3cret"}}));
        run();
    }

    if (!failed) return 1;
    fmt::print("\nThe connection failed. Its last lines, for the report:\n\n");
    recorder.report(stdout);
}
