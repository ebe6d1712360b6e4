// One publisher, many subscribers, in memory: the broker's own work, beside a bare memcpy of the octets to be written.
#include <stomp/broker.hpp>

#include "common.hpp"

#include <cstring>

namespace {

using stomp::errc;

void must(errc e) {
    if (e != errc::ok) bench::fail(stomp::explain(e));
}

using namespace std::string_view_literals;

/// A broker with `count` connections that hold one subscription each.
struct hall {
    hall(std::size_t count, std::string_view destination, std::string_view ack) {
        const std::string subscribe =
            "SUBSCRIBE\nid:0\ndestination:" + std::string(destination) + "\nack:" + std::string(ack) + "\n\n" + '\0';
        for (std::size_t i = 0; i < count; ++i) {
            const stomp::connection_id id = broker.open(now);
            must(broker.receive(id, "CONNECT\naccept-version:1.2\nhost:/\n\n\0"sv, now));
            must(broker.receive(id, subscribe, now));
            while (const auto event = broker.poll_event()) {
                if (event->kind == stomp::broker_event::connect) must(broker.accept(id));
            }
            ids.push_back(id);
        }
        write_all();
        if (broker.stats().subscriptions != count) bench::fail("not subscribed");
    }

    /// Takes all output over, as sockets that never block would. Returns the octets.
    std::size_t write_all() {
        std::size_t octets = 0;
        std::array<std::string_view, 16> chunks;
        while (const auto id = broker.poll_changed()) {
            while (const std::size_t n = broker.output(*id, chunks)) {
                std::size_t size = 0;
                for (std::size_t i = 0; i < n; ++i) size += chunks[i].size();
                broker.consume_output(*id, size, now);
                octets += size;
            }
        }
        while (broker.poll_event()) {
        }
        return octets;
    }

    stomp::time_point now{};
    stomp::broker broker;
    std::vector<stomp::connection_id> ids;
};

void per_subscriber(benchmark::State& state, std::size_t subscribers) {
    const auto rounds = static_cast<double>(state.iterations());
    state.counters["per_subscriber"] = benchmark::Counter(rounds * static_cast<double>(subscribers),
                                                          benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void publish(benchmark::State& state) {
    const auto subscribers = static_cast<std::size_t>(state.range(0));
    hall h(subscribers, "/topic/news", "auto");
    const std::string body(static_cast<std::size_t>(state.range(1)), 'x');
    for (auto _ : state) {
        must(h.broker.publish("/topic/news", body, {{"content-type", "text/plain"}}));
        benchmark::DoNotOptimize(h.write_all());
    }
    per_subscriber(state, subscribers);
}

void copy(benchmark::State& state) {
    const auto subscribers = static_cast<std::size_t>(state.range(0));
    hall h(subscribers, "/topic/news", "auto");
    const std::string body(static_cast<std::size_t>(state.range(1)), 'x');
    must(h.broker.publish("/topic/news", body, {{"content-type", "text/plain"}}));
    const std::size_t octets = h.write_all() / subscribers;
    const std::string frame(octets, 'x');
    std::vector<std::string> out(subscribers, std::string(octets, ' '));
    for (auto _ : state) {
        for (std::string& to : out) std::memcpy(to.data(), frame.data(), octets);
        benchmark::ClobberMemory();
    }
    per_subscriber(state, subscribers);
}

void queue_with_ack(benchmark::State& state) {
    hall h(1, "/queue/jobs", "client-individual");
    const std::string body(100, 'x');
    std::array<std::string_view, 4> chunks;
    std::string text;
    for (auto _ : state) {
        must(h.broker.publish("/queue/jobs", body));
        while (const auto id = h.broker.poll_changed()) {
            text.clear();
            const std::size_t n = h.broker.output(*id, chunks);
            for (std::size_t i = 0; i < n; ++i) text += chunks[i];
            if (text.empty()) continue;
            h.broker.consume_output(*id, text.size(), h.now);
            const std::size_t at = text.find("\nack:");
            if (at == std::string::npos) return state.SkipWithError("no ack header");
            const std::size_t end = text.find('\n', at + 5);
            const std::string ack = "ACK\nid:" + text.substr(at + 5, end - at - 5) + "\n\n" + '\0';
            must(h.broker.receive(*id, ack, h.now));
            while (h.broker.poll_event()) {
            }
        }
    }
    if (h.broker.stats().unsettled_messages != 0) bench::fail("messages are left");
}

void register_all() {
    const auto sizes = [](auto* b) {
        for (const int subscribers : {1, 10, 1000, 10000}) {
            for (const int octets : {100, 16384}) b->Args({subscribers, octets});
        }
    };
    sizes(benchmark::RegisterBenchmark("topic/memcpy", copy));
    sizes(benchmark::RegisterBenchmark("topic/publish", publish));
    benchmark::RegisterBenchmark("queue/publish_deliver_ack", queue_with_ack);
}

}  // namespace

STOMP_BENCHMARK_MAIN()
