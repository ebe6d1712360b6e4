// Very many connections, one body for all of them, one slow reader among them: what it costs is counted.
#include <stomp/broker.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"
#include "support/pair.hpp"

#include <algorithm>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using sim::errc;
using stomp::broker_event;
using stomp::connection_id;

namespace {

/// A broker and its connections, with as little around them as possible: their memory is what is measured.
class crowd {
public:
    explicit crowd(stomp::broker_options o = {}) : broker(std::move(o)) {}

    stomp::broker broker;
    stomp::time_point now = sim::start;
    std::vector<connection_id> ids;

    void join(std::size_t n) {
        const std::string hello = sim::wire(sim::connect_frame(stomp::version::v1_2));
        for (; n != 0; --n) {
            ids.push_back(broker.open(now));
            say(ids.back(), hello);
        }
        read();
    }

    void say(connection_id id, std::string_view octets) {
        REQUIRE(broker.receive(id, octets, now) == errc::ok);
        poll();
    }
    void subscribe(connection_id id, std::string_view sub, std::string_view destination,
                   std::string_view headers = {}) {
        say(id, "SUBSCRIBE\nid:" + std::string(sub) + "\ndestination:" + std::string(destination) + "\n" +
                    std::string(headers) + "\n" + std::string(1, '\0'));
    }

    void poll() {
        while (const auto e = broker.poll_event()) {
            if (e->kind == broker_event::connect) {
                REQUIRE(broker.accept(e->from) == errc::ok);
            } else {
                REQUIRE(e->kind == broker_event::closed);
                closed.push_back(e->from);
                reason = e->reason;
            }
        }
    }
    std::vector<connection_id> closed;
    errc reason = errc::ok;

    /// Every connection takes all its output, but for one. Returns how many were visited: those that have changed.
    std::size_t read(connection_id but = {}) {
        std::size_t visited = 0;
        while (const auto id = broker.poll_changed()) {
            ++visited;
            if (*id != but) take(*id);
        }
        broker.handle_timeout(now);
        return visited;
    }
    std::size_t take(connection_id id, std::size_t most = SIZE_MAX) {
        std::size_t taken = 0;
        while (taken < most && !broker.output(id).empty()) {
            const std::size_t n = (std::min)(broker.output(id).size(), most - taken);
            broker.consume_output(id, n, now);
            taken += n;
        }
        poll();
        return taken;
    }
};

std::string frames(crowd& c, connection_id id) {
    std::string out;
    while (!c.broker.output(id).empty()) {
        out += c.broker.output(id);
        c.broker.consume_output(id, c.broker.output(id).size(), c.now);
    }
    return out;
}

/// "12 13 14": the bodies of the MESSAGEs in these octets, cut short at the first space.
std::string bodies(std::string_view octets) {
    std::string out;
    stomp::parser parser;
    parser.set_version(stomp::version::v1_2);
    parser.feed(octets);
    while (parser.next() == stomp::parse_status::frame) {
        const stomp::frame_view& f = parser.frame();
        if (f.command != stomp::command::message) {
            out += std::string(to_string(f.command)) + " " + std::string(f.get_or("message")) + " ";
        } else {
            out += std::string(f.body.substr(0, f.body.find(' '))) + " ";
        }
    }
    CHECK(parser.finish() == errc::ok);
    return out;
}

std::string text(std::size_t number, std::size_t size) {
    std::string out = std::to_string(number) + " ";
    out.resize(size, 'x');
    return out;
}

std::string range(std::size_t from, std::size_t to) {
    std::string out;
    for (; from < to; ++from) out += std::to_string(from) + " ";
    return out;
}

}  // namespace

TEST_CASE("10,000 connections: a message visits its subscribers and nobody else") {
    crowd c;
    c.join(10'000);
    for (std::size_t i = 0; i < c.ids.size(); ++i) c.subscribe(c.ids[i], "1", "/topic/" + std::to_string(i % 100));
    for (std::size_t i = 0; i < c.ids.size(); i += 1000) c.subscribe(c.ids[i], "2", "/topic/*");
    REQUIRE(c.broker.stats().subscriptions == 10'010);
    CHECK(c.read() == 0);

    CHECK(c.broker.publish("/topic/7", "x") == errc::ok);
    CHECK(c.read() == 110);
    CHECK(c.broker.publish("/topic/nobody", "x") == errc::ok);
    CHECK(c.read() == 10);
    // Octets that change nothing for a host, on every connection.
    for (const connection_id id : c.ids) c.say(id, "\n");
    CHECK(c.read() == 0);

    // Half of them go, every second one.
    for (std::size_t i = 0; i < c.ids.size(); i += 2) {
        c.broker.transport_closed(c.ids[i], c.now);
        c.poll();
        c.broker.forget(c.ids[i]);
    }
    CHECK(c.closed.size() == 5000);
    CHECK(c.broker.stats().connections == 5000);
    CHECK(c.broker.stats().subscriptions == 5000);
    CHECK(c.read() == 0);
    CHECK(c.broker.publish("/topic/7", "x") == errc::ok);
    CHECK(c.read() == 100);
    CHECK(c.broker.publish("/topic/8", "x") == errc::ok);
    CHECK(c.read() == 0);
    CHECK(c.broker.stats().delivered == 110 + 10 + 100);
}

TEST_CASE("10,000 consumers of one queue, all of them full: a message costs no search among them") {
    // The time is not measured: a quadratic search would not end within the test's.
    crowd c({.window = 1});
    c.join(10'000);
    for (const connection_id id : c.ids) c.subscribe(id, "1", "/queue/q", "ack:client\n");
    for (int i = 0; i < 10'000; ++i) REQUIRE(c.broker.publish("/queue/q", "x") == errc::ok);
    CHECK(c.broker.stats().unsettled_messages == 10'000);
    CHECK(c.read() == 10'000);
    crowd other({.max_queue_messages = SIZE_MAX, .window = 1});
    other.join(10'000);
    for (const connection_id id : other.ids) other.subscribe(id, "1", "/queue/q", "ack:client\n");
    for (int i = 0; i < 100'000; ++i) REQUIRE(other.broker.publish("/queue/q", "x") == errc::ok);
    CHECK(other.broker.stats().queued_messages == 90'000);
    // All come back in one order or the other.
    for (const connection_id id : other.ids) {
        other.broker.transport_closed(id, other.now);
        other.poll();
        other.broker.forget(id);
    }
    CHECK(other.broker.stats().queued_messages == 100'000);
    CHECK(other.broker.stats().queues == 1);
}

TEST_CASE("reliability 62: one body in memory whatever the number of subscribers") {
    const auto held = [](std::size_t body, std::size_t messages) {
        stomp::broker_options o;
        o.session.limits.max_output = 16 * 1024 * 1024;
        crowd c(o);
        c.join(2000);
        for (const connection_id id : c.ids) c.subscribe(id, "1", "/topic/t");
        c.read();
        const std::string content(body, 'x');
        const counting_new::heap_watch watch;
        for (std::size_t i = 0; i < messages; ++i) REQUIRE(c.broker.publish("/topic/t", content) == errc::ok);
        const std::size_t all = watch.held();
        const std::size_t blocks = watch.blocks();
        CHECK(c.read() == 2000);
        CHECK(c.broker.stats().delivered == 2000 * messages);
        return std::pair(all, blocks);
    };
    const auto small = held(16 * 1024, 8);
    const auto large = held(1024 * 1024, 8);
    // All that differs is the bodies themselves, eight of them, not sixteen thousand, and two digits of their length.
    CHECK(large.first - small.first == 8 * ((1024 - 16) * 1024 + 2));
    CHECK(large.second == small.second);
    // What a message costs each subscriber: its private part and its place in the output.
    const std::size_t per_delivery = (small.first - 8 * 16 * 1024) / (8 * 2000);
    WARN("octets per delivery of a long message: " << per_delivery);
    CHECK(per_delivery <= 128);
}

TEST_CASE("reliability 51, goals: an idle connection and an idle subscription") {
    crowd c;
    const auto cost = [&](auto what) {
        const counting_new::heap_watch watch;
        what();
        return watch.held();
    };
    c.ids.reserve(10'000);
    const std::size_t connections = cost([&] { c.join(10'000); }) / 10'000;
    WARN("octets per idle connection: " << connections);
    CHECK(connections <= 4 * 1024);

    const std::string destination = "/topic/" + std::string(33, 'd');  // 40 octets
    const std::size_t shared = cost([&] {
                                   for (const connection_id id : c.ids) c.subscribe(id, "sub-0", destination);
                               }) /
                               10'000;
    WARN("octets per idle subscription, the first of its connection, all to one topic: " << shared);
    CHECK(shared <= 512 + 2 * 40 + 2 * 5);

    std::size_t n = 0;
    const std::size_t own =
        cost([&] {
            for (std::size_t i = 0; i < 100; ++i) {
                for (int k = 0; k < 100; ++k) {
                    const std::string name = std::to_string(++n);
                    c.subscribe(c.ids[i], name, "/topic/" + std::string(33 - name.size(), 'd') + name);
                }
            }
        }) /
        10'000;
    WARN("octets per idle subscription, 100 per connection, each to a topic of its own: " << own);
    CHECK(own <= 512 + 2 * 40 + 2 * 5);
}

// ---- a slow reader -----------------------------------------------------------------------------------------

TEST_CASE("reliability 61: one slow reader among 1,000 costs a bounded amount, and the others nothing") {
    const stomp::slow_consumer policy = GENERATE(stomp::slow_consumer::drop_oldest, stomp::slow_consumer::drop_newest,
                                                 stomp::slow_consumer::disconnect);
    CAPTURE(static_cast<int>(policy));
    stomp::broker_options o;
    o.slow = policy;
    o.session.limits.max_output = 256 * 1024;
    o.max_backlog_messages = 100;
    o.max_backlog_bytes = 512 * 1024;
    o.low_water = 64 * 1024;
    crowd c(o);
    c.join(1000);
    for (const connection_id id : c.ids) c.subscribe(id, "1", "/topic/t");
    const connection_id slow = c.ids[500];
    const auto publish = [&](int n) {
        for (; n != 0; --n) {
            REQUIRE(c.broker.publish("/topic/t", std::string(4096, 'x')) == errc::ok);
            c.read(slow);
            c.poll();
        }
    };
    const std::size_t room = stomp::server_session::largest_message(o.session.limits);
    const counting_new::heap_watch watch;
    publish(200);
    const std::size_t after = watch.held();
    // What the reader does not take is shared with nobody else any more: 256 KiB of output, 100 messages behind it.
    CHECK(after <= room + 100 * 4500 + 64 * 1024);
    CHECK(c.broker.stats().delivered >= 200 * 999);
    if (policy == stomp::slow_consumer::disconnect) {
        CHECK(c.closed == std::vector{slow});
        CHECK(c.reason == errc::closed_by_application);
        CHECK(c.broker.stats().backlog_messages == 0);
        const std::string rest = bodies(frames(c, slow));
        CHECK(rest.ends_with("ERROR too slow "));
        CHECK(c.broker.output_finished(slow));
    } else {
        CHECK(c.closed.empty());
        CHECK(c.broker.stats().backlog_messages == 100);
    }
    const std::size_t dropped = c.broker.stats().dropped;
    publish(300);
    CHECK(watch.held() <= after + 8 * 1024);
    CHECK(c.broker.stats().delivered >= 500 * 999);
    if (policy != stomp::slow_consumer::disconnect) CHECK(c.broker.stats().dropped == dropped + 300);

    // It never reads: after the stall deadline it is gone, and nobody else.
    if (policy != stomp::slow_consumer::disconnect) {
        c.now += 10s;
        c.read(slow);
        c.poll();
        c.now += 1s;
        c.read(slow);
        c.poll();
        CHECK(c.closed == std::vector{slow});
        CHECK(c.reason == errc::stall_timeout);
        CHECK(c.broker.stats().backlog_messages == 0);
        c.broker.forget(slow);
        CHECK(c.broker.stats().connections == 999);
        CHECK(watch.held() <= after / 2);
    }
}

TEST_CASE("what a slow reader gets in the end: the oldest, or the newest, always in order") {
    const bool oldest = GENERATE(true, false);
    CAPTURE(oldest);
    stomp::broker_options o;
    o.slow = oldest ? stomp::slow_consumer::drop_oldest : stomp::slow_consumer::drop_newest;
    o.session.limits.max_output = 32 * 1024;
    o.session.limits.max_header_line = 1024;
    o.max_backlog_messages = 10;
    o.low_water = 0;
    crowd c(o);
    c.join(1);
    c.subscribe(c.ids[0], "1", "/topic/t");
    std::size_t n = 0;
    const auto publish = [&](std::size_t count) {
        for (; count != 0; --count) REQUIRE(c.broker.publish("/topic/t", text(n++, 2000)) == errc::ok);
    };
    publish(1);
    while (c.broker.stats().backlog_messages == 0) publish(1);
    const std::size_t in_output = n - 1;
    publish(9);
    CHECK(c.broker.stats().backlog_messages == 10);
    CHECK(c.broker.stats().dropped == 0);
    publish(25);
    CHECK(c.broker.stats().backlog_messages == 10);
    CHECK(c.broker.stats().dropped == 25);
    const std::string all = bodies(frames(c, c.ids[0]));
    const std::size_t from = oldest ? n - 10 : in_output;
    CHECK(all == range(0, in_output) + range(from, from + 10));
    CHECK(c.broker.stats().backlog_messages == 0);
    publish(1);
    CHECK(bodies(frames(c, c.ids[0])) == range(n - 1, n));
    CHECK(c.broker.stats().delivered + c.broker.stats().dropped == n);
}

TEST_CASE("what waits moves into the output at the low-water mark, not before") {
    stomp::broker_options o;
    o.session.limits.max_output = 32 * 1024;
    o.session.limits.max_header_line = 1024;
    o.low_water = 8 * 1024;
    crowd c(o);
    c.join(1);
    const connection_id id = c.ids[0];
    c.subscribe(id, "1", "/topic/t");
    c.subscribe(id, "2", "/queue/q");
    std::size_t n = 0;
    while (c.broker.stats().backlog_messages < 30) REQUIRE(c.broker.publish("/topic/t", text(n++, 2000)) == errc::ok);
    REQUIRE(c.broker.publish("/queue/q", text(n++, 2000)) == errc::ok);
    CHECK(c.broker.stats().queued_messages == 1);
    const auto unsent = [&] { return c.broker.session(id)->unsent(); };
    c.take(id, unsent() - 8 * 1024 - 1);
    CHECK(unsent() == 8 * 1024 + 1);
    CHECK(c.broker.stats().backlog_messages == 30);
    c.take(id, 1);
    CHECK(unsent() > 16 * 1024);
    CHECK(c.broker.stats().backlog_messages < 25);
    CHECK(c.broker.stats().queued_messages == 1);
    c.take(id);
    CHECK(c.broker.stats().backlog_messages == 0);
    CHECK(c.broker.stats().queued_messages == 0);
    CHECK(c.broker.stats().delivered == n);
}

TEST_CASE("max_backlog_messages and max_backlog_bytes at n and n+1; heads count, too") {
    stomp::broker_options o;
    o.slow = stomp::slow_consumer::drop_newest;
    o.session.limits.max_output = 32 * 1024;
    o.session.limits.max_header_line = 1024;
    const std::string pad(900, 'h');
    const std::string body = text(0, 1000);
    const std::vector<stomp::header> extra(8, stomp::header{"pad", pad});
    std::vector<stomp::header> all{{"destination", "/topic/t"}};
    all.insert(all.end(), extra.begin(), extra.end());
    const std::size_t size = stomp::shared_message({stomp::command::send, {}, all, body}).memory();
    CHECK(size > 8000);
    std::size_t most = 5;
    SECTION("messages") {
        o.max_backlog_messages = 5;
        o.max_backlog_bytes = SIZE_MAX;
    }
    SECTION("octets") { o.max_backlog_bytes = 5 * size; }
    SECTION("octets, one too few") {
        o.max_backlog_bytes = 5 * size - 1;
        most = 4;
    }
    crowd c(o);
    c.join(1);
    c.subscribe(c.ids[0], "1", "/topic/t");
    while (c.broker.stats().dropped == 0) REQUIRE(c.broker.publish("/topic/t", body, extra) == errc::ok);
    CHECK(c.broker.stats().backlog_messages == most);
    // A message larger than all that may wait is dropped, and takes nothing with it.
    c.take(c.ids[0]);
    CHECK(c.broker.stats().backlog_messages == 0);
}

TEST_CASE("drop_oldest: a message larger than all that may wait drops nothing but itself in the end") {
    stomp::broker_options o;
    o.session.limits.max_output = 64 * 1024;
    o.session.limits.max_header_line = 1024;
    o.max_backlog_bytes = 8 * 1024;
    o.low_water = 0;
    crowd c(o);
    c.join(1);
    c.subscribe(c.ids[0], "1", "/topic/t");
    std::size_t n = 0;
    while (c.broker.stats().backlog_messages < 3) REQUIRE(c.broker.publish("/topic/t", text(n++, 2000)) == errc::ok);
    REQUIRE(c.broker.publish("/topic/t", text(n++, 20'000)) == errc::ok);
    CHECK(c.broker.stats().dropped == 1);
    CHECK(c.broker.stats().backlog_messages == 3);
    const std::string got = bodies(frames(c, c.ids[0]));
    CHECK(got == range(0, n - 1));
}

TEST_CASE("UNSUBSCRIBE takes back what waits; a subscription that follows in its place does not get it (S-11)") {
    stomp::broker_options o;
    o.session.limits.max_output = 32 * 1024;
    o.session.limits.max_header_line = 1024;
    crowd c(o);
    c.join(1);
    const connection_id id = c.ids[0];
    c.subscribe(id, "1", "/topic/a");
    c.subscribe(id, "2", "/topic/b");
    std::size_t n = 0;
    // Large enough to leave room for the receipts without which no frame is read.
    while (c.broker.stats().backlog_messages == 0) REQUIRE(c.broker.publish("/topic/a", text(n++, 6000)) == errc::ok);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(c.broker.publish("/topic/b", text(1000 + n, 100)) == errc::ok);
        REQUIRE(c.broker.publish("/topic/a", text(n++, 100)) == errc::ok);
    }
    REQUIRE(c.broker.stats().backlog_messages == 7);
    c.say(id, std::string("UNSUBSCRIBE\nid:1\n\n") + '\0');
    c.subscribe(id, "1", "/topic/c");
    const std::string got = bodies(frames(c, id));
    CHECK(got == range(0, n - 4) + std::to_string(1000 + n - 3) + " " + std::to_string(1000 + n - 2) + " " +
                     std::to_string(1000 + n - 1) + " ");
}

TEST_CASE("reliability 54: a subscriber that never acknowledges pauses alone, and its memory is bounded") {
    stomp::broker_options o;
    o.session.limits.max_unsettled = 50;
    o.max_backlog_messages = 50;
    crowd c(o);
    c.join(2);
    c.subscribe(c.ids[0], "1", "/topic/t", "ack:client\n");
    c.subscribe(c.ids[1], "1", "/topic/t");
    const auto publish = [&] {
        for (int i = 0; i < 1000; ++i) {
            REQUIRE(c.broker.publish("/topic/t", "x") == errc::ok);
            c.read();
        }
    };
    publish();
    CHECK(c.broker.stats().delivered == 1000 + 50);
    CHECK(c.broker.stats().backlog_messages == 50);
    const counting_new::heap_watch watch;
    publish();
    CHECK(c.broker.stats().delivered == 2000 + 50);
    CHECK(watch.held() == 0);
    CHECK(c.closed.empty());
}

TEST_CASE("a slow consumer of a queue leaves its messages to the others") {
    stomp::broker_options o;
    o.session.limits.max_output = 32 * 1024;
    o.session.limits.max_header_line = 1024;
    o.max_queue_messages = 100;
    crowd c(o);
    c.join(2);
    for (const connection_id id : c.ids) c.subscribe(id, "1", "/queue/q");
    std::size_t n = 0;
    for (; n < 200; ++n) {
        REQUIRE(c.broker.publish("/queue/q", text(n, 2000)) == errc::ok);
        c.read(c.ids[0]);
    }
    CHECK(c.broker.stats().queued_messages == 0);
    CHECK(c.broker.stats().delivered == 200);
    // Both are full: the queue keeps what it may, and more is refused.
    errc e = errc::ok;
    while ((e = c.broker.publish("/queue/q", text(n, 2000))) == errc::ok) ++n;
    CHECK(e == errc::queue_full);
    CHECK(c.broker.stats().queued_messages == 100);
    CHECK(c.broker.stats().backlog_messages == 0);
    CHECK(c.broker.stats().dropped == 0);
    std::string all = bodies(frames(c, c.ids[0])) + bodies(frames(c, c.ids[1]));
    CHECK(c.broker.stats().queued_messages == 0);
    CHECK(c.broker.stats().delivered == n);
}

TEST_CASE("steady traffic asks for no memory: a topic with one reader, a queue with acknowledgement") {
    crowd c;
    c.join(2);
    c.subscribe(c.ids[0], "1", "/topic/t");
    const std::string body(100, 'x');
    const std::string send = "SEND\ndestination:/topic/t\n\n" + body + std::string(1, '\0');
    const auto round = [&] {
        c.say(c.ids[1], send);
        c.read();
    };
    for (int i = 0; i < 100; ++i) round();
    const counting_new::heap_watch watch;
    for (int i = 0; i < 1000; ++i) round();
    CHECK(watch.allocations() == 0);
    CHECK(watch.held() == 0);
}

// ---- memory that runs out ----------------------------------------------------------------------------------

#ifdef __cpp_exceptions
TEST_CASE("reliability 75: an allocation fails at any point: the broker can be used on, and destroyed") {
    // Everything that is said, made beforehand: only the broker is to run out of memory.
    const std::string nul(1, '\0');
    const std::string long_body(2000, 'x');
    const std::vector<std::pair<std::size_t, std::string>> lines{
        {0, "SUBSCRIBE\nid:q\ndestination:/queue/q\nack:client\nprefetch-count:2\n\n" + nul},
        {1, "SUBSCRIBE\nid:q\ndestination:/queue/q\nack:client-individual\nprefetch-count:2\n\n" + nul},
        {2, "SEND\ndestination:/queue/q\nreceipt:r\n\n" + long_body + nul},
        {2, "SEND\ndestination:/queue/q\nreceipt:r\n\n" + long_body + nul},
        {2, "SEND\ndestination:/queue/q\nreceipt:r\n\n" + long_body + nul},
        {3, "SEND\ndestination:/queue/q\n\n" + long_body + nul},
        {3, "SEND\ndestination:/queue/q\n\n" + long_body + nul},
        {3, "SEND\ndestination:/topic/t\n\nhello" + nul + "SEND\ndestination:/app/t\n\nhello" + nul},
        {2, "BEGIN\ntransaction:t\n\n" + nul + "SEND\ndestination:/queue/r\ntransaction:t\n\nx" + nul +
                "SEND\ndestination:/topic/t\ntransaction:t\n\nx" + nul +
                "SEND\ndestination:/app/t\ntransaction:t\n\nx" + nul + "COMMIT\ntransaction:t\n\n" + nul},
        {0, "UNSUBSCRIBE\nid:q\n\n" + nul}};
    const std::string hello =
        sim::wire(sim::connect_frame(stomp::version::v1_2)) + "SUBSCRIBE\nid:t\ndestination:/topic/t\n\n" + nul +
        "SUBSCRIBE\nid:p\ndestination:/topic/*\n\n" + nul + "SUBSCRIBE\nid:u\ndestination:/user/queue/u\n\n" + nul;
    std::vector<connection_id> ids(4);

    const auto script = [&](crowd& c, std::size_t fail_at) {
        counting_new::fail_at(fail_at);
        bool failed = false;
        const auto attempt = [&](auto what) {
            try {
                what();
            } catch (const std::bad_alloc&) {
                failed = true;
            }
        };
        const auto poll = [&] {
            for (bool again = true; again;) {
                again = false;
                attempt([&] {
                    again = true;  // after a failure, too
                    const auto e = c.broker.poll_event();
                    again = e.has_value();
                    if (e && e->kind == broker_event::connect) (void)c.broker.accept(e->from, "user");
                    if (e && e->kind == broker_event::message) (void)c.broker.reply(*e, "re");
                });
            }
        };
        const auto say = [&](connection_id id, const std::string& octets) {
            attempt([&] { (void)c.broker.receive(id, octets, c.now); });
            poll();
        };
        const auto read = [&] {
            while (const auto id = c.broker.poll_changed()) {
                attempt([&] {
                    while (!c.broker.output(*id).empty())
                        c.broker.consume_output(*id, c.broker.output(*id).size(), c.now);
                });
            }
            attempt([&] { c.broker.handle_timeout(c.now); });
            c.now += 10ms;
            poll();
        };
        for (connection_id& id : ids) {
            id = {};
            attempt([&] { id = c.broker.open(c.now); });
            say(id, hello);
            read();
        }
        for (const auto& [who, what] : lines) say(ids[who], what);
        attempt([&] { (void)c.broker.publish_to_user("user", "/queue/u", long_body); });
        attempt([&] { (void)c.broker.publish("/topic/t", long_body); });
        read();
        for (const connection_id id : ids) {
            attempt([&] { c.broker.transport_closed(id, c.now); });
            poll();
            c.broker.forget(id);
            poll();
        }
        counting_new::fail_at(0);
        return failed;
    };
    std::size_t failures = 0;
    for (std::size_t n = 1;; ++n) {
        INFO("allocation " << n);
        crowd c;
        const bool failed = script(c, n);
        if (!failed) {
            CHECK(n > 100);
            break;
        }
        ++failures;
        // Whatever has been lost: nobody is left who would hold anything.
        CHECK(c.broker.stats().connections == 0);
        CHECK(c.broker.stats().subscriptions == 0);
        // And it works on.
        c.join(2);
        c.subscribe(c.ids[0], "1", "/topic/t");
        c.subscribe(c.ids[0], "2", "/queue/new");
        c.read();
        CHECK(c.broker.publish("/topic/t", "x") == errc::ok);
        CHECK(c.broker.publish("/queue/new", "y") == errc::ok);
        CHECK(bodies(frames(c, c.ids[0])) == "x y ");
    }
    CHECK(failures > 100);
}
#endif
