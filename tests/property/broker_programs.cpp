// Random programs of all operations over several clients, compared with a naive broker: after each operation every
// subscription must have received what the naive one says, no more and no less.
#include <stomp/broker.hpp>

#include "support/broker_harness.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using sim::broker_host;
using sim::errc;
using stomp::ack_mode;
using stomp::version;

namespace {

constexpr std::size_t window = 3;
constexpr std::size_t max_deliveries = 3;
constexpr std::size_t max_queue_messages = 12;
constexpr std::string_view dead_letters = "/queue/dead-letter";

/// Does everything the obvious way: vectors, linear searches, copies.
class naive_broker {
public:
    struct message {
        std::size_t number = 0;
        std::string body;
        std::string queue;
        std::size_t deliveries = 0;
        bool dead = false;
    };
    struct held_message {
        message m;
        std::string subscription;
        bool orphan = false;      // its subscription is gone
        std::string transaction;  // that has enlisted it
        std::string what;         // ack or nack
    };
    struct subscription {
        std::string id, destination;
        ack_mode mode = ack_mode::automatic;
        std::size_t window = 0;
    };
    struct step {
        std::string what;  // send, ack, nack
        std::string destination, body;
        std::vector<std::size_t> numbers;  // of what it settles
        std::vector<std::string> queues;
    };
    struct connection {
        bool open = true;
        std::string user;
        std::vector<subscription> subscriptions;
        std::vector<held_message> held;  // in order of delivery
        std::map<std::string, std::vector<step>> transactions;
        std::vector<std::string> got;  // since the last look: "id body*"
        std::size_t app = 0;           // messages to the application
    };
    using line_entry = std::pair<std::size_t, std::string>;  // connection, subscription

    std::vector<connection> connections;
    std::map<std::string, std::vector<message>> waiting;     // by queue, in order
    std::map<std::string, std::vector<line_entry>> in_line;  // consumers that can take one, whose turn it is first
    std::map<std::string, std::size_t> numbers;
    std::vector<std::string> application;  // what it was told

    static bool is(std::string_view d, std::string_view prefix) { return d.starts_with(prefix); }

    static bool matches(std::string_view pattern, std::string_view topic) {
        if (pattern == topic) return true;
        if (pattern == "/topic/**") return true;
        if (pattern == "/topic/*") return topic.find('/', 7) == std::string_view::npos;
        if (pattern == "/topic/a/*")
            return topic.starts_with("/topic/a/") && topic.find('/', 9) == std::string_view::npos;
        return false;
    }

    std::size_t in_queue(std::string_view q) const {  // waiting and held
        std::size_t n = 0;
        if (const auto w = waiting.find(std::string(q)); w != waiting.end()) n += w->second.size();
        for (const connection& c : connections) {
            n += static_cast<std::size_t>(
                std::count_if(c.held.begin(), c.held.end(), [&](const held_message& h) { return h.m.queue == q; }));
        }
        return n;
    }

    void subscribe(std::size_t c, const subscription& s) {
        connections[c].subscriptions.push_back(s);
        offer(c, s.id);
        dispatch();
    }

    void unsubscribe(std::size_t c, const std::string& id) {
        connection& k = connections[c];
        const subscription s = *find(c, id);
        leave(c, id);
        std::erase_if(k.subscriptions, [&](const subscription& x) { return x.id == id; });
        std::vector<message> back;
        for (held_message& h : k.held) {
            if (h.orphan || h.subscription != id) continue;
            if (h.transaction.empty()) back.push_back(h.m);
            h.orphan = true;
        }
        std::erase_if(k.held, [&](const held_message& h) { return h.orphan && h.transaction.empty(); });
        give_back(std::move(back));
        dispatch();
    }

    /// False: refused.
    bool publish(std::size_t c, std::string_view destination, std::string_view body) {
        if (is(destination, "/app/")) {
            application.push_back(std::to_string(c) + " " + std::string(body));
            return true;
        }
        if (is(destination, "/queue/")) {
            if (in_queue(destination) >= max_queue_messages) return false;
            put(destination, body);
            dispatch(std::string(destination));
            dispatch();
            return true;
        }
        if (!is(destination, "/topic/") || destination.find('*') != std::string_view::npos) return false;
        to_topic(destination, body);
        return true;
    }

    void to_user(const std::string& user, const std::string& destination, const std::string& body) {
        for (std::size_t c = 0; c < connections.size(); ++c) {
            if (!connections[c].open || connections[c].user != user) continue;
            for (const subscription& s : connections[c].subscriptions) {
                if (s.destination == "/user" + destination) connections[c].got.push_back(s.id + " " + body);
            }
        }
    }

    /// The numbers in `held` that ACK or NACK of this one concerns.
    std::vector<std::size_t> concerned(std::size_t c, std::size_t at) const {
        const connection& k = connections[c];
        const held_message& named = k.held[at];
        const bool cumulative = find(c, named.subscription)->mode == ack_mode::client;
        std::vector<std::size_t> out;
        for (std::size_t i = 0; i <= at; ++i) {
            const held_message& h = k.held[i];
            if (h.orphan || !h.transaction.empty() || h.subscription != named.subscription) continue;
            if (cumulative || i == at) out.push_back(i);
        }
        return out;
    }

    void settle(std::size_t c, std::size_t at, bool accept) {
        connection& k = connections[c];
        const std::string id = k.held[at].subscription;
        std::vector<message> back;
        auto which = concerned(c, at);
        for (const std::size_t i : which) back.push_back(k.held[i].m);
        for (auto i = which.rbegin(); i != which.rend(); ++i)
            k.held.erase(k.held.begin() + static_cast<std::ptrdiff_t>(*i));
        offer(c, id);
        if (!accept) give_back(std::move(back));
        dispatch();
    }

    void enlist(std::size_t c, const std::string& transaction, std::size_t at, bool accept) {
        connection& k = connections[c];
        step s{accept ? "ack" : "nack", k.held[at].subscription, {}, {}, {}};
        for (const std::size_t i : concerned(c, at)) {
            k.held[i].transaction = transaction;
            s.numbers.push_back(k.held[i].m.number);
            s.queues.push_back(k.held[i].m.queue);
        }
        k.transactions[transaction].push_back(std::move(s));
    }

    void commit(std::size_t c, const std::string& transaction) {
        connection& k = connections[c];
        const std::vector<step> steps = std::exchange(k.transactions[transaction], {});
        k.transactions.erase(transaction);
        bool fails = false;
        std::map<std::string, std::size_t> more;
        for (const step& s : steps) {
            if (s.what != "send") continue;
            const bool q = is(s.destination, "/queue/");
            fails = fails || (q && in_queue(s.destination) + more[s.destination] >= max_queue_messages) ||
                    !(q || is(s.destination, "/topic/") || s.destination == "/app/x") ||
                    (!q && s.destination.find('*') != std::string::npos);
            if (q) ++more[s.destination];
        }
        if (fails) {
            k.open = false;
            for (const auto& s : k.subscriptions) leave(c, s.id);
        }
        std::vector<message> back;
        for (const step& s : steps) {
            if (s.what == "send") {
                if (fails) continue;
                if (is(s.destination, "/queue/")) {
                    put(s.destination, s.body);
                    dispatch(s.destination);
                } else if (is(s.destination, "/topic/")) {
                    to_topic(s.destination, s.body);
                }
                continue;
            }
            for (std::size_t n = 0; n < s.numbers.size(); ++n) {
                const auto h = std::find_if(k.held.begin(), k.held.end(), [&](const held_message& x) {
                    return x.m.number == s.numbers[n] && x.m.queue == s.queues[n];
                });
                if (s.what == "nack" || fails) give_back({h->m});
                k.held.erase(h);
            }
            if (!fails) offer(c, s.destination);
        }
        dispatch();
        if (fails) return close(c);
        for (const step& s : steps) {
            if (s.what == "send" && is(s.destination, "/app/")) publish(c, s.destination, s.body);
        }
    }

    void abort(std::size_t c, const std::string& transaction) {
        connection& k = connections[c];
        k.transactions.erase(transaction);
        std::vector<message> back;
        for (held_message& h : k.held) {
            if (h.transaction != transaction) continue;
            h.transaction.clear();
            if (h.orphan) back.push_back(h.m);
        }
        std::erase_if(k.held, [](const held_message& h) { return h.orphan && h.transaction.empty(); });
        give_back(std::move(back));
        dispatch();
    }

    void close(std::size_t c) {
        connection& k = connections[c];
        k.open = false;
        for (const subscription& s : k.subscriptions) leave(c, s.id);
        k.subscriptions.clear();
        std::vector<message> back;
        for (const held_message& h : k.held) back.push_back(h.m);
        k.held.clear();
        k.transactions.clear();
        give_back(std::move(back));
        dispatch();
    }

    const subscription* find(std::size_t c, std::string_view id) const {
        for (const subscription& s : connections[c].subscriptions) {
            if (s.id == id) return &s;
        }
        return nullptr;
    }

private:
    void to_topic(std::string_view destination, std::string_view body) {
        for (connection& c : connections) {
            if (!c.open) continue;
            for (const subscription& s : c.subscriptions) {
                if (matches(s.destination, destination)) c.got.push_back(s.id + " " + std::string(body));
            }
        }
    }

    void put(std::string_view destination, std::string_view body, bool dead = false) {
        const std::string q(destination);
        waiting[q].push_back({++numbers[q], std::string(body), q, 0, dead});
    }

    void give_back(std::vector<message> messages) {
        for (message& m : messages) {
            if (m.deliveries >= max_deliveries && !m.dead) {
                if (in_queue(dead_letters) < max_queue_messages) put(dead_letters, m.body, true);
                continue;
            }
            std::vector<message>& w = waiting[m.queue];
            const auto at = std::find_if(w.begin(), w.end(), [&](const message& x) { return x.number > m.number; });
            w.insert(at, m);
        }
    }

    void leave(std::size_t c, std::string_view id) {
        for (auto& [q, line] : in_line) std::erase(line, line_entry{c, std::string(id)});
    }

    void offer(std::size_t c, const std::string& id) {
        const subscription* s = find(c, id);
        if (s == nullptr || !is(s->destination, "/queue/") || !connections[c].open) return;
        std::vector<line_entry>& line = in_line[s->destination];
        if (std::find(line.begin(), line.end(), line_entry{c, id}) != line.end()) return;
        const auto& held = connections[c].held;
        const auto n = std::count_if(held.begin(), held.end(),
                                     [&](const held_message& h) { return !h.orphan && h.subscription == id; });
        if (static_cast<std::size_t>(n) < s->window) line.emplace_back(c, id);
    }

    void dispatch() {
        for (auto& entry : waiting) dispatch(entry.first);
    }
    void dispatch(const std::string& q) {
        std::vector<message>& w = waiting[q];
        std::vector<line_entry>& line = in_line[q];
        while (!w.empty() && !line.empty()) {
            const auto [c, id] = line.front();
            line.erase(line.begin());
            message m = w.front();
            w.erase(w.begin());
            connections[c].got.push_back(id + " " + m.body + (m.dead || m.deliveries != 0 ? "*" : ""));
            ++m.deliveries;
            if (find(c, id)->mode != ack_mode::automatic)
                connections[c].held.push_back({std::move(m), id, false, {}, {}});
            offer(c, id);
        }
    }
};

/// Both, side by side.
class program {
public:
    explicit program(unsigned seed) : random_(seed), host_(options()) {
        host_.on_event = [this](const sim::broker_event& e) {
            host_.usual(e);
            if (e.kind != sim::broker_event::message) return;
            for (std::size_t i = 0; i < clients_.size(); ++i) {
                if (clients_[i]->transport.id == e.from)
                    told_.push_back(std::to_string(i) + " " + std::string(e.frame.body));
            }
        };
    }

    void run(int operations) {
        for (int n = 0; n < operations; ++n) {
            const std::string what = operate();
            INFO("operation " << n << ": " << what);
            host_.settle();
            compare();
        }
        for (std::size_t c = 0; c < clients_.size(); ++c) {
            if (model_.connections[c].open) {
                host_.cut(*clients_[c]);
                model_.close(c);
            }
        }
        compare();
        CHECK(host_.broker.stats().subscriptions == 0);
        CHECK(host_.broker.stats().connections == 0);
        CHECK(host_.broker.stats().unsettled_messages == 0);
    }

    std::map<std::string, std::size_t> done;  // how often each operation was run

private:
    static stomp::broker_options options() {
        stomp::broker_options o;
        o.window = window;
        o.max_deliveries = max_deliveries;
        o.max_queue_messages = max_queue_messages;
        return o;
    }

    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
    template <class T, std::size_t N>
    const T& any(const std::array<T, N>& of) {
        return of[below(N)];
    }

    static constexpr std::array<std::string_view, 12> places{
        "/topic/a", "/topic/a/b", "/topic/b", "/topic/*",      "/topic/a/*",    "/topic/**",
        "/queue/a", "/queue/b",   "/queue/a", "/user/queue/x", "/user/queue/y", dead_letters};
    static constexpr std::array<std::string_view, 8> targets{"/topic/a", "/topic/a/b", "/topic/b", "/queue/a",
                                                             "/queue/a", "/queue/b",   "/queue/a", "/app/x"};

    std::string operate() {
        std::vector<std::size_t> open;
        for (std::size_t i = 0; i < clients_.size(); ++i) {
            if (model_.connections[i].open) open.push_back(i);
        }
        if (open.size() < 2 || (open.size() < 5 && below(12) == 0)) return count("join", join());
        const std::size_t c = open[below(open.size())];
        const std::string who = std::to_string(c) + " ";
        switch (below(16)) {
            case 0:
            case 1: return count("subscribe", who + subscribe(c));
            case 2: return count("unsubscribe", who + unsubscribe(c));
            case 3:
            case 4:
            case 5: return count("send", who + send(c));
            case 6:
            case 7:
            case 8: return count("settle", who + settle(c));
            case 9: return count("begin", who + begin(c));
            case 10: return count("commit", who + end(c, true));
            case 11: return count("abort", who + end(c, false));
            case 12: return count("publish", publish());
            case 13: return count("to user", to_user());
            case 14: return below(5) == 0 ? count("lose", who + lose(c)) : count("send", who + send(c));
            default: return below(8) == 0 ? count("fault", who + fault(c)) : count("settle", who + settle(c));
        }
    }

    std::string count(const std::string& name, std::string text) {
        if (!text.ends_with("-")) ++done[name];
        return name + " " + std::move(text);
    }

    std::string body() { return "m" + std::to_string(++bodies_); }

    std::string join() {
        const std::string_view user = any(std::array<std::string_view, 3>{"ann", "bob", ""});
        const version v = any(stomp::all_versions);
        clients_.push_back(&host_.join(user, v));
        model_.connections.emplace_back();
        // Nobody else is like an anonymous one.
        model_.connections.back().user = user.empty() ? "#" + std::to_string(clients_.size()) : std::string(user);
        return std::string(user) + " " + std::string(to_string(v));
    }

    std::string subscribe(std::size_t c) {
        const std::string id = "s" + std::to_string(below(6));
        if (model_.find(c, id) != nullptr) return "-";
        const std::string destination(any(places));
        const ack_mode mode =
            any(std::array{ack_mode::automatic, ack_mode::client, ack_mode::client, ack_mode::client_individual});
        const std::size_t prefetch = 1 + below(5);
        // A topic's messages are not kept, so the model does not hold them: nobody acknowledges them here.
        const bool queue = naive_broker::is(destination, "/queue/");
        const ack_mode used = queue ? mode : ack_mode::automatic;
        CHECK(clients_[c]->session.subscribe(id, destination, used, {{"prefetch-count", std::to_string(prefetch)}}) ==
              errc::ok);
        model_.subscribe(c, {id, destination, used, (std::min)(prefetch, window)});
        return id + " " + destination;
    }

    std::string unsubscribe(std::size_t c) {
        const auto& all = model_.connections[c].subscriptions;
        if (all.empty()) return "-";
        const std::string id = all[below(all.size())].id;
        CHECK(clients_[c]->session.unsubscribe(id) == errc::ok);
        model_.unsubscribe(c, id);
        return id;
    }

    std::string send(std::size_t c) {
        const std::string destination(any(targets));
        const std::string text = body();
        const std::string transaction = any_transaction(c);
        if (transaction.empty()) {
            CHECK(clients_[c]->session.send(destination, text) == errc::ok);
            if (!model_.publish(c, destination, text)) model_.close(c);
        } else {
            CHECK(clients_[c]->session.send(destination, text, {{"transaction", transaction}}) == errc::ok);
            model_.connections[c].transactions[transaction].push_back({"send", destination, text, {}, {}});
        }
        return destination + " " + text + " " + transaction;
    }

    std::string settle(std::size_t c) {
        std::vector<std::size_t> candidates;
        const auto& held = model_.connections[c].held;
        for (std::size_t i = 0; i < held.size(); ++i) {
            if (!held[i].orphan && held[i].transaction.empty()) candidates.push_back(i);
        }
        if (candidates.empty()) return "-";
        const std::size_t at = candidates[below(candidates.size())];
        const bool accept = clients_[c]->session.negotiated_version() == version::v1_0 || below(2) == 0;
        const std::string text = held[at].m.body;
        const stomp::ack_handle handle = handles_.at({c, held[at].subscription + " " + text});
        const std::string transaction = any_transaction(c);
        const stomp::header extra{"transaction", transaction};
        const auto headers = std::span(&extra, transaction.empty() ? 0U : 1U);
        CHECK((accept ? clients_[c]->session.ack(handle, headers) : clients_[c]->session.nack(handle, headers)) ==
              errc::ok);
        if (transaction.empty()) {
            model_.settle(c, at, accept);
        } else {
            model_.enlist(c, transaction, at, accept);
        }
        return text + (accept ? " accepted " : " refused ") + transaction;
    }

    std::string any_transaction(std::size_t c) {
        const auto& open = model_.connections[c].transactions;
        if (open.empty() || below(3) == 0) return {};
        return std::next(open.begin(), static_cast<std::ptrdiff_t>(below(open.size())))->first;
    }

    std::string begin(std::size_t c) {
        auto& open = model_.connections[c].transactions;
        const std::string id = "t" + std::to_string(below(3));
        if (open.count(id) != 0) return "-";
        CHECK(clients_[c]->session.begin(id) == errc::ok);
        open[id];
        return id;
    }

    std::string end(std::size_t c, bool commit) {
        const auto& open = model_.connections[c].transactions;
        if (open.empty()) return "-";
        const std::string id = std::next(open.begin(), static_cast<std::ptrdiff_t>(below(open.size())))->first;
        if (commit) {
            CHECK(clients_[c]->session.commit(id) == errc::ok);
            model_.commit(c, id);
        } else {
            CHECK(clients_[c]->session.abort(id) == errc::ok);
            model_.abort(c, id);
        }
        return id;
    }

    std::string publish() {
        const std::string_view destination = targets[below(targets.size() - 1)];
        const std::string text = body();
        const bool fits = model_.publish(0, destination, text);
        CHECK(host_.broker.publish(destination, text) == (fits ? errc::ok : errc::queue_full));
        return std::string(destination) + " " + text;
    }

    std::string to_user() {
        const std::string user(any(std::array<std::string_view, 3>{"ann", "bob", "eve"}));
        const std::string destination(any(std::array<std::string_view, 2>{"/queue/x", "/queue/y"}));
        const std::string text = body();
        CHECK(host_.broker.publish_to_user(user, destination, text) == errc::ok);
        model_.to_user(user, destination, text);
        return user + " " + destination + " " + text;
    }

    std::string lose(std::size_t c) {
        const std::size_t how = below(4);
        switch (how) {
            case 0: host_.cut(*clients_[c]); break;
            case 1: CHECK(clients_[c]->session.disconnect() == errc::ok); break;
            case 2: host_.broker.close(clients_[c]->transport.id); break;
            default: host_.broker.fail(clients_[c]->transport.id, "because"); break;
        }
        model_.close(c);
        return std::to_string(how);
    }

    std::string fault(std::size_t c) {
        const std::string_view destination =
            any(std::array<std::string_view, 4>{"/topic/*", "/user/queue/x", "/nowhere", "/app/"});
        const std::string transaction = any_transaction(c);
        const std::string text = body();
        if (transaction.empty()) {
            CHECK(clients_[c]->session.send(destination, text) == errc::ok);
            model_.close(c);
        } else {  // found out at COMMIT
            CHECK(clients_[c]->session.send(destination, text, {{"transaction", transaction}}) == errc::ok);
            model_.connections[c].transactions[transaction].push_back({"send", std::string(destination), text, {}, {}});
        }
        return std::string(destination) + " " + transaction;
    }

    /// Per subscription: between two of them on one connection the order is the broker's choice.
    void compare() {
        for (std::size_t c = 0; c < clients_.size(); ++c) {
            INFO("connection " << c);
            std::vector<std::string> got;
            for (const sim::received& m : clients_[c]->take_messages()) {
                got.push_back(m.subscription + " " + m.body + (m.redelivered ? "*" : ""));
                handles_[{c, m.subscription + " " + m.body}] = m.handle;
            }
            std::vector<std::string> expected = std::exchange(model_.connections[c].got, {});
            const auto by_subscription = [](const std::string& a, const std::string& b) {
                return a.substr(0, a.find(' ')) < b.substr(0, b.find(' '));
            };
            std::stable_sort(got.begin(), got.end(), by_subscription);
            std::stable_sort(expected.begin(), expected.end(), by_subscription);
            if (model_.connections[c].open) {
                REQUIRE(got == expected);
            } else {
                // Some may not have made it out before the end.
                REQUIRE(std::includes(expected.begin(), expected.end(), got.begin(), got.end(), by_subscription));
            }
            INFO(clients_[c]->log);
            REQUIRE((clients_[c]->closed == 0) == model_.connections[c].open);
        }
        REQUIRE(std::exchange(told_, {}) == std::exchange(model_.application, {}));
        std::size_t waiting = 0;
        std::size_t held = 0;
        std::size_t subscriptions = 0;
        for (const auto& w : model_.waiting) waiting += w.second.size();
        for (const auto& k : model_.connections) {
            held += k.held.size();
            subscriptions += k.subscriptions.size();
        }
        const stomp::broker_stats s = host_.broker.stats();
        REQUIRE(s.queued_messages == waiting);
        REQUIRE(s.unsettled_messages == held);
        REQUIRE(s.subscriptions == subscriptions);
    }

    std::mt19937 random_;
    broker_host host_;
    naive_broker model_;
    std::vector<sim::client*> clients_;
    std::vector<std::string> told_;
    std::map<std::pair<std::size_t, std::string>, stomp::ack_handle> handles_;
    std::size_t bodies_ = 0;
};

}  // namespace

TEST_CASE("random programs over several clients do what a naive broker does (A-18, S-13, T-04, T-09)") {
    std::map<std::string, std::size_t> done;
    for (unsigned seed = 1; seed <= 150; ++seed) {
        INFO("seed " << seed);
        program p(seed);
        p.run(150);
        for (const auto& [name, n] : p.done) done[name] += n;
    }
    for (const char* name : {"join", "subscribe", "unsubscribe", "send", "settle", "begin", "commit", "abort",
                             "publish", "to user", "lose", "fault"}) {
        INFO(name);
        CHECK(done[name] > 50);
    }
}
