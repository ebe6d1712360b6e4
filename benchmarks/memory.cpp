// What idle things cost, counted at operator new.
#include <stomp/broker.hpp>
#include <stomp/client.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

namespace {
std::size_t live = 0;
constexpr std::size_t note = alignof(std::max_align_t);
}  // namespace

void* operator new(std::size_t n) {
    auto* p = static_cast<std::size_t*>(std::malloc(n + note));
    if (p == nullptr) std::abort();
    *p = n;
    live += n;
    return reinterpret_cast<char*>(p) + note;
}
void operator delete(void* p) noexcept {
    if (p == nullptr) return;
    auto* block = reinterpret_cast<std::size_t*>(static_cast<char*>(p) - note);
    live -= *block;
    std::free(block);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }

namespace {

using namespace std::string_view_literals;
constexpr std::size_t many = 1000;

struct host {
    void open() {
        const stomp::connection_id id = broker.open(now);
        give(id, "CONNECT\naccept-version:1.2\nhost:/\n\n\0"sv);
        ids.push_back(id);
    }

    void give(stomp::connection_id id, std::string_view octets) {
        if (broker.receive(id, octets, now) != stomp::errc::ok) std::abort();
        while (const auto event = broker.poll_event()) {
            if (event->kind == stomp::broker_event::closed) std::abort();
            if (event->kind == stomp::broker_event::connect && broker.accept(id, "user") != stomp::errc::ok)
                std::abort();
        }
        while (const auto changed = broker.poll_changed()) {
            while (!broker.output(*changed).empty()) {
                broker.consume_output(*changed, broker.output(*changed).size(), now);
            }
        }
    }

    stomp::time_point now{};
    stomp::broker broker;
    std::vector<stomp::connection_id> ids;
};

void print(const char* what, std::size_t before) {
    std::printf("| %-42s | %7.1f |\n", what, static_cast<double>(live - before) / many);
}

/// No figure stands for something that is not there.
void must(bool good) {
    if (!good) std::abort();
}

}  // namespace

int main() {
    std::printf("| %-42s |  octets |\n|---|---:|\n", "");
    host h;
    h.open();  // the first one pays for the tables
    h.ids.reserve(many + 1);
    std::size_t before = live;
    for (std::size_t i = 0; i < many; ++i) h.open();
    must(h.broker.stats().connections == many + 1);
    print("idle connection of a broker", before);

    before = live;
    for (std::size_t i = 1; i <= many; ++i) h.give(h.ids[i], "SUBSCRIBE\nid:0\ndestination:/topic/news\n\n\0"sv);
    must(h.broker.stats().subscriptions == many);
    print("first subscription, one per connection", before);

    before = live;
    for (std::size_t i = 1; i <= 200; ++i) {
        for (int k = 1; k <= 5; ++k) {
            h.give(h.ids[i], "SUBSCRIBE\nid:" + std::to_string(k) + "\ndestination:/topic/news\n\n" + '\0');
        }
    }
    must(h.broker.stats().subscriptions == 2 * many);
    print("further subscription, five per connection", before);

    before = live;
    const std::string body(100, 'x');
    for (std::size_t i = 0; i < many; ++i) {
        if (h.broker.publish("/queue/jobs", body) != stomp::errc::ok) std::abort();
    }
    must(h.broker.stats().queued_messages == many);
    print("queued message with a body of 100 octets", before);

    before = live;
    const std::string large(16384, 'x');
    for (std::size_t i = 0; i < many; ++i) {
        if (h.broker.publish("/queue/files", large) != stomp::errc::ok) std::abort();
    }
    must(h.broker.stats().queued_messages == 2 * many);
    print("queued message with a body of 16 KiB", before);

    before = live;
    stomp::client_session client({.host = "/"}, h.now);
    std::printf("| %-42s | %7zu |\n", "client session, CONNECT queued", sizeof client + live - before);
    std::printf("| %-42s | %7zu |\n", "of which the object itself", sizeof client);
    return 0;
}
