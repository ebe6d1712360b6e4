// How long to wait before the next attempt to connect.
#ifndef STOMP_BACKOFF_HPP
#define STOMP_BACKOFF_HPP

#include <stomp/config.hpp>
#include <stomp/heart_beat.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <utility>

namespace stomp::inline v0 {

struct backoff_options {
    /// The longest first delay; it doubles with every attempt. At least 1 ms.
    milliseconds first{500};
    /// The longest delay of all.
    milliseconds most{30'000};
    /// A connection that lasted this long was a good one: the next delay is a first one again. Shorter ones count as
    /// failed attempts, so that a server that accepts and drops everybody is not stormed.
    milliseconds stable_after{60'000};
};

/// Exponential back-off with full jitter: each delay is anything between nothing and a bound that doubles, so that
/// clients that lost the same server do not come back in step. Reads no clock and makes no random numbers.
///
///     case stomp::client_event::connected: backoff.connected(now); break;
///     case stomp::client_event::closed:    wake_up_at = now + backoff.delay(now, random); break;
class backoff {
public:
    constexpr explicit backoff(const backoff_options& options = {}) noexcept
        : options_(options), bound_(first_bound()) {}

    /// The session is open (`client_event::connected`).
    constexpr void connected(time_point now) noexcept {
        connected_at_ = now;
        connected_ = true;
    }

    /// An attempt failed or a connection ended, at `now`: how long to wait before the next attempt. `random` are 64
    /// bits, every value as likely as any other.
    constexpr milliseconds delay(time_point now, std::uint64_t random) noexcept {
        if (std::exchange(connected_, false) && now - connected_at_ >= options_.stable_after) reset();
        const auto choices = static_cast<std::uint64_t>(bound_.count()) + 1;
        bound_ = bound_ > options_.most / 2 ? last_bound() : bound_ * 2;
        ++attempts_;
        return milliseconds(static_cast<milliseconds::rep>(random % choices));
    }

    /// The same with a source of random numbers, such as a std::mt19937_64.
    template <std::invocable Random>
    constexpr milliseconds delay(time_point now, Random&& random) {
        return delay(now, static_cast<std::uint64_t>(std::forward<Random>(random)()));
    }

    /// Delays since the last stable connection.
    constexpr std::uint32_t attempts() const noexcept { return attempts_; }

    /// Starts over, as a stable connection does.
    constexpr void reset() noexcept {
        bound_ = first_bound();
        attempts_ = 0;
    }

private:
    constexpr milliseconds last_bound() const noexcept { return (std::max)(options_.most, milliseconds(1)); }
    constexpr milliseconds first_bound() const noexcept {
        return std::clamp(options_.first, milliseconds(1), last_bound());
    }

    backoff_options options_;
    milliseconds bound_;
    std::uint32_t attempts_ = 0;
    time_point connected_at_{};
    bool connected_ = false;
};

}  // namespace stomp::inline v0

#endif
