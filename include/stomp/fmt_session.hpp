// Formatters for the {fmt} library, version 9.1 or newer: what sessions tell. One line per event, with the frame printed
// as in fmt.hpp, whose format options (`{:.N}`, `{:l}`) they take:
//
//     connected: CONNECTED version=1.2 session=s1
//     unconfirmed receipt=r7 (receipt_timeout)
//     closed (heart_beat_timeout) epoch=2
//     ack subscription=0.3 settled=[41 42]: ACK id=s1-2-9
//     message from=17.1: SEND destination=/app/hello [3 octets "you"]
//
// Subscriptions and connections are shown as slot and generation.
#ifndef STOMP_FMT_SESSION_HPP
#define STOMP_FMT_SESSION_HPP

#include <stomp/broker.hpp>
#include <stomp/client.hpp>
#include <stomp/config.hpp>
#include <stomp/detail/session_table.hpp>
#include <stomp/errc.hpp>
#include <stomp/fmt.hpp>
#include <stomp/frame.hpp>
#include <stomp/server.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace stomp::inline v0::detail {

constexpr std::string_view name_of(client_event::kind_type kind) noexcept {
    switch (kind) {
        case client_event::connected: return "connected";
        case client_event::message: return "message";
        case client_event::reply: return "reply";
        case client_event::receipt: return "receipt";
        case client_event::unconfirmed: return "unconfirmed";
        case client_event::error: return "error";
        case client_event::closed: return "closed";
    }
    return "unknown";
}

constexpr std::string_view name_of(server_event::kind_type kind) noexcept {
    switch (kind) {
        case server_event::connect: return "connect";
        case server_event::send: return "send";
        case server_event::subscribe: return "subscribe";
        case server_event::unsubscribe: return "unsubscribe";
        case server_event::ack: return "ack";
        case server_event::nack: return "nack";
        case server_event::commit: return "commit";
        case server_event::disconnect: return "disconnect";
        case server_event::custom: return "custom";
        case server_event::closed: return "closed";
    }
    return "unknown";
}

constexpr std::string_view name_of(broker_event::kind_type kind) noexcept {
    switch (kind) {
        case broker_event::connect: return "connect";
        case broker_event::message: return "message";
        case broker_event::subscribed: return "subscribed";
        case broker_event::unsubscribed: return "unsubscribed";
        case broker_event::closed: return "closed";
    }
    return "unknown";
}

constexpr std::string_view name_of(client_state state) noexcept {
    switch (state) {
        case client_state::connecting: return "connecting";
        case client_state::connected: return "connected";
        case client_state::disconnecting: return "disconnecting";
        case client_state::closed: return "closed";
    }
    return "unknown";
}

constexpr std::string_view name_of(server_state state) noexcept {
    switch (state) {
        case server_state::connecting: return "connecting";
        case server_state::deciding: return "deciding";
        case server_state::connected: return "connected";
        case server_state::closed: return "closed";
    }
    return "unknown";
}

/// What the formatters of events share.
class event_formatter : public frame_formatter {
protected:
    template <class Out>
    static void write_reason(text_writer<Out>& to, errc reason, bool always) {
        if (reason == errc::ok && !always) return;
        to.raw(" (");
        to.raw(to_string(reason));
        to.raw(")");
    }

    template <class Out>
    static void write_id(text_writer<Out>& to, std::string_view what, std::string_view id) {
        if (id.empty()) return;
        to.raw(what);
        to.word(id);
    }

    /// A subscription_handle or connection_id, unless it names nothing.
    template <class Out, class Handle>
    static void write_handle(text_writer<Out>& to, std::string_view what, Handle h) {
        if (h == Handle{}) return;
        to.raw(what);
        to.number(h.slot);
        to.raw(".");
        to.number(h.generation);
    }

    template <class Out>
    static void write_settled(text_writer<Out>& to, std::span<const std::uint64_t> tags) {
        if (tags.empty()) return;
        constexpr std::size_t most = 16;
        to.raw(" settled=[");
        for (std::size_t i = 0; i < tags.size() && i < most; ++i) {
            if (i != 0) to.raw(" ");
            to.number(tags[i]);
        }
        if (tags.size() > most) {
            to.raw(" ... ");
            to.number(tags.size());
            to.raw(" in all");
        }
        to.raw("]");
    }

    template <class Out>
    void write_frame(text_writer<Out>& to, const frame_view& f) const {
        if (f.command == command::unknown && f.verb.empty()) return;  // the event has none
        to.raw(": ");
        write(to, f);
    }
};

}  // namespace stomp::inline v0::detail

template <>
struct fmt::formatter<stomp::client_event::kind_type> : stomp::detail::name_formatter {
    template <class Context>
    auto format(stomp::client_event::kind_type kind, Context& ctx) const {
        return write(stomp::detail::name_of(kind), ctx);
    }
};

template <>
struct fmt::formatter<stomp::server_event::kind_type> : stomp::detail::name_formatter {
    template <class Context>
    auto format(stomp::server_event::kind_type kind, Context& ctx) const {
        return write(stomp::detail::name_of(kind), ctx);
    }
};

template <>
struct fmt::formatter<stomp::broker_event::kind_type> : stomp::detail::name_formatter {
    template <class Context>
    auto format(stomp::broker_event::kind_type kind, Context& ctx) const {
        return write(stomp::detail::name_of(kind), ctx);
    }
};

template <>
struct fmt::formatter<stomp::client_state> : stomp::detail::name_formatter {
    template <class Context>
    auto format(stomp::client_state state, Context& ctx) const {
        return write(stomp::detail::name_of(state), ctx);
    }
};

template <>
struct fmt::formatter<stomp::server_state> : stomp::detail::name_formatter {
    template <class Context>
    auto format(stomp::server_state state, Context& ctx) const {
        return write(stomp::detail::name_of(state), ctx);
    }
};

template <>
struct fmt::formatter<stomp::client_event> : stomp::detail::event_formatter {
    template <class Context>
    auto format(const stomp::client_event& event, Context& ctx) const {
        stomp::detail::text_writer to(ctx.out());
        to.raw(stomp::detail::name_of(event.kind));
        write_id(to, " receipt=", event.receipt_id);
        write_id(to, " request=", event.correlation_id);
        write_reason(to, event.reason, event.kind == stomp::client_event::closed);
        if (event.epoch > 1) {
            to.raw(" epoch=");
            to.number(event.epoch);
        }
        write_frame(to, event.frame);
        return to.out();
    }
};

template <>
struct fmt::formatter<stomp::server_event> : stomp::detail::event_formatter {
    template <class Context>
    auto format(const stomp::server_event& event, Context& ctx) const {
        stomp::detail::text_writer to(ctx.out());
        to.raw(stomp::detail::name_of(event.kind));
        write_reason(to, event.reason, event.kind == stomp::server_event::closed);
        write_handle(to, " subscription=", event.subscription);
        write_settled(to, event.settled);
        if (event.kind == stomp::server_event::commit) {
            to.raw(" steps=");
            to.number(event.steps.size());
        }
        write_frame(to, event.frame);
        return to.out();
    }
};

template <>
struct fmt::formatter<stomp::broker_event> : stomp::detail::event_formatter {
    template <class Context>
    auto format(const stomp::broker_event& event, Context& ctx) const {
        stomp::detail::text_writer to(ctx.out());
        to.raw(stomp::detail::name_of(event.kind));
        write_reason(to, event.reason, event.kind == stomp::broker_event::closed);
        write_handle(to, " from=", event.from);
        write_frame(to, event.frame);
        return to.out();
    }
};

/// One frame of a commit, with the tags that it settles.
template <>
struct fmt::formatter<stomp::transaction_step> : stomp::detail::event_formatter {
    template <class Context>
    auto format(const stomp::transaction_step& step, Context& ctx) const {
        stomp::detail::text_writer to(ctx.out());
        write(to, step.frame);
        write_handle(to, " subscription=", step.subscription);
        write_settled(to, step.settled);
        return to.out();
    }
};

#endif
