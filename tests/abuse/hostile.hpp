// The other end of a session, played by a test: octets go in as they come, events and output are counted, nothing is
// kept unless asked for, so that the heap can be watched meanwhile.
#ifndef STOMP_TESTS_ABUSE_HOSTILE_HPP
#define STOMP_TESTS_ABUSE_HOSTILE_HPP

#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hostile {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using stomp::errc;

/// A literal with its NULs.
template <std::size_t N>
std::string octets(const char (&text)[N]) {
    return std::string(text, N - 1);
}

inline std::string repeat(std::string_view text, std::size_t times) {
    std::string all;
    all.reserve(text.size() * times);
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
}

inline std::size_t count(std::string_view text, std::string_view part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++n;
    return n;
}

inline std::string connect(std::string_view version = "1.2", std::string_view more = {}) {
    return "CONNECT\naccept-version:" + std::string(version) + "\nhost:h\n" + std::string(more) + "\n" + '\0';
}

inline constexpr std::size_t whole = static_cast<std::size_t>(-1);

/// What both ends have in common.
template <class Session, class Event>
class driver {
public:
    stomp::time_point now{};
    Session session;
    std::function<void(const Event&)> on_event;
    bool reads_output = true;  // the peer takes what the session writes
    bool keeps_output = true;  // in `written`
    std::string written;
    std::size_t errors = 0;  // ERROR frames written
    std::size_t closed = 0;  // `closed` events
    errc reason = errc::ok;  // of the last of them
    std::size_t fed = 0;     // octets that the session took

    std::size_t seen(typename Event::kind_type kind) const { return events_[kind]; }

    /// The peer writes: the session takes it in pieces, and is polled after each. Returns how much it took.
    std::size_t feed(std::string_view bytes, std::size_t piece = whole) {
        std::size_t taken = 0;
        do {
            const std::string_view next = bytes.substr(taken, piece);
            if (session.receive(next, now) != errc::ok) break;
            taken += next.size();
            settle();
        } while (taken < bytes.size());
        fed += taken;
        return taken;
    }

    /// Polls and writes until nothing happens.
    void settle() {
        do {
            while (const auto event = session.poll_event()) note(*event);
        } while (reads_output && drain());
    }

    void wait(stomp::milliseconds time) {
        const stomp::time_point end = now + time;
        while (const auto next = session.next_timeout()) {
            if (*next > end) break;
            now = (std::max)(now, *next);
            session.handle_timeout(now);
            settle();
            if (session.finished()) break;
        }
        now = end;
        session.handle_timeout(now);
        settle();
    }

    bool drain() {
        std::array<std::string_view, 8> chunks;
        bool any = false;
        while (const std::size_t n = session.output_frame(chunks)) {
            any = true;
            std::size_t size = 0;
            if (chunks[0].substr(0, 6) == "ERROR\n") ++errors;
            for (const std::string_view chunk : std::span(chunks).first(n)) {
                size += chunk.size();
                if (keeps_output) written += chunk;
            }
            session.consume_output(size, now);
        }
        return any;
    }

    /// The session has ended for this reason, and looks at nothing that comes later.
    void must_be_over(errc expected) {
        CHECK(reason == expected);
        CHECK(closed == 1);
        const auto events = events_;
        const std::size_t wrote = written.size();
        const std::size_t held = counting_new::current().octets;
        for (int i = 0; i < 3; ++i) {
            (void)session.receive(later, now);
            settle();
            const std::span<char> space = session.input_buffer(later.size());
            if (space.size() >= later.size()) {
                later.copy(space.data(), later.size());
                session.commit_input(later.size(), now);
                settle();
            }
        }
        CHECK(events_ == events);
        CHECK(written.size() == wrote);
        CHECK(counting_new::current().octets <= held + 1024);  // an empty buffer to read into
        wait(60s);
        CHECK(session.finished());
        CHECK_FALSE(session.wants_input());
        CHECK_FALSE(session.next_timeout());
        CHECK(events_ == events);
        CHECK(written.size() == wrote);
    }

protected:
    template <class Options>
    explicit driver(Options options) : session(std::move(options), now) {}

    static constexpr std::string_view later =
        "\n\0CONNECT\naccept-version:1.2\nhost:h\n\n\0SEND\ndestination:/late\nreceipt:late\n\n\0"
        "CONNECTED\nversion:1.2\n\n\0MESSAGE\nsubscription:a\nmessage-id:late\ndestination:/late\n\n\0"sv;

    virtual void note(const Event& event) {
        ++events_[event.kind];
        if (event.kind == Event::closed) {
            ++closed;
            reason = event.reason;
        }
        if (on_event) on_event(event);
    }
    ~driver() = default;

private:
    std::array<std::size_t, 16> events_{};
};

/// A server session with a hostile client.
class client final : public driver<stomp::server_session, stomp::server_event> {
public:
    explicit client(stomp::server_options options = {}) : driver(std::move(options)) {}

    bool accepts = true;
    std::vector<stomp::subscription_handle> subscriptions;  // filled where keeps_subscriptions
    bool keeps_subscriptions = true;

    client& logged_in(std::string_view version = "1.2", std::string_view more = {}) {
        feed(connect(version, more));
        CHECK(session.state() == stomp::server_state::connected);
        return *this;
    }

    /// One ERROR was written, and the session ended.
    void must_fail(errc expected, std::size_t error_frames = 1) {
        CHECK(errors == error_frames);
        must_be_over(expected);
        CHECK(errors == error_frames);
    }

private:
    void note(const stomp::server_event& event) override {
        if (event.kind == stomp::server_event::connect && accepts) CHECK(session.accept("s") == errc::ok);
        if (event.kind == stomp::server_event::subscribe && keeps_subscriptions) {
            subscriptions.push_back(event.subscription);
        }
        driver::note(event);
    }
};

/// A client session with a hostile server.
class server final : public driver<stomp::client_session, stomp::client_event> {
public:
    explicit server(stomp::client_options options = default_options()) : driver(std::move(options)) { settle(); }

    static stomp::client_options default_options() {
        stomp::client_options o;
        o.host = "h";
        return o;
    }

    server& logged_in(std::string_view version = "1.2") {
        feed("CONNECTED\nversion:" + std::string(version) + "\n\n" + '\0');
        CHECK(session.state() == stomp::client_state::connected);
        return *this;
    }
};

/// Every way of cutting that matters: at once, octet by octet, in pieces that fall on no boundary.
inline constexpr std::array<std::size_t, 4> pieces{whole, 1, 7, 4096};

/// After login the server answers these octets with this error, however they arrive.
inline void server_refuses(std::string_view bytes, errc expected, std::string_view version = "1.2",
                           const stomp::server_options& options = {}) {
    for (const std::size_t piece : pieces) {
        CAPTURE(std::string(bytes.substr(0, 60)), piece);
        client c(options);
        c.logged_in(version);
        c.feed(bytes, piece);
        c.must_fail(expected);
    }
}

/// The same for a client session: it says nothing, it closes.
inline void client_refuses(std::string_view bytes, errc expected, std::string_view version = "1.2",
                           const stomp::client_options& options = server::default_options()) {
    for (const std::size_t piece : pieces) {
        CAPTURE(std::string(bytes.substr(0, 60)), piece);
        server s(options);
        s.logged_in(version);
        const std::size_t written = s.written.size();
        s.feed(bytes, piece);
        CHECK(s.written.size() == written);
        s.must_be_over(expected);
    }
}

}  // namespace hostile

#endif
