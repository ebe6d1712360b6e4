// The server's end of one connection.
#ifndef STOMP_SERVER_HPP
#define STOMP_SERVER_HPP

#include <stomp/ack_mode.hpp>
#include <stomp/command.hpp>
#include <stomp/config.hpp>
#include <stomp/detail/connection.hpp>
#include <stomp/detail/escape.hpp>
#include <stomp/detail/fields.hpp>
#include <stomp/detail/session_table.hpp>
#include <stomp/detail/shared_bytes.hpp>
#include <stomp/detail/table.hpp>
#include <stomp/detail/undo.hpp>
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
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stomp::inline v0 {

struct server_options {
    /// What is accepted. Order and repeats do not matter.
    std::vector<version> versions = {version::v1_0, version::v1_1, version::v1_2};
    /// What is offered; a wanted interval from 1 to 999 ms is raised to 1,000 ms.
    stomp::heart_beat heart_beat = {};
    /// The `server` header of CONNECTED, such as "name/1.0"; left out when empty.
    std::string server = {};
    /// Whether the session answers receipts by itself (see server_session).
    bool auto_receipt = true;
    /// Writes an end of line after every frame, as RabbitMQ and ActiveMQ do: PHP's stomp extension takes one octet after
    /// each frame for granted. Spec: STOMP 1.2 "STOMP Frames" allows any number.
    bool trailing_eol = false;
    /// Whether commands outside the standard are `custom` events instead of errors.
    bool custom_commands = false;
    /// From construction to a complete CONNECT, however slowly octets arrive; zero: for ever.
    milliseconds login_timeout{10'000};
    /// The longest silence of a peer without heart-beats; zero: for ever.
    milliseconds idle_timeout{0};
    /// The longest time in which the peer takes no octet of waiting output; zero: for ever.
    milliseconds stall_timeout{10'000};
    /// How long to wait for the peer to close first, once all is written.
    milliseconds linger{2'000};
    /// A silent peer is dead after max(tolerance x interval, interval + tolerance_floor).
    milliseconds tolerance_floor{2'000};
    double tolerance = 2.0;
    stomp::limits limits = stomp::limits::server();
    stomp::limits before_login = stomp::limits::before_login();
    stomp::strictness strictness = stomp::strictness::standard;
    encode_options encoding = {};
};

/// Names a subscription of one session for as long as it exists; never names another.
struct subscription_handle {
    std::uint32_t slot = UINT32_MAX;
    std::uint32_t generation = 0;

    friend constexpr bool operator==(const subscription_handle&, const subscription_handle&) = default;
};

/// One frame of a committed transaction: SEND, ACK or NACK.
struct transaction_step {
    stomp::command command = stomp::command::send;
    frame_view frame = {};
    subscription_handle subscription = {};        ///< of ACK and NACK
    std::span<const std::uint64_t> settled = {};  ///< of ACK and NACK: the tags concerned
};

/// What poll_event() tells. Views in it are input views: valid until the next poll_event(), input_buffer() or
/// receive(), or until the session is moved or destroyed.
struct server_event {
    enum kind_type : std::uint8_t {
        connect,      ///< answer with accept() or reject(); until then nothing more is read
        send,         ///< `frame` is SEND
        subscribe,    ///< `subscription` is the new one
        unsubscribe,  ///< `subscription` is gone; `settled` are the tags that it never settled, to be delivered again
        ack,          ///< `settled` are the tags concerned, oldest first; cumulative ones are expanded
        nack,         ///< likewise; also the ABORT of a transaction with ACKs of a subscription that is gone
        commit,       ///< `steps` are to be applied as a whole, or fail() is to be called
        disconnect,   ///< the client leaves; `closed` follows
        custom,       ///< a command outside the standard, where server_options::custom_commands asks for it
        closed        ///< the last event, exactly once; `settled` are the tags never settled, in order of delivery
    };

    kind_type kind = closed;
    frame_view frame = {};
    errc reason = errc::ok;
    subscription_handle subscription = {};
    std::span<const std::uint64_t> settled = {};  ///< each tag is told once, here or in a step, whatever becomes of it
    std::span<const transaction_step> steps = {};
};

namespace detail {

/// The part of a MESSAGE that all subscribers share: what is kept of the SEND's headers, content-length, blank line.
/// What an intermediary must not forward is left out (SV-10), and so is what the version cannot carry (H-20).
class message_head {
public:
    message_head(const frame_view& sent, version v, content_length_policy policy) noexcept
        : sent_(sent), escaping_(escaping_of(command::message, v)) {
        const bool has_nul = policy != content_length_policy::automatic && !sent.body.empty() &&
                             std::memchr(sent.body.data(), 0, sent.body.size()) != nullptr;
        if (has_nul && policy == content_length_policy::never) error_ = errc::needs_content_length;
        counted_ = policy == content_length_policy::automatic ? !sent.body.empty() : has_nul;
        for (const header& h : sent.headers) {
            if (!forwarded(h.name)) continue;
            std::size_t line = 0;
            if (measure_header(escaping_, h, line) != errc::ok) adapted_ = true;
            size_ += line;
        }
        const auto destination = sent.get(header_names::destination);
        std::size_t ignored = 0;
        if (!destination) {
            error_ = errc::missing_header;
        } else if (measure_text(escaping_, *destination, false, ignored) != errc::ok) {
            error_ = errc::not_representable;
        }
        if (counted_) size_ += header_names::content_length.size() + 2 + count_digits(sent.body.size());
        ++size_;
    }

    errc error() const noexcept { return error_; }
    std::size_t size() const noexcept { return size_; }

    char* write(char* to) const noexcept {
        for (const header& h : sent_.headers) {
            if (!forwarded(h.name)) continue;
            std::size_t line = 0;
            if (adapted_ && measure_header(escaping_, h, line) != errc::ok) continue;
            to = write_header(escaping_, h, to);
        }
        if (counted_) {
            to = copy_text(to, header_names::content_length);
            *to++ = ':';
            to = write_number(to, sent_.body.size());
            *to++ = '\n';
        }
        *to++ = '\n';
        return to;
    }

private:
    static bool forwarded(std::string_view name) noexcept {
        const char* const text = name.data();
        switch (name.size()) {
            case 3: return !spells(text, "ack");
            case 7: return !spells(text, "receipt");
            case 10: return !spells(text, "message-id");
            case 11: return !spells(text, "transaction") && !spells(text, "redelivered");
            case 12: return !spells(text, "subscription");
            case 14: return !spells(text, "content-length");
            default: return true;
        }
    }

    const frame_view& sent_;
    escaping escaping_;
    errc error_ = errc::ok;
    std::size_t size_ = 0;
    bool counted_ = false;
    bool adapted_ = false;  // some header is left out for the version's sake
};

}  // namespace detail

/// A message encoded once for any number of subscribers, of any version, on any session. Immutable, cheap to copy, and
/// its copies may be used from different threads.
class shared_message {
public:
    shared_message() noexcept = default;

    /// From a SEND, or any frame with a destination. Private headers of the sender (receipt, transaction, subscription,
    /// message-id, ack, content-length, redelivered) are not carried over. Spec: STOMP 1.2 "MESSAGE".
    explicit shared_message(const frame_view& sent, content_length_policy policy = content_length_policy::automatic) {
        for (const version v : all_versions) {
            const detail::message_head head(sent, v, policy);
            const auto i = static_cast<std::size_t>(v);
            errors_[i] = head.error();
            detail::shared_bytes text(head.size());
            head.write(text.data());
            for (std::size_t other = 0; other < i && !heads_[i]; ++other) {
                if (heads_[other].text() == text.text()) heads_[i] = heads_[other];  // as most are, in every version
            }
            if (!heads_[i]) heads_[i] = std::move(text);
        }
        body_ = detail::shared_bytes(sent.body.size() + 1);
        *detail::copy_text(body_.data(), sent.body) = '\0';
    }

    /// The body; valid as long as any copy of this message.
    std::string_view body() const noexcept STOMP_LIFETIMEBOUND {
        return body_ ? body_.text().substr(0, body_.capacity() - 1) : std::string_view{};
    }

    /// The octets that the copies of this message hold together.
    std::size_t memory() const noexcept {
        std::size_t sum = body_.capacity();
        for (std::size_t i = 0; i < heads_.size(); ++i) {
            if (i == 0 || heads_[i].text().data() != heads_[i - 1].text().data()) sum += heads_[i].capacity();
        }
        return sum;
    }

private:
    friend class server_session;

    std::array<detail::shared_bytes, 3> heads_;  // per version
    std::array<errc, 3> errors_{errc::missing_header, errc::missing_header, errc::missing_header};
    detail::shared_bytes body_;  // and its NUL
};

/// One server's session: octets and time in, octets, events and one deadline out. It keeps all that the specification
/// defines per connection (subscriptions, unsettled messages, open transactions, heart-beats).
///
/// The loop is that of client_session. After `connect`, call accept() or reject(). BEGIN, ABORT and the frames inside a
/// transaction are answered by the session itself. With `auto_receipt` the receipt of the event in hand is queued by the
/// first of receipt_for(), a message() on this session and the next poll_event(), so before any MESSAGE that its frame
/// causes; fail() and reject() cancel it. A peer's fault ends in exactly one ERROR and `closed`; what arrives later is
/// read and dropped until finished().
class server_session : public detail::connection {
public:
    server_session(server_options options, time_point now)
        : connection(options.before_login, settings_of(options), now), options_(std::move(options)) {
        timers_.start_now(detail::timers::handshake, options_.login_timeout);
    }

    server_session(server_session&&) = default;
    server_session& operator=(server_session&&) = default;

    // ---- what happened outside (see detail::connection for the rest) ----------------------------------------

    /// Safe to call at any time; needed once next_timeout() is reached.
    void handle_timeout(time_point now) {
        common_timeouts(now);
        if (finished_) return;
        if (timers_.expired(detail::timers::handshake)) return lose(errc::login_timeout);
        const bool stalled = timers_.expired(detail::timers::stall);
        if (over_ && (stalled || timers_.expired(detail::timers::farewell))) {
            finished_ = true;
            timers_.stop_all();
        } else if (stalled) {
            lose(errc::stall_timeout);
        } else if (timers_.expired(detail::timers::farewell)) {
            close(errc::ok);  // nobody answered DISCONNECT
        }
    }

    /// The moment at which to call handle_timeout(), if there is one. It may lie in the past: then call it now.
    std::optional<time_point> next_timeout() const noexcept { return timers_.next(); }

    // ---- what the application wants -------------------------------------------------------------------------

    /// Answers `connect` with CONNECTED. A session id that no other connection has makes message ids unique among them
    /// all; it may not hold backslash, colon or control octets (not_representable). Returns invalid_state where no
    /// `connect` waits or the connection is gone meanwhile, reserved_header (version, session, server or heart-beat in extra), and what encode() returns.
    /// Spec: STOMP 1.2 "CONNECTED Frame".
    [[nodiscard]] errc accept(std::string_view session_id = {}, header_list extra = {}) {
        if (state_ != server_state::deciding || lost_ != errc::ok) return errc::invalid_state;
        if (!plain(session_id)) return errc::not_representable;
        const heart_beat ours = offer_of(options_.heart_beat, milliseconds(1), milliseconds(1000));
        const detail::heart_beat_text beat(ours);
        scratch_.clear();
        scratch_.push_back({header_names::version, to_string(*version_)});
        if (!session_id.empty()) scratch_.push_back({header_names::session, session_id});
        if (!options_.server.empty()) scratch_.push_back({header_names::server, options_.server});
        if (*version_ != version::v1_0) scratch_.push_back({header_names::heart_beat, beat.view()});
        for (const header& h : extra) {
            for (const std::string_view name :
                 {header_names::version, header_names::session, header_names::server, header_names::heart_beat}) {
                if (h.name == name) return errc::reserved_header;
            }
            scratch_.push_back(h);
        }
        std::string kept(session_id);
        const errc e = queue({command::connected, {}, scratch_, {}}, *version_, room());
        if (e != errc::ok) return e;
        session_id_ = std::move(kept);
        state_ = server_state::connected;
        parser_.set_version(*version_);
        parser_.set_limits(options_.limits);
        max_input_ = options_.limits.max_input;
        if (*version_ != version::v1_0) intervals_ = negotiate(client_beat_, ours);
        start_heart_beats(intervals_.server_to_client, intervals_.client_to_server);
        input_changed();
        return errc::ok;
    }

    /// Answers `connect` with ERROR; `closed` with connect_rejected follows. No effect once the session is over.
    void reject(std::string_view why) {
        if (!over_) fail_with(errc::connect_rejected, why, std::nullopt);
    }

    /// Ends the session with ERROR, with a receipt-id if the cause asked for a receipt; `closed` with
    /// closed_by_application follows. `why` is shown to the peer. No effect once the session is over.
    void fail(std::string_view why, const frame_view& cause = {}) {
        if (!over_) fail_with(errc::closed_by_application, why, receipt_of(cause));
    }

    /// Ends the session without a word; `closed` with this reason follows. No effect once the session is over.
    void abandon(errc reason = errc::closed_by_application) noexcept { close(reason); }

    /// MESSAGE to a subscription, made of a SEND (or any frame with a destination). The tag is yours: it comes back in
    /// `settled`. `extra` is for this subscriber alone, such as `redelivered`; a message-id in it replaces the session's,
    /// except where 1.0 and 1.1 need that for ACK. Returns window_full (max_unsettled messages are unsettled; the next
    /// `settled` reopens it), output_full, frame_too_large, unknown_subscription, not_connected (as soon as the end, or
    /// DISCONNECT, is known of), missing_header and not_representable (the destination), reserved_header (subscription,
    /// ack, content-length in extra), and what encode() returns. Spec: STOMP 1.2 "MESSAGE".
    [[nodiscard]] errc message(subscription_handle to, const frame_view& sent, std::uint64_t tag,
                               header_list extra = {}) {
        if (!takes_messages()) return errc::not_connected;
        const detail::message_head head(sent, *version_, options_.encoding.content_length);
        if (head.error() != errc::ok) return head.error();
        return deliver(to, head.size() + sent.body.size() + 1, true, tag, extra,
                       [&](char* at) { *detail::copy_text(head.write(at), sent.body) = '\0'; });
    }
    [[nodiscard]] errc message(subscription_handle to, const shared_message& sent, std::uint64_t tag,
                               header_list extra = {}) {
        if (!takes_messages()) return errc::not_connected;
        const auto v = static_cast<std::size_t>(*version_);
        if (sent.errors_[v] != errc::ok) return sent.errors_[v];
        const detail::shared_bytes& head = sent.heads_[v];
        const std::size_t tail = head.capacity() + sent.body_.capacity();
        const bool copied = tail <= copied_tail;
        return deliver(to, tail, copied, tag, extra, [&](char* at) {
            if (copied) {
                detail::copy_text(detail::copy_text(at, head.text()), sent.body_.text());
            } else {
                out_.append(head);
                out_.append(sent.body_);
            }
        });
    }

    /// RECEIPT for a frame that asked for one; no effect and errc::ok for one that did not, or whose receipt is queued
    /// already. Returns not_connected, output_full. Spec: STOMP 1.2 "RECEIPT".
    [[nodiscard]] errc receipt_for(const frame_view& frame) {
        const auto id = receipt_of(frame);
        if (!id) return errc::ok;
        if (options_.auto_receipt) {
            if (receipt_due_ && *id == receipt_) answer_event();
            return errc::ok;
        }
        return receipt(*id);
    }
    /// RECEIPT with this id, for an answer given later. Returns not_connected, output_full.
    [[nodiscard]] errc receipt(std::string_view receipt_id) {
        if (state_ != server_state::connected) return errc::not_connected;
        if (const errc e = queue_receipt(receipt_id, room()); e != errc::ok) return e;
        if (leaving_ && receipt_id == receipt_) close(errc::ok);
        return errc::ok;
    }

    // ---- what the caller must do next -----------------------------------------------------------------------

    /// The next event; nothing when more input, time or room for output is needed. If bad_alloc passes through here it can
    /// be called again; a frame that was being handled then has ended the session (out_of_memory), because nothing behind
    /// it may be taken for a sign that it was handled.
    [[nodiscard]] std::optional<server_event> poll_event() {
        finish_event();
        while (true) {
            if (over_) return poll_farewell();
            if (state_ == server_state::deciding || leaving_) {
                if (lost_ == errc::ok) return std::nullopt;
                close(leaving_ ? errc::ok : lost_);
                continue;
            }
            if (!room_for_receipt()) return std::nullopt;
            switch (next_frame()) {
                case parse_status::frame: {
                    detail::undo cut_short([this] { close(errc::out_of_memory); });
                    const auto event = handle(parser_.frame());
                    cut_short.dismiss();
                    if (event) return event;
                    break;
                }
                case parse_status::error: fail_with(first_line_fault(parser_.error()), {}, std::nullopt); break;
                case parse_status::need_more:
                    if (const errc fault = first_line_fault(errc::ok); fault != errc::ok) {
                        fail_with(fault, {}, std::nullopt);
                        break;
                    }
                    if (lost_ == errc::ok) return std::nullopt;
                    const bool torn = lost_ == errc::connection_lost && parser_.finish() != errc::ok;
                    close(torn ? errc::unexpected_eof : lost_);
                    break;
            }
        }
    }

    // ---- getters --------------------------------------------------------------------------------------------

    /// The octets that a MESSAGE may have under these limits, all headers counted (frame_too_large): max_output without
    /// what is kept free for an ERROR.
    static constexpr std::size_t largest_message(const stomp::limits& l) noexcept {
        return l.max_output - (std::min)(l.max_output / 4, 1024 + longest_why + 2 * l.max_header_line);
    }

    server_state state() const noexcept { return state_; }
    /// What accept() was given. Valid until move or destruction.
    std::string_view session_id() const noexcept STOMP_LIFETIMEBOUND { return session_id_; }
    /// Messages delivered and not settled.
    std::size_t unsettled() const noexcept { return unsettled_count_; }
    std::size_t subscriptions() const noexcept { return subscriptions_.size(); }
    /// Of a subscription: its destination and id, valid until it ends (empty for one that ended), and its mode.
    std::string_view destination(subscription_handle h) const noexcept STOMP_LIFETIMEBOUND {
        return holds(h) ? std::string_view(subscriptions_[h.slot].destination) : std::string_view{};
    }
    std::string_view id(subscription_handle h) const noexcept STOMP_LIFETIMEBOUND {
        return holds(h) && subscriptions_[h.slot].has_id ? subscriptions_.key(h.slot) : std::string_view{};
    }
    ack_mode mode(subscription_handle h) const noexcept {
        return holds(h) ? subscriptions_[h.slot].mode : ack_mode::automatic;
    }

private:
    static constexpr std::uint32_t none = UINT32_MAX;
    static constexpr std::size_t copied_tail = 1024;  // longer ones are referenced: cheaper than copying
    static constexpr std::size_t longest_why = 512;

    struct subscription {
        std::string destination;
        std::string prefix;  // "MESSAGE\nsubscription:<id>\n", ready to be copied
        ack_mode mode = ack_mode::automatic;
        bool has_id = true;           // 1.0 does without
        std::uint32_t oldest = none;  // its unsettled messages, in order of delivery
        std::uint32_t newest = none;
    };
    struct unsettled_message {
        std::uint64_t serial = 0;  // 0: the slot is free
        std::uint64_t tag = 0;
        std::size_t size = 0;
        std::uint32_t previous = none;
        std::uint32_t next = none;  // also links free slots
        std::uint32_t subscription = none;
        std::uint32_t transaction = none;  // enlisted in
    };
    struct step {
        stomp::frame frame;
        subscription_handle subscription;
        std::size_t first = 0;  // of `slots`
        std::size_t count = 0;
    };
    struct transaction {
        std::vector<step> steps;
        std::vector<std::uint32_t> slots;  // of the messages that its ACKs and NACKs settle
        std::vector<std::uint64_t> tags;   // theirs
        std::size_t size = 0;
    };
    using subscription_table = detail::table<subscription>;
    using transaction_table = detail::table<transaction>;

    static settings settings_of(const server_options& o) {
        return {o.strictness, o.encoding,        o.stall_timeout, o.idle_timeout,
                o.linger,     o.tolerance_floor, o.tolerance,     o.trailing_eol};
    }

    // Nothing that a header would have to escape, in any version (H-19).
    static bool plain(std::string_view text) noexcept {
        return std::none_of(text.begin(), text.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x20 || c == '\\' || c == ':' || c == 0x7f;
        });
    }

    /// Whether a text can be written back in a header. 1.0 and 1.1 have no escape for a CR, and would not be understood
    /// with a bare one.
    bool representable(const std::optional<std::string_view>& text) const noexcept {
        std::size_t size = 0;
        return !text ||
               detail::measure_text(detail::escaping_of(command::message, *version_), *text, false, size) == errc::ok;
    }

    bool holds(subscription_handle h) const noexcept { return subscriptions_.contains(h.slot, h.generation); }
    subscription_handle handle_of(std::uint32_t slot) const noexcept { return {slot, subscriptions_.generation(slot)}; }

    // ---- output: how much ----------------------------------------------------------------------------------

    std::size_t room() const noexcept { return largest_message(options_.limits); }

    /// Nothing is read from a peer that would not take the answer. A peer that takes all always gets on.
    bool room_for_receipt() const noexcept {
        if (lost_ != errc::ok || out_.empty()) return true;
        return out_.size() + 64 + 2 * options_.limits.max_header_line <= room();
    }

    // ---- receipts ------------------------------------------------------------------------------------------

    /// CONNECT may not ask for one, and gets none (C-31).
    static std::optional<std::string_view> receipt_of(const frame_view& f) noexcept {
        return is_handshake(f.command) ? std::nullopt : f.get(header_names::receipt);
    }

    std::size_t receipt_size(std::string_view id) const noexcept {
        const header h{header_names::receipt_id, id};
        std::size_t size = 0;
        detail::measure({command::receipt, {}, std::span<const header>(&h, 1), {}}, *version_, settings_.encoding,
                        size);
        return size + eol_size();
    }

    errc queue_receipt(std::string_view id, std::size_t most) {
        const header h{header_names::receipt_id, id};
        return queue({command::receipt, {}, std::span<const header>(&h, 1), {}}, *version_, most);
    }

    void note_receipt(const std::optional<std::string_view>& id) {
        receipt_due_ = id.has_value();
        if (id) receipt_ = *id;
    }

    /// The receipt of the event in hand. There is room: room_for_receipt() held before its frame was read.
    void answer_event() {
        if (!receipt_due_) return;
        if (queue_receipt(receipt_, SIZE_MAX) != errc::ok) STOMP_ASSERT(false);
        receipt_due_ = false;
    }

    void finish_event() {
        committed_ = transaction();
        steps_.clear();
        if (over_) return;
        if (options_.auto_receipt) answer_event();
        if (leaving_ && (options_.auto_receipt || !timers_.active(detail::timers::farewell))) close(errc::ok);
    }

    // ---- closing -------------------------------------------------------------------------------------------

    void close(errc reason) noexcept {
        if (over_) return;
        state_ = server_state::closed;
        reason_ = reason;
        receipt_due_ = false;
        transactions_.clear();
        end();
    }

    /// One ERROR, if there is memory for it, and the session is over. `why` may be empty: then the reason explains itself.
    void fail_with(errc reason, std::string_view why, std::optional<std::string_view> receipt,
                   std::string_view details = {}) {
        const detail::undo closes([&] { close(reason); });
        // TLS cannot be answered in plain text, and a peer that is gone not at all.
        if (reason != errc::tls_on_plain_port && lost_ == errc::ok) queue_error(reason, why, receipt, details);
        if (reason == errc::tls_on_plain_port) finished_ = true;
    }

    void queue_error(errc reason, std::string_view why, std::optional<std::string_view> receipt,
                     std::string_view details) {
        const bool short_enough = why.size() <= 256 && plain(why);
        if (!short_enough) details = why.substr(0, longest_why);
        scratch_.clear();
        scratch_.push_back({header_names::message, short_enough && !why.empty() ? why : explain(reason)});
        std::string versions;
        if (reason == errc::no_common_version) {
            for (const version v : all_versions) {
                const auto& ours = options_.versions;
                if (std::find(ours.begin(), ours.end(), v) == ours.end()) continue;
                if (!versions.empty()) versions += ',';
                versions += to_string(v);
            }
            scratch_.push_back({header_names::version, versions});
        }
        if (!details.empty()) scratch_.push_back({header_names::content_type, "text/plain"});
        if (receipt && version_ && representable(receipt)) scratch_.push_back({header_names::receipt_id, *receipt});
        const version v = version_.value_or(version::v1_0);
        settings_.encoding.content_length = content_length_policy::automatic;  // details may hold anything
        if (queue({command::error, {}, scratch_, details}, v, SIZE_MAX) != errc::ok) STOMP_ASSERT(false);
    }

    std::optional<server_event> poll_farewell() {
        if (closed_told_) return std::nullopt;
        std::sort(unsettled_.begin(), unsettled_.end(),
                  [](const unsettled_message& a, const unsettled_message& b) { return a.serial < b.serial; });
        settled_.clear();
        for (const unsettled_message& m : unsettled_) {
            if (m.serial != 0) settled_.push_back(m.tag);
        }
        closed_told_ = true;  // nothing fails from here on
        unsettled_count_ = 0;
        subscriptions_.clear();
        server_event event;
        event.kind = server_event::closed;
        event.reason = reason_;
        event.settled = settled_;
        return event;
    }

    // ---- frames from the client ----------------------------------------------------------------------------

    /// What does not begin with CONNECT or STOMP is refused at its first line (C-01): nothing behind it is looked at, so
    /// that a request of another protocol cannot smuggle frames in. TLS is told by its first octets.
    errc first_line_fault(errc otherwise) const noexcept {
        if (state_ != server_state::connecting) return otherwise;
        const std::string_view head = parser_.pending();
        if (!head.empty() && head[0] == '\x16') return errc::tls_on_plain_port;
        const std::string_view verb = parser_.pending_verb();
        const bool other = !verb.empty() && verb != to_string(command::connect) && verb != to_string(command::stomp);
        return other ? errc::not_connected : otherwise;
    }

    std::optional<server_event> refuse(errc reason, const frame_view& f, std::string_view details = {}) {
        fail_with(reason, {}, receipt_of(f), details);
        return std::nullopt;
    }

    std::optional<server_event> handle(const frame_view& f) {
        const detail::cell cell = detail::look_up(state_, f.command);
        if (cell.what == detail::action::refuse) return refuse(cell.reason, f);
        if (cell.what == detail::action::greet) return greet(f);
        if (cell.what == detail::action::pass && !options_.custom_commands) return refuse(errc::unknown_command, f);
        if (since(f.command) > *version_) return refuse(errc::unknown_command, f);
        if (const std::string_view name = detail::missing_header(f, *version_); !name.empty()) {
            return refuse(errc::missing_header, f, name);
        }
        const detail::fields has(f.headers);
        if (!representable(has.receipt)) return refuse(errc::bare_cr, f);
        note_receipt(has.receipt);
        switch (cell.what) {
            case detail::action::publish:
                if (has.transaction) return enlist(f, has);
                return event_of(server_event::send, f);
            case detail::action::subscribe: return subscribe(f, has);
            case detail::action::unsubscribe: return unsubscribe(f, has);
            case detail::action::settle: return settle(f, has);
            case detail::action::begin: return begin(f, has);
            case detail::action::commit: return commit(f, has);
            case detail::action::abort: return abort(f, has);
            case detail::action::leave:
                leaving_ = true;
                // Without auto_receipt the application has this long to answer.
                if (has.receipt) timers_.start(detail::timers::farewell, options_.linger);
                return event_of(server_event::disconnect, f);
            default: return event_of(server_event::custom, f);
        }
    }

    static server_event event_of(server_event::kind_type kind, const frame_view& f) noexcept {
        server_event event;
        event.kind = kind;
        event.frame = f;
        return event;
    }

    /// A frame that the session answers by itself.
    std::optional<server_event> done() {
        answer_event();
        return std::nullopt;
    }

    std::optional<server_event> greet(const frame_view& f) {
        const auto chosen = negotiate(f.get(header_names::accept_version), options_.versions);
        if (!chosen) return refuse(errc::no_common_version, {}, "see the header version");
        if (*chosen == version::v1_0) {
            parser_.trim_values();
        } else {
            const auto beat = parse_heart_beat(f.get_or(header_names::heart_beat, "0,0"));
            if (!beat) return refuse(errc::bad_heart_beat, {});
            client_beat_ = *beat;
            if (options_.strictness == strictness::strict && !f.get(header_names::host)) {
                return refuse(errc::missing_header, {}, header_names::host);
            }
        }
        version_ = *chosen;
        state_ = server_state::deciding;
        timers_.stop(detail::timers::handshake);
        return event_of(server_event::connect, f);
    }

    std::optional<server_event> subscribe(const frame_view& f, const detail::fields& has) {
        const auto mode = parse_ack_mode(has.ack.value_or(to_string(ack_mode::automatic)));
        if (!mode) return refuse(errc::bad_ack_mode, f);
        if (!representable(has.id)) return refuse(errc::bare_cr, f);
        if (has.id && subscriptions_.find(*has.id) != none) return refuse(errc::duplicate_subscription, f);
        if (subscriptions_.size() >= options_.limits.max_subscriptions) return refuse(errc::limit_subscriptions, f);
        // 1.0 without an id: a key that no header can hold.
        std::string made_up;
        if (!has.id) {
            made_up.resize(1 + sizeof serial_);
            ++serial_;
            std::memcpy(made_up.data() + 1, &serial_, sizeof serial_);
        }
        const std::uint32_t slot = subscriptions_.insert(has.id ? *has.id : std::string_view(made_up));
        subscription& s = subscriptions_[slot];
        s.destination = *has.destination;
        s.mode = *mode;
        s.has_id = has.id.has_value();
        s.prefix = to_string(command::message);
        s.prefix += '\n';
        if (has.id) {
            const header h{header_names::subscription, *has.id};
            const detail::escaping escaping = detail::escaping_of(command::message, *version_);
            std::size_t size = 0;
            detail::measure_header(escaping, h, size);  // it is representable
            const std::size_t from = s.prefix.size();
            s.prefix.resize(from + size);
            detail::write_header(escaping, h, s.prefix.data() + from);
        }
        server_event event = event_of(server_event::subscribe, f);
        event.subscription = handle_of(slot);
        return event;
    }

    std::optional<server_event> unsubscribe(const frame_view& f, const detail::fields& has) {
        std::uint32_t slot = none;
        if (has.id) {
            slot = subscriptions_.find(*has.id);
        } else if (has.destination) {  // 1.0
            slot = subscriptions_.first();
            while (slot != none && subscriptions_[slot].destination != *has.destination)
                slot = subscriptions_.next(slot);
        } else {
            return refuse(errc::missing_header, f, header_names::id);
        }
        if (slot == none) return refuse(errc::unknown_subscription, f);
        settled_.clear();
        for (std::uint32_t i = subscriptions_[slot].oldest; i != none; i = unsettled_[i].next) {
            if (unsettled_[i].transaction == none) settled_.push_back(unsettled_[i].tag);
        }
        for (std::uint32_t i = subscriptions_[slot].oldest; i != none;) {  // nothing fails from here on
            unsettled_message& m = unsettled_[i];
            const std::uint32_t next = m.next;
            if (m.transaction == none) {
                release(i);
            } else {
                m.subscription = m.previous = m.next = none;  // it ends with its transaction
            }
            i = next;
        }
        server_event event = event_of(server_event::unsubscribe, f);
        event.subscription = handle_of(slot);
        event.settled = settled_;
        subscriptions_.erase(slot);
        return event;
    }

    // ---- transactions --------------------------------------------------------------------------------------

    std::optional<server_event> begin(const frame_view& f, const detail::fields& has) {
        if (transactions_.find(*has.transaction) != none) return refuse(errc::duplicate_transaction, f);
        if (transactions_.size() >= options_.limits.max_transactions) return refuse(errc::limit_transactions, f);
        transactions_.insert(*has.transaction);
        return done();
    }

    std::optional<server_event> enlist(const frame_view& f, const detail::fields& has) {
        const std::uint32_t i = transactions_.find(*has.transaction);
        if (i == none) return refuse(errc::unknown_transaction, f);
        transaction& t = transactions_[i];
        if (t.steps.size() >= options_.limits.max_transaction_frames) return refuse(errc::limit_transaction_frames, f);
        std::size_t size = f.body.size();
        for (const header& h : f.headers) size += h.name.size() + h.value.size() + detail::entry::header;
        if (size > options_.limits.max_transaction_bytes - (std::min)(t.size, options_.limits.max_transaction_bytes)) {
            return refuse(errc::limit_transaction_bytes, f);
        }
        step s{stomp::frame(f), {}, t.slots.size(), 0};
        if (f.command != command::send) {
            const std::uint32_t slot = find_unsettled(has);
            if (slot == none) return refuse(errc::unknown_ack, f);
            s.subscription = handle_of(unsettled_[slot].subscription);
            for_each_settled(slot, [&](std::uint32_t m) {
                unsettled_[m].transaction = i;
                t.slots.push_back(m);
            });
            s.count = t.slots.size() - s.first;
        }
        t.size += size;
        t.steps.push_back(std::move(s));
        return done();
    }

    std::optional<server_event> commit(const frame_view& f, const detail::fields& has) {
        const std::uint32_t i = transactions_.find(*has.transaction);
        if (i == none) return refuse(errc::unknown_transaction, f);
        steps_.reserve(transactions_[i].steps.size());
        transactions_[i].tags.reserve(transactions_[i].slots.size());
        committed_ = std::move(transactions_[i]);  // nothing fails from here on
        transactions_.erase(i);
        for (const std::uint32_t slot : committed_.slots) {
            committed_.tags.push_back(unsettled_[slot].tag);
            unlink(slot);
            release(slot);
        }
        const std::span<const std::uint64_t> tags(committed_.tags);
        for (const step& s : committed_.steps) {
            const frame_view view = s.frame.view();
            steps_.push_back({view.command, view, s.subscription, tags.subspan(s.first, s.count)});
        }
        server_event event = event_of(server_event::commit, f);
        event.steps = steps_;
        return event;
    }

    std::optional<server_event> abort(const frame_view& f, const detail::fields& has) {
        const std::uint32_t i = transactions_.find(*has.transaction);
        if (i == none) return refuse(errc::unknown_transaction, f);
        settled_.clear();
        const auto gone = [this](std::uint32_t slot) { return unsettled_[slot].subscription == none; };
        for (const std::uint32_t slot : transactions_[i].slots) {
            if (gone(slot)) settled_.push_back(unsettled_[slot].tag);
        }
        for (const std::uint32_t slot : transactions_[i].slots) {  // nothing fails from here on
            unsettled_[slot].transaction = none;
            if (gone(slot)) release(slot);
        }
        transactions_.erase(i);
        if (settled_.empty()) return done();
        // Their subscription is gone, so nobody can settle them any more.
        server_event event = event_of(server_event::nack, f);
        event.settled = settled_;
        return event;
    }

    // ---- acknowledgement -----------------------------------------------------------------------------------
    //
    // A message id is "<session>-<slot>-<serial>". Unsettled messages live in a slab: the slot is found without
    // searching, and the serial, never used twice, tells whether it still holds that message.

    std::optional<server_event> settle(const frame_view& f, const detail::fields& has) {
        if (has.transaction) return enlist(f, has);
        const std::uint32_t slot = find_unsettled(has);
        if (slot == none) return refuse(errc::unknown_ack, f);
        server_event event = event_of(f.command == command::ack ? server_event::ack : server_event::nack, f);
        event.subscription = handle_of(unsettled_[slot].subscription);
        settled_.clear();
        for_each_settled(slot, [&](std::uint32_t m) { settled_.push_back(unsettled_[m].tag); });
        for_each_settled(slot, [&](std::uint32_t m) {  // nothing fails from here on
            unlink(m);
            release(m);
        });
        event.settled = settled_;
        return event;
    }

    std::uint32_t find_unsettled(const detail::fields& has) const noexcept {
        const auto& id = *version_ == version::v1_2 ? has.id : has.message_id;
        const std::string_view text = id.value_or(std::string_view{});
        if (!text.starts_with(session_id_)) return none;
        std::uint64_t slot = 0;
        std::uint64_t serial = 0;
        std::string_view rest = text.substr(session_id_.size());
        if (!take_number(rest, slot) || !take_number(rest, serial) || !rest.empty()) return none;
        if (slot == 0 || slot > unsettled_.size() || serial == 0) return none;
        const auto i = static_cast<std::uint32_t>(slot - 1);
        const unsettled_message& m = unsettled_[i];
        if (m.serial != serial || m.transaction != none || m.subscription == none) return none;
        if (*version_ == version::v1_1 && subscriptions_.key(m.subscription) != *has.subscription) return none;
        return i;
    }

    /// Takes "-<number>" off the front.
    static bool take_number(std::string_view& text, std::uint64_t& number) noexcept {
        if (text.size() < 2 || text[0] != '-') return false;
        text.remove_prefix(1);
        if (text[0] == '0' && text.size() > 1 && text[1] != '-') return false;
        std::size_t n = 0;
        for (; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n) {
            if (n == 19) return false;
            number = number * 10 + static_cast<std::uint64_t>(text[n] - '0');
        }
        text.remove_prefix(n);
        return n != 0;
    }

    /// The message, and in `client` mode all that were delivered before it on its subscription; not those that a
    /// transaction holds.
    template <class Visit>
    void for_each_settled(std::uint32_t named, Visit visit) {
        const subscription& s = subscriptions_[unsettled_[named].subscription];
        std::uint32_t i = s.mode == ack_mode::client ? s.oldest : named;
        while (true) {
            const std::uint32_t next = unsettled_[i].next;
            if (unsettled_[i].transaction == none) visit(i);
            if (i == named) return;
            i = next;
        }
    }

    void unlink(std::uint32_t i) noexcept {
        const unsettled_message& m = unsettled_[i];
        if (m.subscription == none) return;
        subscription& s = subscriptions_[m.subscription];
        (m.previous == none ? s.oldest : unsettled_[m.previous].next) = m.next;
        (m.next == none ? s.newest : unsettled_[m.next].previous) = m.previous;
    }

    void release(std::uint32_t i) noexcept {
        unsettled_message& m = unsettled_[i];
        unsettled_size_ -= m.size;
        --unsettled_count_;
        m = {};
        m.next = std::exchange(free_, i);
    }

    // ---- delivery ------------------------------------------------------------------------------------------

    /// Nobody reads what comes after the end, or after DISCONNECT, even where the application has not been told yet.
    bool takes_messages() const noexcept { return state_ == server_state::connected && lost_ == errc::ok && !leaving_; }

    /// Writes what is private to the subscriber; `write_tail` adds the rest, at the place given or, where there is none,
    /// as pieces of its own.
    template <class WriteTail>
    errc deliver(subscription_handle to, std::size_t tail, bool copied, std::uint64_t tag, header_list extra,
                 WriteTail write_tail) {
        if (!holds(to)) return errc::unknown_subscription;
        subscription& s = subscriptions_[to.slot];
        const limits& l = options_.limits;
        const bool tracked = s.mode != ack_mode::automatic;
        const detail::escaping escaping = detail::escaping_of(command::message, *version_);

        std::size_t size = s.prefix.size();
        bool own_id = true;
        for (const header& h : extra) {
            for (const std::string_view name :
                 {header_names::subscription, header_names::ack, header_names::content_length}) {
                if (h.name == name) return errc::reserved_header;
            }
            if (h.name == header_names::message_id) {
                if (tracked && *version_ != version::v1_2) continue;
                own_id = false;
            }
            if (const errc e = detail::measure_header(escaping, h, size); e != errc::ok) return e;
        }
        if (tracked && unsettled_count_ >= l.max_unsettled) return errc::window_full;
        if (tracked && free_ == none) {
            unsettled_.emplace_back();
            free_ = static_cast<std::uint32_t>(unsettled_.size() - 1);
        }
        make_message_id(tracked ? std::uint64_t{free_} + 1 : 0);
        const bool ack = tracked && *version_ == version::v1_2;
        if (own_id) size += header_names::message_id.size() + id_.size() + 2;
        if (ack) size += header_names::ack.size() + id_.size() + 2;

        const std::size_t total = size + tail + eol_size();
        if (tracked && unsettled_count_ != 0) {  // one always fits
            const bool fits = total <= l.max_unsettled_bytes - (std::min)(l.max_unsettled_bytes, unsettled_size_);
            if (!fits) return errc::window_full;
        }
        if (total > room()) return errc::frame_too_large;
        const bool answers = options_.auto_receipt && receipt_due_;
        const std::size_t waiting = out_.size() + (answers ? receipt_size(receipt_) : 0);
        if (total > room() - (std::min)(room(), waiting)) return errc::output_full;

        if (answers) answer_event();
        char* at = out_.append(copied ? size + tail : size, eol_size());  // from here on nothing fails
        ++serial_;
        if (tracked) remember(to.slot, tag, total);
        at = detail::copy_text(at, s.prefix);
        const auto line = [&at, this](std::string_view name) {
            at = detail::copy_text(at, name);
            *at++ = ':';
            at = detail::copy_text(at, id_);
            *at++ = '\n';
        };
        if (own_id) line(header_names::message_id);
        if (ack) line(header_names::ack);
        for (const header& h : extra) {
            if (h.name == header_names::message_id && own_id) continue;
            at = detail::write_header(escaping, h, at);
        }
        write_tail(at);
        end_frame();
        return errc::ok;
    }

    /// The text of the next message's id. Nothing is used up yet.
    void make_message_id(std::uint64_t slot) {
        std::array<char, 48> text;
        char* to = text.data();
        *to++ = '-';
        to = detail::write_number(to, slot);
        *to++ = '-';
        to = detail::write_number(to, serial_ + 1);
        id_.assign(session_id_);
        id_.append(text.data(), static_cast<std::size_t>(to - text.data()));
    }

    void remember(std::uint32_t subscription_slot, std::uint64_t tag, std::size_t size) noexcept {
        const std::uint32_t slot = free_;
        free_ = unsettled_[slot].next;
        subscription& s = subscriptions_[subscription_slot];
        unsettled_[slot] = {serial_, tag, size, s.newest, none, subscription_slot, none};
        (s.newest == none ? s.oldest : unsettled_[s.newest].next) = slot;
        s.newest = slot;
        ++unsettled_count_;
        unsettled_size_ += size;
    }

    static_assert(subscription_table::entry_size() <= detail::entry::subscription);
    static_assert(transaction_table::entry_size() <= detail::entry::transaction);
    static_assert(sizeof(unsettled_message) <= detail::entry::unsettled &&
                  sizeof(std::uint64_t) <= detail::entry::tag && sizeof(std::uint32_t) <= detail::entry::slot &&
                  sizeof(step) <= detail::entry::step && sizeof(transaction_step) <= detail::entry::event_step);
    static_assert(copied_tail >= 1024);  // three runs at most for as many octets: see max_memory()

    server_options options_;
    server_state state_ = server_state::connecting;
    errc reason_ = errc::ok;
    heart_beat client_beat_;
    std::string session_id_;
    subscription_table subscriptions_;
    std::vector<unsettled_message> unsettled_;
    std::uint32_t free_ = none;  // slots of it
    std::size_t unsettled_count_ = 0;
    std::size_t unsettled_size_ = 0;
    std::uint64_t serial_ = 0;  // of the last message
    transaction_table transactions_;
    transaction committed_;  // that of the event in hand
    std::vector<transaction_step> steps_;
    std::vector<std::uint64_t> settled_;
    std::vector<header> scratch_;
    std::string id_;
    std::string receipt_;  // that of the event in hand
    bool receipt_due_ = false;
    bool leaving_ = false;  // DISCONNECT has been read
    bool closed_told_ = false;
};

static_assert(sizeof(server_session) <= detail::entry::session);
// By default all that a client may send can be sent on: with every octet of its head escaped, and a header of our own.
static_assert(server_session::largest_message(limits::server()) >=
              limits::server().max_body + 2 * limits::server().max_head + 1024);

}  // namespace stomp::inline v0

#endif
