// A client session and a server session joined by a link, in virtual time: latency, partial writes and reads, a link that
// breaks at any octet. What happens is recorded as text, one line per event, so that a failure shows what differs.
#ifndef STOMP_TESTS_SUPPORT_PAIR_HPP
#define STOMP_TESTS_SUPPORT_PAIR_HPP

#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sim {

using stomp::client_event;
using stomp::errc;
using stomp::milliseconds;
using stomp::server_event;
using stomp::time_point;

constexpr time_point start{std::chrono::hours(1)};

// ---- text --------------------------------------------------------------------------------------------------

/// Printable ASCII as it is, everything else as in a C literal.
inline std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '\n') {
            out += "\\n";
        } else if (c == '\r') {
            out += "\\r";
        } else if (c == '\\') {
            out += "\\\\";
        } else if (octet < 0x20 || octet > 0x7e) {
            constexpr std::string_view digits = "0123456789abcdef";
            out += {'\\', 'x', digits[octet >> 4], digits[octet & 15]};
        } else {
            out += c;
        }
    }
    return out;
}

/// "SEND destination:/q [body]"; empty for the frame of an event that has none.
inline std::string describe(const stomp::frame_view& f) {
    std::string out = printable(f.verb.empty() ? stomp::to_string(f.command) : f.verb);
    for (const stomp::header& h : f.headers) out += " " + printable(h.name) + ":" + printable(h.value);
    if (!f.body.empty())
        out += f.body.size() > 60 ? " [" + std::to_string(f.body.size()) + " octets]" : " [" + printable(f.body) + "]";
    return out;
}

inline std::string describe(const client_event& e) {
    const auto name = [&]() -> std::string {
        switch (e.kind) {
            case client_event::connected: return "connected";
            case client_event::message: return "message";
            case client_event::reply: return "reply";
            case client_event::receipt: return "receipt";
            case client_event::unconfirmed: return "unconfirmed";
            case client_event::error: return "error";
            case client_event::closed: return "closed";
            default: return "event " + std::to_string(e.kind);
        }
    };
    std::string out = name();
    for (const std::string_view id : {e.receipt_id, e.correlation_id}) {
        if (!id.empty()) out += " " + printable(id);
    }
    if (e.kind == client_event::unconfirmed || e.kind == client_event::closed)
        out += " " + std::string(to_string(e.reason));
    if (const std::string text = describe(e.frame); !text.empty()) out += ": " + text;
    return out;
}

inline std::string describe(std::span<const std::uint64_t> tags) {
    std::string out;
    for (const std::uint64_t tag : tags) out += (out.empty() ? "" : ",") + std::to_string(tag);
    return out;
}

inline std::string describe(const server_event& e) {
    constexpr std::array<std::string_view, 10> names{"connect", "send",   "subscribe",  "unsubscribe", "ack",
                                                     "nack",    "commit", "disconnect", "custom",      "closed"};
    std::string out(names[e.kind]);
    if (e.kind == server_event::closed) out += " " + std::string(to_string(e.reason));
    if (!e.settled.empty()) out += " settled=" + describe(e.settled);
    if (const std::string text = describe(e.frame); !text.empty()) out += ": " + text;
    for (const stomp::transaction_step& s : e.steps) {
        out += "\n   step " + describe(s.frame);
        if (s.command != stomp::command::send) out += " settled=" + describe(s.settled);
    }
    return out;
}

/// All frames in a session's output, one per line; heart-beats are not shown. Fails on octets that are no frame.
inline std::string frames_in(std::string_view octets, stomp::version v) {
    stomp::parser parser;
    parser.feed(octets);
    std::string out;
    while (true) {
        const stomp::parse_status status = parser.next();
        if (status == stomp::parse_status::need_more) {
            CHECK(parser.finish() == errc::ok);
            return out;
        }
        if (status == stomp::parse_status::error) return out + "(" + std::string(to_string(parser.error())) + ")\n";
        out += describe(parser.frame()) + "\n";
        parser.set_version(v);
    }
}

/// Empty if both texts are the same; else the first lines that differ.
inline std::string difference(std::string_view actual, std::string_view expected) {
    while (!actual.empty() && !expected.empty()) {
        const auto a = actual.substr(0, actual.find('\n'));
        const auto e = expected.substr(0, expected.find('\n'));
        if (a != e) break;
        actual.remove_prefix((std::min)(a.size() + 1, actual.size()));
        expected.remove_prefix((std::min)(e.size() + 1, expected.size()));
    }
    if (actual.empty() && expected.empty()) return {};
    return "\nexpected: " + std::string(expected.substr(0, expected.find('\n'))) +
           "\nactual:   " + std::string(actual.substr(0, actual.find('\n'))) + "\n";
}

/// Octets as the specification prints them: "^@" is NUL.
inline std::string wire(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool nul = text.substr(i, 2) == "^@";
        out += nul ? '\0' : text[i];
        if (nul) ++i;
    }
    return out;
}

// ---- one end alone -----------------------------------------------------------------------------------------

/// Takes all output.
template <class Session>
std::string take_output(Session& session, time_point now = start) {
    std::string out;
    while (!session.output().empty()) {
        out += session.output();
        session.consume_output(session.output().size(), now);
    }
    return out;
}

/// A session whose peer is the test.
template <class Session, class Event>
struct lone_end {
    explicit lone_end(Session s) : session(std::move(s)) {}

    Session session;
    time_point now = start;
    std::function<void(const Event&)> on_event = [](const Event&) {};
    std::string log;
    std::size_t closed = 0;
    errc reason = errc::ok;  // of closed

    std::string poll() {
        while (const auto e = session.poll_event()) {
            log += describe(*e) + "\n";
            if (e->kind == Event::closed) {
                ++closed;
                reason = e->reason;
            }
            on_event(*e);
        }
        return std::exchange(log, {});
    }

    /// Receives and polls; returns the events.
    std::string feed(std::string_view text) {
        const std::string octets = wire(text);
        CHECK(session.receive(octets, now) == errc::ok);
        return poll();
    }

    std::string output() { return take_output(session, now); }
    std::string frames(stomp::version v = stomp::version::v1_2) { return frames_in(output(), v); }

    /// Time passes, in one step.
    std::string wait(milliseconds ms) {
        now += ms;
        session.handle_timeout(now);
        return poll();
    }

    std::string lose() {
        session.transport_closed(now);
        return poll();
    }
};

inline std::string connect_frame(stomp::version v, std::string_view extra = {}) {
    return "CONNECT\naccept-version:" + std::string(to_string(v)) + "\nhost:h\n" + std::string(extra) + "\n^@";
}

struct lone_server : lone_end<stomp::server_session, server_event> {
    explicit lone_server(stomp::server_options o = {}) : lone_end(stomp::server_session(std::move(o), start)) {
        on_event = [this](const server_event& e) {
            if (e.kind == server_event::connect) CHECK(session.accept("s") == errc::ok);
            if (e.kind == server_event::subscribe) subscription = e.subscription;
            if (also) also(e);
        };
    }

    lone_server(lone_server&&) = delete;  // on_event points here

    stomp::subscription_handle subscription;  // the newest
    std::function<void(const server_event&)> also;

    /// CONNECT and CONNECTED, neither in the log nor in the output afterwards.
    void open(stomp::version v = stomp::version::v1_2, std::string_view extra = {}) {
        feed(connect_frame(v, extra));
        output();
        REQUIRE(session.state() == stomp::server_state::connected);
        REQUIRE(session.negotiated_version() == v);
    }
};

struct lone_client : lone_end<stomp::client_session, client_event> {
    explicit lone_client(stomp::client_options o = {.host = "h"})
        : lone_end(stomp::client_session(std::move(o), start)) {}

    void open(stomp::version v = stomp::version::v1_2, std::string_view extra = {}) {
        output();
        feed("CONNECTED\nversion:" + std::string(to_string(v)) + "\n" + std::string(extra) + "\n^@");
        REQUIRE(session.state() == stomp::client_state::connected);
    }
};

// ---- the link ----------------------------------------------------------------------------------------------

struct link_options {
    milliseconds latency{0};               // one way
    std::size_t write_size = SIZE_MAX;     // the most that a transport takes at once
    std::size_t read_size = SIZE_MAX;      // the most that it hands over at once
    std::size_t cut_to_server = SIZE_MAX;  // the link breaks once so many octets have arrived …
    std::size_t cut_to_client = SIZE_MAX;
    bool by_frame = false;     // one frame per write, as for WebSocket
    bool into_buffer = false;  // input_buffer() and commit_input() instead of receive()
};

class connection_pair {
public:
    explicit connection_pair(stomp::client_options c = {.host = "h"}, stomp::server_options s = {}, link_options l = {})
        : client(std::move(c), start), server(s, start), server_options_(std::move(s)), link_(l) {
        on_server = [this](const server_event& e) {
            if (e.kind == server_event::connect) CHECK((server.accept("s") == errc::ok || broken));
        };
    }

    connection_pair(connection_pair&&) = delete;  // on_server points here

    stomp::client_session client;
    stomp::server_session server;
    time_point now = start;

    /// What the applications do with an event. The server's accepts every client, as session "s", unless told otherwise.
    std::function<void(const client_event&)> on_client = [](const client_event&) {};
    std::function<void(const server_event&)> on_server;
    /// A host that stops doing these things.
    bool client_writes = true, server_writes = true, client_reads = true, server_reads = true;
    bool client_polls = true, server_polls = true;

    std::string log;
    std::string to_server, to_client;                  // all octets that were written
    std::size_t client_closed = 0, server_closed = 0;  // events
    bool broken = false;

    milliseconds elapsed() const { return std::chrono::duration_cast<milliseconds>(now - start); }

    /// The text recorded since the last call.
    std::string take_log() { return std::exchange(log, {}); }

    /// Lets everything happen that happens without time passing.
    void settle() {
        for (int rounds = 0; step(); ++rounds) {
            if (rounds > 10'000) FAIL("something spins");
        }
    }

    void advance(milliseconds by) {
        const time_point until = now + by;
        while (true) {
            settle();
            const auto next = next_happening();
            if (!next || *next > until) break;
            now = (std::max)(now, *next);
        }
        now = until;
        settle();
    }

    /// Until nothing is to be expected from either end, or the time is over.
    void finish(milliseconds most = milliseconds(1'000'000)) {
        const time_point until = now + most;
        for (settle(); now < until; settle()) {
            const auto next = next_happening();
            if (!next) return;
            now = (std::max)(now, *next);
        }
    }

    void break_link() {
        broken = true;
        for (pipe* p : {&up_, &down_}) *p = pipe{};
        client.transport_closed(now);
        server.transport_closed(now);
        settle();
    }

    /// A new server and a new link for a client that starts again.
    void reconnect(link_options l = {}) {
        link_ = l;
        broken = false;
        up_ = down_ = pipe{};
        to_server.clear();
        to_client.clear();
        server = stomp::server_session(server_options_, now);
        server_closed = 0;
        client.restart(now);
    }

    static std::optional<time_point> earlier(std::optional<time_point> a, std::optional<time_point> b) {
        if (!a || !b) return a ? a : b;
        return (std::min)(*a, *b);
    }

private:
    struct pipe {
        std::deque<std::pair<time_point, std::string>> chunks;
        std::size_t carried = 0;
        bool ended = false;  // the writer has said all
        bool end_told = false;
        time_point end_at{};
    };

    template <class Session>
    bool write(Session& from, pipe& p, std::string& record) {
        if (broken || p.ended) return false;
        bool any = false;
        while (true) {
            std::array<std::string_view, 4> chunks;
            const std::size_t n = link_.by_frame ? from.output_frame(chunks) : from.output(std::span(chunks).first(1));
            std::string octets;
            for (std::size_t i = 0; i < n; ++i) octets += chunks[i];
            octets.resize((std::min)(octets.size(), link_.write_size));
            if (octets.empty()) break;
            from.consume_output(octets.size(), now);
            record += octets;
            p.chunks.emplace_back(now + link_.latency, std::move(octets));
            any = true;
        }
        if (from.finished() || from.output_finished()) {
            p.ended = any = true;
            p.end_at = now + link_.latency;
        }
        return any;
    }

    template <class Session>
    bool read(Session& to, pipe& p, std::size_t cut) {
        bool any = false;
        while (!broken) {
            if (p.carried >= cut) {
                break_link();
                return true;
            }
            if (p.chunks.empty() || p.chunks.front().first > now) break;
            std::string& octets = p.chunks.front().second;
            std::size_t n = (std::min)({octets.size(), link_.read_size, cut - p.carried});
            if (to.finished()) {
                n = octets.size();  // nobody is there to read it
            } else if (link_.into_buffer) {
                const std::span<char> space = to.input_buffer(1);
                if (space.empty() == to.wants_input()) FAIL("input_buffer() and wants_input() disagree");
                n = (std::min)(n, space.size());
                if (n == 0) break;
                std::memcpy(space.data(), octets.data(), n);
                to.commit_input(n, now);
            } else {
                const bool wanted = to.wants_input();
                const errc e = to.receive(std::string_view(octets).substr(0, n), now);
                if (e != (wanted ? errc::ok : errc::input_full)) FAIL("receive() and wants_input() disagree");
                if (!wanted) break;
            }
            any = true;
            p.carried += n;
            octets.erase(0, n);
            if (octets.empty()) p.chunks.pop_front();
        }
        if (!broken && p.ended && !p.end_told && p.chunks.empty() && p.end_at <= now) {
            p.end_told = any = true;
            to.transport_closed(now);
        }
        return any;
    }

    bool poll_client() {
        bool any = false;
        while (const auto e = client.poll_event()) {
            any = true;
            log += "C " + describe(*e) + "\n";
            if (client_closed == client.epoch()) FAIL("an event after closed");
            if (e->kind == client_event::closed) ++client_closed;
            on_client(*e);
        }
        return any;
    }

    bool poll_server() {
        bool any = false;
        while (const auto e = server.poll_event()) {
            any = true;
            log += "S " + describe(*e) + "\n";
            if (server_closed != 0) FAIL("an event after closed");
            if (e->kind == server_event::closed) ++server_closed;
            on_server(*e);
        }
        return any;
    }

    template <class Session>
    bool time_out(Session& s) {
        const auto due = s.next_timeout();
        if (!due || *due > now) return false;
        s.handle_timeout(now);
        return true;
    }

    bool step() {
        bool any = false;
        if (client_writes) any |= write(client, up_, to_server);
        if (server_writes) any |= write(server, down_, to_client);
        if (server_reads) any |= read(server, up_, link_.cut_to_server);
        if (client_reads) any |= read(client, down_, link_.cut_to_client);
        if (server_polls) any |= poll_server();
        if (client_polls) any |= poll_client();
        any |= time_out(client);
        any |= time_out(server);
        return any;
    }

    std::optional<time_point> next_happening() const {
        auto next = earlier(client.next_timeout(), server.next_timeout());
        const auto arrival = [&](const pipe& p, bool reads) {
            if (!reads || broken) return;
            if (!p.chunks.empty() && p.chunks.front().first > now) next = earlier(next, p.chunks.front().first);
            if (p.ended && !p.end_told && p.end_at > now) next = earlier(next, p.end_at);
        };
        arrival(up_, server_reads);
        arrival(down_, client_reads);
        return next;
    }

    stomp::server_options server_options_;
    link_options link_;
    pipe up_, down_;
};

}  // namespace sim

#endif
