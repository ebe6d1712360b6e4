// What one session may cost: every loop over peer data and every growing container is bounded by a field here.
#ifndef STOMP_LIMITS_HPP
#define STOMP_LIMITS_HPP

#include <stomp/config.hpp>

#include <cstddef>

namespace stomp::inline v0 {

/// The limits of one parser or session. Lengths are in octets as they stand on the wire. Exceeding a limit that
/// bounds input is the peer's error (`limit_*`), and final; exceeding one that bounds what the caller may ask for
/// returns the errc named there and has no effect. Spec: STOMP 1.2 "Size Limits".
struct limits {
    /// The command line. The longest standard verb has 11 octets; RabbitMQ allows 32.
    std::size_t max_command = 16;
    /// One header line without its end of line. ActiveMQ 10 KiB, Netty 1 KiB, RabbitMQ 100 KiB.
    std::size_t max_header_line = 8 * 1024;
    /// Headers of one frame, repeats counted. stompit 64, RabbitMQ 100, ActiveMQ 1,000.
    std::size_t max_headers = 128;
    /// Command and headers together, ends of line and blank line included. Without it 64 legal lines of 8 KiB pass.
    std::size_t max_head = 64 * 1024;
    /// The body. RabbitMQ allows 4 MiB for a frame, ActiveMQ 100 MiB.
    std::size_t max_body = 16 * 1024 * 1024;
    /// Octets received and not yet looked at, from which on input is no longer wanted (`input_full`).
    std::size_t max_input = 256 * 1024;
    /// Octets that wait to be written (`output_full`, `frame_too_large`). Spring 512 KiB.
    std::size_t max_output = 1024 * 1024;
    /// Subscriptions of the session. StompBrokerJS 256, Spring's cache 1,024.
    std::size_t max_subscriptions = 1024;
    /// Messages delivered and not settled (`window_full`). Brokers call it prefetch.
    std::size_t max_unsettled = 1024;
    /// Octets of those messages.
    std::size_t max_unsettled_bytes = 4 * 1024 * 1024;
    /// Transactions open at once. RabbitMQ 16.
    std::size_t max_transactions = 8;
    /// Frames in one of them. RabbitMQ 1,024, Vert.x 1,000.
    std::size_t max_transaction_frames = 1024;
    /// Octets in one of them: names, values and bodies.
    std::size_t max_transaction_bytes = 1024 * 1024;
    /// Receipts a client waits for. A server answers at once and stores none.
    std::size_t max_receipts = 1024;

    /// For a client: brokers are trusted with more than strangers are. The same as `limits{}`.
    static constexpr limits client() noexcept { return {}; }

    /// For a server whose client has been accepted.
    static constexpr limits server() noexcept {
        limits l;
        l.max_headers = 64;
        l.max_head = 16 * 1024;
        l.max_body = 1024 * 1024;
        l.max_input = 64 * 1024;
        l.max_subscriptions = 256;
        return l;
    }

    /// For a server whose client has not been accepted: anybody.
    static constexpr limits before_login() noexcept {
        limits l;
        l.max_header_line = 1024;
        l.max_headers = 16;
        l.max_head = 4 * 1024;
        l.max_body = 0;
        l.max_input = 8 * 1024;
        l.max_output = 4 * 1024;
        l.max_subscriptions = 0;
        l.max_unsettled = 0;
        l.max_unsettled_bytes = 0;
        l.max_transactions = 0;
        l.max_transaction_frames = 0;
        l.max_transaction_bytes = 0;
        l.max_receipts = 0;
        return l;
    }
};

}  // namespace stomp::inline v0

#endif
