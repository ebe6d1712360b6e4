// What both ends of a connection share: octets in, octets out, liveness and deadlines.
#ifndef STOMP_DETAIL_CONNECTION_HPP
#define STOMP_DETAIL_CONNECTION_HPP

#include <stomp/config.hpp>
#include <stomp/detail/outbox.hpp>
#include <stomp/encode.hpp>
#include <stomp/errc.hpp>
#include <stomp/frame.hpp>
#include <stomp/heart_beat.hpp>
#include <stomp/limits.hpp>
#include <stomp/parser.hpp>
#include <stomp/version.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace stomp::inline v0::detail {

/// The deadlines of a session. One that a command starts begins at the first `now` told afterwards; until then next()
/// answers the last known time, so that the caller's handle_timeout(now) starts it.
class timers {
public:
    enum name : std::uint8_t {
        handshake,  // client: CONNECTED; server: CONNECT
        beat,       // our next heart-beat
        peer,       // the peer's silence
        stall,      // the peer does not read
        farewell,   // client: RECEIPT of DISCONNECT; server: lingering
        count
    };

    explicit timers(time_point now) noexcept : now_(now) {}

    time_point now() const noexcept { return now_; }

    /// Time never runs backwards: an earlier `now` counts as the last one.
    void tell(time_point now) noexcept {
        now_ = (std::max)(now_, now);
        if (marked_) first_told_ = now_;
        marked_ = false;
        for (std::size_t i = 0; waiting_ != 0; ++i) {
            const std::uint8_t bit = static_cast<std::uint8_t>(1U << i);
            if ((waiting_ & bit) != 0) deadlines_[i] = later(now_, durations_[i]);
            running_ |= static_cast<std::uint8_t>(waiting_ & bit);
            waiting_ &= static_cast<std::uint8_t>(~bit);
        }
    }

    /// (Re)starts a deadline `after` the next told time. Zero or less: off.
    void start(name t, milliseconds after) noexcept {
        stop(t);
        if (after.count() <= 0) return;
        durations_[t] = after;
        waiting_ |= bit(t);
    }

    /// (Re)starts a deadline `after` the time told last. Zero or less: off.
    void start_now(name t, milliseconds after) noexcept {
        stop(t);
        if (after.count() > 0) start_at(t, later(now_, after));
    }

    void start_at(name t, time_point at) noexcept {
        stop(t);
        deadlines_[t] = at;
        running_ |= bit(t);
    }

    void stop(name t) noexcept {
        running_ &= static_cast<std::uint8_t>(~bit(t));
        waiting_ &= static_cast<std::uint8_t>(~bit(t));
    }

    void stop_all() noexcept { running_ = waiting_ = 0; }

    /// Remembers the first `now` that is told from here on, for deadlines kept elsewhere.
    void mark() noexcept { marked_ = true; }
    bool marked() const noexcept { return marked_; }
    time_point first_told() const noexcept { return first_told_; }

    bool active(name t) const noexcept { return ((running_ | waiting_) & bit(t)) != 0; }
    bool expired(name t) const noexcept { return (running_ & bit(t)) != 0 && deadlines_[t] <= now_; }

    std::optional<time_point> next() const noexcept {
        if (waiting_ != 0) return now_;
        std::optional<time_point> first;
        for (unsigned left = running_; left != 0; left &= left - 1) {
            const time_point at = deadlines_[static_cast<std::size_t>(std::countr_zero(left))];
            if (!first || at < *first) first = at;
        }
        return first;
    }

    /// Saturating: no duration, however long, wraps around.
    static time_point later(time_point from, milliseconds after) noexcept {
        const auto room =
            std::chrono::duration_cast<milliseconds>((time_point::max)() - (std::max)(from, time_point{}));
        return after >= room ? (time_point::max)() : from + after;
    }

private:
    static std::uint8_t bit(name t) noexcept { return static_cast<std::uint8_t>(1U << t); }

    std::array<time_point, count> deadlines_{};
    std::array<milliseconds, count> durations_{};
    std::uint8_t running_ = 0;
    std::uint8_t waiting_ = 0;
    bool marked_ = false;
    time_point first_told_{};
    time_point now_;
};

/// The value of a `heart-beat` header.
class heart_beat_text {
public:
    explicit heart_beat_text(const heart_beat& beat) noexcept {
        char* to = write_number(text_.data(), static_cast<std::uint64_t>(beat.can_send.count()));
        *to++ = ',';
        to = write_number(to, static_cast<std::uint64_t>(beat.wants.count()));
        size_ = static_cast<std::size_t>(to - text_.data());
    }
    std::string_view view() const noexcept STOMP_LIFETIMEBOUND { return {text_.data(), size_}; }

private:
    std::array<char, 44> text_;
    std::size_t size_;
};

/// The common base of client_session and server_session: how octets and time get in and octets get out. Neither
/// polymorphic nor of use alone.
class connection {
public:
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    // ---- what happened outside ------------------------------------------------------------------------------

    /// False while input is full (`limits::max_input` octets are received and not yet polled), and for good once the
    /// session is finished. Stop reading from the transport while it is false; poll events to change it.
    bool wants_input() const noexcept {
        if (finished()) return false;
        return starved_ || parser_.buffered() < max_input_ || over_;
    }

    /// Memory to read into, at least `at_least` octets; follow with commit_input(). Saves the copy that receive()
    /// makes. Empty while input is not wanted. Valid until any other call that takes input, and until an event is
    /// polled: to have a read under way while the session goes on, poll until there is none first. Invalidates input
    /// views.
    std::span<char> input_buffer(std::size_t at_least = 4096) STOMP_LIFETIMEBOUND {
        if (!wants_input()) return {};
        if (over_) parser_.reset();  // lingering: what is held will not be looked at
        return parser_.input_buffer(at_least);
    }

    /// `n` octets have been read into input_buffer().
    void commit_input(std::size_t n, time_point now) {
        tell(now);
        if (over_) return;  // lingering: what still arrives is read and dropped
        parser_.commit_input(n);
        arrived(n);
    }

    /// Takes the whole chunk (`errc::ok`), or nothing and returns `errc::input_full` while input is not wanted. A peer's
    /// fault is not told here but by poll_event(). Invalidates input views.
    [[nodiscard]] errc receive(std::string_view bytes, time_point now) {
        tell(now);
        if (!wants_input()) return errc::input_full;
        if (over_) return errc::ok;
        parser_.feed(bytes);
        arrived(bytes.size());
        return errc::ok;
    }

    /// The transport is gone: end of stream, reset, failed write. What was received before can still be polled; then
    /// comes `closed`.
    void transport_closed(time_point now) {
        tell(now);
        lose(errc::connection_lost);
    }

    /// The caller stops reading for reasons of its own: the peer's silence does not count against it until
    /// resume_input().
    void pause_input(time_point now) {
        tell(now);
        paused_ = true;
        input_changed();
    }
    void resume_input(time_point now) {
        tell(now);
        paused_ = false;
        input_changed();
    }

    // ---- what the caller must do next -----------------------------------------------------------------------

    /// The next contiguous octets to write, not always all of them; empty when there are none. Valid and unchanged until
    /// consume_output() has covered them, or until restart(), move or destruction: a write may be in flight while the
    /// session receives, polls, times out and sends.
    std::string_view output() const noexcept STOMP_LIFETIMEBOUND { return muted_ ? std::string_view{} : out_.front(); }

    /// The same for a gathering write: fills `chunks` from the front and returns how many were filled.
    std::size_t output(std::span<std::string_view> chunks) const noexcept STOMP_LIFETIMEBOUND {
        return muted_ ? 0 : out_.gather(chunks, out_.size());
    }

    /// The octets of exactly one frame or heart-beat (or what is left of it), for transports that carry messages, such
    /// as WebSocket. A frame has at most four chunks; returns how many were filled.
    std::size_t output_frame(std::span<std::string_view> chunks) const noexcept STOMP_LIFETIMEBOUND {
        return muted_ ? 0 : out_.gather(chunks, out_.front_frame());
    }

    /// The first `n` octets of the output have been written (or taken over by whoever writes them).
    void consume_output(std::size_t n, time_point now) {
        tell(now);
        if (n == 0) return;
        out_.consume(n);
        if (out_.empty()) {
            timers_.stop(timers::stall);
        } else if (timers_.active(timers::stall)) {
            timers_.start_now(timers::stall, settings_.stall_timeout);
        }
        if (over_) {
            linger();
        } else if (lost_ == errc::ok) {
            timers_.start_now(timers::beat, send_every_);
        }
        input_changed();
    }

    /// False when poll_event() has looked at all that has arrived: then only more input, or time, can bring an event.
    bool has_input() const noexcept { return !starved_; }

    /// Octets that wait to be written.
    std::size_t unsent() const noexcept { return muted_ ? 0 : out_.size(); }

    /// True when the session is over and all that it had to say is written: shut the write side down now.
    bool output_finished() const noexcept { return over_ && unsent() == 0; }

    /// True when there is nothing left to do with this transport: close it now. Events may still wait to be polled.
    bool finished() const noexcept { return finished_; }

    // ---- getters --------------------------------------------------------------------------------------------

    /// Nothing before the handshake has settled it.
    std::optional<version> negotiated_version() const noexcept { return version_; }

    /// What CONNECT and CONNECTED agreed on; zeros before and in STOMP 1.0.
    heart_beat_intervals intervals() const noexcept { return intervals_; }

protected:
    struct settings {
        stomp::strictness strictness;
        encode_options encoding;
        milliseconds stall_timeout;
        milliseconds idle_timeout;
        milliseconds linger;
        milliseconds tolerance_floor;
        double tolerance;
        bool trailing_eol;
    };

    connection(const limits& input, const settings& s, time_point now)
        : parser_(input, s.strictness), timers_(now), settings_(s), max_input_(input.max_input) {}
    connection(connection&&) = default;
    connection& operator=(connection&&) = default;
    ~connection() = default;

    void tell(time_point now) noexcept { timers_.tell(now); }

    /// A new transport: everything as after construction, but for the time.
    void renew(const limits& input, const settings& s) {
        parser_ = parser(input, s.strictness);
        out_.clear();
        timers_.stop_all();
        settings_ = s;
        version_.reset();
        intervals_ = {};
        max_input_ = input.max_input;
        send_every_ = dead_after_ = milliseconds(0);
        lost_ = errc::ok;
        starved_ = true;
        listening_ = over_ = muted_ = finished_ = false;
    }

    /// Octets have arrived: any octet shows that the peer lives (C-20).
    void arrived(std::size_t n) noexcept {
        if (n == 0) return;
        starved_ = false;
        if (timers_.active(timers::peer)) timers_.start_now(timers::peer, dead_after_);
        input_changed();
    }

    /// The peer's deadline runs only while we would read what it sends.
    void input_changed() noexcept {
        const bool listening = !paused_ && !over_ && lost_ == errc::ok && wants_input();
        if (listening == listening_) return;
        listening_ = listening;
        if (listening) {
            timers_.start(timers::peer, dead_after_);
        } else {
            timers_.stop(timers::peer);
        }
    }

    /// One step of the parser; remembers that it needs more. Asked again and again it gives memory back that it does not
    /// need, but for what input_buffer() has lent.
    parse_status next_frame() {
        const parse_status status = parser_.next();
        starved_ = status == parse_status::need_more;
        input_changed();
        return status;
    }

    /// No more input will come. The reason counts once what has arrived is used up.
    void lose(errc reason) noexcept {
        if (!over_ && lost_ == errc::ok) lost_ = reason;
        finished_ = true;
        input_changed();
        timers_.stop_all();
    }

    /// What is asked for as it can be offered: not below the least intervals, and a number that peers can read.
    static heart_beat offer_of(const heart_beat& asked, milliseconds least_can_send,
                               milliseconds least_wants) noexcept {
        const auto fit = [](milliseconds interval, milliseconds least) {
            return interval.count() <= 0 ? milliseconds(0) : (std::clamp)(interval, least, milliseconds(UINT32_MAX));
        };
        return {fit(asked.can_send, least_can_send), fit(asked.wants, least_wants)};
    }

    /// Starts the heart-beats of an open session; `ours` and `theirs` are the agreed intervals of each direction.
    /// Spec: STOMP 1.2 "Heart-beating".
    void start_heart_beats(milliseconds ours, milliseconds theirs) noexcept {
        // Half the interval: a peer that tolerates no delay at all (ActiveMQ) must not see one.
        send_every_ = ours.count() == 0 ? ours : (std::max)(milliseconds(1), ours / 2);
        dead_after_ = settings_.idle_timeout;
        silence_ = theirs.count() != 0 ? errc::heart_beat_timeout : errc::idle_timeout;
        if (theirs.count() != 0) {
            const double scaled = static_cast<double>(theirs.count()) * settings_.tolerance;
            constexpr milliseconds most(1'000'000'000'000'000);  // some 30,000 years
            const auto by_factor = scaled < static_cast<double>(most.count())
                                       ? milliseconds(static_cast<milliseconds::rep>(scaled))
                                       : most;
            dead_after_ = (std::max)(by_factor, theirs + (std::min)(settings_.tolerance_floor, most));
        }
        timers_.start(timers::beat, send_every_);
        if (listening_) timers_.start(timers::peer, dead_after_);
    }

    /// The part of handle_timeout() that both ends share.
    void common_timeouts(time_point now) {
        tell(now);
        if (lost_ != errc::ok) return;
        if (timers_.expired(timers::beat)) {
            // Only when nothing else waits, and so never inside a frame (F-25).
            if (out_.empty()) {
                *out_.append(1) = '\n';
                out_.end_frame();
                written();
            }
            timers_.start_now(timers::beat, send_every_);
        }
        if (timers_.expired(timers::peer)) lose(silence_);
    }

    /// Something was put into the output.
    void written() noexcept {
        if (!timers_.active(timers::stall)) timers_.start(timers::stall, settings_.stall_timeout);
    }

    /// Encodes a frame into the output, which must not grow beyond `most` octets.
    [[nodiscard]] errc queue(const frame_view& f, version v, std::size_t most) {
        frame_plan plan;
        if (const errc e = measure(f, v, settings_.encoding, plan); e != errc::ok) return e;
        const std::size_t total = plan.size + eol_size();
        if (total > most) return errc::frame_too_large;
        if (total > most - (std::min)(most, out_.size())) return errc::output_full;
        write(f, v, settings_.encoding, plan, out_.append(plan.size, eol_size()));
        end_frame();
        return errc::ok;
    }

    /// What follows every frame: append() has to reserve as much.
    std::size_t eol_size() const noexcept { return settings_.trailing_eol ? 1 : 0; }

    /// The frame in the output is complete.
    void end_frame() noexcept {
        if (settings_.trailing_eol) *out_.append_reserved(1) = '\n';
        out_.end_frame();
        written();
    }

    /// The session is over for good: nothing more is parsed.
    void end() noexcept {
        const bool stalling = timers_.active(timers::stall);
        timers_.stop_all();
        over_ = true;
        listening_ = false;
        if (finished_) return;
        if (stalling) timers_.start(timers::stall, settings_.stall_timeout);
        linger();
    }

    /// All is said: wait a little for the peer to close first, so that a reset cannot overtake our last frame (E-07).
    void linger() noexcept {
        if (!out_.empty() || finished_ || timers_.active(timers::farewell)) return;
        timers_.start(timers::farewell, settings_.linger);
        finished_ = settings_.linger.count() <= 0;
    }

    parser parser_;
    outbox out_;
    timers timers_;
    settings settings_;
    std::optional<version> version_;
    heart_beat_intervals intervals_;
    std::size_t max_input_;
    milliseconds send_every_{0};
    milliseconds dead_after_{0};
    errc silence_ = errc::ok;  // what it means that the peer is silent for so long
    errc lost_ = errc::ok;     // why no more input will come
    bool starved_ = true;      // the parser has used all there is
    bool listening_ = false;   // the peer's deadlines run
    bool paused_ = false;      // by the caller
    bool over_ = false;        // nothing more is parsed or sent by the application
    bool muted_ = false;       // what is left in the output is not to be sent
    bool finished_ = false;    // close the transport
};

}  // namespace stomp::inline v0::detail

#endif
