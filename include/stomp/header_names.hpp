// The header names of the three specifications, grouped by the frame that they first appear on.
#ifndef STOMP_HEADER_NAMES_HPP
#define STOMP_HEADER_NAMES_HPP

#include <stomp/config.hpp>

#include <string_view>

/// `send(d, b, {{stomp::header_names::content_type, "text/plain"}})`
namespace stomp::inline v0::header_names {

// any frame
inline constexpr std::string_view content_length = "content-length";
inline constexpr std::string_view content_type = "content-type";
inline constexpr std::string_view receipt = "receipt";

// CONNECT, STOMP
inline constexpr std::string_view accept_version = "accept-version";
inline constexpr std::string_view host = "host";
inline constexpr std::string_view login = "login";
inline constexpr std::string_view passcode = "passcode";
inline constexpr std::string_view heart_beat = "heart-beat";

// CONNECTED
inline constexpr std::string_view version = "version";
inline constexpr std::string_view session = "session";
inline constexpr std::string_view server = "server";

// SEND, SUBSCRIBE, UNSUBSCRIBE, ACK, NACK, BEGIN, COMMIT, ABORT
inline constexpr std::string_view destination = "destination";
inline constexpr std::string_view transaction = "transaction";
inline constexpr std::string_view id = "id";
inline constexpr std::string_view ack = "ack";

// MESSAGE, RECEIPT, ERROR
inline constexpr std::string_view message_id = "message-id";
inline constexpr std::string_view subscription = "subscription";
inline constexpr std::string_view receipt_id = "receipt-id";
inline constexpr std::string_view message = "message";

// not of the specifications, but understood by every broker
inline constexpr std::string_view redelivered = "redelivered";
inline constexpr std::string_view reply_to = "reply-to";
inline constexpr std::string_view correlation_id = "correlation-id";

}  // namespace stomp::inline v0::header_names

#endif
