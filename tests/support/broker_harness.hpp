// A broker with its host and any number of clients, in virtual time: sessions of this library, and lines on which the test
// itself speaks. The host learns what to do from poll_changed() alone, as one with 10,000 sockets would.
#ifndef STOMP_TESTS_SUPPORT_BROKER_HARNESS_HPP
#define STOMP_TESTS_SUPPORT_BROKER_HARNESS_HPP

#include <stomp/broker.hpp>
#include <stomp/client.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sim {

using stomp::broker_event;
using stomp::connection_id;

inline std::string describe(const broker_event& e) {
    constexpr std::array<std::string_view, 5> names{"connect", "message", "subscribed", "unsubscribed", "closed"};
    std::string out(names[e.kind]);
    if (e.kind == broker_event::closed) out += " " + std::string(to_string(e.reason));
    if (const std::string text = describe(e.frame); !text.empty()) out += ": " + text;
    return out;
}

/// A transport, seen from the client: what it writes, what it has been sent.
struct line {
    connection_id id;
    std::string to_broker;           // written, not yet received
    std::string from_broker;         // received, in all, until taken
    std::size_t chunk = SIZE_MAX;    // the most that passes at once, each way
    std::size_t accepts = SIZE_MAX;  // octets that the client's end still takes: a slow reader
    bool writable = false;           // the host has something to write
    bool ended = false;              // the broker has said all
    bool open = true;

    void say(std::string_view text) { to_broker += wire(text); }
    /// The frames received since the last call, one per line.
    std::string heard(stomp::version v = stomp::version::v1_2) { return frames_in(std::exchange(from_broker, {}), v); }
};

struct received {
    std::string subscription;
    std::string destination;
    std::string body;
    bool redelivered = false;
    stomp::frame frame;
    stomp::ack_handle handle;
};

/// A session of this library on a line.
struct client {
    client(stomp::client_options o, time_point now, line& l) : session(std::move(o), now), transport(l) {}

    stomp::client_session session;
    line& transport;
    std::string log;                 // all events but messages, one per line
    std::vector<received> messages;  // until taken
    std::function<void(const client_event&)> on_event = [](const client_event&) {};
    std::size_t closed = 0;

    std::string take_log() { return std::exchange(log, {}); }
    std::vector<received> take_messages() { return std::exchange(messages, {}); }
    /// "a b c": the bodies of the messages received, `*` behind those that say redelivered.
    std::string bodies() {
        std::string out;
        for (const received& m : take_messages()) out += (out.empty() ? "" : " ") + m.body + (m.redelivered ? "*" : "");
        return out;
    }
};

class broker_host {
public:
    explicit broker_host(stomp::broker_options o = {}) : broker(std::move(o)) {
        on_event = [this](const broker_event& e) { usual(e); };
    }
    broker_host(broker_host&&) = delete;  // on_event points here

    stomp::broker broker;
    time_point now = start;
    /// What the application does. By default every login is accepted as the user's name.
    std::function<void(const broker_event&)> on_event;
    std::string log;          // what the application saw, "connect" left out
    std::size_t changes = 0;  // ids that poll_changed() has returned

    void usual(const broker_event& e) {
        if (e.kind == broker_event::connect) {
            CHECK(broker.accept(e.from, e.frame.get_or("login")) == errc::ok);
        }
    }
    std::string take_log() { return std::exchange(log, {}); }

    line& dial(std::span<const stomp::version> allowed = {}) {
        const connection_id id = broker.open(now, allowed);
        REQUIRE(id);
        lines_.push_back(std::make_unique<line>());
        lines_.back()->id = id;
        if (by_slot_.size() <= id.slot) by_slot_.resize(id.slot + 1);
        by_slot_[id.slot] = lines_.back().get();
        return *lines_.back();
    }
    /// A line with a session behind it; settled, and so connected where nobody objects.
    client& join(std::string_view login = {}, stomp::version v = stomp::version::v1_2, stomp::client_options o = {}) {
        if (o.host.empty()) o.host = "h";
        o.login = login;
        o.versions = {v};
        clients_.push_back(std::make_unique<client>(std::move(o), now, dial()));
        settle();
        return *clients_.back();
    }
    /// A line on which CONNECT has been said and CONNECTED heard.
    line& raw(std::string_view login = {}, stomp::version v = stomp::version::v1_2, std::string_view extra = {}) {
        line& l = dial();
        const std::string who = login.empty() ? std::string() : "login:" + std::string(login) + "\n";
        l.say(connect_frame(v, who + std::string(extra)));
        settle();
        REQUIRE(l.heard(v).starts_with("CONNECTED "));
        return l;
    }

    /// The transport breaks.
    void cut(line& l) {
        if (!l.open) return;
        l.open = false;
        broker.transport_closed(l.id, now);
        broker.forget(l.id);
        for (auto& c : clients_) {
            if (&c->transport == &l) c->session.transport_closed(now);
        }
        settle();
    }
    void cut(client& c) { cut(c.transport); }

    /// Lets everything happen that happens without time passing.
    void settle() {
        for (int rounds = 0; step(); ++rounds) REQUIRE(rounds < 100'000);  // else something spins
    }
    void advance(milliseconds by) {
        const time_point until = now + by;
        while (true) {
            settle();
            auto next = broker.next_timeout();
            for (const auto& c : clients_) next = connection_pair::earlier(next, c->session.next_timeout());
            if (!next || *next > until) break;
            now = (std::max)(now, *next);
        }
        now = until;
        settle();
    }

    /// One line of the broker's numbers.
    std::string numbers() const {
        const stomp::broker_stats s = broker.stats();
        return "queued " + std::to_string(s.queued_messages) + " unsettled " + std::to_string(s.unsettled_messages) +
               " queues " + std::to_string(s.queues) + " subscriptions " + std::to_string(s.subscriptions);
    }

private:
    line* line_of(connection_id id) const {
        line* l = id.slot < by_slot_.size() ? by_slot_[id.slot] : nullptr;
        return l != nullptr && l->id == id ? l : nullptr;
    }

    void poll() {
        while (const auto e = broker.poll_event()) {
            if (e->kind != broker_event::connect) log += describe(*e) + "\n";
            on_event(*e);
        }
        while (const auto id = broker.poll_changed()) {
            ++changes;
            if (line* l = line_of(*id)) l->writable = true;
        }
    }

    /// From a client to the broker.
    bool carry_up(line& l) {
        bool any = false;
        while (l.open && !l.to_broker.empty() && broker.wants_input(l.id)) {
            const std::size_t n = (std::min)(l.to_broker.size(), l.chunk);
            CHECK(broker.receive(l.id, std::string_view(l.to_broker).substr(0, n), now) == errc::ok);
            l.to_broker.erase(0, n);
            any = true;
            if (l.chunk != SIZE_MAX) poll();
        }
        return any;
    }

    bool carry_down(line& l) {
        if (!l.open || !l.writable) return false;
        bool any = false;
        while (true) {
            const std::string_view next = broker.output(l.id);
            const std::size_t n = (std::min)({next.size(), l.chunk, l.accepts});
            if (n == 0) break;
            l.from_broker += next.substr(0, n);
            if (l.accepts != SIZE_MAX) l.accepts -= n;
            broker.consume_output(l.id, n, now);
            any = true;
        }
        l.writable = l.accepts == 0;  // the socket will tell when there is room again
        if (broker.output_finished(l.id) && !std::exchange(l.ended, true)) any = true;
        if (broker.finished(l.id)) {
            l.open = false;
            l.ended = any = true;
            broker.forget(l.id);
        }
        return any;
    }

    bool run(client& c) {
        bool any = false;
        line& l = c.transport;
        while (!c.session.output().empty()) {
            l.to_broker += c.session.output();
            c.session.consume_output(c.session.output().size(), now);
            any = true;
        }
        if (!l.from_broker.empty() && c.session.wants_input()) {
            CHECK(c.session.receive(l.from_broker, now) == errc::ok);
            l.from_broker.clear();
            any = true;
        }
        if (l.ended && l.from_broker.empty() && !c.session.finished()) {
            c.session.transport_closed(now);
            any = true;
        }
        while (const auto e = c.session.poll_event()) {
            any = true;
            if (e->kind == client_event::message || e->kind == client_event::reply) {
                const stomp::frame_view& f = e->frame;
                c.messages.push_back({std::string(f.get_or("subscription")), std::string(f.get_or("destination")),
                                      std::string(f.body), f.get_or("redelivered") == "true", stomp::frame(f),
                                      stomp::ack_handle(*e)});
            } else {
                c.log += describe(*e) + "\n";
            }
            if (e->kind == client_event::closed) ++c.closed;
            c.on_event(*e);
        }
        if (l.open && c.session.finished() && l.to_broker.empty()) {
            l.open = false;
            broker.transport_closed(l.id, now);
            broker.forget(l.id);
            any = true;
        }
        const auto due = c.session.next_timeout();
        if (due && *due <= now) {
            c.session.handle_timeout(now);
            any = true;
        }
        return any;
    }

    bool step() {
        bool any = false;
        for (auto& c : clients_) any |= run(*c);
        for (std::size_t i = 0; i < lines_.size(); ++i) any |= carry_up(*lines_[i]);
        poll();
        for (std::size_t i = 0; i < lines_.size(); ++i) any |= carry_down(*lines_[i]);
        const auto due = broker.next_timeout();
        if (due && *due <= now) {
            broker.handle_timeout(now);
            any = true;
        }
        return any;
    }

    std::vector<std::unique_ptr<line>> lines_;
    std::vector<line*> by_slot_;
    std::vector<std::unique_ptr<client>> clients_;
};

}  // namespace sim

#endif
