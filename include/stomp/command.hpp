// The commands and what the specifications say of each, in one place.
#ifndef STOMP_COMMAND_HPP
#define STOMP_COMMAND_HPP

#include <stomp/config.hpp>
#include <stomp/header_names.hpp>
#include <stomp/version.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace stomp::inline v0 {

/// The commands of the specifications. Any other verb is `unknown`: the codec hands it up unchanged.
enum class command : std::uint8_t {
    unknown,
    // client to server
    connect,
    stomp,
    send,
    subscribe,
    unsubscribe,
    ack,
    nack,
    begin,
    commit,
    abort,
    disconnect,
    // server to client
    connected,
    message,
    receipt,
    error,
};

inline constexpr std::size_t command_count = 16;

namespace detail {
inline constexpr std::array<std::string_view, command_count> verbs{
    "",      "CONNECT", "STOMP", "SEND",       "SUBSCRIBE", "UNSUBSCRIBE", "ACK",     "NACK",
    "BEGIN", "COMMIT",  "ABORT", "DISCONNECT", "CONNECTED", "MESSAGE",     "RECEIPT", "ERROR"};

/// Whether a text that is known to be as long as this one is this one. Written so that the compiler sees the size.
template <std::size_t N>
constexpr bool spells(const char* text, const char (&literal)[N]) noexcept {
    return std::char_traits<char>::compare(text, literal, N - 1) == 0;
}
}  // namespace detail

/// The verb on the wire: "SEND". Empty for `unknown`.
constexpr std::string_view to_string(command c) noexcept { return detail::verbs[static_cast<std::size_t>(c)]; }

/// The command with exactly this verb (case counts), else `unknown`. Spec: STOMP 1.2 "STOMP Frames".
constexpr command parse_command(std::string_view verb) noexcept {
    switch (verb.size()) {  // where the size is known, a comparison is one or two instructions
        case 3: return detail::spells(verb.data(), "ACK") ? command::ack : command::unknown;
        case 4:
            return detail::spells(verb.data(), "SEND")   ? command::send
                   : detail::spells(verb.data(), "NACK") ? command::nack
                                                         : command::unknown;
        case 5:
            if (detail::spells(verb.data(), "BEGIN")) return command::begin;
            if (detail::spells(verb.data(), "ABORT")) return command::abort;
            if (detail::spells(verb.data(), "ERROR")) return command::error;
            return detail::spells(verb.data(), "STOMP") ? command::stomp : command::unknown;
        case 6: return detail::spells(verb.data(), "COMMIT") ? command::commit : command::unknown;
        case 7:
            if (detail::spells(verb.data(), "MESSAGE")) return command::message;
            if (detail::spells(verb.data(), "RECEIPT")) return command::receipt;
            return detail::spells(verb.data(), "CONNECT") ? command::connect : command::unknown;
        case 9:
            if (detail::spells(verb.data(), "SUBSCRIBE")) return command::subscribe;
            return detail::spells(verb.data(), "CONNECTED") ? command::connected : command::unknown;
        case 10: return detail::spells(verb.data(), "DISCONNECT") ? command::disconnect : command::unknown;
        case 11: return detail::spells(verb.data(), "UNSUBSCRIBE") ? command::unsubscribe : command::unknown;
        default: return command::unknown;
    }
}

/// Sent by clients (a server that sends it breaks the protocol).
constexpr bool is_client_command(command c) noexcept { return c >= command::connect && c <= command::disconnect; }

/// Sent by servers.
constexpr bool is_server_command(command c) noexcept { return c >= command::connected; }

/// CONNECT, STOMP and CONNECTED: their headers are never escaped. Spec: STOMP 1.2 "Value Encoding".
constexpr bool is_handshake(command c) noexcept {
    return c == command::connect || c == command::stomp || c == command::connected;
}

/// Only SEND, MESSAGE and ERROR may have a body; of commands we do not know we cannot say so. Spec: STOMP 1.2 "Body".
constexpr bool body_allowed(command c) noexcept {
    return c == command::send || c == command::message || c == command::error || c == command::unknown;
}

/// The first version that has the command. STOMP is understood where a version is not negotiated yet, so 1.0.
constexpr version since(command c) noexcept { return c == command::nack ? version::v1_1 : version::v1_0; }

namespace detail::required {
inline constexpr std::array destination{header_names::destination};
inline constexpr std::array transaction{header_names::transaction};
inline constexpr std::array subscribe{header_names::destination, header_names::id};
inline constexpr std::array id{header_names::id};
inline constexpr std::array ack_1_0{header_names::message_id};
inline constexpr std::array ack_1_1{header_names::message_id, header_names::subscription};
inline constexpr std::array message_1_0{header_names::destination, header_names::message_id};
inline constexpr std::array message{header_names::destination, header_names::message_id, header_names::subscription};
inline constexpr std::array receipt{header_names::receipt_id};
}  // namespace detail::required

/// The headers without which the frame is an error, of the frame's own version. UNSUBSCRIBE in 1.0 needs `destination`
/// or `id`, which the session checks itself. Spec: "Frames and Headers", and "ACK" of each version.
constexpr std::span<const std::string_view> required_headers(command c, version v) noexcept {
    namespace need = detail::required;
    switch (c) {
        case command::send: return need::destination;
        case command::begin:
        case command::commit:
        case command::abort: return need::transaction;
        case command::subscribe:
            if (v == version::v1_0) return need::destination;
            return need::subscribe;
        case command::unsubscribe:
            if (v == version::v1_0) return {};
            return need::id;
        case command::ack:
        case command::nack:
            if (v == version::v1_0) return need::ack_1_0;
            if (v == version::v1_1) return need::ack_1_1;
            return need::id;
        case command::message:
            if (v == version::v1_0) return need::message_1_0;
            return need::message;
        case command::receipt: return need::receipt;
        default: return {};
    }
}

}  // namespace stomp::inline v0

#endif
