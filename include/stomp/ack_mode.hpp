// The acknowledgement modes of a subscription.
#ifndef STOMP_ACK_MODE_HPP
#define STOMP_ACK_MODE_HPP

#include <stomp/config.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace stomp::inline v0 {

/// How the messages of a subscription are settled. Spec: STOMP 1.2 "SUBSCRIBE ack Header".
enum class ack_mode : std::uint8_t {
    automatic,         ///< settled when sent; no ACK
    client,            ///< an ACK settles the message and all that were sent before it on the subscription
    client_individual  ///< an ACK settles just its message
};

/// The text of the `ack` header: "auto", "client", "client-individual".
constexpr std::string_view to_string(ack_mode mode) noexcept {
    switch (mode) {
        case ack_mode::automatic: return "auto";
        case ack_mode::client: return "client";
        case ack_mode::client_individual: return "client-individual";
    }
    return "auto";
}

/// The mode with exactly this text; nothing for any other.
constexpr std::optional<ack_mode> parse_ack_mode(std::string_view text) noexcept {
    if (text == to_string(ack_mode::automatic)) return ack_mode::automatic;
    if (text == to_string(ack_mode::client)) return ack_mode::client;
    if (text == to_string(ack_mode::client_individual)) return ack_mode::client_individual;
    return std::nullopt;
}

}  // namespace stomp::inline v0

#endif
