// A broker inside a program, and two clients: a chat line through a topic, a job through a queue, a question to the
// application. They are joined in memory: no socket, no thread, no clock. Every frame that crosses is printed. Exit
// status 0: all went as it should.
#include <stomp/broker.hpp>
#include <stomp/client.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

// The library reads no clock: time is what it is told. Nothing waits for anything here, so it may stand still.
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
void print_frame(std::string_view from, std::string_view to, std::string_view frame) {
    print(from);
    print(" -> ");
    print(to);
    print("  ");
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

std::string join(const std::array<std::string_view, 4>& chunks, std::size_t count) {
    std::string frame;
    for (std::size_t i = 0; i < count; ++i) frame += chunks[i];
    return frame;
}

// A client, and the broker's end of its connection.
struct member {
    member(stomp::broker& broker, std::string_view login)
        : name(login), session({.host = "/", .login = name}, now), id(broker.open(now)) {}

    std::string name;
    stomp::client_session session;
    stomp::connection_id id;
    std::string chat, answer;
    int jobs = 0;
    bool closed = false;

    void on(const stomp::client_event& event) {
        if (event.kind == stomp::client_event::closed) closed = event.reason == stomp::errc::ok;
        if (event.kind != stomp::client_event::message) return;
        const std::string_view destination = event.frame.get_or("destination");
        if (destination == "/topic/chat") chat = event.frame.body;
        if (destination == "/topic/hello") answer = event.frame.body;
        if (destination == "/queue/jobs") {
            // The first attempt fails; the broker delivers the job again.
            must(++jobs == 1 ? session.nack(event) : session.ack(event));
        }
    }
};

// The application beside the broker: it lets clients in, and answers what is sent to /app/...
void on(stomp::broker& broker, const stomp::broker_event& event) {
    switch (event.kind) {
        case stomp::broker_event::connect:  // here is the place to check login and passcode, and to reject()
            must(broker.accept(event.from, event.frame.get_or("login")));
            break;
        case stomp::broker_event::message:
            must(broker.reply(event, "Hello, " + std::string(broker.user(event.from)) + "!"));
            break;
        default: break;
    }
}

// Stands for the network: carries frames until nobody has anything left to say.
void run(stomp::broker& broker, std::array<member*, 2> members) {
    std::array<std::string_view, 4> chunks;  // a frame has at most four
    for (bool any = true; any;) {
        any = false;
        for (member* m : members) {
            while (const std::size_t count = m->session.output_frame(chunks)) {
                const std::string frame = join(chunks, count);
                print_frame(m->name, "broker", frame);
                must(broker.receive(m->id, frame, now));
                m->session.consume_output(frame.size(), now);
                while (const auto event = broker.poll_event()) on(broker, *event);
                any = true;
            }
        }
        while (const auto id = broker.poll_changed()) {
            for (member* m : members) {
                if (m->id != *id) continue;
                while (const std::size_t count = broker.output_frame(*id, chunks)) {
                    const std::string frame = join(chunks, count);
                    print_frame("broker", m->name, frame);
                    must(m->session.receive(frame, now));
                    broker.consume_output(*id, frame.size(), now);
                    any = true;
                }
                while (const auto event = m->session.poll_event()) m->on(*event);
            }
        }
    }
}

}  // namespace

int main() {
    print("A broker and two clients in one program. Each line is one frame.\n");
    stomp::broker broker;
    member alice(broker, "alice");
    member bob(broker, "bob");
    const std::array<member*, 2> both{&alice, &bob};

    say("Both connect. Their subscriptions follow as soon as they are in.");
    must(alice.session.subscribe("chat", "/topic/chat"));
    must(bob.session.subscribe("chat", "/topic/chat"));
    run(broker, both);

    say("A topic: everybody who has subscribed gets the message.");
    must(alice.session.send("/topic/chat", "Good morning!"));
    run(broker, both);

    say("A queue: the job waits until somebody takes it. The receipt tells alice that the broker has it.");
    must(alice.session.send("/queue/jobs", "paint the fence", {{"receipt", alice.session.next_receipt_id()}}));
    run(broker, both);

    say("Bob takes it, fails, gets it again, and acknowledges it.");
    must(bob.session.subscribe("jobs", "/queue/jobs", stomp::ack_mode::client_individual));
    run(broker, both);

    say("The application: what is sent to /app/hello is answered to /topic/hello.");
    must(alice.session.subscribe("hello", "/topic/hello"));
    must(alice.session.send("/app/hello", {}));
    run(broker, both);

    say("Both leave.");
    must(alice.session.disconnect());
    must(bob.session.disconnect());
    run(broker, both);

    const bool good = alice.chat == "Good morning!" && bob.chat == alice.chat && bob.jobs == 2 &&
                      alice.answer == "Hello, alice!" && broker.stats().queued_messages == 0 &&
                      broker.stats().unsettled_messages == 0 && alice.closed && bob.closed;
    say(good ? "All is delivered, and all is well." : "Something went wrong!");
    return good ? 0 : 1;
}
