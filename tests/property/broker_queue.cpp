// A queue under random acknowledgement, refusal and loss: nothing is lost, nothing comes twice unmarked, and what one
// publisher sends keeps its order.
#include <stomp/broker.hpp>

#include "support/broker_harness.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using sim::broker_host;
using sim::client;
using sim::errc;
using sim::received;
using stomp::ack_mode;

namespace {

struct world {
    explicit world(unsigned seed, stomp::broker_options o) : random(seed), host(std::move(o)) {}

    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); }

    struct consumer {
        client* c = nullptr;
        ack_mode mode = ack_mode::client;
        std::vector<received> pending;            // delivered to it and not settled
        std::map<std::string, std::size_t> last;  // per publisher: the newest first delivery
    };

    void add_consumer() {
        consumer c;
        c.c = &host.join({}, stomp::all_versions[below(3)]);
        c.mode = below(2) == 0 ? ack_mode::client : ack_mode::client_individual;
        const std::string window = std::to_string(1 + below(6));
        REQUIRE(c.c->session.subscribe("s", "/queue/q", c.mode, {{"prefetch-count", window}}) == errc::ok);
        consumers.push_back(std::move(c));
        host.settle();
    }

    void publish() {
        const std::size_t who = below(3);
        const std::string body = std::string(1, static_cast<char>('A' + who)) + std::to_string(++sent[who]);
        REQUIRE(host.broker.publish("/queue/q", body) == errc::ok);
        published.insert(body);
    }

    void receive() {
        host.settle();
        for (consumer& c : consumers) {
            for (received& m : c.c->take_messages()) {
                CAPTURE(m.body);
                CHECK(published.count(m.body) == 1);
                CHECK(settled.count(m.body) == 0);
                CHECK(m.redelivered == (deliveries[m.body] != 0));
                for (const consumer& other : consumers) {
                    for (const received& p : other.pending) CHECK(p.body != m.body);  // in one hand at a time
                }
                if (deliveries[m.body]++ == 0) {
                    const std::size_t number = std::stoul(m.body.substr(1));
                    CHECK(number > c.last[m.body.substr(0, 1)]);
                    c.last[m.body.substr(0, 1)] = number;
                }
                c.pending.push_back(std::move(m));
            }
        }
    }

    /// One consumer does something to what it holds.
    void act(consumer& c) {
        if (c.pending.empty()) return;
        const std::size_t i = below(c.pending.size());
        const bool accept = c.c->session.negotiated_version() == stomp::version::v1_0 || below(3) != 0;
        REQUIRE((accept ? c.c->session.ack(c.pending[i].handle) : c.c->session.nack(c.pending[i].handle)) == errc::ok);
        const bool cumulative = c.mode == ack_mode::client;
        const auto first = c.pending.begin() + static_cast<std::ptrdiff_t>(cumulative ? 0 : i);
        const auto last = c.pending.begin() + static_cast<std::ptrdiff_t>(i + 1);
        if (accept) {
            for (auto m = first; m != last; ++m) CHECK(settled.insert(m->body).second);
        }
        c.pending.erase(first, last);
    }

    std::mt19937 random;
    broker_host host;
    std::vector<consumer> consumers;
    std::array<std::size_t, 3> sent{};
    std::set<std::string> published, settled;
    std::map<std::string, std::size_t> deliveries;
};

}  // namespace

TEST_CASE("a queue loses nothing, repeats nothing unmarked and keeps each publisher's order (A-02, A-04, A-10, S-13)") {
    const unsigned seed = GENERATE(range(1U, 61U));
    CAPTURE(seed);
    world w(seed, {.max_deliveries = 0});
    for (int step = 0; step < 300; ++step) {
        switch (w.below(12)) {
            case 0:
                if (w.consumers.size() < 5) w.add_consumer();
                break;
            case 1:
                if (!w.consumers.empty() && w.below(3) == 0) {  // lost, or gone of its own will
                    w.receive();  // else the test would not know how often something was delivered
                    const auto c = w.consumers.begin() + static_cast<std::ptrdiff_t>(w.below(w.consumers.size()));
                    if (w.below(2) == 0) {
                        w.host.cut(*c->c);
                    } else {
                        REQUIRE(c->c->session.disconnect() == errc::ok);
                        w.host.settle();
                    }
                    w.consumers.erase(c);
                }
                break;
            case 2:
            case 3:
            case 4:
            case 5: w.publish(); break;
            default:
                if (!w.consumers.empty()) w.act(w.consumers[w.below(w.consumers.size())]);
                break;
        }
        if (w.below(3) != 0) w.receive();
    }
    // In the end somebody takes it all.
    w.receive();
    for (auto& c : w.consumers) w.host.cut(*c.c);
    w.consumers.clear();
    w.add_consumer();
    while (w.settled.size() < w.published.size()) {
        w.receive();
        auto& c = w.consumers[0];
        REQUIRE_FALSE(c.pending.empty());
        for (const received& m : c.pending) {
            if (c.mode == ack_mode::client_individual) REQUIRE(c.c->session.ack(m.handle) == errc::ok);
            CHECK(w.settled.insert(m.body).second);
        }
        if (c.mode == ack_mode::client) REQUIRE(c.c->session.ack(c.pending.back().handle) == errc::ok);
        c.pending.clear();
    }
    w.receive();
    CHECK(w.settled == w.published);
    CHECK(w.host.numbers() == "queued 0 unsettled 0 queues 1 subscriptions 1");
    CHECK(w.host.broker.stats().queued_bytes == 0);
    std::size_t all = 0;
    for (const auto& d : w.deliveries) all += d.second;
    // Deliveries on their way to a connection that was lost were counted by the broker alone.
    CHECK(w.host.broker.stats().delivered >= all);
}

TEST_CASE("a single consumer gets everything in order, and what it has lost first of all (A-02)") {
    const unsigned seed = GENERATE(range(1U, 31U));
    CAPTURE(seed);
    world w(seed, {.window = 5, .max_deliveries = 0});
    for (int round = 0; round < 20; ++round) {
        for (std::size_t n = w.below(6); n != 0; --n) w.publish();
        w.add_consumer();
        w.receive();
        auto& c = w.consumers[0];
        // What it holds is the front of the queue, in order of publishing per publisher.
        std::map<char, std::size_t> newest;
        for (const received& m : c.pending) {
            const std::size_t number = std::stoul(m.body.substr(1));
            CHECK(number > newest[m.body[0]]);
            newest[m.body[0]] = number;
        }
        w.act(c);
        w.receive();
        w.host.cut(*c.c);
        w.consumers.clear();
    }
}
