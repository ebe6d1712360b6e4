// What can go wrong, in one enumeration.
#ifndef STOMP_ERRC_HPP
#define STOMP_ERRC_HPP

#include <stomp/config.hpp>

#include <cstdint>
#include <string_view>

namespace stomp::inline v0 {

/// Every error of the library. Who is at fault is told by where a code appears: returned from a call it is the
/// caller's, and the call had no effect; as the `reason` of an event or from `parser::error()` it is the peer's
/// or the connection's, and final.
enum class errc : std::uint8_t {
    ok,

    // Grammar: the octets are not STOMP.
    malformed_command,
    bare_cr,
    header_no_colon,
    header_empty_name,
    nul_in_header,
    missing_blank_line,
    bad_escape,
    raw_colon_in_value,
    invalid_utf8,
    bad_content_length,
    content_length_conflict,
    missing_terminator,
    body_not_allowed,
    unexpected_eof,

    // Limit: more than `limits` allows.
    limit_command,
    limit_header_line,
    limit_headers,
    limit_head,
    limit_body,
    limit_subscriptions,
    limit_transactions,
    limit_transaction_frames,
    limit_transaction_bytes,
    limit_receipts,

    // Session: well-formed frames that break the conversation.
    not_connected,
    already_connected,
    no_common_version,
    version_not_offered,
    bad_heart_beat,
    missing_header,
    unknown_command,
    wrong_direction,
    bad_ack_mode,
    duplicate_subscription,
    unknown_subscription,
    duplicate_transaction,
    unknown_transaction,
    unknown_ack,
    connect_rejected,
    server_error,
    closed_by_application,

    // Connection: nobody broke a rule, or nobody can tell.
    connection_lost,
    connect_timeout,
    login_timeout,
    heart_beat_timeout,
    idle_timeout,
    stall_timeout,
    receipt_timeout,
    disconnect_timeout,
    out_of_memory,
    tls_on_plain_port,

    // Caller only: returned from a call, never a peer's fault.
    not_representable,
    needs_content_length,
    reserved_header,
    duplicate_receipt,
    nothing_to_ack,
    stale_ack,
    input_full,
    output_full,
    window_full,
    frame_too_large,
    invalid_state,
    unknown_connection,
    not_authorized,
    bad_destination,
    queue_full,
};

/// The enumerator's name, for logs and tests: "limit_body".
constexpr std::string_view to_string(errc e) noexcept {
    switch (e) {
        case errc::ok: return "ok";
        case errc::malformed_command: return "malformed_command";
        case errc::bare_cr: return "bare_cr";
        case errc::header_no_colon: return "header_no_colon";
        case errc::header_empty_name: return "header_empty_name";
        case errc::nul_in_header: return "nul_in_header";
        case errc::missing_blank_line: return "missing_blank_line";
        case errc::bad_escape: return "bad_escape";
        case errc::raw_colon_in_value: return "raw_colon_in_value";
        case errc::invalid_utf8: return "invalid_utf8";
        case errc::bad_content_length: return "bad_content_length";
        case errc::content_length_conflict: return "content_length_conflict";
        case errc::missing_terminator: return "missing_terminator";
        case errc::body_not_allowed: return "body_not_allowed";
        case errc::unexpected_eof: return "unexpected_eof";
        case errc::limit_command: return "limit_command";
        case errc::limit_header_line: return "limit_header_line";
        case errc::limit_headers: return "limit_headers";
        case errc::limit_head: return "limit_head";
        case errc::limit_body: return "limit_body";
        case errc::limit_subscriptions: return "limit_subscriptions";
        case errc::limit_transactions: return "limit_transactions";
        case errc::limit_transaction_frames: return "limit_transaction_frames";
        case errc::limit_transaction_bytes: return "limit_transaction_bytes";
        case errc::limit_receipts: return "limit_receipts";
        case errc::not_connected: return "not_connected";
        case errc::already_connected: return "already_connected";
        case errc::no_common_version: return "no_common_version";
        case errc::version_not_offered: return "version_not_offered";
        case errc::bad_heart_beat: return "bad_heart_beat";
        case errc::missing_header: return "missing_header";
        case errc::unknown_command: return "unknown_command";
        case errc::wrong_direction: return "wrong_direction";
        case errc::bad_ack_mode: return "bad_ack_mode";
        case errc::duplicate_subscription: return "duplicate_subscription";
        case errc::unknown_subscription: return "unknown_subscription";
        case errc::duplicate_transaction: return "duplicate_transaction";
        case errc::unknown_transaction: return "unknown_transaction";
        case errc::unknown_ack: return "unknown_ack";
        case errc::connect_rejected: return "connect_rejected";
        case errc::server_error: return "server_error";
        case errc::closed_by_application: return "closed_by_application";
        case errc::connection_lost: return "connection_lost";
        case errc::connect_timeout: return "connect_timeout";
        case errc::login_timeout: return "login_timeout";
        case errc::heart_beat_timeout: return "heart_beat_timeout";
        case errc::idle_timeout: return "idle_timeout";
        case errc::stall_timeout: return "stall_timeout";
        case errc::receipt_timeout: return "receipt_timeout";
        case errc::disconnect_timeout: return "disconnect_timeout";
        case errc::out_of_memory: return "out_of_memory";
        case errc::tls_on_plain_port: return "tls_on_plain_port";
        case errc::not_representable: return "not_representable";
        case errc::needs_content_length: return "needs_content_length";
        case errc::reserved_header: return "reserved_header";
        case errc::duplicate_receipt: return "duplicate_receipt";
        case errc::nothing_to_ack: return "nothing_to_ack";
        case errc::stale_ack: return "stale_ack";
        case errc::input_full: return "input_full";
        case errc::output_full: return "output_full";
        case errc::window_full: return "window_full";
        case errc::frame_too_large: return "frame_too_large";
        case errc::invalid_state: return "invalid_state";
        case errc::unknown_connection: return "unknown_connection";
        case errc::not_authorized: return "not_authorized";
        case errc::bad_destination: return "bad_destination";
        case errc::queue_full: return "queue_full";
    }
    return "unknown_errc";
}

/// A sentence a person can act on. Free of colon, backslash, CR and LF: it can stand in an ERROR frame's
/// `message` header in every protocol version (STOMP 1.2 "Value Encoding").
constexpr std::string_view explain(errc e) noexcept {
    switch (e) {
        case errc::ok: return "no error";
        case errc::malformed_command: return "the command line is empty or holds an octet that no command can hold";
        case errc::bare_cr: return "a carriage return is not followed by a line feed";
        case errc::header_no_colon: return "a header line has no colon";
        case errc::header_empty_name: return "a header has an empty name";
        case errc::nul_in_header: return "a header holds a NUL octet";
        case errc::missing_blank_line: return "the blank line between the headers and the NUL is missing";
        case errc::bad_escape: return "a header holds an escape that its STOMP version does not define";
        case errc::raw_colon_in_value: return "a header value holds a colon that is not escaped";
        case errc::invalid_utf8: return "a command or header is not valid UTF-8";
        case errc::bad_content_length: return "content-length is not a decimal number";
        case errc::content_length_conflict: return "content-length contradicts another entry or the body";
        case errc::missing_terminator: return "no NUL follows the counted body";
        case errc::body_not_allowed: return "only SEND, MESSAGE and ERROR may have a body";
        case errc::unexpected_eof: return "the connection ended inside a frame";
        case errc::limit_command: return "the command line is longer than max_command";
        case errc::limit_header_line: return "a header line is longer than max_header_line";
        case errc::limit_headers: return "the frame has more headers than max_headers";
        case errc::limit_head: return "command and headers together are longer than max_head";
        case errc::limit_body: return "the body is longer than max_body";
        case errc::limit_subscriptions: return "more subscriptions than max_subscriptions";
        case errc::limit_transactions: return "more open transactions than max_transactions";
        case errc::limit_transaction_frames: return "more frames in a transaction than max_transaction_frames";
        case errc::limit_transaction_bytes: return "more octets in a transaction than max_transaction_bytes";
        case errc::limit_receipts: return "more receipts awaited than max_receipts";
        case errc::not_connected: return "the session is not connected";
        case errc::already_connected: return "the session is connected already";
        case errc::no_common_version: return "no STOMP version in common";
        case errc::version_not_offered: return "the server chose a version that was not offered";
        case errc::bad_heart_beat: return "the heart-beat header is not two numbers";
        case errc::missing_header: return "a required header is missing";
        case errc::unknown_command: return "the command does not exist in this STOMP version";
        case errc::wrong_direction: return "the command belongs to the other end of the connection";
        case errc::bad_ack_mode: return "ack must be auto, client or client-individual";
        case errc::duplicate_subscription: return "the subscription id is in use";
        case errc::unknown_subscription: return "no such subscription";
        case errc::duplicate_transaction: return "the transaction is open already";
        case errc::unknown_transaction: return "no such transaction is open";
        case errc::unknown_ack: return "no unsettled message has this id";
        case errc::connect_rejected: return "the server refused the connection";
        case errc::server_error: return "the server sent an ERROR frame";
        case errc::closed_by_application: return "the application ended the session";
        case errc::connection_lost: return "the connection ended";
        case errc::connect_timeout: return "no CONNECTED frame arrived in time";
        case errc::login_timeout: return "no CONNECT frame arrived in time";
        case errc::heart_beat_timeout: return "the peer has been silent for longer than its heart-beat allows";
        case errc::idle_timeout: return "the peer has been silent for longer than idle_timeout";
        case errc::stall_timeout: return "the peer does not read what it is sent";
        case errc::receipt_timeout: return "no RECEIPT arrived in time";
        case errc::disconnect_timeout: return "DISCONNECT was not confirmed in time";
        case errc::out_of_memory: return "memory ran out while a frame was being handled";
        case errc::tls_on_plain_port: return "the peer speaks TLS to a port that does not";
        case errc::not_representable: return "a header holds an octet that this STOMP version cannot carry";
        case errc::needs_content_length: return "a body that holds a NUL cannot be sent without content-length";
        case errc::reserved_header: return "this header is written by the library and cannot be given";
        case errc::duplicate_receipt: return "this receipt id is awaited already";
        case errc::nothing_to_ack: return "the message needs no acknowledgement";
        case errc::stale_ack: return "the message was delivered on an earlier connection";
        case errc::input_full: return "input is not wanted now; poll events first";
        case errc::output_full: return "the frame does not fit into max_output now; write output first";
        case errc::window_full: return "too many messages are unsettled; wait for acknowledgements";
        case errc::frame_too_large: return "the frame is larger than max_output and can never be sent";
        case errc::invalid_state: return "the call does not fit the state of the session";
        case errc::unknown_connection: return "no such connection";
        case errc::not_authorized: return "not authorized";
        case errc::bad_destination: return "no such destination, or not one for this";
        case errc::queue_full: return "the queue is full";
    }
    return "unknown error";
}

/// True for the errors that say that a field of `limits` was exceeded.
constexpr bool is_limit(errc e) noexcept { return e >= errc::limit_command && e <= errc::limit_receipts; }

}  // namespace stomp::inline v0

#endif
