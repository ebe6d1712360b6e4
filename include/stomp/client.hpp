// The client's end of one connection.
#ifndef STOMP_CLIENT_HPP
#define STOMP_CLIENT_HPP

#include <stomp/ack_mode.hpp>
#include <stomp/config.hpp>
#include <stomp/detail/awaited.hpp>
#include <stomp/detail/connection.hpp>
#include <stomp/detail/fields.hpp>
#include <stomp/detail/ring.hpp>
#include <stomp/detail/session_table.hpp>
#include <stomp/detail/table.hpp>
#include <stomp/encode.hpp>
#include <stomp/errc.hpp>
#include <stomp/frame.hpp>
#include <stomp/heart_beat.hpp>
#include <stomp/limits.hpp>
#include <stomp/parser.hpp>
#include <stomp/version.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stomp::inline v0 {

struct client_options {
    /// The virtual host: required for 1.1 and 1.2. RabbitMQ takes it literally, so "/" there, not a machine's name.
    std::string host = {};
    /// Left out of CONNECT when empty.
    std::string login = {};
    std::string passcode = {};
    /// What is offered. Order and repeats do not matter.
    std::vector<version> versions = {version::v1_0, version::v1_1, version::v1_2};
    /// What is offered; off unless asked for. Values from 1 to 99 ms are raised to 100 ms.
    stomp::heart_beat heart_beat = {};
    /// More headers of CONNECT, in this order, after the library's.
    std::vector<std::pair<std::string, std::string>> headers = {};
    /// Whether restart() subscribes again.
    bool resubscribe = true;
    /// Adds a receipt to every SEND that has none.
    bool confirm_sends = false;
    /// SENDs kept while not connected, and sent after the subscriptions of the next connection; zero: refused
    /// (not_connected). Together they have at most limits::max_output octets of body, header names and values, with two
    /// for each header; what is beyond is refused (output_full). A receipt's time begins when its SEND is sent.
    std::size_t keep_sends = 0;
    /// The `reply-to` of request(): RabbitMQ makes a reply queue of such a name, others need a subscription to it.
    std::string reply_to = "/temp-queue/replies";
    /// From construction to CONNECTED; zero: for ever.
    milliseconds connect_timeout{30'000};
    /// From a frame that asks for a receipt to `unconfirmed`; zero: only with the connection.
    milliseconds receipt_timeout{0};
    /// From a request() to `unconfirmed`; zero: only with the connection.
    milliseconds request_timeout{30'000};
    /// From disconnect() to giving up; zero: for ever.
    milliseconds disconnect_timeout{5'000};
    /// A silent peer is dead after max(tolerance x interval, interval + tolerance_floor).
    milliseconds tolerance_floor{2'000};
    double tolerance = 2.0;
    /// output_congested() becomes true above high_water octets, and false again at low_water.
    std::size_t high_water = 512 * 1024;
    std::size_t low_water = 128 * 1024;
    stomp::limits limits = stomp::limits::client();
    stomp::strictness strictness = stomp::strictness::standard;
    encode_options encoding = {};
};

/// What poll_event() tells. Views in it are input views: valid until the next poll_event(), input_buffer(), receive() or
/// restart(), or until the session is moved or destroyed.
struct client_event {
    enum kind_type : std::uint8_t {
        connected,    ///< `frame` is CONNECTED
        message,      ///< `frame` is MESSAGE, of a subscription held or not
        reply,        ///< `frame` is the MESSAGE that answers a request(): `correlation_id` and `request_number`
        receipt,      ///< `frame` is RECEIPT; `receipt_id` and, for an id of next_receipt_id() that was awaited,
                      ///< `receipt_number`: a RECEIPT that nobody waits for has none
        unconfirmed,  ///< a receipt or reply that was asked for will not come, because of `reason`: the frame may or may
                      ///< not have arrived. `frame` is the ERROR where one named this receipt
        error,        ///< `frame` is ERROR; the session is over
        closed        ///< the last event, exactly once; `reason` is ok after a clean DISCONNECT
    };

    kind_type kind = closed;
    frame_view frame = {};
    errc reason = errc::ok;
    std::uint64_t receipt_number = 0;  ///< 0: not one of next_receipt_id(), or not awaited
    std::string_view receipt_id = {};
    std::uint64_t request_number = 0;  ///< 0: not a correlation-id of the library's making
    std::string_view correlation_id = {};
    std::uint32_t epoch = 0;  ///< counts connections: 1 for the first, one more per restart()

    /// Whether `frame` is a MESSAGE, which its subscription may ask to acknowledge.
    bool is_message() const noexcept { return kind == message || kind == reply; }
};

namespace detail {

/// A letter and a number: an id of the library's making.
class numbered_id {
public:
    numbered_id(char letter, std::uint64_t number) noexcept : number_(number) {
        text_[0] = letter;
        size_ = static_cast<std::uint8_t>(write_number(text_.data() + 1, number) - text_.data());
    }

    std::uint64_t number() const noexcept { return number_; }
    operator std::string_view() const noexcept STOMP_LIFETIMEBOUND { return {text_.data(), size_}; }

    /// The number in an id with this letter, 0 for any other text.
    static std::uint64_t number_of(char letter, std::string_view text) noexcept {
        if (text.size() < 2 || text.size() > 20 || text[0] != letter || text[1] == '0') return 0;
        std::uint64_t number = 0;
        for (const char c : text.substr(1)) {
            if (c < '0' || c > '9') return 0;
            number = number * 10 + static_cast<std::uint64_t>(c - '0');
        }
        return number;
    }

private:
    std::array<char, 22> text_{};
    std::uint8_t size_ = 0;
    std::uint64_t number_;
};

}  // namespace detail

/// A receipt id of the library's making, to be put into a frame: `send(d, b, {{"receipt", s.next_receipt_id()}})`.
class receipt_id : public detail::numbered_id {
public:
    explicit receipt_id(std::uint64_t number) noexcept : numbered_id('r', number) {}
    static std::uint64_t number_of(std::string_view text) noexcept { return numbered_id::number_of('r', text); }
};

/// What is needed to acknowledge a message later: owns its text and knows its connection.
class ack_handle {
public:
    ack_handle() = default;
    explicit ack_handle(const client_event& event)
        : message_id_(event.frame.get_or(header_names::message_id)),
          subscription_(event.frame.get_or(header_names::subscription)), ack_(event.frame.get_or(header_names::ack)),
          epoch_(event.is_message() ? event.epoch : 0) {}

    std::uint32_t epoch() const noexcept { return epoch_; }

private:
    friend class client_session;

    std::string message_id_;
    std::string subscription_;
    std::string ack_;
    std::uint32_t epoch_ = 0;
};

/// One client's session: octets and time in, octets, events and one deadline out. Constructing it queues CONNECT.
///
/// The loop, in any order that suits: write output() and consume_output() it, read while wants_input(), call
/// poll_event() until it is empty after each of these, call handle_timeout() at next_timeout(), and close the transport
/// when finished(). Commands return `errc::ok`, or another errc and have had no effect. Any call is safe at any time.
class client_session : public detail::connection {
public:
    client_session(client_options options, time_point now)
        : connection(options.limits, settings_of(options), now), options_(std::move(options)) {
        open();
    }

    client_session(client_session&&) = default;
    client_session& operator=(client_session&&) = default;

    // ---- what happened outside (see detail::connection for the rest) ----------------------------------------

    /// After restart() it is the new transport that is meant.
    void transport_closed(time_point now) {
        if (restarting_) {
            stillborn_ = true;
        } else {
            connection::transport_closed(now);
        }
    }

    /// Safe to call at any time; needed once next_timeout() is reached.
    void handle_timeout(time_point now) {
        common_timeouts(now);
        if (lost_ != errc::ok || over_) return;
        if (timers_.expired(detail::timers::handshake)) return lose(errc::connect_timeout);
        if (timers_.expired(detail::timers::farewell)) return lose(errc::disconnect_timeout);
        receipts_.expire(timers_.now());
        requests_.expire(timers_.now());
    }

    /// The moment at which to call handle_timeout(), if there is one. It may lie in the past: then call it now.
    std::optional<time_point> next_timeout() const noexcept {
        std::optional<time_point> next = timers_.next();
        if (over_ || lost_ != errc::ok) return next;
        for (const time_point at : {receipts_.deadline(timers_, options_.receipt_timeout),
                                    requests_.deadline(timers_, options_.request_timeout)}) {
            if (at != (time_point::max)() && (!next || at < *next)) next = at;
        }
        return next;
    }

    void consume_output(std::size_t n, time_point now) {
        connection::consume_output(n, now);
        send_recorded();
        watch_output();
    }

    // ---- what the application wants -------------------------------------------------------------------------

    /// SEND. Put `receipt`, `transaction`, `content-type` and your own headers into `extra`. Returns not_connected,
    /// output_full, frame_too_large, reserved_header (destination in extra), unknown_transaction, duplicate_receipt,
    /// limit_receipts, or what encode() returns. Spec: STOMP 1.2 "SEND".
    [[nodiscard]] errc send(std::string_view destination, std::string_view body, header_list extra = {}) {
        return submit(command::send, one{{{header_names::destination, destination}}}, extra, body);
    }

    /// A SEND that is to be answered: with `reply-to` and `correlation-id`, where `extra` has none. The MESSAGE with this
    /// correlation-id that comes to the reply-to is a `reply` event: over a subscription to just that destination, or over
    /// one that was never made (RabbitMQ's reply queues). What comes over other subscriptions is a `message`: it may be
    /// somebody else's request. Without a reply in request_timeout, or before the connection ends, it is `unconfirmed`.
    /// Returns limit_receipts (max_receipts requests are waiting), duplicate_receipt (the correlation-id is),
    /// not_connected (a request is not kept), and as send().
    [[nodiscard]] errc request(std::string_view destination, std::string_view body, header_list extra = {}) {
        if (!open_for_commands()) return errc::not_connected;
        const auto given = frame_view{command::send, {}, extra, {}}.get(header_names::correlation_id);
        const detail::numbered_id made('q', given ? 0 : ++request_number_);
        const std::string_view id = given ? *given : std::string_view(made);
        if (requests_.find(id) != request_table::none) return errc::duplicate_receipt;
        if (requests_.size() >= options_.limits.max_receipts) return errc::limit_receipts;
        std::array<header, 3> own{{{header_names::destination, destination}}};
        std::size_t count = 1;
        const auto reply_to = frame_view{command::send, {}, extra, {}}.get(header_names::reply_to);
        if (!reply_to) own[count++] = {header_names::reply_to, options_.reply_to};
        if (!given) own[count++] = {header_names::correlation_id, id};
        if (const errc e = submit(command::send, std::span(own).first(count), extra, body); e != errc::ok) return e;
        arm();
        const auto i = requests_.insert(id, timers_, options_.request_timeout);
        requests_[i].reply_to = reply_to.value_or(options_.reply_to);
        timers_.mark();
        return errc::ok;
    }

    /// SUBSCRIBE. Before CONNECTED and while closed it is recorded, and sent right after CONNECTED. Returns
    /// duplicate_subscription, limit_subscriptions, reserved_header (id, destination or ack in extra), and as send().
    /// Spec: STOMP 1.2 "SUBSCRIBE".
    [[nodiscard]] errc subscribe(std::string_view id, std::string_view destination, ack_mode mode = ack_mode::automatic,
                                 header_list extra = {}) {
        return submit(command::subscribe,
                      std::array<header, 3>{{{header_names::id, id},
                                             {header_names::destination, destination},
                                             {header_names::ack, to_string(mode)}}},
                      extra);
    }

    /// UNSUBSCRIBE. Messages on their way may still arrive. While not connected it takes the record back; a receipt
    /// cannot be asked for then (not_connected). Returns unknown_subscription, and as send(). Acknowledge first: what is
    /// not settled now may be delivered to others. Spec: STOMP 1.2 "UNSUBSCRIBE".
    [[nodiscard]] errc unsubscribe(std::string_view id, header_list extra = {}) {
        return submit(command::unsubscribe, one{{{header_names::id, id}}}, extra);
    }

    /// ACK of a `message` event, in the form that the version asks for. Returns nothing_to_ack (not a message, or of an
    /// automatic subscription), stale_ack (of an earlier connection), and as send(). Spec: STOMP 1.2 "ACK".
    [[nodiscard]] errc ack(const client_event& event, header_list extra = {}) {
        return settle(command::ack, event, extra);
    }
    [[nodiscard]] errc ack(const ack_handle& handle, header_list extra = {}) {
        return settle(command::ack, handle, extra);
    }
    /// NACK: as ack(); unknown_command in 1.0, which has none. Brokers take headers such as RabbitMQ's `requeue`. Spec:
    /// STOMP 1.2 "NACK".
    [[nodiscard]] errc nack(const client_event& event, header_list extra = {}) {
        return settle(command::nack, event, extra);
    }
    [[nodiscard]] errc nack(const ack_handle& handle, header_list extra = {}) {
        return settle(command::nack, handle, extra);
    }

    /// BEGIN, COMMIT, ABORT. Put `{"transaction", id}` into the extra headers of send(), ack() and nack() to take part.
    /// Returns duplicate_transaction, limit_transactions, unknown_transaction, and as send(). Spec: STOMP 1.2 "BEGIN".
    [[nodiscard]] errc begin(std::string_view transaction, header_list extra = {}) {
        return submit(command::begin, one{{{header_names::transaction, transaction}}}, extra);
    }
    [[nodiscard]] errc commit(std::string_view transaction, header_list extra = {}) {
        return submit(command::commit, one{{{header_names::transaction, transaction}}}, extra);
    }
    [[nodiscard]] errc abort(std::string_view transaction, header_list extra = {}) {
        return submit(command::abort, one{{{header_names::transaction, transaction}}}, extra);
    }

    /// Any client frame but CONNECT and STOMP (already_connected), commands of your own included (with a verb), checked
    /// like the rest: missing_header, wrong_direction, bad_ack_mode, and what the command's own function returns.
    [[nodiscard]] errc send_frame(const frame_view& frame) { return submit(frame); }

    /// DISCONNECT with a receipt; `closed` follows its RECEIPT, its end of stream or disconnect_timeout. Commands are
    /// refused from now on. Returns not_connected, output_full. Spec: STOMP 1.2 "DISCONNECT".
    [[nodiscard]] errc disconnect() {
        if (!open_for_commands()) return errc::not_connected;
        const receipt_id id = next_receipt_id();
        return submit(command::disconnect, one{{{header_names::receipt, id}}}, {});
    }

    /// A receipt id that this session has not used before.
    [[nodiscard]] receipt_id next_receipt_id() noexcept { return receipt_id(++receipt_number_); }
    /// The numbers given out last, by next_receipt_id() or `confirm_sends`, and by request().
    std::uint64_t last_receipt_number() const noexcept { return receipt_number_; }
    std::uint64_t last_request_number() const noexcept { return request_number_; }

    // ---- what the caller must do next -----------------------------------------------------------------------

    /// The next event; nothing when more input or time is needed. `closed` is the last one of a connection.
    [[nodiscard]] std::optional<client_event> poll_event() {
        while (true) {
            if (over_) return poll_farewell();
            switch (next_frame()) {
                case parse_status::frame:
                    if (auto event = handle(parser_.frame())) return event;
                    break;
                case parse_status::error: fail(parser_.error()); break;
                case parse_status::need_more:
                    if (auto event = poll_expired()) return event;
                    if (lost_ == errc::ok) return std::nullopt;
                    close(reason_of_loss());
                    break;
            }
        }
    }

    bool output_finished() const noexcept { return !restarting_ && connection::output_finished(); }
    bool finished() const noexcept { return !restarting_ && connection::finished(); }

    // ---- after `closed` -------------------------------------------------------------------------------------

    /// The same session on a new transport: a new epoch. Events not polled yet come first (neither input nor output until
    /// they are polled); unsent output is discarded, its receipts are `unconfirmed`; CONNECT is queued again, and on
    /// CONNECTED every live subscription is sent before anything else. On a session that is not over it counts as
    /// transport_closed() first. Invalidates all views.
    void restart(time_point now) {
        connection::transport_closed(now);
        out_.clear();
        stillborn_ = false;
        restarting_ = true;
        if (closed_told_) reopen();
    }
    void restart(client_options options, time_point now) {
        options_ = std::move(options);
        restart(now);
    }

    // ---- getters --------------------------------------------------------------------------------------------

    client_state state() const noexcept { return state_; }
    /// The `server` and `session` headers of CONNECTED; empty where it had none. Valid until restart(), move or
    /// destruction.
    std::string_view server_name() const noexcept STOMP_LIFETIMEBOUND { return server_name_; }
    std::string_view session_id() const noexcept STOMP_LIFETIMEBOUND { return session_id_; }
    /// Receipts asked for and not yet answered, those of kept SENDs included.
    std::size_t pending_receipts() const noexcept { return receipts_.size() + held_.size(); }
    std::size_t pending_requests() const noexcept { return requests_.size(); }
    /// SENDs that wait for a connection.
    std::size_t kept_sends() const noexcept { return kept_.size(); }
    /// True from `high_water` octets of output on, until they have sunk to `low_water`: time to produce less.
    bool output_congested() const noexcept { return congested_ && unsent() > options_.low_water; }
    /// Counts connections, from 1.
    std::uint32_t epoch() const noexcept { return epoch_; }

private:
    using one = std::array<header, 1>;
    struct subscription {
        stomp::frame request;                // SUBSCRIBE, without its receipt
        std::optional<std::string> receipt;  // asked for, but SUBSCRIBE is not sent yet
        ack_mode mode = ack_mode::automatic;
        bool sent = false;  // on this connection
    };
    using subscription_table = detail::table<subscription>;
    struct pending_receipt {
        subscription_table::index subscription = subscription_table::none;  // whose SUBSCRIBE asked for it
        std::uint32_t generation = 0;
    };
    using receipt_table = detail::awaited<pending_receipt>;
    struct pending_request {
        std::string reply_to;
    };
    using request_table = detail::awaited<pending_request>;
    struct nothing {};
    using transaction_table = detail::table<nothing>;
    struct kept_send {
        stomp::frame frame;
        std::size_t size = 0;
    };

    static settings settings_of(const client_options& o) {
        return {o.strictness,    o.encoding,        milliseconds(0), milliseconds(0),
                milliseconds(0), o.tolerance_floor, o.tolerance,     false};
    }

    // ---- connecting and closing -----------------------------------------------------------------------------

    void open() {
        ++epoch_;
        state_ = client_state::connecting;
        offer_ = offer_of(options_.heart_beat, milliseconds(100), milliseconds(100));
        if (const errc e = queue_connect(); e != errc::ok) return close(e);
        timers_.start_now(detail::timers::handshake, options_.connect_timeout);
        input_changed();
    }

    void reopen() {
        renew(options_.limits, settings_of(options_));
        restarting_ = closed_told_ = false;
        session_id_.clear();
        server_name_.clear();
        named_by_error_ = farewell_ = receipt_table::none;
        congested_ = false;
        transactions_.clear();
        for (auto i = subscriptions_.first(); i != subscription_table::none;) {
            const auto next = subscriptions_.next(i);
            if (std::exchange(subscriptions_[i].sent, false) && !options_.resubscribe) subscriptions_.erase(i);
            i = next;
        }
        resend_ = subscription_table::none;
        open();
        if (std::exchange(stillborn_, false)) connection::transport_closed(timers_.now());
    }

    static std::uint8_t bit(version v) noexcept { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(v)); }

    errc queue_connect() {
        std::array<char, 16> accept;  // "1.0,1.1,1.2"
        std::size_t length = 0;
        std::optional<version> highest;
        offered_ = 0;
        for (const version v : all_versions) {
            if (std::find(options_.versions.begin(), options_.versions.end(), v) == options_.versions.end()) continue;
            if (highest) accept[length++] = ',';
            offered_ |= bit(v);
            length += to_string(v).copy(accept.data() + length, accept.size() - length);
            highest = v;
        }
        if (!highest) return errc::no_common_version;
        scratch_.clear();
        if (*highest != version::v1_0) {
            if (options_.host.empty()) return errc::missing_header;
            scratch_.push_back({header_names::accept_version, {accept.data(), length}});
        }
        const auto add = [this](std::string_view name, std::string_view value) {
            if (!value.empty()) scratch_.push_back({name, value});
        };
        add(header_names::host, options_.host);
        add(header_names::login, options_.login);
        add(header_names::passcode, options_.passcode);
        detail::heart_beat_text beat(offer_);
        // Brokers that honour it in 1.0 would wait for beats that 1.0 does not have (C-28).
        if (*highest != version::v1_0 && offer_ != heart_beat{}) add(header_names::heart_beat, beat.view());
        for (const auto& [name, value] : options_.headers) scratch_.push_back({name, value});
        return queue({command::connect, {}, scratch_, {}}, *highest, options_.limits.max_output);
    }

    void close(errc reason) {
        state_ = client_state::closed;
        reason_ = reason;
        finished_ = true;
        end();
        if (restarting_) return;
        // Subscriptions that were never sent, and will not be soon: their receipts end here like all others.
        for (auto i = subscriptions_.first(); i != subscription_table::none; i = subscriptions_.next(i)) {
            subscription& s = subscriptions_[i];
            if (s.receipt && receipts_.find(*s.receipt) == receipt_table::none) expect_receipt(*s.receipt);
            s.receipt.reset();
        }
    }

    /// The server broke the protocol: nothing more is said to it (E-11).
    void fail(errc reason) {
        muted_ = true;
        close(reason);
    }

    errc reason_of_loss() noexcept {
        if (lost_ != errc::connection_lost) return lost_;
        if (parser_.finish() != errc::ok) return errc::unexpected_eof;
        // DISCONNECT without a receipt is answered by the end of the stream.
        const bool answered = state_ == client_state::disconnecting && farewell_ == receipt_table::none;
        return answered ? errc::ok : errc::connection_lost;
    }

    std::optional<client_event> poll_farewell() {
        client_event event;
        event.epoch = epoch_;
        // An ERROR is about one frame; to all others it is but the end.
        const bool by_error = reason_ == errc::server_error || reason_ == errc::connect_rejected;
        event.reason = reason_ == errc::ok || by_error ? errc::connection_lost : reason_;
        if (!receipts_.empty()) {
            const auto i = receipts_.oldest();
            if (i == named_by_error_) {
                event.reason = errc::server_error;
                event.frame = parser_.frame();
                named_by_error_ = receipt_table::none;
            }
            take_receipt(i, client_event::unconfirmed, event);
            return event;
        }
        if (!requests_.empty()) {
            take_request(requests_.oldest(), client_event::unconfirmed, event);
            return event;
        }
        if (closed_told_) return std::nullopt;
        closed_told_ = true;
        event.kind = client_event::closed;
        event.reason = reason_;
        if (restarting_) reopen();
        return event;
    }

    // ---- frames from the server -----------------------------------------------------------------------------

    std::optional<client_event> handle(const frame_view& f) {
        const detail::cell cell = detail::look_up(state_, f.command);
        switch (cell.what) {
            case detail::action::welcome: return welcome(f);
            case detail::action::deliver: return deliver(f);
            case detail::action::resolve: return resolve(f);
            case detail::action::fail: return fail(f, cell.reason);
            default: fail(cell.reason); return std::nullopt;
        }
    }

    client_event event_of(client_event::kind_type kind, const frame_view& f) const noexcept {
        client_event event;
        event.kind = kind;
        event.frame = f;
        event.epoch = epoch_;
        return event;
    }

    std::optional<client_event> welcome(const frame_view& f) {
        const auto text = f.get(header_names::version);
        const auto chosen = text ? parse_version(*text) : version::v1_0;
        if (!chosen || (offered_ & bit(*chosen)) == 0) return fail(errc::version_not_offered), std::nullopt;
        if (*chosen == version::v1_0) {
            parser_.trim_values();
        } else {
            const auto theirs = parse_heart_beat(f.get_or(header_names::heart_beat, "0,0"));
            if (!theirs) return fail(errc::bad_heart_beat), std::nullopt;
            intervals_ = negotiate(offer_, *theirs);
        }
        version_ = *chosen;
        parser_.set_version(*chosen);
        state_ = client_state::connected;
        timers_.stop(detail::timers::handshake);
        start_heart_beats(intervals_.client_to_server, intervals_.server_to_client);
        session_id_ = f.get_or(header_names::session);
        server_name_ = f.get_or(header_names::server);
        resend_ = subscriptions_.first();
        send_recorded();
        watch_output();
        return event_of(client_event::connected, f);
    }

    std::optional<client_event> deliver(const frame_view& f) {
        if (!detail::missing_header(f, *version_).empty()) return fail(errc::missing_header), std::nullopt;
        if (*version_ == version::v1_2 && !f.get(header_names::ack)) {
            const auto i = subscriptions_.find(f.get_or(header_names::subscription));
            const bool needs_ack = i != subscription_table::none && subscriptions_[i].mode != ack_mode::automatic;
            if (needs_ack) return fail(errc::missing_header), std::nullopt;
        }
        client_event event = event_of(client_event::message, f);
        if (const auto i = answered_by(f); i != request_table::none) take_request(i, client_event::reply, event);
        return event;
    }

    /// The request that this MESSAGE answers. Correlation-ids are unique to this client only: whatever comes over a
    /// subscription to something else than the request's reply-to belongs to somebody else.
    request_table::index answered_by(const frame_view& f) {
        if (requests_.empty()) return request_table::none;
        const auto id = f.get(header_names::correlation_id);
        const auto i = id ? requests_.find(*id) : request_table::none;
        if (i == request_table::none) return i;
        const auto over = subscriptions_.find(f.get_or(header_names::subscription));
        if (over == subscription_table::none) return i;
        const auto from = subscriptions_[over].request.view().get_or(header_names::destination);
        return from == requests_[i].reply_to ? i : request_table::none;
    }

    std::optional<client_event> resolve(const frame_view& f) {
        const auto id = f.get(header_names::receipt_id);
        if (!id) return fail(errc::missing_header), std::nullopt;
        client_event event = event_of(client_event::receipt, f);
        event.receipt_id = *id;
        const auto i = receipts_.find(*id);
        if (i == receipt_table::none) return event;  // nobody waits for it: told, and not fatal
        const bool last = i == farewell_;
        take_receipt(i, client_event::receipt, event);
        if (last) close(errc::ok);
        return event;
    }

    std::optional<client_event> fail(const frame_view& f, errc reason) {
        if (const auto id = f.get(header_names::receipt_id)) {
            named_by_error_ = receipts_.find(*id);
            if (named_by_error_ != receipt_table::none) {
                // A subscription that was refused is not asked for again after a restart.
                const pending_receipt& r = receipts_[named_by_error_];
                if (subscriptions_.contains(r.subscription, r.generation)) forget(r.subscription);
            }
        }
        client_event event = event_of(client_event::error, f);
        event.reason = reason;
        fail(reason);
        return event;
    }

    // ---- frames to the server -------------------------------------------------------------------------------

    /// Once the transport is known to be gone nothing is taken that could not be sent.
    bool open_for_commands() const noexcept { return state_ == client_state::connected && lost_ == errc::ok; }

    static bool has(const header_list& headers, std::string_view name) noexcept {
        return std::any_of(headers.begin(), headers.end(), [&](const header& h) { return h.name == name; });
    }

    errc submit(command c, std::span<const header> own, header_list extra, std::string_view body = {}) {
        scratch_.assign(own.begin(), own.end());
        for (const header& h : extra) {
            if (has(own, h.name)) return errc::reserved_header;
            scratch_.push_back(h);
        }
        return submit({c, {}, scratch_, body});
    }

    /// Every command ends up here: checks, then writes, then takes note.
    errc submit(frame_view f) {
        const receipt_id confirmation(receipt_number_ + 1);
        if (f.command == command::send && options_.confirm_sends && !f.get(header_names::receipt)) {
            ++receipt_number_;
            if (f.headers.data() != scratch_.data()) scratch_.assign(f.headers.begin(), f.headers.end());
            scratch_.push_back({header_names::receipt, confirmation});
            f.headers = scratch_;
        }
        if (f.command == command::connect || f.command == command::stomp) return errc::already_connected;
        if (is_server_command(f.command)) return errc::wrong_direction;
        const bool recordable = f.command == command::subscribe || f.command == command::unsubscribe;
        const bool open = open_for_commands();
        const bool keepable = f.command == command::send && options_.keep_sends != 0;
        if (!open && (state_ == client_state::disconnecting || (!recordable && !keepable))) return errc::not_connected;

        const version v = open ? *version_ : version::v1_2;
        if (since(f.command) > v) return errc::unknown_command;
        if (!detail::missing_header(f, v).empty()) return errc::missing_header;
        const detail::fields has(f.headers);
        if (has.receipt) {
            if (held_.find(*has.receipt) != transaction_table::none) return errc::duplicate_receipt;
            if (receipts_.find(*has.receipt) != receipt_table::none) return errc::duplicate_receipt;
            const bool full = pending_receipts() >= options_.limits.max_receipts;
            if (full && f.command != command::disconnect) return errc::limit_receipts;
        }

        if (!open && keepable) return keep(f, has);
        auto transaction = transaction_table::none;
        switch (f.command) {
            case command::subscribe: return submit_subscribe(f, has);
            case command::unsubscribe: return submit_unsubscribe(f, has);
            case command::begin:
                if (transactions_.find(*has.transaction) != transaction_table::none) return errc::duplicate_transaction;
                if (transactions_.size() >= options_.limits.max_transactions) return errc::limit_transactions;
                break;
            case command::send:
            case command::ack:
            case command::nack:
            case command::commit:
            case command::abort:
                if (!has.transaction) break;
                transaction = transactions_.find(*has.transaction);
                if (transaction == transaction_table::none) return errc::unknown_transaction;
                break;
            default: break;
        }

        if (const errc e = queue_frame(f, v); e != errc::ok) return e;
        if (has.receipt) expect_receipt(*has.receipt);
        if (f.command == command::begin) transactions_.insert(*has.transaction);
        if (f.command == command::commit || f.command == command::abort) transactions_.erase(transaction);
        if (f.command == command::disconnect) {
            state_ = client_state::disconnecting;
            if (has.receipt) farewell_ = receipts_.find(*has.receipt);
            timers_.start(detail::timers::farewell, options_.disconnect_timeout);
        }
        return errc::ok;
    }

    errc queue_frame(const frame_view& f, version v) {
        if (resend_ != subscription_table::none || !kept_.empty()) return errc::output_full;  // these first
        const errc e = queue(f, v, options_.limits.max_output);
        watch_output();
        return e;
    }

    /// A SEND for the next connection.
    errc keep(const frame_view& f, const detail::fields& has) {
        if (has.transaction) return errc::not_connected;
        if (kept_.size() >= options_.keep_sends) return errc::output_full;
        if (const errc e = check_recordable(f, has); e != errc::ok) return e;
        std::size_t size = f.body.size();
        for (const header& h : f.headers) size += h.name.size() + h.value.size() + 2;
        if (size > options_.limits.max_output - (std::min)(options_.limits.max_output, kept_size_)) {
            return errc::output_full;
        }
        if (has.receipt) held_.insert(*has.receipt);
        kept_.push_back({stomp::frame(f), size});
        kept_size_ += size;
        return errc::ok;
    }

    errc submit_subscribe(const frame_view& f, const detail::fields& has) {
        if (!has.id) return errc::missing_header;  // in 1.0, too: it is what messages are told apart by
        const auto mode = parse_ack_mode(has.ack.value_or(to_string(ack_mode::automatic)));
        if (!mode) return errc::bad_ack_mode;
        if (subscriptions_.find(*has.id) != subscription_table::none) return errc::duplicate_subscription;
        if (subscriptions_.size() >= options_.limits.max_subscriptions) return errc::limit_subscriptions;
        const bool open = open_for_commands();
        if (open) {
            if (const errc e = queue_frame(f, *version_); e != errc::ok) return e;
        } else if (const errc e = check_recordable(f, has); e != errc::ok) {
            return e;
        }
        // Recorded without its receipt: a receipt is asked for once.
        std::vector<header> kept;
        for (const header& h : f.headers) {
            if (h.name != header_names::receipt) kept.push_back(h);
        }
        const auto i = subscriptions_.insert(*has.id);
        subscription& s = subscriptions_[i];
        s.request = stomp::frame(frame_view{command::subscribe, {}, kept, {}});
        s.mode = *mode;
        s.sent = open;
        if (has.receipt && open) expect_receipt(*has.receipt, i);
        if (has.receipt && !open) s.receipt = *has.receipt;
        return errc::ok;
    }

    /// What is recorded must be writable whichever version is negotiated.
    errc check_recordable(const frame_view& f, const detail::fields& has) const {
        for (const version v : options_.versions) {
            std::size_t size = 0;
            if (const errc e = detail::measure(f, v, options_.encoding, size); e != errc::ok) return e;
            if (size > options_.limits.max_output) return errc::frame_too_large;
        }
        if (!has.receipt) return errc::ok;
        std::size_t waiting = pending_receipts();
        for (auto i = subscriptions_.first(); i != subscription_table::none; i = subscriptions_.next(i)) {
            if (subscriptions_[i].receipt == *has.receipt) return errc::duplicate_receipt;
            if (subscriptions_[i].receipt) ++waiting;
        }
        return waiting < options_.limits.max_receipts ? errc::ok : errc::limit_receipts;
    }

    errc submit_unsubscribe(const frame_view& f, const detail::fields& has) {
        if (!has.id) return errc::missing_header;
        const auto i = subscriptions_.find(*has.id);
        if (i == subscription_table::none) return errc::unknown_subscription;
        if (subscriptions_[i].sent) {
            if (!open_for_commands()) {
                if (has.receipt) return errc::not_connected;
            } else if (const errc e = queue_frame(f, *version_); e != errc::ok) {
                return e;
            }
        } else if (has.receipt || subscriptions_[i].receipt) {
            return errc::not_connected;  // a receipt that could end in nothing
        }
        if (has.receipt) expect_receipt(*has.receipt);
        forget(i);
        return errc::ok;
    }

    void forget(subscription_table::index i) {
        if (resend_ == i) resend_ = subscriptions_.next(i);
        subscriptions_.erase(i);
    }

    /// What waited for the connection: subscriptions, then sends. Goes on in consume_output() when the output is full.
    void send_recorded() {
        if (!open_for_commands()) return;
        for (; resend_ != subscription_table::none; resend_ = subscriptions_.next(resend_)) {
            subscription& s = subscriptions_[resend_];
            if (s.sent) continue;
            const frame_view request = s.request.view();
            scratch_.assign(request.headers.begin(), request.headers.end());
            if (s.receipt) scratch_.push_back({header_names::receipt, *s.receipt});
            const errc e = queue({command::subscribe, {}, scratch_, {}}, *version_, options_.limits.max_output);
            if (e == errc::output_full) return;
            if (e != errc::ok) return lose(e);  // not in this version, or with these options: `closed` tells
            s.sent = true;
            if (s.receipt) expect_receipt(*s.receipt, resend_);
            s.receipt.reset();
        }
        while (!kept_.empty()) {
            const frame_view f = kept_.front().frame.view();
            if (queue(f, *version_, options_.limits.max_output) == errc::output_full) return;
            if (const auto id = f.get(header_names::receipt)) {  // awaited even if new options made it unwritable
                held_.erase(held_.find(*id));
                expect_receipt(*id);
            }
            kept_size_ -= kept_.front().size;
            kept_.pop_front();
        }
    }

    /// After every change of the output.
    void watch_output() noexcept {
        if (unsent() > options_.high_water) {
            congested_ = true;
        } else if (unsent() <= options_.low_water) {
            congested_ = false;
        }
    }

    errc settle(command c, const client_event& event, header_list extra) {
        if (!event.is_message()) return errc::nothing_to_ack;
        return settle(c, event.epoch, event.frame.get_or(header_names::message_id),
                      event.frame.get_or(header_names::subscription), event.frame.get_or(header_names::ack), extra);
    }

    errc settle(command c, const ack_handle& h, header_list extra) {
        return settle(c, h.epoch_, h.message_id_, h.subscription_, h.ack_, extra);
    }

    errc settle(command c, std::uint32_t epoch, std::string_view message_id, std::string_view subscription_id,
                std::string_view ack, header_list extra) {
        if (epoch == 0) return errc::nothing_to_ack;
        if (epoch != epoch_) return errc::stale_ack;
        if (!open_for_commands()) return errc::not_connected;
        const auto i = subscriptions_.find(subscription_id);
        if (i != subscription_table::none && subscriptions_[i].mode == ack_mode::automatic) return errc::nothing_to_ack;
        switch (*version_) {
            case version::v1_0:
                if (message_id.empty()) return errc::nothing_to_ack;
                return submit(c, one{{{header_names::message_id, message_id}}}, extra);
            case version::v1_1:
                if (message_id.empty() || subscription_id.empty()) return errc::nothing_to_ack;
                return submit(c,
                              std::array<header, 2>{{{header_names::subscription, subscription_id},
                                                     {header_names::message_id, message_id}}},
                              extra);
            case version::v1_2: break;
        }
        if (ack.empty()) return errc::nothing_to_ack;
        return submit(c, one{{{header_names::id, ack}}}, extra);
    }

    // ---- receipts and requests ------------------------------------------------------------------------------

    /// Before every timers_.mark().
    void arm() noexcept {
        receipts_.arm(timers_, options_.receipt_timeout);
        requests_.arm(timers_, options_.request_timeout);
    }

    void expect_receipt(std::string_view id, subscription_table::index of = subscription_table::none) {
        arm();
        pending_receipt& r = receipts_[receipts_.insert(id, timers_, options_.receipt_timeout)];
        r.subscription = of;
        if (of != subscription_table::none) r.generation = subscriptions_.generation(of);
        timers_.mark();
    }

    void take_receipt(receipt_table::index i, client_event::kind_type kind, client_event& event) {
        id_in_hand_ = receipts_.id(i);
        event.kind = kind;
        event.receipt_id = id_in_hand_;
        event.receipt_number = receipt_id::number_of(id_in_hand_);
        receipts_.erase(i);
    }

    void take_request(request_table::index i, client_event::kind_type kind, client_event& event) {
        id_in_hand_ = requests_.id(i);
        event.kind = kind;
        event.correlation_id = id_in_hand_;
        event.request_number = detail::numbered_id::number_of('q', id_in_hand_);
        requests_.erase(i);
    }

    std::optional<client_event> poll_expired() {
        client_event event;
        event.reason = errc::receipt_timeout;
        event.epoch = epoch_;
        const auto receipt = receipts_.expired(timers_, options_.receipt_timeout);
        const auto request = requests_.expired(timers_, options_.request_timeout);
        if (receipt != receipt_table::none && receipt != farewell_) {
            take_receipt(receipt, client_event::unconfirmed, event);
        } else if (request != request_table::none) {
            take_request(request, client_event::unconfirmed, event);
        } else {
            return std::nullopt;
        }
        return event;
    }

    static_assert(subscription_table::entry_size() <= detail::entry::subscription);
    static_assert(transaction_table::entry_size() <= detail::entry::transaction);
    static_assert(receipt_table::entry_size() <= detail::entry::receipt &&
                  request_table::entry_size() <= detail::entry::receipt &&
                  transaction_table::entry_size() <= detail::entry::receipt);

    client_options options_;
    heart_beat offer_;
    std::uint8_t offered_ = 0;  // the versions, of this connection: restart() may bring others for the next
    client_state state_ = client_state::connecting;
    errc reason_ = errc::ok;
    std::uint32_t epoch_ = 0;
    std::uint64_t receipt_number_ = 0;
    subscription_table subscriptions_;
    subscription_table::index resend_ = subscription_table::none;  // the next one to be sent after CONNECTED
    transaction_table transactions_;
    receipt_table receipts_;
    request_table requests_;
    std::uint64_t request_number_ = 0;
    receipt_table::index named_by_error_ = receipt_table::none;  // the one that ERROR was about
    receipt_table::index farewell_ = receipt_table::none;        // that of DISCONNECT
    detail::ring<kept_send> kept_;
    std::size_t kept_size_ = 0;
    transaction_table held_;  // the receipts that kept_ will ask for
    std::string id_in_hand_;
    std::string session_id_;
    std::string server_name_;
    std::vector<header> scratch_;
    bool congested_ = false;
    bool closed_told_ = false;
    bool restarting_ = false;  // as soon as `closed` is told
    bool stillborn_ = false;   // the next transport is gone before that
};

static_assert(sizeof(client_session) <= detail::entry::session);

}  // namespace stomp::inline v0

#endif
