// A client and a server hold a whole STOMP conversation. They are joined in memory: no socket, no thread, no clock. Every
// frame that crosses is printed. Exit status 0: the conversation went as it should.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

// The sessions read no clock: time is what they are told. Nothing waits for anything here, so it may stand still.
constexpr stomp::time_point now{};

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void say(std::string_view text) {
    print("\n# ");
    print(text);
    print("\n");
}

// Every call that can be refused says so; a refused call has had no effect.
void must(stomp::errc e) {
    if (e == stomp::errc::ok) return;
    say(explain(e));
    std::exit(1);
}

// A frame as it stands on the wire, but on one line: command, headers, body.
void print_frame(std::string_view direction, std::string_view frame) {
    print(direction);
    const std::size_t blank_line = frame.find("\n\n");
    for (const char octet : frame.substr(0, blank_line)) print(octet == '\n' ? "  " : std::string_view(&octet, 1));
    const std::string_view body = frame.substr(blank_line + 2, frame.size() - blank_line - 3);  // without the NUL
    if (!body.empty()) {
        print("  \"");
        print(body);
        print("\"");
    }
    print("\n");
}

// Stands for the network: takes what one end has to say to the other end. True: there was something.
template <class From, class To>
bool carry(std::string_view direction, From& from, To& to) {
    std::array<std::string_view, 4> chunks;  // a frame has at most four
    bool any = false;
    while (const std::size_t count = from.output_frame(chunks)) {
        std::string frame;
        for (std::size_t i = 0; i < count; ++i) frame += chunks[i];
        print_frame(direction, frame);
        must(to.receive(frame, now));
        from.consume_output(frame.size(), now);
        any = true;
    }
    return any;
}

struct client {
    stomp::client_session session{{.host = "/", .login = "guest"}, now};
    std::uint64_t receipt_of_send = 0;
    bool send_confirmed = false;
    bool message_arrived = false;
    stomp::errc closed = stomp::errc::connection_lost;

    void on(const stomp::client_event& event) {
        switch (event.kind) {
            case stomp::client_event::connected: {
                say("It is connected. Now the subscription goes out, and a message that asks for a receipt.");
                const stomp::receipt_id receipt = session.next_receipt_id();
                receipt_of_send = receipt.number();
                must(session.send("/queue/orders", "one tea, please", {{"receipt", receipt}}));
                break;
            }
            case stomp::client_event::receipt:
                if (event.receipt_number == receipt_of_send) send_confirmed = true;
                break;
            case stomp::client_event::message:
                say("The client has got the message. It acknowledges it, and leaves.");
                message_arrived = event.frame.body == "one tea, please";
                must(session.ack(event));
                must(session.disconnect());
                break;
            case stomp::client_event::closed: closed = event.reason; break;
            default: break;
        }
    }
};

struct server {
    stomp::server_session session{{.server = "quickstart/1.0"}, now};
    stomp::subscription_handle subscriber;
    bool settled = false;
    stomp::errc closed = stomp::errc::connection_lost;

    void on(const stomp::server_event& event) {
        switch (event.kind) {
            case stomp::server_event::connect:  // here is the place to check login and passcode
                must(session.accept("session-1"));
                break;
            case stomp::server_event::subscribe: subscriber = event.subscription; break;
            case stomp::server_event::send:
                say("The server confirms the message, and delivers it to the subscriber.");
                must(session.message(subscriber, event.frame, 42));  // 42 is our name for this delivery
                break;
            case stomp::server_event::ack:
                say("The server hears that delivery 42 is settled, and confirms the farewell.");
                settled = event.settled.size() == 1 && event.settled[0] == 42;
                break;
            case stomp::server_event::closed: closed = event.reason; break;
            default: break;
        }
    }
};

}  // namespace

int main() {
    print("A client and a server, joined in memory. Each line is one frame.\n");
    client c;
    server s;
    say("The client connects. It has subscribed already; that waits until it is connected.");
    must(c.session.subscribe("1", "/queue/orders", stomp::ack_mode::client_individual));

    // With sockets, this loop would wait for them, too: see posix_client.cpp and posix_server.cpp.
    for (bool any = true; any;) {
        any = carry("client -> server  ", c.session, s.session);
        while (const auto event = s.session.poll_event()) s.on(*event);
        any = carry("server -> client  ", s.session, c.session) || any;
        while (const auto event = c.session.poll_event()) c.on(*event);
    }

    const bool good = c.send_confirmed && c.message_arrived && s.settled && c.closed == stomp::errc::ok &&
                      s.closed == stomp::errc::ok;
    say(good ? "Both ends are closed, and all is well." : "Something went wrong!");
    return good ? 0 : 1;
}
