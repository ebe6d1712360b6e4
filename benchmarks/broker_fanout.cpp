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

    /// Takes all output over, as sockets that never block would, and gives it to `see`.
    template <class See>
    void write_all(See see) {
        std::array<std::string_view, 16> chunks;
        while (const auto id = broker.poll_changed()) {
            while (const std::size_t n = broker.output(*id, chunks)) {
                std::size_t size = 0;
                for (std::size_t i = 0; i < n; ++i) {
                    size += chunks[i].size();
                    see(*id, chunks[i]);
                }
                broker.consume_output(*id, size, now);
            }
        }
        while (broker.poll_event()) {
        }
    }

    /// Returns the octets.
    std::size_t write_all() {
        std::size_t octets = 0;
        write_all([&octets](stomp::connection_id, std::string_view chunk) { octets += chunk.size(); });
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

void publish_once(hall& h, std::string_view body) {
    must(h.broker.publish("/topic/news", body, {{"content-type", "text/plain"}}));
}

/// Reads what one publication makes the broker write: each connection must get this one message, whole. Returns the
/// octets of one.
std::size_t check_fan_out(hall& h, std::string_view body) {
    std::vector<std::string> outputs(h.ids.size());
    publish_once(h, body);
    h.write_all([&](stomp::connection_id id, std::string_view chunk) { outputs.at(id.slot) += chunk; });
    for (const std::string& octets : outputs) {
        stomp::parser p;
        p.set_version(stomp::version::v1_2);
        p.feed(octets);
        if (p.next() != stomp::parse_status::frame || p.frame().command != stomp::command::message ||
            p.frame().body != body || p.next() != stomp::parse_status::need_more || !p.idle()) {
            bench::fail("a subscriber has not had the message");
        }
    }
    return outputs.front().size();
}

void publish(benchmark::State& state) {
    const auto subscribers = static_cast<std::size_t>(state.range(0));
    hall h(subscribers, "/topic/news", "auto");
    const std::string body(static_cast<std::size_t>(state.range(1)), 'x');
    const std::size_t frame = check_fan_out(h, body);
    const std::uint64_t before = h.broker.stats().delivered;
    std::size_t octets = 0;
    for (auto _ : state) {
        publish_once(h, body);
        octets += h.write_all();
    }
    const std::size_t messages = static_cast<std::size_t>(state.iterations()) * subscribers;
    const stomp::broker_stats stats = h.broker.stats();
    if (stats.delivered - before != messages || stats.dropped != 0 || stats.backlog_messages != 0 ||
        octets < messages * frame) {  // ids grow by a digit now and then
        bench::fail("messages are missing");
    }
    per_subscriber(state, subscribers);
}

/// The octets of each frame once, to the same place, which stays in the cache: the least that writing them can cost.
void copy(benchmark::State& state) {
    const auto subscribers = static_cast<std::size_t>(state.range(0));
    hall h(subscribers, "/topic/news", "auto");
    const std::string frame(check_fan_out(h, std::string(static_cast<std::size_t>(state.range(1)), 'x')), 'x');
    std::string to = frame;
    for (auto _ : state) {
        for (std::size_t i = 0; i < subscribers; ++i) {
            std::memcpy(to.data(), frame.data(), frame.size());
            benchmark::ClobberMemory();
        }
    }
    per_subscriber(state, subscribers);
}

/// As many messages as consumers are published, delivered one to each, and acknowledged.
void queue_with_ack(benchmark::State& state) {
    const auto consumers = static_cast<std::size_t>(state.range(0));
    hall h(consumers, "/queue/jobs", "client-individual");
    const std::string body(static_cast<std::size_t>(state.range(1)), 'x');
    std::vector<std::string> acks(consumers);  // by connection: the ACK that answers its message
    std::array<std::string_view, 16> chunks;
    std::string head;
    std::uint64_t delivered = 0;
    for (auto _ : state) {
        for (std::size_t i = 0; i < consumers; ++i) must(h.broker.publish("/queue/jobs", body));
        while (const auto id = h.broker.poll_changed()) {
            head.clear();
            std::size_t size = 0;
            const std::size_t n = h.broker.output(*id, chunks);
            for (std::size_t i = 0; i < n; ++i) {
                if (head.size() < 256) head += chunks[i].substr(0, 256);
                size += chunks[i].size();
            }
            if (size == 0) continue;
            h.broker.consume_output(*id, size, h.now);
            const std::size_t at = head.find("\nack:");
            if (at == std::string::npos || size < body.size() || size > body.size() + 256) {
                bench::fail("not one message");
            }
            acks[id->slot].assign("ACK\nid:").append(head, at + 5, head.find('\n', at + 5) - at - 5).append("\n\n\0"sv);
            ++delivered;
        }
        for (std::size_t i = 0; i < consumers; ++i) must(h.broker.receive(h.ids[i], acks[h.ids[i].slot], h.now));
        while (h.broker.poll_event()) {
        }
    }
    const stomp::broker_stats stats = h.broker.stats();
    if (delivered != static_cast<std::size_t>(state.iterations()) * consumers || stats.delivered != delivered ||
        stats.queued_messages != 0 || stats.unsettled_messages != 0) {
        bench::fail("messages are left");
    }
    per_subscriber(state, consumers);
}

void register_all() {
    const auto sizes = [](auto* b) {
        for (const int subscribers : {1, 10, 1000, 10000}) {
            for (const int octets : {100, 16384}) b->Args({subscribers, octets});
        }
    };
    sizes(benchmark::RegisterBenchmark("topic/memcpy", copy));
    sizes(benchmark::RegisterBenchmark("topic/publish", publish));
    auto* const queue = benchmark::RegisterBenchmark("queue/publish_deliver_ack", queue_with_ack);
    for (const int consumers : {1, 10}) {
        for (const int octets : {100, 16384}) queue->Args({consumers, octets});
    }
}

}  // namespace

STOMP_BENCHMARK_MAIN()
