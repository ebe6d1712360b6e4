// STOMP over WebSocket: which sub-protocol, and which kind of message. The specifications do not define it; the names
// are registered (IANA WebSocket Subprotocol Name Registry) and the rest is what peers do.
//
// Payloads of all data messages of one direction are one stream of octets: give each to receive() as it comes. Send
// one frame per message: the chunks of output_frame(), as text where is_text() says so, else as binary. A heart-beat
// is such a message, too, and no ping.
#ifndef STOMP_WEBSOCKET_HPP
#define STOMP_WEBSOCKET_HPP

#include <stomp/config.hpp>
#include <stomp/detail/utf8.hpp>
#include <stomp/version.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stomp::inline v0::websocket {

/// The sub-protocol's name: "v12.stomp".
constexpr std::string_view protocol_name(version v) noexcept {
    constexpr std::array<std::string_view, 3> names{"v10.stomp", "v11.stomp", "v12.stomp"};
    return names[static_cast<std::size_t>(v)];
}

/// The version with exactly this name (case counts); nothing for any other.
constexpr std::optional<version> parse_protocol_name(std::string_view name) noexcept {
    for (const version v : all_versions) {
        if (name == protocol_name(v)) return v;
    }
    return std::nullopt;
}

/// The value of `Sec-WebSocket-Protocol` that a client sends: the names of its versions (any range of them), newest
/// first. Empty where there are none: then leave the header out. Offer the versions of client_options::versions.
template <class Versions>
std::string offer(const Versions& ours) {
    std::string text;
    for (std::size_t i = all_versions.size(); i-- != 0;) {
        for (const version v : ours) {
            if (v != all_versions[i]) continue;
            if (!text.empty()) text += ", ";
            text += protocol_name(v);
            break;
        }
    }
    return text;
}

/// What a server answers to an offer (several header lines: joined with commas): the highest version that is offered
/// and among `allowed` (any range of versions); answer with its protocol_name(). Nothing: answer without the header.
template <class Versions>
constexpr std::optional<version> select(std::string_view offered, const Versions& allowed) noexcept {
    std::optional<version> best;
    for (bool more = true; more;) {
        const std::size_t comma = offered.find(',');
        std::string_view name = offered.substr(0, comma);
        while (!name.empty() && (name.front() == ' ' || name.front() == '\t')) name.remove_prefix(1);
        while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
        if (const auto theirs = parse_protocol_name(name); theirs && (!best || *theirs > *best)) {
            for (const version v : allowed) {
                if (v == *theirs) best = theirs;
            }
        }
        more = comma != std::string_view::npos;
        if (more) offered.remove_prefix(comma + 1);
    }
    return best;
}

/// The versions that a server's session is restricted to once a sub-protocol is agreed on: that one, and none at all
/// (no restriction) where nothing or something else is agreed. A client is not restricted: what CONNECTED says counts.
constexpr std::span<const version> versions_of(std::string_view agreed) noexcept {
    const auto v = parse_protocol_name(agreed);
    if (!v) return {};
    return std::span<const version>(all_versions).subspan(static_cast<std::size_t>(*v), 1);
}

/// Whether the octets in these chunks, taken together, may be sent as a text message: they are UTF-8. RFC 6455 lets the
/// peer close the connection on any other text.
constexpr bool is_text(std::span<const std::string_view> chunks) noexcept {
    std::array<char, 4> cut{};  // the beginning of a character that the end of a chunk has cut
    std::size_t held = 0;
    for (std::string_view chunk : chunks) {
        while (held != 0 && !chunk.empty()) {
            if (held == cut.size()) return false;
            cut[held++] = chunk.front();
            chunk.remove_prefix(1);
            if (detail::utf8_sequence({cut.data(), held}) == held) held = 0;
        }
        const std::string_view rest = chunk.substr(detail::find_invalid_utf8(chunk));
        if (rest.size() >= cut.size()) return false;
        for (const char octet : rest) cut[held++] = octet;
    }
    return held == 0;
}

}  // namespace stomp::inline v0::websocket

#endif
