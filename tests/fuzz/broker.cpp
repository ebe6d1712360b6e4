// A broker with several clients under a program of everything that they, the host and the application can do, in any order.
//
// Input: an octet of settings, then operations of one octet each, some followed by parameters (see the switch).
#include <stomp/broker.hpp>

#include "support/fuzz_session.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using fuzz::require;
using stomp::broker_event;
using stomp::connection_id;
using stomp::errc;
using stomp::version;

namespace {

class host {
public:
    host(const std::uint8_t* data, std::size_t size)
        : program_(data, size), setting_(program_.octet()), broker_(options_of(setting_)) {}

    void run() {
        for (int n = 0; !program_.done() && n < 2000; ++n) {
            step();
            const stomp::broker_stats s = broker_.stats();
            require(s.connections <= 6, "more than max_connections");
            require(s.queues <= 4 + 1, "more than max_queues");
            require(s.queued_messages + s.unsettled_messages <= s.queues * 6, "more than max_queue_messages");
            require(s.backlog_messages <= 6 * 4, "more than max_backlog_messages");
        }
        for (auto& c : connections_) lose(*c);
        while (poll()) {
        }
        look();
        const stomp::broker_stats s = broker_.stats();
        require(s.connections == 0, "a connection that is not gone");
        require(s.subscriptions == 0, "a subscription without a connection");
        require(s.unsettled_messages == 0, "an unsettled message without a consumer");
        require(s.backlog_messages == 0, "a backlog without a connection");
        require((s.queues == 0) == (s.queued_messages == 0), "queues without messages, or the other way round");
        require(s.queued_messages != 0 || s.queued_bytes == 0, "octets of no message");
        for (const auto& c : connections_) require(c->closed == 1, "not exactly one closed event");
        // What is left can be had, in order, by somebody new.
        now_ += std::chrono::hours(1);
        broker_.handle_timeout(now_);
        require(!broker_.next_timeout(), "a deadline without a connection");
    }

private:
    struct connection {
        connection_id id;
        fuzz::reader reader;
        std::optional<version> spoken;                    // once CONNECTED has been read
        std::deque<std::array<std::string, 3>> messages;  // ack, message-id, subscription
        std::set<std::string> ids;
        bool error = false;
        bool lost = false;
        int closed = 0;
        std::size_t known_unsent = 0;  // as poll_changed() has told
    };

    static stomp::broker_options options_of(std::uint8_t setting) {
        stomp::broker_options o;
        o.session.limits = fuzz::small_limits();
        o.session.limits.max_unsettled = 8;
        o.session.limits.max_unsettled_bytes = 4096;
        o.session.limits.max_subscriptions = 4;
        o.session.before_login.max_input = 1024;
        if ((setting & 1) != 0) o.session.heart_beat = {std::chrono::seconds(1), std::chrono::seconds(1)};
        o.slow = static_cast<stomp::slow_consumer>((setting >> 1 & 3) % 3);
        o.subscription_events = (setting & 8) != 0;
        o.max_connections = 6;
        o.max_queues = 4;
        o.max_queue_messages = 6;
        o.max_queue_bytes = 8192;
        o.window = 2;
        o.max_deliveries = (setting & 16) != 0 ? 0 : 2;
        if ((setting & 32) != 0) o.dead_letter.clear();
        o.max_backlog_messages = 4;
        o.max_backlog_bytes = 4096;
        o.low_water = 1024;
        if ((setting & 64) != 0) {
            o.authorize = [](std::string_view user, stomp::broker_action, std::string_view destination) {
                return user != "b" || destination != "/queue/a";
            };
        }
        return o;
    }

    std::string_view destination() {
        static constexpr std::array<std::string_view, 16> all{
            "/topic/a",  "/topic/b", "/topic/a/b",         "/topic/*", "/topic/**", "/topic/a/*",
            "/queue/a",  "/queue/b", "/queue/c",           "/queue/d", "/app/a",    "/user/q/a",
            "/user/q/b", "/nowhere", "/queue/dead-letter", "/topic/"};
        return all[program_.octet() % all.size()];
    }

    connection& any() {
        const std::size_t which = program_.octet();
        return connections_.empty()
                   ? nobody_
                   : *connections_[connections_.size() - 1 - which % (std::min<std::size_t>)(connections_.size(), 8)];
    }

    connection* of(connection_id id) {
        for (auto& c : connections_) {
            if (c->id == id) return c.get();
        }
        return nullptr;
    }

    void receive(connection& c, std::string_view octets) {
        const bool wanted = broker_.wants_input(c.id);
        const bool known = broker_.session(c.id) != nullptr;
        if ((program_size_ += 1) % 2 == 0) {
            const auto space = broker_.input_buffer(c.id, octets.size());
            require(space.empty() || wanted, "room where no input is wanted");
            if (space.size() < octets.size() || octets.empty()) return;
            std::memcpy(space.data(), octets.data(), octets.size());
            broker_.commit_input(c.id, octets.size(), now_);
        } else {
            const errc e = broker_.receive(c.id, octets, now_);
            require(e == (!known ? errc::unknown_connection : wanted ? errc::ok : errc::input_full), "receive()");
        }
    }

    void say(connection& c, const std::string& text) { receive(c, text + '\0'); }

    void open() {
        static constexpr std::array versions{version::v1_0, version::v1_1, version::v1_2};
        const std::uint8_t how = program_.octet();
        const auto id =
            (how & 16) != 0 ? broker_.open(now_, std::span(versions).first(1 + how % 2)) : broker_.open(now_);
        require(static_cast<bool>(id) == (broker_.stats().connections <= 6 && id), "open()");
        if (!id) return;
        require(of(id) == nullptr, "an id that has been used before");
        connections_.push_back(std::make_unique<connection>());
        connection& c = *connections_.back();
        c.id = id;
        if ((how & 32) != 0) return;
        say(c, "CONNECT\naccept-version:" + std::string(to_string(versions[how % 3])) + "\nhost:h\nlogin:" +
                   std::string(how % 4 == 0   ? ""
                               : how % 4 == 1 ? "a"
                                              : "b") +
                   "\nheart-beat:1000,1000\n\n");
        if ((how & 64) == 0) {
            while (poll()) {
            }
            read(c, SIZE_MAX, false);
        }
    }

    void lose(connection& c) {
        c.lost = true;
        broker_.transport_closed(c.id, now_);
        broker_.forget(c.id);
    }

    bool poll() {
        const auto e = broker_.poll_event();
        if (!e) return false;
        connection* const c = of(e->from);
        require(c != nullptr, "an event of nobody");
        require(c->closed == 0, "an event after closed");
        switch (e->kind) {
            case broker_event::connect: {
                if ((setting_ & 128) != 0 && e->frame.get_or("login") == "a") {
                    broker_.reject(e->from, "no");
                } else {
                    // A client that is gone already cannot be accepted.
                    const errc a = broker_.accept(e->from, e->frame.get_or("login"));
                    require(a == errc::ok || (a == errc::invalid_state && broker_.finished(e->from)), "accept()");
                }
                break;
            }
            case broker_event::message:
                require(e->frame.get_or("destination").starts_with("/app/"),
                        "a message that is not for the application");
                switch (++answers_ % 6) {
                    case 0: broker_.fail(e->from, "no"); break;
                    case 1:
                        broker_.forget(e->from);
                        c->lost = true;
                        break;
                    case 2: broker_.close(e->from); break;
                    default: break;
                }
                static_cast<void>(broker_.reply(*e, "re"));
                require(e->frame.command == stomp::command::send, "a view that has changed");
                break;
            case broker_event::closed: ++c->closed; break;
            default: require((setting_ & 8) != 0, "an event that nobody asked for"); break;
        }
        if (e->kind == broker_event::closed && c->lost) broker_.forget(e->from);
        return true;
    }

    void look() {
        std::set<std::uint32_t> told;
        while (const auto id = broker_.poll_changed()) {
            require(told.insert(id->slot).second, "an id twice in a row");
            require(broker_.session(*id) != nullptr, "an id that is gone has changed");
            connection* const c = of(*id);
            require(c != nullptr && !c->lost, "an id that nobody has");
            c->known_unsent = broker_.session(*id)->unsent();
        }
        for (const auto& c : connections_) {
            if (const auto* s = broker_.session(c->id); s != nullptr && !c->lost) {
                require(s->unsent() == c->known_unsent, "output that poll_changed() has not told of");
            }
        }
    }

    /// What the client reads is STOMP, and makes sense.
    void read(connection& c, std::size_t most, bool frame) {
        std::array<std::string_view, 4> chunks;
        while (most != 0) {
            const std::size_t n = frame ? broker_.output_frame(c.id, chunks) : broker_.output(c.id, chunks);
            std::string octets;
            for (std::size_t i = 0; i < n; ++i) octets += chunks[i];
            octets.resize((std::min)(octets.size(), most));
            if (octets.empty()) return;
            most -= octets.size();
            // What was known of is taken, more may come: that has to be told.
            const std::size_t before = broker_.session(c.id)->unsent();
            broker_.consume_output(c.id, octets.size(), now_);
            if (c.known_unsent == before) c.known_unsent -= octets.size();
            c.reader.read(octets, [&](const stomp::frame_view& f) { heard(c, f); });
            if (frame) return;
        }
    }

    void heard(connection& c, const stomp::frame_view& f) {
        require(!c.error, "something after ERROR");
        switch (f.command) {
            case stomp::command::connected:
                require(!c.spoken, "CONNECTED twice");
                c.spoken = broker_.session(c.id)->negotiated_version();
                c.reader.set_version(c.spoken);
                break;
            case stomp::command::error: c.error = true; break;
            case stomp::command::receipt: require(f.get("receipt-id").has_value(), "RECEIPT without id"); break;
            case stomp::command::message: {
                require(c.spoken.has_value(), "MESSAGE before CONNECTED");
                const std::string id(f.get_or("message-id"));
                require(c.ids.insert(id).second, "a message-id twice");
                c.messages.push_back({std::string(f.get_or("ack")), id, std::string(f.get_or("subscription"))});
                // Numbered bodies are of this program's own queues: all deliveries but the first are marked. Which one is
                // read first says nothing: it may have waited in the output of a connection that has ended.
                if (f.body.starts_with("#") && f.get_or("redelivered") != "true") {
                    require(unmarked_.insert(std::string(f.body)).second, "delivered twice without a mark");
                }
                require(!f.get("transaction") && !f.get("receipt"), "a private header forwarded");
                break;
            }
            default: require(false, "a frame that no server sends");
        }
    }

    void settle(connection& c, bool accept, bool newest) {
        if (c.messages.empty() || !c.spoken) return;
        const auto m = newest ? c.messages.back() : c.messages.front();
        if (newest) {
            c.messages.pop_back();
        } else {
            c.messages.pop_front();
        }
        std::string text = accept ? "ACK\n" : "NACK\n";
        if (*c.spoken == version::v1_2) {
            text += "id:" + m[0] + "\n";
        } else {
            text += "message-id:" + m[1] + "\nsubscription:" + m[2] + "\n";
        }
        say(c, text + transaction() + "\n");
    }

    std::string transaction() {
        const std::uint8_t which = program_.octet() % 6;
        return which < 2 ? "transaction:t" + std::to_string(which) + "\n" : std::string();
    }

    void step() {
        const std::uint8_t op = program_.octet();
        switch (op % 24) {
            case 0: open(); break;
            case 1: {
                connection& c = any();
                const std::uint8_t how = program_.octet();
                static constexpr std::array<std::string_view, 3> modes{"auto", "client", "client-individual"};
                say(c, "SUBSCRIBE\nid:" + std::to_string(how % 5) + "\ndestination:" + std::string(destination()) +
                           "\nack:" + std::string(modes[(how >> 3) % 3]) + "\nprefetch-count:" +
                           std::to_string(how >> 6) + "\n" + (op > 127 ? "receipt:r\n" : "") + "\n");
                break;
            }
            case 2: {
                connection& c = any();
                say(c, "UNSUBSCRIBE\nid:" + std::to_string(program_.octet() % 5) + "\n\n");
                break;
            }
            case 3:
            case 4: {
                connection& c = any();
                const std::string_view to = destination();
                const bool queue = to.starts_with("/queue/");
                const std::size_t size = program_.octet();
                say(c, "SEND\ndestination:" + std::string(to) + "\n" + transaction() + (op > 127 ? "receipt:r\n" : "") +
                           (size % 3 == 0 ? "reply-to:/user/q/a\n" : "") + "\n" +
                           (queue ? "#" + std::to_string(++number_) : std::string()) + std::string(size, 'x'));
                break;
            }
            case 5: settle(any(), true, op > 127); break;
            case 6: settle(any(), false, op > 127); break;
            case 7:
            case 8:
            case 9: {
                static constexpr std::array<std::string_view, 3> verbs{"BEGIN", "COMMIT", "ABORT"};
                connection& c = any();
                say(c, std::string(verbs[op % 24 - 7U]) + "\ntransaction:t" + std::to_string(program_.octet() % 2) +
                           "\n\n");
                break;
            }
            case 10: receive(any(), program_.octets()); break;
            case 11: {
                connection& c = any();
                say(c, op > 127 ? "DISCONNECT\nreceipt:r\n\n" : "DISCONNECT\n\n");
                break;
            }
            case 12: poll(); break;
            case 13:
                while (poll()) {
                }
                look();
                break;
            case 14: {
                connection& c = any();
                read(c, program_.octet(), false);
                break;
            }
            case 15: read(any(), SIZE_MAX, false); break;
            case 16: read(any(), SIZE_MAX, true); break;
            case 17: lose(any()); break;
            case 18: {
                connection& c = any();
                switch (program_.octet() % 4) {
                    case 0: broker_.close(c.id); break;
                    case 1: broker_.fail(c.id, program_.text()); break;
                    case 2: broker_.reject(c.id, program_.text()); break;
                    default: broker_.transport_closed(c.id, now_); break;
                }
                break;
            }
            case 19:
                now_ += std::chrono::milliseconds(program_.octet() * 50);
                broker_.handle_timeout(now_);
                break;
            case 20: {
                const std::string_view to = destination();
                const std::string body = to.starts_with("/queue/") ? "#" + std::to_string(++number_) : std::string("x");
                const errc e =
                    broker_.publish(to, body + std::string(program_.octet() * 4U, 'x'), {{"k", program_.text()}});
                require(e == errc::ok || e == errc::bad_destination || e == errc::queue_full ||
                            e == errc::frame_too_large || e == errc::not_representable,
                        "publish()");
                break;
            }
            case 21: static_cast<void>(broker_.publish_to_user(op > 127 ? "a" : "b", "q/a", program_.text())); break;
            case 22: {
                stomp::broker other(std::move(broker_));
                broker_ = std::move(other);
                break;
            }
            default:
                while (poll()) {
                }
                for (auto& c : connections_) read(*c, SIZE_MAX, false);
                while (poll()) {
                }
                broker_.handle_timeout(now_);
                look();
        }
    }

    stomp::time_point now_{std::chrono::hours(1)};
    fuzz::program program_;
    std::uint8_t setting_;
    stomp::broker broker_;
    std::vector<std::unique_ptr<connection>> connections_;
    connection nobody_;  // before there is any: an id that names none
    std::set<std::string> unmarked_;
    std::size_t number_ = 0;
    std::size_t answers_ = 2;
    std::size_t program_size_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    host(data, size).run();
    return 0;
}
