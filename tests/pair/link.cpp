// A whole conversation over every kind of link: slow, in pieces of any size, as messages, and broken at each octet.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using sim::connection_pair;
using sim::link_options;
using stomp::ack_mode;
using stomp::client_event;
using stomp::errc;
using stomp::header_list;
using stomp::server_event;
using stomp::version;

namespace {

/// Subscribes, sends in and out of transactions, acknowledges, disconnects; with a receipt wherever one can be asked for.
/// The server sends each message to all subscriptions, after the receipt and as the commit says.
class talk {
public:
    explicit talk(link_options l, version v = version::v1_2)
        : pair({.host = "h", .versions = {v}, .heart_beat = {1s, 1s}}, {.heart_beat = {1s, 1s}, .server = "test/1"},
               l) {
        pair.on_client = [this](const client_event& e) { client_does(e); };
        pair.on_server = [this](const server_event& e) { server_does(e); };
        ask([&](header_list r) { return pair.client.subscribe("auto", "/a", ack_mode::automatic, r); });
        ask([&](header_list r) { return pair.client.subscribe("ind", "/a", ack_mode::client_individual, r); });
    }

    connection_pair pair;
    std::map<std::string, int, std::less<>> asked;  // receipts: how often each has ended
    std::set<std::string, std::less<>> processed;   // by the server, which wanted to say so
    std::set<std::string, std::less<>> confirmed;   // so the client was told
    std::string client_log;
    std::string server_log;
    std::multiset<std::uint64_t> tags;  // delivered and not handed back

private:
    template <class Command>
    void ask(Command send) {
        const stomp::receipt_id id = pair.client.next_receipt_id();
        const std::array<stomp::header, 1> receipt{stomp::header{"receipt", id}};
        if (send(receipt) == errc::ok) CHECK(asked.emplace(std::string_view(id), 0).second);
    }

    void client_does(const client_event& e) {
        client_log += sim::describe(e) + "\n";
        auto& c = pair.client;
        if (e.kind == client_event::receipt || e.kind == client_event::unconfirmed) {
            const auto i = asked.find(e.receipt_id);
            if (i != asked.end()) ++i->second;
            CHECK((i != asked.end() || c.state() != stomp::client_state::connected));  // that of DISCONNECT is not ours
            if (e.kind == client_event::receipt) confirmed.emplace(e.receipt_id);
        }
        if (e.kind == client_event::connected) {
            ask([&](header_list r) { return c.send("/a", "one", r); });
            ask([&](header_list r) { return c.begin("t", r); });
            ask([&](header_list r) { return c.send("/a", "two", {{"transaction", "t"}, {"k", "a:b\\"}, r[0]}); });
            ask([&](header_list r) { return c.commit("t", r); });
            ask([&](header_list r) { return c.send("/a", std::string(1100, 'x'), r); });
        }
        if (e.kind != client_event::message) return;
        if (e.frame.get_or("subscription") == "ind") ask([&](header_list r) { return c.ack(e, r); });
        if (++messages_ != 6) return;
        ask([&](header_list r) { return c.unsubscribe("auto", r); });
        CHECK(c.disconnect() == (pair.broken ? errc::not_connected : errc::ok));
    }

    void publish(const stomp::frame_view& f) {
        for (const auto s : subscriptions_) {
            const std::uint64_t tag = ++last_tag_;
            const errc e = pair.server.message(s, f, tag);
            if (e == errc::not_connected && pair.broken) continue;  // nobody is there to read it
            if (e != errc::ok) FAIL();
            if (pair.server.mode(s) != ack_mode::automatic) tags.insert(tag);
        }
    }

    void server_does(const server_event& e) {
        server_log += sim::describe(e) + "\n";
        if (e.kind == server_event::connect) {
            CHECK(pair.server.accept("s") == (pair.broken ? errc::invalid_state : errc::ok));
            return;
        }
        if (const auto id = e.frame.get("receipt")) processed.emplace(*id);
        const auto hand_back = [this](std::span<const std::uint64_t> back) {
            for (const std::uint64_t tag : back) CHECK(tags.erase(tag) == 1);
        };
        hand_back(e.settled);
        if (e.kind == server_event::subscribe) subscriptions_.push_back(e.subscription);
        if (e.kind == server_event::unsubscribe) std::erase(subscriptions_, e.subscription);
        if (e.kind == server_event::send) publish(e.frame);
        for (const auto& step : e.steps) {
            hand_back(step.settled);
            if (step.frame.get("receipt")) processed.emplace(step.frame.get_or("receipt"));
            if (step.command == stomp::command::send) publish(step.frame);
        }
    }

    std::vector<stomp::subscription_handle> subscriptions_;
    std::uint64_t last_tag_ = 0;
    int messages_ = 0;
};

/// What holds after any conversation, however it ended.
void check_ending(talk& t) {
    CHECK(t.pair.client_closed == 1);
    CHECK(t.pair.server_closed == 1);
    CHECK_FALSE(t.pair.client.poll_event());
    CHECK_FALSE(t.pair.server.poll_event());
    for (const auto& [id, ends] : t.asked) {
        INFO("receipt " << id);
        CHECK(ends == 1);
    }
    CHECK(t.pair.client.pending_receipts() == 0);
    CHECK(t.pair.client.finished());
    CHECK_FALSE(t.pair.client.next_timeout());
    CHECK_FALSE(t.pair.server.next_timeout());
    CHECK(t.tags.empty());  // each was handed back
}

}  // namespace

TEST_CASE("F-13 W-05: latency, pieces and message boundaries change nothing in what either end sees") {
    const version v = GENERATE(version::v1_0, version::v1_1, version::v1_2);
    talk plain({}, v);
    plain.pair.finish();
    check_ending(plain);
    CHECK(plain.client_log.substr(plain.client_log.size() - 10) == "closed ok\n");
    CHECK(plain.server_log.substr(plain.server_log.size() - 10) == "closed ok\n");
    CHECK(plain.asked.size() > 8);

    const auto same = [&](link_options l) {
        INFO("latency " << l.latency.count() << " write " << l.write_size << " read " << l.read_size << " by frame "
                        << l.by_frame << " into buffer " << l.into_buffer);
        talk other(l, v);
        other.pair.finish();
        check_ending(other);
        CHECK(sim::difference(other.client_log, plain.client_log) == "");
        CHECK(sim::difference(other.server_log, plain.server_log) == "");
    };
    for (const auto latency : {0ms, 1ms, 400ms}) {
        for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{100}, SIZE_MAX}) {
            same({.latency = latency, .write_size = size});
            same({.latency = latency, .write_size = size, .into_buffer = true});
            same({.latency = latency, .read_size = size});
            same({.latency = latency, .read_size = size, .into_buffer = true});
        }
        same({.latency = latency, .by_frame = true});
        same({.latency = latency, .write_size = 5, .by_frame = true});
    }
}

TEST_CASE("E-08 CL-11 R-02: wherever the link breaks, each end is closed once and each receipt ends once") {
    talk whole({});
    whole.pair.finish();
    REQUIRE(whole.pair.to_server.size() > 1000);
    REQUIRE(whole.pair.to_client.size() > 1000);

    const auto latency = GENERATE(0ms, 3ms);
    const bool up = GENERATE(true, false);
    const std::size_t octets = (up ? whole.pair.to_server : whole.pair.to_client).size();
    std::size_t clean = 0;
    for (std::size_t k = 0; k <= octets; ++k) {
        INFO((up ? "to the server, octet " : "to the client, octet ") << k);
        link_options l{.latency = latency};
        (up ? l.cut_to_server : l.cut_to_client) = k;
        talk t(l);
        t.pair.finish();
        check_ending(t);
        for (const std::string& id : t.confirmed) {
            if (t.asked.contains(id))
                CHECK((t.processed.contains(id) || id == "r4" || id == "r5"));  // BEGIN and enlisted
        }
        CHECK(t.pair.client.finished());
        CHECK(t.pair.server.finished());
        if (t.client_log.ends_with("closed ok\n")) ++clean;
    }
    CHECK(clean <= (up ? 1U : 2U));  // only when all has arrived
}
