// Publish and subscribe between many connections: topics, queues, application destinations, users.
#ifndef STOMP_BROKER_HPP
#define STOMP_BROKER_HPP

#include <stomp/ack_mode.hpp>
#include <stomp/config.hpp>
#include <stomp/detail/fields.hpp>
#include <stomp/detail/pattern_tree.hpp>
#include <stomp/detail/ring.hpp>
#include <stomp/detail/table.hpp>
#include <stomp/detail/undo.hpp>
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
    /// The secret of the tables of destinations, whose names strangers choose: give a random number, or names that make
    /// the broker slow can be found by who guesses its address in memory.
    std::uint64_t hash_seed = 0;
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
    /// A message that was delivered as often (put into a connection's output, whether or not it got any further) and not
    /// settled goes to `dead_letter`, a queue, which max_queues does not keep from being; empty: it is dropped. Zero: there
    /// is no such limit. The name that is preset follows `queue_prefix`.
    std::size_t max_deliveries = 5;
    std::string dead_letter = "/queue/dead-letter";
    /// Topic messages that wait for a connection whose output is full, as many that wait for its acknowledgements (where
    /// limits::max_unsettled are missing), and what happens to more. One that is larger than max_backlog_bytes cannot wait.
    std::size_t max_backlog_messages = 1024;
    std::size_t max_backlog_bytes = 2 * 1024 * 1024;
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
    std::size_t backlog_messages = 0;    ///< of topics, waiting for a connection
    std::uint64_t published = 0;
    std::uint64_t delivered = 0;
    std::uint64_t redelivered = 0;
    std::uint64_t dropped = 0;  ///< by slow_consumer, or dead without dead_letter
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
/// message is being delivered; the order per connection is the order of calls, but a queue's message may overtake those
/// of topics that wait behind a full output.
class broker {
public:
    explicit broker(broker_options options)
        : options_(std::move(options)), audiences_(options_.hash_seed), patterns_(options_.hash_seed),
          queues_(options_.hash_seed) {
        options_.session.auto_receipt = true;
        options_.session.custom_commands = false;
        if (options_.dead_letter == broker_options{}.dead_letter) {
            options_.dead_letter = options_.queue_prefix + "dead-letter";  // follows the prefix
        }
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
        server_options session = options_.session;
        if (!allowed.empty()) {
            std::erase_if(session.versions,
                          [&](version v) { return std::find(allowed.begin(), allowed.end(), v) == allowed.end(); });
        }
        if (free_slots_ == none) {
            slots_.emplace_back();
            free_slots_ = static_cast<std::uint32_t>(slots_.size() - 1);
        }
        // So that no later change of a deadline has to ask for memory.
        if (deadlines_.capacity() < most_deadlines()) deadlines_.reserve(2 * most_deadlines());
        slot& s = slots_[free_slots_];
        const connection_id id{free_slots_, s.generation + 1};
        s.connection = std::make_unique<peer>(id, std::move(session), now_);
        s.generation = id.generation;
        free_slots_ = s.next_free;
        ++open_;
        touched(*s.connection);
        return id;
    }

    /// The transport is closed and the id not needed any more. Where `closed` has not been polled yet, it still comes.
    void forget(connection_id id) {
        peer* p = find(id);
        if (p == nullptr) return;
        if (p->closed_told) return free(*p);
        p->forgotten = true;
        p->session.transport_closed(now_);
        enlist(ready, *p);
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
        enlist(ready, *p);
        touched(*p);
    }
    [[nodiscard]] errc receive(connection_id id, std::string_view bytes, time_point now) {
        tell(now);
        peer* p = find(id);
        if (p == nullptr) return errc::unknown_connection;
        const errc e = p->session.receive(bytes, now_);
        enlist(ready, *p);
        touched(*p);
        return e;
    }
    void transport_closed(connection_id id, time_point now) {
        tell(now);
        end(find(id), [this](server_session& s) { s.transport_closed(now_); });
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
    /// Also moves what waits for the connection into its output. If bad_alloc passes through here, the octets are taken all
    /// the same, and the connection may have ended: go on with poll_event().
    void consume_output(connection_id id, std::size_t n, time_point now) {
        tell(now);
        peer* p = find(id);
        if (p == nullptr || n == 0) return;
        const detail::undo always([&] { touched(*p); });
        p->session.consume_output(n, now_);
        p->shown.unsent -= (std::min)(n, p->shown.unsent);  // the host knows of these, not of what has come since
        if (p->session.has_input()) enlist(ready, *p);      // a frame may have waited for room for its receipt
        if (p->session.unsent() <= options_.low_water) reopened(*p);
        serve();
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

    /// Each id whose output, wants_input, output_finished or finished has changed, but for what consume_output() took,
    /// since it was opened or last returned here. Needs no scan, however many connections there are.
    [[nodiscard]] std::optional<connection_id> poll_changed() noexcept {
        while (peer* p = next(changed)) {
            if (p->forgotten) continue;
            p->shown = look(p->session);
            return p->id;
        }
        return std::nullopt;
    }

    /// The next event; nothing when all that has arrived is worked off. Everything that clients send takes effect here.
    ///
    /// If bad_alloc passes through here, call it again. What a queue has confirmed is not lost; the client whose frame was
    /// being handled is disconnected (out_of_memory) without a receipt for it, and the frame may have had its effect, a
    /// part of it, or none. The same holds for exceptions of authorize().
    [[nodiscard]] std::optional<broker_event> poll_event() {
        while (true) {
            serve();
            if (auto e = next_step()) return e;
            peer* p = first(ready);
            if (p == nullptr) return std::nullopt;
            const auto event = p->session.poll_event();
            pop(ready);
            if (!event) {
                if (p->closed_told && p->forgotten) {
                    free(*p);
                } else {
                    touched(*p);
                }
                continue;
            }
            enlist(ready, *p);  // at the end of the line: nobody keeps the others waiting
            if (const auto told = handle_or_end(*p, *event)) return told;
        }
    }

    /// The moment at which to call handle_timeout(), if there is one. It may lie in the past: then call it now.
    std::optional<time_point> next_timeout() const noexcept {
        if (lists_[untold].first != none) return now_;
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
            if (!counts(due)) continue;
            peer& p = *find(due.id);
            p.deadline.reset();
            const detail::undo always([&] {
                enlist(ready, p);
                touched(p);
            });
            p.session.handle_timeout(now_);
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
        std::string kept(user);
        const errc e = p->session.accept(session, std::span<const header>(&name, user.empty() ? 0U : 1U));
        if (e != errc::ok) return e;
        p->user = std::move(kept);
        enlist(ready, *p);  // what the client sent without waiting for CONNECTED
        touched(*p);
        return errc::ok;
    }
    void reject(connection_id id, std::string_view why) {
        end(find(id), [&](server_session& s) { s.reject(why); });
    }
    /// Ends a connection with ERROR.
    void fail(connection_id id, std::string_view why) {
        end(find(id), [&](server_session& s) { s.fail(why); });
    }
    /// Ends a connection without a word, as if the transport were lost.
    void close(connection_id id) {
        end(find(id), [this](server_session& s) { s.transport_closed(now_); });
    }

    /// Sends to a topic or queue in the application's name, authorize() not asked. Returns bad_destination, queue_full,
    /// frame_too_large (no connection's limits::max_output would take it), and what encode() returns; no subscriber is no
    /// error.
    [[nodiscard]] errc publish(std::string_view destination, std::string_view body, header_list extra = {}) {
        const errc e = route(make_send(destination, body, extra), locate(destination));
        serve();
        return e;
    }

    /// Sends to `/user/<destination>` of every connection of this user: publish_to_user("bob", "/queue/news", ...)
    /// reaches those who subscribed to "/user/queue/news". Returns bad_destination, and as publish().
    [[nodiscard]] errc publish_to_user(std::string_view user, std::string_view destination, std::string_view body,
                                       header_list extra = {}) {
        if (user.empty()) return errc::bad_destination;
        std::string full = options_.user_prefix;
        full += destination.substr(destination.starts_with('/') ? 1 : 0);
        return send_to_user(user, make_send(full, body, extra));
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
            if (locate(*reply_to) == place::user)
                return send_to_user(owner_of(*p), make_send(*reply_to, body, headers));
            if (!allowed(*p, broker_action::send, *reply_to)) return errc::not_authorized;
            return publish(*reply_to, body, headers);
        }
        std::string topic = options_.topic_prefix;
        topic += destination_of(to.frame).substr(options_.app_prefix.size());
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
    static constexpr std::size_t longest_id = 256;          // of a subscription

    enum class place : std::uint8_t { nowhere, topic, pattern, queue, application, user };

    struct list {  // linked by what it holds
        std::uint32_t first = none;
        std::uint32_t last = none;
    };

    struct waiting_message {
        subscription_handle to;
        shared_message message;
    };

    struct backlog {  // in order
        detail::ring<waiting_message> messages;
        std::size_t size = 0;
    };

    /// What a host sees of a connection.
    struct view {
        std::size_t unsent = 0;
        bool wants_input = true;
        bool output_finished = false;
        bool finished = false;

        friend bool operator==(const view&, const view&) = default;
    };

    struct peer {
        peer(connection_id i, server_options o, time_point now) : id(i), session(std::move(o), now) {}

        connection_id id;
        server_session session;
        std::string user;
        std::vector<std::uint32_t> subscribers;  // by the slot of the session's handle
        list blocked;                            // of those: queues' messages wait for them
        // Of topics. Two, so that only those subscriptions wait for an ACK that owe one.
        backlog behind_output;
        backlog behind_acks;
        std::optional<time_point> deadline;  // its entry of the heap that counts: never later than the session's
        view shown;                          // as the host was told last
        bool closed_told = false;
        bool forgotten = false;
    };

    // Connections that something is to be done about, each once, in order.
    enum list_name : std::uint8_t {
        ready,    // may have events
        changed,  // for poll_changed()
        untold,   // have a deadline that begins with the next `now`
        list_count
    };

    struct slot {
        std::unique_ptr<peer> connection;  // a session does not move: views into it are out
        std::uint32_t generation = 0;
        std::uint32_t next_free = none;
        std::array<std::uint32_t, list_count> next{};
        std::array<bool, list_count> listed{};
    };

    struct subscriber {
        std::uint32_t peer = none;
        subscription_handle handle;
        std::uint32_t home = none;      // which topic, pattern or queue
        std::uint32_t position = none;  // in the topic's list
        std::uint32_t previous = none;  // in its list; `next` links free ones, too
        std::uint32_t next = none;
        std::uint32_t window = 0;
        std::uint32_t unsettled = 0;
        place where = place::nowhere;
        bool takes = false;    // in the queue's list of those that take messages
        bool blocked = false;  // in the connection's list, which is full
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

        friend bool operator<(const stored_message& a, const stored_message& b) noexcept { return a.number > b.number; }
    };

    struct queue {
        detail::ring<stored_message> fresh;    // never delivered, in order
        std::vector<stored_message> returned;  // all older than those: a heap, the oldest on top
        std::size_t unsettled = 0;             // for as many more there is room in `returned`
        std::size_t count = 0;                 // messages here, unsettled and promised
        std::size_t size = 0;                  // their octets
        std::uint64_t last = 0;                // number of the newest
        std::size_t consumers = 0;
        list taking;  // consumers with window and output left; whose turn it is comes first
        std::uint32_t next_due = none;
        bool due = false;
    };

    struct unsettled_message {
        stored_message message;
        std::uint32_t queue = none;
        std::uint32_t next = none;  // of those that are free, and of those that are spent
    };

    struct deadline {
        time_point at;
        connection_id id;
        friend bool operator<(const deadline& a, const deadline& b) noexcept { return a.at > b.at; }  // earliest on top
    };

    // ---- connections ---------------------------------------------------------------------------------------

    const peer* find(connection_id id) const noexcept {
        if (id.slot >= slots_.size() || slots_[id.slot].generation != id.generation) return nullptr;
        return slots_[id.slot].connection.get();
    }
    peer* find(connection_id id) noexcept { return const_cast<peer*>(std::as_const(*this).find(id)); }
    peer& peer_of(const subscriber& s) noexcept { return *slots_[s.peer].connection; }

    void free(peer& p) noexcept {
        const std::uint32_t i = p.id.slot;
        slots_[i].connection.reset();
        slots_[i].next_free = std::exchange(free_slots_, i);
        --open_;
    }

    void enlist(list_name name, const peer& p) noexcept {
        const std::uint32_t i = p.id.slot;
        if (std::exchange(slots_[i].listed[name], true)) return;
        list& l = lists_[name];
        slots_[i].next[name] = none;
        (l.last == none ? l.first : slots_[l.last].next[name]) = i;
        l.last = i;
    }

    /// The first connection of a list that still exists.
    peer* first(list_name name) noexcept {
        while (lists_[name].first != none) {
            peer* p = slots_[lists_[name].first].connection.get();
            if (p != nullptr) return p;
            pop(name);
        }
        return nullptr;
    }
    void pop(list_name name) noexcept {
        list& l = lists_[name];
        slot& s = slots_[l.first];
        l.first = s.next[name];
        if (l.first == none) l.last = none;
        s.listed[name] = false;
    }
    peer* next(list_name name) noexcept {
        peer* p = first(name);
        if (p != nullptr) pop(name);
        return p;
    }

    static view look(const server_session& s) noexcept {
        return {s.unsent(), s.wants_input(), s.output_finished(), s.finished()};
    }

    /// After anything that was done to the session: what the host and the clock have to know of.
    void touched(peer& p) noexcept {
        if (p.forgotten) return;
        const slot& s = slots_[p.id.slot];
        if (!s.listed[changed] && p.shown != look(p.session)) enlist(changed, p);
        if (s.listed[untold]) return;
        const auto next = p.session.next_timeout();
        if (!next) return;
        if (*next <= now_) {
            enlist(untold, p);
        } else {
            schedule(p, *next);
        }
    }

    /// Too early is harmless, too late is not: an entry is added only where there is no earlier one.
    void schedule(peer& p, time_point at) noexcept {  // open() has made room
        if (p.deadline && *p.deadline <= at) return;
        if (deadlines_.size() >= most_deadlines()) {
            std::erase_if(deadlines_, [this](const deadline& d) { return !counts(d); });
            std::make_heap(deadlines_.begin(), deadlines_.end());
        }
        deadlines_.push_back({at, p.id});
        std::push_heap(deadlines_.begin(), deadlines_.end());
        p.deadline = at;
    }
    /// More than are needed: then those that no longer count are thrown out.
    std::size_t most_deadlines() const noexcept { return 2 * slots_.size() + 16; }
    bool counts(const deadline& d) const noexcept {
        const peer* p = find(d.id);
        return p != nullptr && p->deadline == d.at;
    }

    void tell(time_point now) {
        now_ = (std::max)(now_, now);
        while (peer* p = next(untold)) {
            p->session.consume_output(0, now_);
            if (const auto at = p->session.next_timeout()) schedule(*p, *at);
        }
    }

    template <class How>
    void end(peer* p, How how) {
        if (p == nullptr) return;
        enlist(ready, *p);
        how(p->session);
        touched(*p);
    }

    // ---- destinations --------------------------------------------------------------------------------------

    static bool starts_with(std::string_view text, std::string_view prefix) noexcept {
        return text.size() > prefix.size() && text.starts_with(prefix);
    }

    bool allowed(const peer& p, broker_action action, std::string_view destination) const {
        return !options_.authorize || options_.authorize(p.user, action, destination);
    }

    /// What a destination is; nowhere if it is none of ours, too long, holds an octet that not every version can carry, or
    /// is a pattern that is none: `**` stands last.
    place locate(std::string_view destination) const noexcept {
        if (destination.size() > options_.max_destination) return place::nowhere;
        std::size_t segments = 0;
        for (const char octet : destination) {
            if (octet == '\r' || octet == '\n') return place::nowhere;
            if (octet == '/') ++segments;
        }
        if (segments > options_.max_segments) return place::nowhere;
        if (starts_with(destination, options_.queue_prefix)) return place::queue;
        if (starts_with(destination, options_.app_prefix)) return place::application;
        if (starts_with(destination, options_.user_prefix)) return place::user;
        if (!starts_with(destination, options_.topic_prefix)) return place::nowhere;
        std::string_view rest = behind_prefix(destination);
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

    /// Of a topic or pattern: what tells it from others.
    std::string_view behind_prefix(std::string_view topic) const noexcept {
        return topic.substr(options_.topic_prefix.size());
    }

    /// Whose `/user/...` destinations a connection sees: the user's, or its own where it has no name. A NUL cannot stand
    /// in a header, so no client can take on such a name.
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

    /// Whether this can become a MESSAGE at all. 1.2 can carry every header that any version can.
    errc check_message(const frame_view& sent) const noexcept {
        const detail::message_head head(sent, version::v1_2, options_.session.encoding.content_length);
        if (head.error() != errc::ok) return head.error();
        const bool fits =
            head.size() + sent.body.size() + private_part() <= server_session::largest_message(options_.session.limits);
        return fits ? errc::ok : errc::frame_too_large;
    }

    /// At the most, of a MESSAGE for one subscriber: subscription, message-id, ack, redelivered, destination.
    std::size_t private_part() const noexcept {
        return 256 + 2 * longest_id + 4 * options_.session_prefix.size() + 2 * options_.dead_letter.size();
    }

    shared_message share(const frame_view& sent) const {
        return shared_message(sent, options_.session.encoding.content_length);
    }

    static std::string_view destination_of(const frame_view& f) noexcept { return f.get_or(header_names::destination); }

    errc route(const frame_view& sent, place where) {
        if (where != place::topic && where != place::queue) return errc::bad_destination;
        if (const errc e = check_message(sent); e != errc::ok) return e;
        if (where == place::topic) {
            to_topic(sent);
        } else {
            if (!store(destination_of(sent), share(sent))) return errc::queue_full;
            ++stats_.published;
        }
        return errc::ok;
    }

    void to_topic(const frame_view& sent) {
        const std::string_view destination = destination_of(sent);
        fan_out_.clear();
        if (const auto i = audiences_.find(destination); i != none) collect(audiences_[i]);
        patterns_.match(behind_prefix(destination), [this](const audience& a) { collect(a); });
        fan_out(sent);
    }

    errc send_to_user(std::string_view owner, const frame_view& sent) {
        const std::string_view destination = destination_of(sent);
        if (locate(destination) != place::user) return errc::bad_destination;
        if (const errc e = check_message(sent); e != errc::ok) return e;
        fan_out_.clear();
        if (const auto i = audiences_.find(user_key(owner, destination)); i != none) collect(audiences_[i]);
        fan_out(sent);
        return errc::ok;
    }

    void collect(const audience& a) { fan_out_.insert(fan_out_.end(), a.subscribers.begin(), a.subscribers.end()); }

    /// One message to all of fan_out_. Nothing that happens in here removes a subscriber.
    void fan_out(const frame_view& sent) {
        ++stats_.published;
        if (fan_out_.empty()) return;
        if (fan_out_.size() == 1) {
            // One reader that keeps up: straight into its output.
            const subscriber& s = subscribers_[fan_out_.front()];
            peer& p = peer_of(s);
            if (waits_behind(p, s.handle) == nullptr && p.session.message(s.handle, sent, untracked) == errc::ok) {
                ++stats_.delivered;
                return touched(p);
            }
        }
        const shared_message message = share(sent);
        for (const std::uint32_t i : fan_out_) {
            peer& p = peer_of(subscribers_[i]);
            const subscription_handle to = subscribers_[i].handle;
            backlog* behind = waits_behind(p, to);
            if (behind == nullptr) behind = deliver(p, to, message);
            if (behind != nullptr) wait(p, *behind, to, message);
        }
    }

    bool owes_acks(const peer& p, subscription_handle to) const noexcept {
        return p.session.mode(to) != ack_mode::automatic;
    }

    /// What a message has to wait behind so as not to overtake others of its subscription; null if nothing.
    backlog* waits_behind(peer& p, subscription_handle to) const noexcept {
        if (!p.behind_output.messages.empty()) return &p.behind_output;
        return !p.behind_acks.messages.empty() && owes_acks(p, to) ? &p.behind_acks : nullptr;
    }

    /// Null, or where the message has to wait.
    backlog* deliver(peer& p, subscription_handle to, const shared_message& message) {
        const errc e = p.session.message(to, message, untracked);
        switch (e) {
            case errc::ok: ++stats_.delivered; break;
            case errc::output_full: return &p.behind_output;
            case errc::window_full: return &p.behind_acks;
            case errc::unknown_subscription:  // it has gone while this waited
            case errc::not_connected: break;  // it is ending
            default: ++stats_.dropped; break;
        }
        touched(p);
        return nullptr;
    }

    // ---- slow consumers ------------------------------------------------------------------------------------

    void wait(peer& p, backlog& where, subscription_handle to, const shared_message& message) {
        const std::size_t size = message.memory();
        const auto full = [&] {
            return where.messages.size() >= options_.max_backlog_messages ||
                   where.size + size > options_.max_backlog_bytes;
        };
        if (options_.slow == slow_consumer::drop_oldest && size <= options_.max_backlog_bytes) {
            while (!where.messages.empty() && full()) {
                pop(where);
                ++stats_.dropped;
            }
        }
        if (full()) {
            ++stats_.dropped;
            if (options_.slow == slow_consumer::disconnect) end(&p, [](server_session& s) { s.fail("too slow"); });
            return;
        }
        where.messages.push_back({to, message});
        where.size += size;
        ++stats_.backlog_messages;
    }

    void pop(backlog& from) noexcept {
        from.size -= from.messages.front().message.memory();
        from.messages.pop_front();
        --stats_.backlog_messages;
    }

    /// The connection may take messages again: what waits for it, and those of its queues.
    void reopened(peer& p) {
        // Else nobody might ever come back to what waits.
        detail::undo out_of_memory([&] {
            p.session.abandon(errc::out_of_memory);
            enlist(ready, p);
        });
        while (!p.behind_acks.messages.empty()) {
            const waiting_message& m = p.behind_acks.messages.front();
            if (deliver(p, m.to, m.message) != nullptr) break;
            pop(p.behind_acks);
        }
        while (!p.behind_output.messages.empty()) {
            const waiting_message& m = p.behind_output.messages.front();
            const bool held_up = !p.behind_acks.messages.empty() && owes_acks(p, m.to);
            backlog* const behind = held_up ? &p.behind_acks : deliver(p, m.to, m.message);
            if (behind == &p.behind_output) break;
            if (behind != nullptr) wait(p, *behind, m.to, m.message);
            pop(p.behind_output);
        }
        out_of_memory.dismiss();
        p.behind_acks.messages.shrink(16);
        p.behind_output.messages.shrink(16);
        while (p.blocked.first != none) {
            const std::uint32_t i = p.blocked.first;
            withdraw(i);
            offer(i);
        }
    }

    // ---- queues --------------------------------------------------------------------------------------------
    //
    // A queue exists while it has messages or consumers. It is served, and erased, in serve() alone, at the end of
    // whatever has changed it: until then its index is good.

    void mark(std::uint32_t i) noexcept {
        queue& q = queues_[i];
        if (std::exchange(q.due, true)) return;
        q.next_due = none;
        (due_.last == none ? due_.first : queues_[due_.last].next_due) = i;
        due_.last = i;
    }

    void serve() {
        while (spent_.first != none) bury();
        while (due_.first != none) {
            const std::uint32_t i = due_.first;
            dispatch(i);  // if it fails, the queue is still due
            queue& q = queues_[i];
            due_.first = q.next_due;
            if (due_.first == none) due_.last = none;
            q.due = false;
            if (q.count != 0) continue;
            q.fresh.shrink(16);
            if (q.consumers == 0) queues_.erase(i);
        }
    }

    bool may_exist(std::string_view destination) const noexcept {
        return queues_.size() < options_.max_queues || destination == options_.dead_letter ||
               queues_.find(destination) != none;
    }
    std::uint32_t find_or_insert_queue(std::string_view destination) {
        const std::uint32_t i = queues_.find(destination);
        return i == none ? queues_.insert(destination) : i;
    }

    /// Promises room for one message; none where there is none.
    std::uint32_t reserve(std::string_view destination, std::size_t size) {
        if (!may_exist(destination)) return none;
        const std::uint32_t i = find_or_insert_queue(destination);
        mark(i);
        queue& q = queues_[i];
        if (q.count >= options_.max_queue_messages || q.size + size > options_.max_queue_bytes) return none;
        // As many as are promised and not here yet, with this one.
        q.fresh.make_room(q.count + 1 - q.unsettled - q.returned.size() - q.fresh.size());
        ++q.count;
        q.size += size;
        return i;
    }
    void release(std::uint32_t i, std::size_t size) noexcept {
        --queues_[i].count;
        queues_[i].size -= size;
        mark(i);
    }

    /// There is room: reserve() said so.
    void put(std::uint32_t i, shared_message message, bool dead = false) noexcept {
        queue& q = queues_[i];
        const std::size_t size = message.memory();
        q.fresh.push_back({std::move(message), ++q.last, size, 0, dead});
        ++stats_.queued_messages;
        stats_.queued_bytes += size;
    }
    /// Both. False if there is no room.
    bool store(std::string_view destination, shared_message message, bool dead = false) {
        const std::uint32_t i = reserve(destination, message.memory());
        if (i != none) put(i, std::move(message), dead);
        return i != none;
    }

    static bool has_message(const queue& q) noexcept { return !q.returned.empty() || !q.fresh.empty(); }
    static stored_message& next_message(queue& q) noexcept {
        return q.returned.empty() ? q.fresh.front() : q.returned.front();
    }
    stored_message take_next(queue& q) noexcept {
        stored_message m;
        if (q.returned.empty()) {
            m = std::move(q.fresh.front());
            q.fresh.pop_front();
        } else {
            std::pop_heap(q.returned.begin(), q.returned.end());
            m = std::move(q.returned.back());
            q.returned.pop_back();
        }
        --stats_.queued_messages;
        stats_.queued_bytes -= m.size;
        return m;
    }

    /// Adds a consumer to those whose turn comes, as the last one, if it can take a message.
    void offer(std::uint32_t i) noexcept {
        subscriber& s = subscribers_[i];
        if (s.takes || s.blocked || s.unsettled >= s.window) return;
        s.takes = true;
        append(queues_[s.home].taking, i);
        mark(s.home);
    }
    /// A consumer that cannot take a message before its connection is reopened().
    void block(std::uint32_t i) noexcept {
        subscribers_[i].blocked = true;
        append(peer_of(subscribers_[i]).blocked, i);
    }
    /// Neither.
    void withdraw(std::uint32_t i) noexcept {
        subscriber& s = subscribers_[i];
        if (!s.takes && !s.blocked) return;
        list& l = s.takes ? queues_[s.home].taking : peer_of(s).blocked;
        (s.previous == none ? l.first : subscribers_[s.previous].next) = s.next;
        (s.next == none ? l.last : subscribers_[s.next].previous) = s.previous;
        s.takes = s.blocked = false;
    }
    void append(list& l, std::uint32_t i) noexcept {
        subscribers_[i].next = none;
        subscribers_[i].previous = l.last;
        (l.last == none ? l.first : subscribers_[l.last].next) = i;
        l.last = i;
    }

    /// Hands out what waits, one message to one consumer in turn.
    void dispatch(std::uint32_t i) {
        while (has_message(queues_[i]) && queues_[i].taking.first != none) {
            const std::uint32_t to = queues_[i].taking.first;
            const bool handed_over = hand_over(i, to);  // if it fails, it is still that one's turn
            withdraw(to);
            handed_over ? offer(to) : block(to);
        }
    }

    /// False if the connection is full or ending: nothing else can be wrong with a message that has come as far as this.
    bool hand_over(std::uint32_t i, std::uint32_t to) {
        subscriber& s = subscribers_[to];
        peer& p = peer_of(s);
        const bool tracked = p.session.mode(s.handle) != ack_mode::automatic;
        const std::uint64_t tag = tracked ? next_tag(queues_[i]) : untracked;
        const stored_message& m = next_message(queues_[i]);
        const bool again = m.dead || m.deliveries != 0;
        const std::array<header, 2> extra{
            {{header_names::redelivered, "true"}, {header_names::destination, options_.dead_letter}}};
        const auto more = std::span(extra).first(m.dead ? 2 : again ? 1 : 0);
        if (p.session.message(s.handle, m.message, tag, more) != errc::ok) return false;
        ++stats_.delivered;
        if (again) ++stats_.redelivered;
        if (tracked) {
            ++s.unsettled;
            keep(tag, i);
        } else {
            release(i, take_next(queues_[i]).size);
        }
        touched(p);
        return true;
    }

    /// Where the next unsettled message will be kept. Nothing that may fail comes after it has been delivered: there is
    /// room for it to come back, too.
    std::uint64_t next_tag(queue& q) {
        const std::size_t room = q.returned.size() + q.unsettled + 1;
        if (room > q.returned.capacity()) q.returned.reserve((std::max)(room, 2 * q.returned.capacity()));
        if (free_unsettled_ == none) {
            unsettled_.emplace_back();
            free_unsettled_ = static_cast<std::uint32_t>(unsettled_.size() - 1);
        }
        return free_unsettled_;
    }
    void keep(std::uint64_t tag, std::uint32_t i) noexcept {
        unsettled_message& u = unsettled_[tag];
        free_unsettled_ = u.next;
        u.message = take_next(queues_[i]);
        ++queues_[i].unsettled;
        u.queue = i;
        ++u.message.deliveries;
        ++stats_.unsettled_messages;
    }
    stored_message take(std::uint64_t tag) noexcept {
        unsettled_message& u = unsettled_[tag];
        u.next = std::exchange(free_unsettled_, static_cast<std::uint32_t>(tag));
        --queues_[u.queue].unsettled;
        --stats_.unsettled_messages;
        return std::exchange(u.message, {});
    }

    /// Settled for good.
    void settle(std::span<const std::uint64_t> tags) noexcept {
        for (const std::uint64_t tag : tags) {
            if (tag != untracked) release(unsettled_[tag].queue, take(tag).size);
        }
    }

    /// Back to where they came from, in their order, or among those that were delivered too often. What is in the
    /// dead-letter queue stays there.
    void give_back(std::span<const std::uint64_t> tags) noexcept {
        for (const std::uint64_t tag : tags) {
            if (tag == untracked) continue;
            unsettled_message& u = unsettled_[tag];
            queue& q = queues_[u.queue];
            mark(u.queue);
            if (options_.max_deliveries != 0 && u.message.deliveries >= options_.max_deliveries &&
                queues_.key(u.queue) != options_.dead_letter) {
                u.next = none;
                (spent_.last == none ? spent_.first : unsettled_[spent_.last].next) = static_cast<std::uint32_t>(tag);
                spent_.last = static_cast<std::uint32_t>(tag);
                continue;
            }
            ++stats_.queued_messages;
            stats_.queued_bytes += u.message.size;
            q.returned.push_back(take(tag));  // next_tag() has made room
            std::push_heap(q.returned.begin(), q.returned.end());
        }
    }

    /// The first of those: to the dead-letter queue, if there is room.
    void bury() {
        const std::uint32_t tag = spent_.first;
        unsettled_message& u = unsettled_[tag];
        const bool kept =
            locate(options_.dead_letter) == place::queue && store(options_.dead_letter, u.message.message, true);
        ++(kept ? stats_.dead_lettered : stats_.dropped);
        spent_.first = u.next;
        if (spent_.first == none) spent_.last = none;
        release(u.queue, take(tag).size);
    }

    // ---- subscriptions -------------------------------------------------------------------------------------

    void add_subscriber(peer& p, subscription_handle handle, place where, std::string_view key, std::uint32_t window) {
        if (p.subscribers.size() <= handle.slot) p.subscribers.resize(handle.slot + 1, none);
        if (free_subscribers_ == none) {
            subscribers_.emplace_back();
            free_subscribers_ = static_cast<std::uint32_t>(subscribers_.size() - 1);
        }
        const std::uint32_t i = free_subscribers_;
        subscriber made{.peer = p.id.slot, .handle = handle, .window = window, .where = where};
        if (where == place::queue) {
            made.home = find_or_insert_queue(key);
        } else {
            made.home = find_or_insert_audience(where, key);
            const detail::undo half_done([&] { leave_if_empty(made); });
            std::vector<std::uint32_t>& all = audience_of(made).subscribers;
            made.position = static_cast<std::uint32_t>(all.size());
            all.push_back(i);
        }
        free_subscribers_ = std::exchange(subscribers_[i], made).next;  // nothing fails from here on
        p.subscribers[handle.slot] = i;
        ++stats_.subscriptions;
        if (where != place::queue) return;
        ++queues_[made.home].consumers;
        offer(i);
    }

    /// none if it has ended: a transaction may outlive it.
    std::uint32_t subscriber_of(const peer& p, subscription_handle handle) const noexcept {
        const std::uint32_t i = handle.slot < p.subscribers.size() ? p.subscribers[handle.slot] : none;
        return i != none && subscribers_[i].handle == handle ? i : none;
    }

    std::uint32_t find_or_insert_audience(place where, std::string_view key) {
        if (where == place::pattern) return patterns_.find_or_insert(behind_prefix(key));
        const std::uint32_t i = audiences_.find(key);
        return i == none ? audiences_.insert(key) : i;
    }
    audience& audience_of(const subscriber& s) noexcept {
        return s.where == place::pattern ? patterns_[s.home] : audiences_[s.home];
    }
    void leave_if_empty(const subscriber& s) noexcept {
        if (!audience_of(s).subscribers.empty()) return;
        s.where == place::pattern ? patterns_.erase(s.home) : audiences_.erase(s.home);
    }

    void remove_subscriber(peer& p, std::uint32_t i) noexcept {
        subscriber& s = subscribers_[i];
        p.subscribers[s.handle.slot] = none;
        if (s.where == place::queue) {
            withdraw(i);
            --queues_[s.home].consumers;
            mark(s.home);
        } else {
            std::vector<std::uint32_t>& all = audience_of(s).subscribers;
            all[s.position] = all.back();
            subscribers_[all[s.position]].position = s.position;
            all.pop_back();
            leave_if_empty(s);
        }
        s.next = std::exchange(free_subscribers_, i);
        --stats_.subscriptions;
    }

    // ---- what clients do -----------------------------------------------------------------------------------

    std::optional<broker_event> handle_or_end(peer& p, const server_event& event) {
        detail::undo cut_short([&] { p.session.abandon(errc::out_of_memory); });
        const auto told = handle(p, event);
        cut_short.dismiss();
        return told;
    }

    std::optional<broker_event> handle(peer& p, const server_event& event) {
        switch (event.kind) {
            case server_event::connect: return event_of(broker_event::connect, p, event.frame);
            case server_event::send: return client_send(p, event.frame);
            case server_event::subscribe: return client_subscribe(p, event);
            case server_event::unsubscribe:
                if (const auto i = subscriber_of(p, event.subscription); i != none) remove_subscriber(p, i);
                give_back(event.settled);
                reopened(p);
                if (options_.subscription_events) return event_of(broker_event::unsubscribed, p, event.frame);
                return std::nullopt;
            case server_event::ack:
            case server_event::nack:
                client_settles(p, event.subscription, event.settled, event.kind == server_event::ack);
                reopened(p);
                return std::nullopt;
            case server_event::commit: client_commits(p, event); return std::nullopt;
            case server_event::closed: return client_closed(p, event);
            default: return std::nullopt;
        }
    }

    static broker_event event_of(broker_event::kind_type kind, const peer& p, const frame_view& f) noexcept {
        return {kind, p.id, f, errc::ok};
    }

    std::optional<broker_event> refuse(peer& p, std::string_view why, const frame_view& f) {
        end(&p, [&](server_session& s) { s.fail(why, f); });
        return std::nullopt;
    }

    std::optional<broker_event> client_send(peer& p, const frame_view& f) {
        const place where = locate(destination_of(f));
        errc e = check_send(p, f, where);
        if (e == errc::ok && where == place::application) return event_of(broker_event::message, p, f);
        if (e == errc::ok) e = route(f, where);
        if (e != errc::ok) refuse(p, explain(e), f);
        return std::nullopt;
    }

    errc check_send(const peer& p, const frame_view& f, place where) const {
        const bool open = where == place::topic || where == place::queue || where == place::application;
        if (!open) return errc::bad_destination;
        return allowed(p, broker_action::send, destination_of(f)) ? errc::ok : errc::not_authorized;
    }

    std::optional<broker_event> client_subscribe(peer& p, const server_event& event) {
        const frame_view& f = event.frame;
        const std::string_view destination = destination_of(f);
        const place where = locate(destination);
        if (where == place::nowhere || where == place::application) return refuse(p, explain(errc::bad_destination), f);
        if (f.get("selector")) return refuse(p, "selectors are not supported", f);
        if (f.get_or(header_names::id).size() > longest_id) return refuse(p, "the subscription's id is too long", f);
        if (!allowed(p, broker_action::subscribe, destination)) return refuse(p, explain(errc::not_authorized), f);
        if (where == place::queue && !may_exist(destination)) return refuse(p, explain(errc::queue_full), f);
        const std::string key = where == place::user ? user_key(owner_of(p), destination) : std::string(destination);
        // Its receipt comes before its first message: session::message() sees to that.
        add_subscriber(p, event.subscription, where, key, window_of(f));
        if (options_.subscription_events) return event_of(broker_event::subscribed, p, f);
        return std::nullopt;
    }

    /// As many as the client wants, but no more than it may have.
    std::uint32_t window_of(const frame_view& subscribe) const noexcept {
        const std::uint32_t most = static_cast<std::uint32_t>((std::clamp<std::size_t>)(options_.window, 1, none));
        std::uint64_t wanted = 0;
        for (const char c : subscribe.get_or("prefetch-count")) {
            if (c < '0' || c > '9') return most;
            wanted = (std::min)(wanted * 10 + static_cast<std::uint64_t>(c - '0'), std::uint64_t{most});
        }
        return wanted == 0 ? most : static_cast<std::uint32_t>(wanted);
    }

    void client_settles(peer& p, subscription_handle handle, std::span<const std::uint64_t> tags,
                        bool accepted) noexcept {
        const std::uint32_t i = subscriber_of(p, handle);
        if (i != none && subscribers_[i].where == place::queue) {
            subscribers_[i].unsettled -= static_cast<std::uint32_t>(tags.size());
            offer(i);
        }
        if (accepted) {
            settle(tags);
        } else {
            give_back(tags);
        }
    }

    /// As a whole: everything that can be refused is refused before anything takes effect (T-09).
    void client_commits(peer& p, const server_event& event) {
        struct promise {
            std::uint32_t queue;
            shared_message message;
        };
        std::vector<promise> promises;
        detail::undo refused([&] {
            for (const promise& m : promises) {
                if (m.queue != none) release(m.queue, m.message.memory());
            }
            for (const transaction_step& step : event.steps) {
                if (step.command != command::send) client_settles(p, step.subscription, step.settled, false);
            }
        });
        errc fault = errc::ok;
        for (const transaction_step& step : event.steps) {
            if (step.command != command::send) continue;
            const place where = locate(destination_of(step.frame));
            fault = check_send(p, step.frame, where);
            if (fault == errc::ok && where != place::application) fault = check_message(step.frame);
            if (fault != errc::ok) break;
            if (where != place::queue) continue;
            promises.push_back({none, share(step.frame)});
            promise& last = promises.back();
            last.queue = reserve(destination_of(step.frame), last.message.memory());
            if (last.queue == none) {
                fault = errc::queue_full;
                break;
            }
        }
        if (fault != errc::ok) {
            refuse(p, explain(fault), event.frame);
            return;
        }
        refused.dismiss();
        // What concerns queues and the application cannot fail any more, and is done even if memory runs out for the rest.
        steps_ = event.steps;
        steps_of_ = p.id;
        std::size_t applied = 0;
        auto promised = promises.begin();
        const auto apply = [&]() noexcept {
            const transaction_step& step = event.steps[applied++];
            if (step.command != command::send) {
                client_settles(p, step.subscription, step.settled, step.command == command::ack);
            } else if (locate(destination_of(step.frame)) == place::queue) {
                put(promised->queue, promised->message);
                ++promised;
                ++stats_.published;
            }
        };
        const detail::undo rest([&] {
            while (applied != event.steps.size()) apply();
        });
        while (applied != event.steps.size()) {
            const transaction_step& step = event.steps[applied];
            apply();
            if (step.command != command::send) continue;
            const place where = locate(destination_of(step.frame));
            if (where == place::topic) to_topic(step.frame);
            if (where == place::queue) dispatch((promised - 1)->queue);  // at once: order is that of calls
        }
        reopened(p);
    }

    /// Messages to the application inside the transaction that was just applied.
    std::optional<broker_event> next_step() noexcept {
        while (!steps_.empty()) {
            const transaction_step& step = steps_.front();
            steps_ = steps_.subspan(1);
            if (step.command == command::send && locate(destination_of(step.frame)) == place::application) {
                return broker_event{broker_event::message, steps_of_, step.frame, errc::ok};
            }
        }
        return std::nullopt;
    }

    broker_event client_closed(peer& p, const server_event& event) {
        p.closed_told = true;
        for (backlog* b : {&p.behind_output, &p.behind_acks}) {
            while (!b->messages.empty()) pop(*b);
        }
        for (const std::uint32_t i : p.subscribers) {
            if (i != none) remove_subscriber(p, i);
        }
        give_back(event.settled);
        broker_event closed = event_of(broker_event::closed, p, {});
        closed.reason = event.reason;
        return closed;
    }

    broker_options options_;
    time_point now_{};
    std::vector<slot> slots_;
    std::uint32_t free_slots_ = none;
    std::size_t open_ = 0;
    std::array<list, list_count> lists_;
    std::vector<deadline> deadlines_;  // a heap; entries that no longer count are skipped

    std::vector<subscriber> subscribers_;
    std::uint32_t free_subscribers_ = none;
    detail::table<audience> audiences_;  // of topics by name, of users' destinations by user_key()
    detail::pattern_tree<audience> patterns_;
    detail::table<queue> queues_;
    list due_;                                  // queues
    std::vector<unsettled_message> unsettled_;  // by tag
    std::uint32_t free_unsettled_ = none;
    list spent_;  // of those

    std::span<const transaction_step> steps_;  // of a commit, still to be told
    connection_id steps_of_;
    std::vector<std::uint32_t> fan_out_;
    std::vector<header> scratch_;
    broker_stats stats_;
};

}  // namespace stomp::inline v0

#endif
