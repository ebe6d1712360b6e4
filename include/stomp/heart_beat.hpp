// Heart-beats and the time types of the library. The first header that includes <chrono>.
#ifndef STOMP_HEART_BEAT_HPP
#define STOMP_HEART_BEAT_HPP

#include <stomp/config.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace stomp::inline v0 {

/// The library reads no clock: every `now` is yours, and of this clock.
using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using milliseconds = std::chrono::milliseconds;

/// What one end offers: how often it can send something, and how often it wants to hear something. Zero means not
/// at all. Spec: STOMP 1.2 "Heart-beating".
struct heart_beat {
    milliseconds can_send{0};
    milliseconds wants{0};

    friend constexpr bool operator==(const heart_beat&, const heart_beat&) = default;
};

/// What both ends agreed on, per direction; zero means no heart-beats that way.
struct heart_beat_intervals {
    milliseconds client_to_server{0};
    milliseconds server_to_client{0};

    friend constexpr bool operator==(const heart_beat_intervals&, const heart_beat_intervals&) = default;
};

/// The value of a `heart-beat` header: two numbers of one to ten digits, at most 2^32-1 ms, and one comma. Nothing
/// for any other text: a peer that sends it breaks the protocol (`errc::bad_heart_beat`).
constexpr std::optional<heart_beat> parse_heart_beat(std::string_view text) noexcept {
    const auto number = [](std::string_view digits) -> std::optional<milliseconds> {
        if (digits.empty() || digits.size() > 10) return std::nullopt;
        std::uint64_t value = 0;
        for (const char c : digits) {
            if (c < '0' || c > '9') return std::nullopt;
            value = value * 10 + static_cast<std::uint64_t>(c - '0');
        }
        if (value > UINT32_MAX) return std::nullopt;
        return milliseconds(static_cast<milliseconds::rep>(value));
    };
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    const auto can_send = number(text.substr(0, comma));
    const auto wants = number(text.substr(comma + 1));
    if (!can_send || !wants) return std::nullopt;
    return heart_beat{*can_send, *wants};
}

/// The agreement of two offers: per direction the slower of what one can and the other wants, or nothing.
constexpr heart_beat_intervals negotiate(const heart_beat& client, const heart_beat& server) noexcept {
    const auto agree = [](milliseconds can, milliseconds wants) {
        if (can.count() == 0 || wants.count() == 0) return milliseconds{0};
        return can < wants ? wants : can;
    };
    return {agree(client.can_send, server.wants), agree(server.can_send, client.wants)};
}

}  // namespace stomp::inline v0

#endif
