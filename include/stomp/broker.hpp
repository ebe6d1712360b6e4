// Publish and subscribe between many connections: topics, queues, application destinations, users.
#ifndef STOMP_BROKER_HPP
#define STOMP_BROKER_HPP

#include <stomp/ack_mode.hpp>
#include <stomp/config.hpp>
#include <stomp/detail/fields.hpp>
#include <stomp/detail/ring.hpp>
#include <stomp/detail/table.hpp>
#include <stomp/errc.hpp>
#include <stomp/frame.hpp>
#include <stomp/heart_beat.hpp>
#include <stomp/server.hpp>
#include <stomp/version.hpp>

#include <algorithm>
#include <array>
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

namespace stomp::inline v0 {

/// What becomes of a topic message for a connection that does not read fast enough. It acts on what waits behind the
/// connection's output, never on what is in it.
enum class slow_consumer : std::uint8_t {
    drop_oldest,  ///< the message that has waited longest makes room
    drop_newest,  ///< the new message is dropped
    disconnect    ///< the connection is ended with ERROR
};

/// What a client wants to do to a destination.
enum class broker_action : std::uint8_t { send, subscribe };

struct broker_options {
    /// What a destination begins with tells what it is. Each ends in a slash.
    std::string topic_prefix = "/topic/";
    std::string queue_prefix = "/queue/";
    std::string app_prefix = "/app/";
    std::string user_prefix = "/user/";
    /// Whether a client may; sees exactly the destination used. Empty: everything is allowed. Must not call the broker.
    std::function<bool(std::string_view user, broker_action, std::string_view destination)> authorize = {};
    /// Of every connection; heart-beats and limits stand here. auto_receipt and custom_commands are the broker's.
    server_options session = {};
    /// Begins session ids, and with them message ids: make it unlike other processes' where ids meet.
    std::string session_prefix = "s";
    /// Whether poll_event() tells of subscriptions that come and go.
    bool subscription_events = false;

    std::size_t max_connections = 10'000;
    /// Octets and segments of a destination.
    std::size_t max_destination = 256;
    std::size_t max_segments = 16;
    /// Queues that exist at once (one exists while it has messages or consumers), and what each holds at the most,
    /// messages that are delivered and not settled included. More is refused.
    std::size_t max_queues = 10'000;
    std::size_t max_queue_messages = 10'000;
    std::size_t max_queue_bytes = 64 * 1024 * 1024;
    /// Unsettled messages of one subscription; a smaller `prefetch-count` header of SUBSCRIBE counts.
    std::size_t window = 64;
    /// A message that was delivered as often and not settled goes to `dead_letter`, a queue; empty: it is dropped.
    std::size_t max_deliveries = 5;
    std::string dead_letter = "/queue/dead-letter";
    /// Topic messages that wait for a connection whose output is full, and what happens to more.
    std::size_t max_backlog_messages = 1024;
    std::size_t max_backlog_bytes = 1024 * 1024;
    slow_consumer slow = slow_consumer::drop_oldest;
    /// What waits is moved into the output when that has sunk to this many octets; above it fills to limits::max_output.
    std::size_t low_water = 256 * 1024;
};

/// Names a connection of one broker for as long as it exists; never names another.
struct connection_id {
    std::uint32_t slot = UINT32_MAX;
    std::uint32_t generation = 0;

    explicit constexpr operator bool() const noexcept { return slot != UINT32_MAX; }
    friend constexpr bool operator==(const connection_id&, const connection_id&) = default;
};

/// What broker::poll_event() tells. Views in it are valid until the next poll_event(), and until the connection's next
/// input_buffer(), receive() or forget().
struct broker_event {
    enum kind_type : std::uint8_t {
        connect,       ///< a client wants in; `frame` is CONNECT. Answer with accept() or reject()
        message,       ///< `frame` is a SEND to an application destination
        subscribed,    ///< `frame` is SUBSCRIBE; by option
        unsubscribed,  ///< `frame` is UNSUBSCRIBE; by option
        closed         ///< the connection is over, because of `reason`; exactly once
    };

    kind_type kind = closed;
    connection_id from = {};
    frame_view frame = {};
    errc reason = errc::ok;
};

/// Numbers of now, and sums since the beginning.
struct broker_stats {
    std::size_t connections = 0;
    std::size_t subscriptions = 0;
    std::size_t queues = 0;
    std::size_t queued_messages = 0;  ///< in queues, not delivered
    std::size_t queued_bytes = 0;
    std::size_t unsettled_messages = 0;  ///< of queues, delivered and not settled
    std::size_t backlog_messages = 0;    ///< of topics, behind full output
    std::uint64_t published = 0;
    std::uint64_t delivered = 0;
    std::uint64_t redelivered = 0;
    std::uint64_t dropped = 0;  ///< by slow_consumer, or dead without a dead-letter queue
    std::uint64_t dead_lettered = 0;
};

/// Many server sessions, and what flows between them. It does no I/O either: the host moves the octets of each
/// connection, by its id, and calls poll_event() until it is empty; what a client sent takes effect in there.
///
///     id = broker.open(now);                            // a transport was accepted
///     broker.receive(id, bytes, now);                   // it has octets
///     while (auto e = broker.poll_event()) ...          // accept logins, answer application messages
///     while (auto id = broker.poll_changed()) ...       // write output(*id), consume_output(), close when finished()
///     wait until broker.next_timeout(), then broker.handle_timeout(now)
///
/// An id that is no longer known makes a call do nothing, or return `unknown_connection`. Nothing is removed while a
/// message is being delivered; the order per connection is the order of calls.
class broker {
public:
    explicit broker(broker_options options) : options_(std::move(options)) {
        options_.session.auto_receipt = true;
        options_.session.custom_commands = false;
    }
    broker() : broker(broker_options{}) {}

    broker(broker&&) = default;
    broker& operator=(broker&&) = default;
    broker(const broker&) = delete;
    broker& operator=(const broker&) = delete;
    ~broker() = default;

    // ---- connections ----------------------------------------------------------------------------------------

    /// A transport was accepted. `allowed` restricts the versions, for a WebSocket whose sub-protocol named one. An id
    /// that is false where max_connections are open.
    [[nodiscard]] connection_id open(time_point now, std::span<const version> allowed = {}) {
        tell(now);
        if (open_ >= options_.max_connections) return {};
        std::uint32_t slot = 0;
        if (free_peers_.empty()) {
            slot = static_cast<std::uint32_t>(peers_.size());
            peers_.emplace_back();
            generations_.push_back(0);
        } else {
            slot = free_peers_.back();
            free_peers_.pop_back();
        }
        server_options session = options_.session;
        if (!allowed.empty()) {
            std::erase_if(session.versions, [&](version v) {
                return std::find(allowed.begin(), allowed.end(), v) == allowed.end();
            });
        }
        const connection_id id{slot, ++generations_[slot]};
        peers_[slot] = std::make_unique<peer>(id, std::move(session), now_);
        ++open_;
        schedule(*peers_[slot]);
        return id;
    }

    /// The transport is closed and the id not needed any more. Where `closed` has not been polled yet, it still comes.
    void forget(connection_id id) {
        peer* p = find(id);
        if (p == nullptr) return;
        if (p->closed_told) return free(*p);
        p->forgotten = true;
        p->session.transport_closed(now_);
        ready(*p);
    }

    /// As the functions of server_session with these names.
    bool wants_input(connection_id id) const noexcept {
        const peer* p = find(id);
        return p != nullptr && p->session.wants_input();
    }
    std::span<char> input_buffer(connection_id id, std::size_t at_least = 4096) STOMP_LIFETIMEBOUND {
        peer* p = find(id);
        return p == nullptr ? std::span<char>{} : p->session.input_buffer(at_least);
    }
    void commit_input(connection_id id, std::size_t n, time_point now) {
        tell(now);
        peer* p = find(id);
        if (p == nullptr) return;
        p->session.commit_input(n, now_);
        ready(*p);
    }
    [[nodiscard]] errc receive(connection_id id, std::string_view bytes, time_point now) {
        tell(now);
        peer* p = find(id);
        if (p == nullptr) return errc::unknown_connection;
        const errc e = p->session.receive(bytes, now_);
        ready(*p);
        return e;
    }
    void transport_closed(connection_id id, time_point now) {
        tell(now);
        peer* p = find(id);
        if (p == nullptr) return;
        p->session.transport_closed(now_);
        ready(*p);
    }
    std::string_view output(connection_id id) const noexcept STOMP_LIFETIMEBOUND {
        const peer* p = find(id);
        return p == nullptr ? std::string_view{} : p->session.output();
    }
    std::size_t output(connection_id id, std::span<std::string_view> chunks) const noexcept STOMP_LIFETIMEBOUND {
        const peer* p = find(id);
        return p == nullptr ? 0 : p->session.output(chunks);
    }
    std::size_t output_frame(connection_id id, std::span<std::string_view> chunks) const noexcept STOMP_LIFETIMEBOUND {
        const peer* p = find(id);
        return p == nullptr ? 0 : p->session.output_frame(chunks);
    }
    void consume_output(connection_id id, std::size_t n, time_point now) {
        tell(now);
        peer* p = find(id);
        if (p == nullptr) return;
        p->session.consume_output(n, now_);
        if (p->session.unsent() <= options_.low_water) {
            drain_backlog(*p);
            unblock(*p);
        }
        ready(*p);
        if (p->session.finished() || p->session.output_finished()) changed(*p);
    }
    /// True for an id that is not known, too.
    bool output_finished(connection_id id) const noexcept {
        const peer* p = find(id);
        return p == nullptr || p->session.output_finished();
    }
    bool finished(connection_id id) const noexcept {
        const peer* p = find(id);
        return p == nullptr || p->session.finished();
    }

    // ---- what the host must do next -------------------------------------------------------------------------

    /// Each id whose output, wants_input or finished may have changed since it was last returned here.
    [[nodiscard]] std::optional<connection_id> poll_changed() {
        while (!changed_.empty()) {
            const connection_id id = changed_.front();
            changed_.pop_front();
            if (peer* p = find(id)) {
                p->is_changed = false;
                return id;
            }
        }
        return std::nullopt;
    }

    /// The next event; nothing when all that has arrived is worked off. Everything that clients send takes effect here.
    [[nodiscard]] std::optional<broker_event> poll_event() {
        if (auto e = next_step()) return e;
        while (!ready_.empty()) {
            const connection_id id = ready_.front();
            ready_.pop_front();
            peer* p = find(id);
            if (p == nullptr) continue;
            p->is_ready = false;
            auto event = p->session.poll_event();
            if (!event) {
                if (p->closed_told && p->forgotten) {
                    free(*p);
                } else {
                    wrote(*p);
                }
                continue;
            }
            ready(*p);  // at the end of the line: nobody keeps the others waiting
            if (auto e = handle(*p, *event)) return e;
            if (auto e = next_step()) return e;
        }
        return std::nullopt;
    }

    /// The moment at which to call handle_timeout(), if there is one. It may lie in the past: then call it now.
    std::optional<time_point> next_timeout() const noexcept {
        if (!untold_.empty()) return now_;
        if (deadlines_.empty()) return std::nullopt;
        return deadlines_.front().at;
    }

    /// Safe to call at any time.
    void handle_timeout(time_point now) {
        tell(now);
        while (!deadlines_.empty() && deadlines_.front().at <= now_) {
            const deadline due = deadlines_.front();
            std::pop_heap(deadlines_.begin(), deadlines_.end());
            deadlines_.pop_back();
            peer* p = find(due.id);
            if (p == nullptr || p->deadline != due.at) continue;  // overtaken by an earlier one
            p->deadline.reset();
            p->session.handle_timeout(now_);
            ready(*p);
            touched(*p);
        }
    }

    // ---- what the application wants -------------------------------------------------------------------------

    /// Answers `connect`. The user's name is shown to the client in `user-name` and gives it its `/user/...`
    /// destinations; without one they are the connection's alone. Returns unknown_connection, and as
    /// server_session::accept().
    [[nodiscard]] errc accept(connection_id id, std::string_view user = {}) {
        peer* p = find(id);
        if (p == nullptr) return errc::unknown_connection;
        const std::string session =
            options_.session_prefix + std::to_string(id.slot) + '.' + std::to_string(id.generation);
        const header name{"user-name", user};
        const errc e = p->session.accept(session, std::span<const header>(&name, user.empty() ? 0U : 1U));
        if (e != errc::ok) return e;
        p->user = user;
        ready(*p);
        touched(*p);
        return errc::ok;
    }
    void reject(connection_id id, std::string_view why) {
        if (peer* p = find(id)) end(*p, [&](server_session& s) { s.reject(why); });
    }
    /// Ends a connection with ERROR.
    void fail(connection_id id, std::string_view why) {
        if (peer* p = find(id)) end(*p, [&](server_session& s) { s.fail(why); });
    }
    /// Ends a connection without a word, as if the transport were lost.
    void close(connection_id id) {
        if (peer* p = find(id)) end(*p, [&](server_session& s) { s.transport_closed(now_); });
    }

    /// Sends to a topic or queue in the application's name, authorize() not asked. Returns bad_destination, queue_full,
    /// and what encode() returns; no subscriber is no error.
    [[nodiscard]] errc publish(std::string_view destination, std::string_view body, header_list extra = {}) {
        return route(make_send(destination, body, extra));
    }

    /// Sends to `/user/<destination>` of every connection of this user: publish_to_user("bob", "/queue/news", ...)
    /// reaches those who subscribed to "/user/queue/news". Returns bad_destination, and what encode() returns.
    [[nodiscard]] errc publish_to_user(std::string_view user, std::string_view destination, std::string_view body,
                                       header_list extra = {}) {
        if (user.empty()) return errc::bad_destination;
        return send_to_user(user, user_destination(destination), body, extra);
    }

    /// Answers a `message` event in hand: to its `reply-to` header where there is one that the sender may send to or that
    /// begins with the user prefix (then to the sender alone), else to the topic of the same name (`/app/hello` to
    /// `/topic/hello`). A correlation-id goes along. Returns not_authorized, bad_destination, invalid_state for another
    /// event, and as publish().
    [[nodiscard]] errc reply(const broker_event& to, std::string_view body, header_list extra = {}) {
        const peer* p = find(to.from);
        if (p == nullptr) return errc::unknown_connection;
        if (to.kind != broker_event::message) return errc::invalid_state;
        std::vector<header> headers(extra.begin(), extra.end());
        if (const auto id = to.frame.get(header_names::correlation_id)) {
            headers.push_back({header_names::correlation_id, *id});
        }
        if (const auto reply_to = to.frame.get(header_names::reply_to)) {
            if (starts_with(*reply_to, options_.user_prefix)) {
                return send_to_user(owner_of(*p), *reply_to, body, headers);
            }
            if (!allowed(*p, broker_action::send, *reply_to)) return errc::not_authorized;
            return publish(*reply_to, body, headers);
        }
        std::string topic = options_.topic_prefix;
        topic += to.frame.get_or(header_names::destination).substr(options_.app_prefix.size());
        return publish(topic, body, headers);
    }

    // ---- getters --------------------------------------------------------------------------------------------

    /// What accept() was given; valid until forget().
    std::string_view user(connection_id id) const noexcept STOMP_LIFETIMEBOUND {
        const peer* p = find(id);
        return p == nullptr ? std::string_view{} : p->user;
    }
    /// The session behind an id, to look at; null where there is none. Valid until forget().
    const server_session* session(connection_id id) const noexcept STOMP_LIFETIMEBOUND {
        const peer* p = find(id);
        return p == nullptr ? nullptr : &p->session;
    }
    broker_stats stats() const noexcept {
        broker_stats s = stats_;
        s.connections = open_;
        s.queues = queues_.size();
        return s;
    }

private:
    static constexpr std::uint32_t none = UINT32_MAX;
    static constexpr std::uint64_t untracked = UINT64_MAX;  // the tag of a topic's messages: nobody keeps them

    enum class place : std::uint8_t { nowhere, topic, pattern, queue, application, user };

    struct waiting_message {  // behind a full output
        std::uint32_t subscriber = none;
        shared_message message;
        std::size_t size = 0;
    };

    struct peer {
        peer(connection_id i, server_options o, time_point now) : id(i), session(std::move(o), now) {}

        connection_id id;
        server_session session;
        std::string user;
        std::vector<std::uint32_t> subscribers;  // by the slot of the session's handle
        std::vector<std::uint32_t> blocked;      // of those, the ones whose queue waits for room here
        detail::ring<waiting_message> backlog;
        std::size_t backlog_size = 0;
        std::optional<time_point> deadline;  // as the heap knows it: never later than the session's
        bool is_ready = false;
        bool is_changed = false;
        bool is_untold = false;
        bool closed_told = false;
        bool forgotten = false;
    };

    struct subscriber {
        std::uint32_t peer = none;  // none: the slot is free
        subscription_handle handle;
        place where = place::nowhere;
        std::uint32_t home = none;      // which topic, pattern, queue
        std::uint32_t position = none;  // in the home's list
        std::size_t window = 0;
        std::size_t unsettled = 0;
        bool blocked = false;
    };

    struct audience {  // of a topic, a pattern or a user's destination
        std::vector<std::uint32_t> subscribers;
    };

    struct stored_message {
        shared_message message;
        std::uint64_t number = 0;  // order in the queue
        std::size_t size = 0;
        std::size_t deliveries = 0;
        bool dead = false;  // in the dead-letter queue
    };

    struct queue {
        detail::ring<stored_message> messages;
        std::vector<std::uint32_t> consumers;
        std::size_t next = 0;  // whose turn it is
        std::size_t count = 0;  // messages here and unsettled
        std::size_t size = 0;   // their octets
        std::uint64_t last = 0;
    };

    struct unsettled_message {
        stored_message message;
        std::uint32_t queue = none;
        std::uint32_t next_free = none;
    };

    struct deadline {
        time_point at;
        connection_id id;
        friend bool operator<(const deadline& a, const deadline& b) noexcept { return a.at > b.at; }  // earliest on top
    };

    // ---- peers ---------------------------------------------------------------------------------------------

    const peer* find(connection_id id) const noexcept {
        if (id.slot >= peers_.size() || generations_[id.slot] != id.generation) return nullptr;
        return peers_[id.slot].get();
    }
    peer* find(connection_id id) noexcept { return const_cast<peer*>(std::as_const(*this).find(id)); }

    void free(peer& p) {
        const std::uint32_t slot = p.id.slot;
        peers_[slot].reset();
        free_peers_.push_back(slot);
        --open_;
    }

    void ready(peer& p) {
        if (!std::exchange(p.is_ready, true)) ready_.push_back(p.id);
    }
    void changed(peer& p) {
        if (!std::exchange(p.is_changed, true)) changed_.push_back(p.id);
    }

    /// Something was done to the session that the host has to know of.
    void touched(peer& p) {
        changed(p);
        schedule(p);
    }

    /// The session was written to without being told the time: its new deadlines begin at the next `now`.
    void wrote(peer& p) {
        changed(p);
        if (!std::exchange(p.is_untold, true)) untold_.push_back(p.id);
    }

    void schedule(peer& p) {
        const auto next = p.session.next_timeout();
        if (!next || (p.deadline && *p.deadline <= *next)) return;  // too early is harmless, too late is not
        p.deadline = next;
        deadlines_.push_back({*next, p.id});
        std::push_heap(deadlines_.begin(), deadlines_.end());
    }

    void tell(time_point now) {
        now_ = (std::max)(now_, now);
        while (!untold_.empty()) {
            peer* p = find(untold_.front());
            untold_.pop_front();
            if (p == nullptr) continue;
            p->is_untold = false;
            p->session.consume_output(0, now_);
            schedule(*p);
        }
    }

    template <class How>
    void end(peer& p, How how) {
        how(p.session);
        ready(p);
        wrote(p);
    }

    // ---- destinations --------------------------------------------------------------------------------------

    static bool starts_with(std::string_view text, std::string_view prefix) noexcept {
        return text.size() > prefix.size() && text.substr(0, prefix.size()) == prefix;
    }

    bool allowed(const peer& p, broker_action action, std::string_view destination) const {
        return !options_.authorize || options_.authorize(p.user, action, destination);
    }

    /// What a destination is; nowhere if it is none of ours, too long, or a pattern that is none: `**` stands last.
    place locate(std::string_view destination) const noexcept {
        if (destination.size() > options_.max_destination) return place::nowhere;
        if (static_cast<std::size_t>(std::count(destination.begin(), destination.end(), '/')) > options_.max_segments) {
            return place::nowhere;
        }
        if (starts_with(destination, options_.queue_prefix)) return place::queue;
        if (starts_with(destination, options_.app_prefix)) return place::application;
        if (starts_with(destination, options_.user_prefix)) return place::user;
        if (!starts_with(destination, options_.topic_prefix)) return place::nowhere;
        std::string_view rest = destination.substr(options_.topic_prefix.size());
        place found = place::topic;
        while (true) {
            const std::size_t slash = rest.find('/');
            const std::string_view segment = rest.substr(0, slash);
            if (segment == "**" && slash != std::string_view::npos) return place::nowhere;
            if (segment == "*" || segment == "**") found = place::pattern;
            if (slash == std::string_view::npos) return found;
            rest.remove_prefix(slash + 1);
        }
    }

    /// `*` is one segment, a last `**` all that are left, none included. Both sides are walked once: no backtracking.
    static bool matches(std::string_view pattern, std::string_view topic) noexcept {
        while (true) {
            const std::size_t p = pattern.find('/');
            const std::size_t t = topic.find('/');
            const std::string_view wanted = pattern.substr(0, p);
            if (wanted == "**") return true;
            if (wanted != "*" && wanted != topic.substr(0, t)) return false;
            if (t == std::string_view::npos) {
                return p == std::string_view::npos || pattern.substr(p + 1) == "**";
            }
            if (p == std::string_view::npos) return false;
            pattern.remove_prefix(p + 1);
            topic.remove_prefix(t + 1);
        }
    }

    std::string user_destination(std::string_view destination) const {
        std::string full = options_.user_prefix;
        full += destination.substr(!destination.empty() && destination.front() == '/' ? 1 : 0);
        return full;
    }

    /// Whose `/user/...` destinations a connection sees: the user's, or its own where it has no name. A NUL cannot stand
    /// in a header, so no user can take on such a name.
    static std::string owner_of(const peer& p) {
        if (!p.user.empty()) return p.user;
        return std::string(1, '\0') + std::to_string(p.id.slot) + '.' + std::to_string(p.id.generation);
    }
    static std::string user_key(std::string_view owner, std::string_view destination) {
        std::string key(owner);
        key += '\0';
        key += destination;
        return key;
    }

    /// Valid until the next call.
    frame_view make_send(std::string_view destination, std::string_view body, header_list extra) {
        scratch_.clear();
        scratch_.push_back({header_names::destination, destination});
        scratch_.insert(scratch_.end(), extra.begin(), extra.end());
        return {command::send, {}, scratch_, body};
    }

    // ---- publishing ----------------------------------------------------------------------------------------

    /// Whether route() could take the message: all that it may refuse is refused here.
    errc check_route(const frame_view& sent, std::size_t more_messages = 0, std::size_t more_bytes = 0) {
        const std::string_view destination = sent.get_or(header_names::destination);
        const place where = locate(destination);
        if (where != place::topic && where != place::queue) return errc::bad_destination;
        // 1.2 can carry every header that any of them can.
        const detail::message_head head(sent, version::v1_2, options_.session.encoding.content_length);
        if (head.error() != errc::ok) return head.error();
        if (where == place::topic) return errc::ok;
        const auto i = queues_.find(destination);
        if (i == none) return queues_.size() < options_.max_queues ? errc::ok : errc::queue_full;
        const queue& q = queues_[i];
        const bool fits = q.count + more_messages < options_.max_queue_messages &&
                          q.size + more_bytes + head.size() + sent.body.size() <= options_.max_queue_bytes;
        return fits ? errc::ok : errc::queue_full;
    }

    errc route(const frame_view& sent) {
        if (const errc e = check_route(sent); e != errc::ok) return e;
        const std::string_view destination = sent.get_or(header_names::destination);
        ++stats_.published;
        if (locate(destination) == place::queue) {
            enqueue(destination, shared_message(sent, options_.session.encoding.content_length));
            return errc::ok;
        }
        fan_out_.clear();
        if (const auto i = topics_.find(destination); i != none) collect(topics_[i]);
        for (auto i = patterns_.first(); i != none; i = patterns_.next(i)) {
            if (matches(patterns_.key(i), destination)) collect(patterns_[i]);
        }
        fan_out(sent);
        return errc::ok;
    }

    errc send_to_user(std::string_view owner, std::string_view destination, std::string_view body, header_list extra) {
        if (locate(destination) != place::user) return errc::bad_destination;
        const frame_view sent = make_send(destination, body, extra);
        const detail::message_head head(sent, version::v1_2, options_.session.encoding.content_length);
        if (head.error() != errc::ok) return head.error();
        ++stats_.published;
        fan_out_.clear();
        if (const auto i = users_.find(user_key(owner, destination)); i != none) collect(users_[i]);
        fan_out(sent);
        return errc::ok;
    }

    void collect(const audience& a) { fan_out_.insert(fan_out_.end(), a.subscribers.begin(), a.subscribers.end()); }

    /// One message to all of fan_out_. Nothing that happens in here removes a subscriber.
    void fan_out(const frame_view& sent) {
        if (fan_out_.empty()) return;
        if (fan_out_.size() == 1) {
            // One reader that keeps up: straight into its output.
            subscriber& s = subscribers_[fan_out_.front()];
            peer& p = *peers_[s.peer];
            if (p.backlog.empty() && p.session.message(s.handle, sent, untracked) == errc::ok) {
                ++stats_.delivered;
                return wrote(p);
            }
        }
        const shared_message message(sent, options_.session.encoding.content_length);
        for (const std::uint32_t i : fan_out_) {
            peer& p = *peers_[subscribers_[i].peer];
            if (p.backlog.empty()) {
                const errc e = p.session.message(subscribers_[i].handle, message, untracked);
                if (e == errc::ok) {
                    ++stats_.delivered;
                    wrote(p);
                    continue;
                }
                if (e != errc::output_full && e != errc::window_full) {
                    ++stats_.dropped;  // the session is ending, or its version or limits cannot take the message
                    continue;
                }
            }
            wait(p, i, message);
        }
    }

    // ---- slow consumers ------------------------------------------------------------------------------------

    void wait(peer& p, std::uint32_t i, const shared_message& message) {
        const std::size_t size = message.body().size() + 128;  // its share of the head is not worth counting exactly
        const auto full = [&] {
            return p.backlog.size() >= options_.max_backlog_messages || p.backlog_size + size > options_.max_backlog_bytes;
        };
        if (full()) {
            switch (options_.slow) {
                case slow_consumer::drop_newest: ++stats_.dropped; return;
                case slow_consumer::disconnect:
                    ++stats_.dropped;
                    return end(p, [](server_session& s) { s.fail("too slow"); });
                case slow_consumer::drop_oldest:
                    while (!p.backlog.empty() && full()) {
                        pop_backlog(p);
                        ++stats_.dropped;
                    }
                    if (full()) {  // larger than all that may wait
                        ++stats_.dropped;
                        return;
                    }
                    break;
            }
        }
        p.backlog.push_back({i, message, size});
        p.backlog_size += size;
        ++stats_.backlog_messages;
    }

    void pop_backlog(peer& p) {
        p.backlog_size -= p.backlog.front().size;
        p.backlog.pop_front();
        --stats_.backlog_messages;
    }

    void drain_backlog(peer& p) {
        while (!p.backlog.empty()) {
            const waiting_message& w = p.backlog.front();
            if (w.subscriber != none) {  // its subscription still exists
                const errc e = p.session.message(subscribers_[w.subscriber].handle, w.message, untracked);
                if (e == errc::output_full || e == errc::window_full) break;
                ++(e == errc::ok ? stats_.delivered : stats_.dropped);
            }
            pop_backlog(p);
            wrote(p);
        }
        if (p.backlog.empty()) p.backlog.shrink(16);
    }

    // ---- queues --------------------------------------------------------------------------------------------

    /// There is room: check_route() said so.
    void enqueue(std::string_view destination, shared_message message, bool dead = false) {
        auto i = queues_.find(destination);
        if (i == none) i = queues_.insert(destination);
        queue& q = queues_[i];
        stored_message m{std::move(message), ++q.last, 0, 0, dead};
        m.size = m.message.memory();
        ++q.count;
        q.size += m.size;
        ++stats_.queued_messages;
        stats_.queued_bytes += m.size;
        q.messages.push_back(std::move(m));
        dispatch(i);
    }

    /// Hands out what waits, one message to one consumer, in turn among those with window and output left.
    void dispatch(std::uint32_t i) {
        queue& q = queues_[i];
        while (!q.messages.empty()) {
            std::size_t tries = q.consumers.size();
            for (; tries != 0; --tries) {
                if (q.next >= q.consumers.size()) q.next = 0;
                if (hand_over(i, q.consumers[q.next++])) break;
            }
            if (tries == 0) return;
        }
    }

    bool hand_over(std::uint32_t i, std::uint32_t to) {
        queue& q = queues_[i];
        subscriber& s = subscribers_[to];
        peer& p = *peers_[s.peer];
        if (s.blocked || s.unsettled >= s.window) return false;
        stored_message& m = q.messages.front();
        std::array<header, 2> extra;
        std::size_t count = 0;
        if (m.dead) extra[count++] = {header_names::destination, options_.dead_letter};
        if (m.deliveries != 0) extra[count++] = {header_names::redelivered, "true"};
        const bool tracked = p.session.mode(s.handle) != ack_mode::automatic;
        const std::uint64_t tag = tracked ? next_tag() : untracked;
        const errc e = p.session.message(s.handle, m.message, tag, std::span<const header>(extra.data(), count));
        if (e != errc::ok) {
            // Full, or too large for it, or its session is ending: another may take the message.
            if (e == errc::output_full || e == errc::window_full) {
                s.blocked = true;
                p.blocked.push_back(to);
            }
            return false;
        }
        ++stats_.delivered;
        if (m.deliveries != 0) ++stats_.redelivered;
        --stats_.queued_messages;
        stats_.queued_bytes -= m.size;
        ++m.deliveries;
        if (tracked) {
            ++s.unsettled;
            ++stats_.unsettled_messages;
            keep(tag, i, std::move(m));
        } else {
            forget_message(i, m.size);
        }
        q.messages.pop_front();
        wrote(p);
        return true;
    }

    /// The connection takes messages again: so do its queues.
    void unblock(peer& p) {
        if (p.blocked.empty()) return;
        std::vector<std::uint32_t> blocked;
        blocked.swap(p.blocked);
        for (const std::uint32_t i : blocked) subscribers_[i].blocked = false;
        for (const std::uint32_t i : blocked) dispatch(subscribers_[i].home);
    }

    std::uint64_t next_tag() const noexcept { return free_unsettled_ == none ? unsettled_.size() : free_unsettled_; }

    void keep(std::uint64_t tag, std::uint32_t i, stored_message message) {
        if (tag == unsettled_.size()) {
            unsettled_.emplace_back();
        } else {
            free_unsettled_ = unsettled_[tag].next_free;
        }
        unsettled_[tag] = {std::move(message), i, none};
    }

    stored_message take(std::uint64_t tag) {
        unsettled_message& u = unsettled_[tag];
        stored_message m = std::move(u.message);
        u = {};
        u.next_free = std::exchange(free_unsettled_, static_cast<std::uint32_t>(tag));
        --stats_.unsettled_messages;
        return m;
    }

    /// Settled for good.
    void accept_tags(std::span<const std::uint64_t> tags) {
        for (const std::uint64_t tag : tags) {
            if (tag == untracked) continue;
            const std::uint32_t i = unsettled_[tag].queue;
            const stored_message m = take(tag);
            forget_message(i, m.size);
            erase_if_idle(i);
        }
    }

    /// Back to where they came from, in their order, or to the dead-letter queue. Later ones first: each then goes to
    /// the front. Their queues exist, for they count what is unsettled; dispatch_returned() serves them.
    void return_tags(std::span<const std::uint64_t> tags) {
        for (std::size_t n = tags.size(); n-- != 0;) {
            if (tags[n] == untracked) continue;
            const std::uint32_t i = unsettled_[tags[n]].queue;
            stored_message m = take(tags[n]);
            if (returned_.empty() || returned_.back() != i) returned_.push_back(i);
            if (m.deliveries >= options_.max_deliveries && !m.dead) {
                forget_message(i, m.size);
                bury(std::move(m));
                continue;
            }
            ++stats_.queued_messages;
            stats_.queued_bytes += m.size;
            detail::ring<stored_message>& messages = queues_[i].messages;
            messages.push_front(std::move(m));
            for (std::size_t at = 0; at + 1 < messages.size(); ++at) {
                if (messages[at].number < messages[at + 1].number) break;
                std::swap(messages[at], messages[at + 1]);
            }
        }
    }

    void dispatch_returned() {
        std::sort(returned_.begin(), returned_.end());
        returned_.erase(std::unique(returned_.begin(), returned_.end()), returned_.end());
        for (const std::uint32_t i : returned_) {
            dispatch(i);
            erase_if_idle(i);
        }
        returned_.clear();
    }

    void forget_message(std::uint32_t i, std::size_t size) noexcept {
        --queues_[i].count;
        queues_[i].size -= size;
    }

    void bury(stored_message m) {
        if (locate(options_.dead_letter) == place::queue) {
            const auto i = queues_.find(options_.dead_letter);
            const bool fits = i == none || (queues_[i].count < options_.max_queue_messages &&
                                            queues_[i].size + m.size <= options_.max_queue_bytes);
            if (fits) {
                ++stats_.dead_lettered;
                return enqueue(options_.dead_letter, std::move(m.message), true);
            }
        }
        ++stats_.dropped;
    }

    void erase_if_idle(std::uint32_t i) {
        if (!queues_.contains(i, queues_.generation(i))) return;  // gone already
        if (queues_[i].count == 0 && queues_[i].consumers.empty()) queues_.erase(i);
    }

    // ---- subscriptions -------------------------------------------------------------------------------------

    std::uint32_t add_subscriber(peer& p, subscription_handle handle, place where, std::string_view key, std::size_t window) {
        std::uint32_t i = 0;
        if (free_subscribers_.empty()) {
            i = static_cast<std::uint32_t>(subscribers_.size());
            subscribers_.emplace_back();
        } else {
            i = free_subscribers_.back();
            free_subscribers_.pop_back();
        }
        subscriber& s = subscribers_[i];
        s = {p.id.slot, handle, where, none, none, window, 0, false};
        const auto home = [&](auto& places) {
            s.home = places.find(key);
            if (s.home == none) s.home = places.insert(key);
        };
        if (where == place::topic) home(topics_);
        if (where == place::pattern) home(patterns_);
        if (where == place::user) home(users_);
        if (where == place::queue) home(queues_);
        std::vector<std::uint32_t>& list = list_of(s);
        s.position = static_cast<std::uint32_t>(list.size());
        list.push_back(i);
        if (p.subscribers.size() <= handle.slot) p.subscribers.resize(handle.slot + 1, none);
        p.subscribers[handle.slot] = i;
        ++stats_.subscriptions;
        return i;
    }

    std::vector<std::uint32_t>& list_of(const subscriber& s) noexcept {
        switch (s.where) {
            case place::queue: return queues_[s.home].consumers;
            case place::pattern: return patterns_[s.home].subscribers;
            case place::user: return users_[s.home].subscribers;
            default: return topics_[s.home].subscribers;
        }
    }

    /// What it never settled goes back to the queue, and on to other consumers.
    void remove_subscriber(peer& p, std::uint32_t i, std::span<const std::uint64_t> unsettled) {
        const subscriber s = subscribers_[i];
        p.subscribers[s.handle.slot] = none;
        std::erase(p.blocked, i);
        for (std::size_t n = 0; n < p.backlog.size(); ++n) {
            if (p.backlog[n].subscriber == i) p.backlog[n].subscriber = none;
        }
        std::vector<std::uint32_t>& list = list_of(s);
        list[s.position] = list.back();
        subscribers_[list[s.position]].position = s.position;
        list.pop_back();
        const bool deserted = list.empty();
        if (s.where == place::topic && deserted) topics_.erase(s.home);
        if (s.where == place::pattern && deserted) patterns_.erase(s.home);
        if (s.where == place::user && deserted) users_.erase(s.home);
        subscribers_[i] = subscriber{};
        free_subscribers_.push_back(i);
        --stats_.subscriptions;
        return_tags(unsettled);
        dispatch_returned();
        if (s.where == place::queue) erase_if_idle(s.home);
    }

    // ---- what clients do -----------------------------------------------------------------------------------

    std::optional<broker_event> handle(peer& p, const server_event& event) {
        switch (event.kind) {
            case server_event::connect: return event_of(broker_event::connect, p, event.frame);
            case server_event::send: return client_send(p, event.frame);
            case server_event::subscribe: return client_subscribe(p, event);
            case server_event::unsubscribe:
                remove_subscriber(p, p.subscribers[event.subscription.slot], event.settled);
                if (options_.subscription_events) return event_of(broker_event::unsubscribed, p, event.frame);
                return std::nullopt;
            case server_event::ack:
            case server_event::nack:
                settle(p, event.subscription, event.settled, event.kind == server_event::ack);
                return std::nullopt;
            case server_event::commit: client_commit(p, event); return std::nullopt;
            case server_event::closed: return client_closed(p, event);
            default: return std::nullopt;
        }
    }

    static broker_event event_of(broker_event::kind_type kind, const peer& p, const frame_view& f) noexcept {
        return {kind, p.id, f, errc::ok};
    }

    void refuse(peer& p, std::string_view why, const frame_view& f) {
        end(p, [&](server_session& s) { s.fail(why, f); });
    }

    std::optional<broker_event> client_send(peer& p, const frame_view& f) {
        const std::string_view destination = f.get_or(header_names::destination);
        const errc e = check_send(p, f);
        if (e != errc::ok) {
            refuse(p, explain(e), f);
        } else if (locate(destination) == place::application) {
            return event_of(broker_event::message, p, f);
        } else if (const errc routed = route(f); routed != errc::ok) {
            refuse(p, explain(routed), f);
        }
        return std::nullopt;
    }

    errc check_send(const peer& p, const frame_view& f) {
        const std::string_view destination = f.get_or(header_names::destination);
        const place where = locate(destination);
        const bool open = where == place::topic || where == place::queue || where == place::application;
        if (!open) return errc::bad_destination;
        return allowed(p, broker_action::send, destination) ? errc::ok : errc::not_authorized;
    }

    std::optional<broker_event> client_subscribe(peer& p, const server_event& event) {
        const std::string_view destination = event.frame.get_or(header_names::destination);
        const place where = locate(destination);
        if (where == place::nowhere || where == place::application) {
            return refuse(p, explain(errc::bad_destination), event.frame), std::nullopt;
        }
        if (event.frame.get("selector")) return refuse(p, "selectors are not supported", event.frame), std::nullopt;
        if (!allowed(p, broker_action::subscribe, destination)) {
            return refuse(p, explain(errc::not_authorized), event.frame), std::nullopt;
        }
        const bool new_queue = where == place::queue && queues_.find(destination) == none;
        if (new_queue && queues_.size() >= options_.max_queues) {
            return refuse(p, explain(errc::queue_full), event.frame), std::nullopt;
        }
        std::size_t window = options_.window;
        if (const auto wanted = event.frame.get("prefetch-count")) {
            std::size_t number = 0;
            for (const char c : *wanted) {
                if (c < '0' || c > '9' || number > window) break;
                number = number * 10 + static_cast<std::size_t>(c - '0');
            }
            if (number != 0) window = (std::min)(window, number);
        }
        const std::uint32_t i =
            where == place::user
                ? add_subscriber(p, event.subscription, where, user_key(owner_of(p), destination), window)
                : add_subscriber(p, event.subscription, where, destination, window);
        // Its receipt comes before its first message: session::message() sees to that.
        if (where == place::queue) dispatch(subscribers_[i].home);
        if (options_.subscription_events) return event_of(broker_event::subscribed, p, event.frame);
        return std::nullopt;
    }

    void settle(peer& p, subscription_handle handle, std::span<const std::uint64_t> tags, bool accepted) {
        const std::uint32_t i = handle.slot < p.subscribers.size() ? p.subscribers[handle.slot] : none;
        const bool held = i != none && subscribers_[i].handle == handle && subscribers_[i].where == place::queue;
        if (held) subscribers_[i].unsettled -= tags.size();
        if (accepted) {
            accept_tags(tags);
        } else {
            return_tags(tags);
            dispatch_returned();
        }
        if (held) dispatch(subscribers_[i].home);
        drain_backlog(p);
        unblock(p);  // the session's own window has reopened, for all its queues
    }

    /// As a whole: everything that can be refused is refused before anything takes effect (T-09).
    void client_commit(peer& p, const server_event& event) {
        errc fault = errc::ok;
        std::size_t messages = 0;
        std::size_t bytes = 0;
        for (const transaction_step& step : event.steps) {
            if (step.command != command::send || fault != errc::ok) continue;
            fault = check_send(p, step.frame);
            if (fault != errc::ok || locate(step.frame.get_or(header_names::destination)) == place::application) continue;
            // As if all went to the same queue: refuses a little early, never late.
            fault = check_route(step.frame, messages, bytes);
            ++messages;
            bytes += step.frame.body.size() + 1024;
        }
        if (fault != errc::ok) {
            refuse(p, explain(fault), event.frame);
            for (std::size_t n = event.steps.size(); n-- != 0;) {
                const transaction_step& step = event.steps[n];
                if (step.command != command::send) settle(p, step.subscription, step.settled, false);
            }
            return;
        }
        for (const transaction_step& step : event.steps) {
            if (step.command != command::send) {
                settle(p, step.subscription, step.settled, step.command == command::ack);
            } else if (locate(step.frame.get_or(header_names::destination)) != place::application) {
                if (route(step.frame) != errc::ok) STOMP_ASSERT(false);  // checked above
            }
        }
        steps_ = event.steps;
        steps_of_ = p.id;
    }

    /// Messages to the application inside the transaction that was just applied.
    std::optional<broker_event> next_step() {
        while (!steps_.empty()) {
            const transaction_step step = steps_.front();
            steps_ = steps_.subspan(1);
            peer* p = find(steps_of_);
            if (p == nullptr) break;
            const bool app = step.command == command::send &&
                             locate(step.frame.get_or(header_names::destination)) == place::application;
            if (app) return event_of(broker_event::message, *p, step.frame);
        }
        steps_ = {};
        return std::nullopt;
    }

    std::optional<broker_event> client_closed(peer& p, const server_event& event) {
        while (!p.backlog.empty()) pop_backlog(p);
        return_tags(event.settled);  // served below, when none of them is this connection's any more
        std::vector<std::uint32_t> mine;
        mine.swap(p.subscribers);
        p.subscribers.assign(mine.size(), none);
        for (const std::uint32_t i : mine) {
            if (i != none) remove_subscriber(p, i, {});
        }
        dispatch_returned();
        p.closed_told = true;
        touched(p);
        broker_event closed = event_of(broker_event::closed, p, {});
        closed.reason = event.reason;
        return closed;
    }

    broker_options options_;
    time_point now_{};
    std::vector<std::unique_ptr<peer>> peers_;  // sessions do not move: views into them are out
    std::vector<std::uint32_t> generations_;
    std::vector<std::uint32_t> free_peers_;
    std::size_t open_ = 0;
    detail::ring<connection_id> ready_;    // may have events
    detail::ring<connection_id> changed_;  // for poll_changed()
    detail::ring<connection_id> untold_;   // have deadlines that wait for a `now`
    std::vector<deadline> deadlines_;      // a heap; entries that no longer count are skipped

    std::vector<subscriber> subscribers_;
    std::vector<std::uint32_t> free_subscribers_;
    detail::table<audience> topics_;
    detail::table<audience> patterns_;
    detail::table<audience> users_;
    detail::table<queue> queues_;
    std::vector<unsettled_message> unsettled_;  // by tag
    std::uint32_t free_unsettled_ = none;

    std::span<const transaction_step> steps_;  // of a commit, still to be told
    connection_id steps_of_;
    std::vector<std::uint32_t> returned_;  // queues that got messages back
    std::vector<std::uint32_t> fan_out_;
    std::vector<header> scratch_;
    broker_stats stats_;
};

}  // namespace stomp::inline v0

#endif
