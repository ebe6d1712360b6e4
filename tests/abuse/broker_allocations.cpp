// When the heap refuses: whichever allocation inside the broker fails, what a queue has confirmed is delivered in the end.
#include <stomp/broker.hpp>
#include <stomp/parser.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using stomp::errc;

// Without exceptions there is no way to say that there was no memory: then it is run once, and nothing fails.
#ifdef __cpp_exceptions
constexpr bool can_fail = true;
#else
constexpr bool can_fail = false;
#endif

struct peer {
    stomp::connection_id id;
    std::string says;
    stomp::parser heard{stomp::limits::client()};
    bool open = true;
    bool closed_told = false;
};

/// A broker whose n-th allocation fails, and its host, whose own never do.
class pinched {
public:
    bool failed = false;
    std::set<std::string> confirmed;  // receipts
    std::set<std::string> settled;    // bodies
    std::map<std::string, int> deliveries;
    bool unmarked = false;  // something came again without saying so
    bool stalled = false;   // something could have been done and was not
    int refused = 0;        // calls that went wrong for another reason
    std::map<errc, int> reasons;

    explicit pinched(std::size_t n, const stomp::broker_options& o) : broker_(o), left_(n) {}

    stomp::broker_stats stats() const { return broker_.stats(); }
    void relax() { left_ = 0; }

    peer& dial() {
        peers_.push_back(std::make_unique<peer>());
        peer& p = *peers_.back();
        // The host tries again: nothing has happened.
        while (!p.id) call([&] { p.id = broker_.open(now_); });
        say(p, "CONNECT\naccept-version:1.2\nlogin:user\n\n");
        return p;
    }

    void say(peer& p, const std::string& frame) {
        if (!p.open) return;
        p.says += frame + '\0';
        settle();
    }
    /// Sends to a destination and asks for a receipt that has the body's name.
    void send(peer& p, const std::string& destination, const std::string& body, const std::string& headers = {}) {
        say(p, "SEND\ndestination:" + destination + "\nreceipt:" + body + "\n" + headers + "\n" + body + filler_);
    }
    /// Acknowledges what that connection has been given, or refuses it.
    void settle_all(peer& p, std::string_view verb, const std::string& headers = {}) {
        for (const auto& [body, ack] : std::exchange(waiting_[&p], {})) {
            say(p, std::string(verb) + "\nid:" + ack + "\n" + headers + "\n");
            if (p.open && verb == "ACK") settled.insert(body);
        }
    }
    std::size_t waiting(peer& p) { return waiting_[&p].size(); }
    void forget_waiting(peer& p) { waiting_[&p].clear(); }

    void publish(std::string_view destination, std::string_view body) {
        call([&] { (void)broker_.publish(destination, body); });
        settle();
    }
    void hang_up(peer& p) {
        if (!p.open) return;
        call([&] { broker_.transport_closed(p.id, now_); });
        settle();
    }
    void later(stomp::milliseconds by) {
        now_ += by;
        call([&] { broker_.handle_timeout(now_); });
        settle();
    }

    void settle() {
        for (bool more = true; more;) {
            more = false;
            for (const auto& p : peers_) {
                if (p->says.empty() || !p->open) continue;
                // All or nothing, so it can be said again.
                errc e = errc::ok;
                if (call([&] { e = broker_.receive(p->id, p->says, now_); })) p->says.clear();
                refused += e == errc::ok ? 0 : 1;
                more = true;
            }
            std::optional<stomp::broker_event> e;
            do {
                e.reset();
                if (!call([&] { e = broker_.poll_event(); })) more = true;
                if (e) on(*e);
            } while (e);
            while (const auto id = broker_.poll_changed()) {
                more = true;
                update(*id);
            }
        }
        // Nothing is left to do: not even a publish finds a message that could be handed out.
        refused += broker_.publish("/topic/none", "") == errc::ok ? 0 : 1;
        if (const auto id = broker_.poll_changed()) {
            stalled = true;
            update(*id);
        }
    }

private:
    /// False if bad_alloc came out.
    bool call(const std::function<void()>& f) {
        counting_new::fail_at(left_);
        bool done = true;
#ifdef __cpp_exceptions
        try {
            f();
        } catch (const std::bad_alloc&) {
            done = false;
            failed = true;
        }
#else
        f();
#endif
        left_ = counting_new::until_failure();
        counting_new::fail_at(0);
        return done;
    }

    peer* find(stomp::connection_id id) {
        for (const auto& p : peers_) {
            if (p->id == id) return p.get();
        }
        return nullptr;
    }

    void on(const stomp::broker_event& e) {
        peer* p = find(e.from);
        if (e.kind == stomp::broker_event::connect) {
            const std::string user(e.frame.get_or("login"));
            errc result = errc::ok;
            while (!call([&] { result = broker_.accept(e.from, user); })) {
            }
            refused += result == errc::ok ? 0 : 1;
        } else if (e.kind == stomp::broker_event::closed) {
            refused += std::exchange(p->closed_told, true) ? 1 : 0;
            p->open = false;
            ++reasons[e.reason];
        }
    }

    void update(stomp::connection_id id) {
        peer* p = find(id);
        while (!broker_.output(id).empty()) {
            const std::string octets(broker_.output(id));
            p->heard.feed(octets);
            call([&] { broker_.consume_output(id, octets.size(), now_); });
        }
        while (p->heard.next() == stomp::parse_status::frame) {
            const stomp::frame_view& f = p->heard.frame();
            if (f.command == stomp::command::connected) p->heard.set_version(stomp::version::v1_2);
            if (f.command == stomp::command::receipt) confirmed.insert(std::string(f.get_or("receipt-id")));
            if (f.command != stomp::command::message) continue;
            const std::string body(f.body.substr(0, f.body.find('.')));
            if (const auto ack = f.get("ack")) {
                waiting_[p].emplace_back(body, *ack);
                if (deliveries[body]++ != 0 && !f.get("redelivered")) unmarked = true;
            }
        }
    }

    stomp::broker broker_;
    std::size_t left_;
    stomp::time_point now_{};
    std::vector<std::unique_ptr<peer>> peers_;
    std::map<peer*, std::vector<std::pair<std::string, std::string>>> waiting_;
    const std::string filler_ = "." + std::string(1500, 'x');
};

/// Everything that a queue's message can go through, and topics besides.
void live(pinched& h) {
    peer& a = h.dial();
    peer& b = h.dial();
    peer& p = h.dial();
    h.say(a,
          "SUBSCRIBE\nid:a subscription that is long enough\ndestination:/queue/a queue with a long name\nack:client-"
          "individual\nreceipt:sa\n\n");
    h.say(b, "SUBSCRIBE\nid:1\ndestination:/topic/a topic with a long name/*/one segment of it/**\n\n");
    h.say(b, "SUBSCRIBE\nid:2\ndestination:/topic/a topic with a long name/x/one segment of it\n\n");
    h.say(a, "SUBSCRIBE\nid:3\ndestination:/topic/a topic with a long name/x/one segment of it\n\n");
    // Several messages that come back at once.
    peer& z = h.dial();
    h.say(z, "SUBSCRIBE\nid:z\ndestination:/queue/a queue for one who goes\nack:client-individual\n\n");
    for (int i = 0; i < 3; ++i) h.send(p, "/queue/a queue for one who goes", "z" + std::to_string(i));
    h.forget_waiting(z);
    h.hang_up(z);
    const std::string queue = "/queue/a queue with a long name";
    for (int i = 0; i < 5; ++i) h.send(p, queue, "m" + std::to_string(i));
    h.send(p, "/topic/a topic with a long name/x/one segment of it", "t");
    h.settle_all(a, "NACK");
    h.say(b, "SUBSCRIBE\nid:4\ndestination:/queue/a queue with a long name\nack:client\n\n");
    h.settle_all(a, "NACK");  // for the second time: dead
    h.say(p, "BEGIN\ntransaction:a transaction with a long name\n\n");
    for (int i = 0; i < 3; ++i) {
        h.send(p, queue, "c" + std::to_string(i), "transaction:a transaction with a long name\n");
    }
    h.send(p, "/topic/a topic with a long name/x/one segment of it", "t",
           "transaction:a transaction with a long name\n");
    h.say(p, "COMMIT\ntransaction:a transaction with a long name\nreceipt:commit\n\n");
    h.say(a, "BEGIN\ntransaction:1\n\n");
    h.settle_all(a, "ACK", "transaction:1\n");
    h.send(a, "/queue/another queue with a long name", "n", "transaction:1\n");
    h.say(a, "COMMIT\ntransaction:1\nreceipt:acked\n\n");
    h.say(b, "UNSUBSCRIBE\nid:4\nreceipt:ub\n\n");
    h.forget_waiting(b);
    for (int i = 5; i < 9; ++i) h.send(p, queue, "m" + std::to_string(i));
    h.publish(queue, "from the application");
    h.later(stomp::milliseconds(1000));
    h.hang_up(a);
    h.say(p, "DISCONNECT\nreceipt:bye\n\n");
    h.hang_up(p);
    h.hang_up(b);
}

}  // namespace

TEST_CASE("abuse 75: whichever of the broker's allocations fails, what a queue has confirmed is delivered in the end") {
    std::size_t n = can_fail ? 1 : 0;
    int ended = 0;
    for (bool failed = true; failed; ++n) {
        std::string lost;
        bool heir_open = false;
        bool unmarked = false;
        bool stalled = false;
        int refused = 0;
        std::size_t confirmed = 0;
        std::map<errc, int> reasons;
        stomp::broker_stats stats;
        {
            stomp::broker_options o;
            o.max_deliveries = 2;
            o.dead_letter = "/queue/dead letters, where nobody looks";
            o.session.heart_beat = {.can_send = stomp::milliseconds(1000), .wants = stomp::milliseconds(0)};
            pinched h(n, o);
            live(h);
            failed = h.failed;
            // What is in a transaction counts once its commit is confirmed.
            if (h.confirmed.count("acked") == 0) h.settled.clear();
            if (h.confirmed.count("acked") == 0) h.confirmed.erase("n");
            if (h.confirmed.count("commit") == 0) {
                for (const char* body : {"c0", "c1", "c2"}) h.confirmed.erase(body);
            }

            h.relax();
            peer& heir = h.dial();
            for (const char* queue : {"/queue/a queue with a long name", "/queue/dead letters, where nobody looks",
                                      "/queue/another queue with a long name", "/queue/a queue for one who goes"}) {
                h.say(heir,
                      std::string("SUBSCRIBE\nack:client-individual\nid:") + queue + "\ndestination:" + queue + "\n\n");
            }
            while (h.waiting(heir) != 0) h.settle_all(heir, "ACK");
            heir_open = heir.open;
            for (const std::string& body : h.confirmed) {
                const bool of_queue =
                    body.size() <= 2 && std::string_view("mcnz").find(body[0]) != std::string_view::npos;
                if (!of_queue) continue;
                ++confirmed;
                if (h.settled.count(body) == 0) lost += body + " ";
            }
            unmarked = h.unmarked;
            stalled = h.stalled;
            refused = h.refused;
            reasons = h.reasons;
            stats = h.stats();
        }
        CAPTURE(n);
        CHECK(lost == "");
        CHECK(heir_open);
        CHECK_FALSE(unmarked);
        CHECK_FALSE(stalled);
        CHECK(refused == 0);
        CHECK(stats.queued_messages == 0);
        CHECK(stats.queued_bytes == 0);
        CHECK(stats.unsettled_messages == 0);
        CHECK(stats.backlog_messages == 0);
        CHECK(stats.subscriptions == 4);
        CHECK(stats.queues == 4);
        ended += reasons[errc::out_of_memory];
        if (failed) continue;
        CHECK(confirmed == 3 + 5 + 3 + 1 + 4);
        CHECK(reasons[errc::out_of_memory] == 0);
        CHECK(stats.dead_lettered == 6);  // m0 to m4, and one that two readers did not settle
        CHECK(stats.dropped == 0);
    }
    CHECK((!can_fail || n > 100));
    CHECK((!can_fail || ended > 30));
}
