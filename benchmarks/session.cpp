// A client session and a server session joined in memory, beside the bare codec work of the same frames.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "common.hpp"

namespace {

using stomp::errc;

void must(errc e) {
    if (e != errc::ok) bench::fail(stomp::explain(e));
}

constexpr std::string_view destination = "/queue/orders";
const std::string body(64, 'x');

/// Both ends, connected; one subscription where asked for.
struct pair {
    explicit pair(bool subscribed) : client({.host = "/"}, now), server({}, now) {
        if (subscribed) must(client.subscribe("0", destination, stomp::ack_mode::client_individual));
        for (int i = 0; i < 4; ++i) {
            to_server();
            while (const auto event = server.poll_event()) {
                if (event->kind == stomp::server_event::connect) must(server.accept("s1"));
                if (event->kind == stomp::server_event::subscribe) subscription = event->subscription;
            }
            to_client();
            while (client.poll_event()) {
            }
        }
        if (client.state() != stomp::client_state::connected) bench::fail("not connected");
    }

    void to_server() { carry(client, server); }
    void to_client() { carry(server, client); }

    template <class From, class To>
    void carry(From& from, To& to) {
        for (std::string_view out = from.output(); !out.empty(); out = from.output()) {
            must(to.receive(out, now));
            from.consume_output(out.size(), now);
        }
    }

    stomp::time_point now{};
    stomp::client_session client;
    stomp::server_session server;
    stomp::subscription_handle subscription;
};

void send_with_receipt(benchmark::State& state) {
    pair p(false);
    for (auto _ : state) {
        must(p.client.send(destination, body, {{"receipt", p.client.next_receipt_id()}}));
        p.to_server();
        while (p.server.poll_event()) {
        }
        p.to_client();
        const auto event = p.client.poll_event();
        if (!event || event->kind != stomp::client_event::receipt) return state.SkipWithError("no receipt");
    }
}

void message_with_ack(benchmark::State& state) {
    pair p(true);
    const std::array<stomp::header, 1> headers{{{"destination", destination}}};
    const stomp::frame_view sent{stomp::command::send, {}, headers, body};
    for (auto _ : state) {
        must(p.server.message(p.subscription, sent, 1));
        p.to_client();
        const auto event = p.client.poll_event();
        if (!event || event->kind != stomp::client_event::message) return state.SkipWithError("no message");
        must(p.client.ack(*event));
        p.to_server();
        const auto settled = p.server.poll_event();
        if (!settled || settled->settled.size() != 1) return state.SkipWithError("not settled");
    }
}

/// The same two frames through encode() and a parser on each side, and nothing else.
void bare(benchmark::State& state, const stomp::frame_view& there, const stomp::frame_view& back) {
    stomp::parser left;
    stomp::parser right;
    left.set_version(stomp::version::v1_2);
    right.set_version(stomp::version::v1_2);
    std::string wire;
    const auto once = [&wire](const stomp::frame_view& f, stomp::parser& p) {
        wire.clear();
        must(stomp::encode(wire, f, stomp::version::v1_2));
        p.feed(wire);
        if (p.next() != stomp::parse_status::frame) bench::fail("no frame");
        benchmark::DoNotOptimize(p.frame());
        if (p.next() != stomp::parse_status::need_more) bench::fail("too much");
    };
    for (auto _ : state) {
        once(there, right);
        once(back, left);
    }
}

void bare_send_receipt(benchmark::State& state) {
    const std::array<stomp::header, 2> send{{{"destination", destination}, {"receipt", "r123456"}}};
    const std::array<stomp::header, 1> receipt{{{"receipt-id", "r123456"}}};
    bare(state, {stomp::command::send, {}, send, body}, {stomp::command::receipt, {}, receipt, {}});
}

void bare_message_ack(benchmark::State& state) {
    const std::array<stomp::header, 4> message{
        {{"subscription", "0"}, {"message-id", "s1-1-123456"}, {"ack", "s1-1-123456"}, {"destination", destination}}};
    const std::array<stomp::header, 1> ack{{{"id", "s1-1-123456"}}};
    bare(state, {stomp::command::message, {}, message, body}, {stomp::command::ack, {}, ack, {}});
}

void register_all() {
    benchmark::RegisterBenchmark("send_receipt/bare", bare_send_receipt);
    benchmark::RegisterBenchmark("send_receipt/sessions", send_with_receipt);
    benchmark::RegisterBenchmark("message_ack/bare", bare_message_ack);
    benchmark::RegisterBenchmark("message_ack/sessions", message_with_ack);
}

}  // namespace

STOMP_BENCHMARK_MAIN()
