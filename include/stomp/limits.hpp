// What one session may cost: every loop over peer data and every growing container is bounded by a field here.
#ifndef STOMP_LIMITS_HPP
#define STOMP_LIMITS_HPP

#include <stomp/config.hpp>

#include <cstddef>
#include <cstdint>

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
    /// Octets that wait to be written (`output_full`, `frame_too_large`). Spring 512 KiB. The default takes the largest
    /// frame that a server reads by default, with a body of 1 MiB and a head that escapes have doubled.
    std::size_t max_output = 1024 * 1024 + 64 * 1024;
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
    /// Octets in one of them: names, values and bodies, and 32 for each header, as they are kept. The default takes the
    /// largest frame that a server reads by default.
    std::size_t max_transaction_bytes = 1024 * 1024 + 64 * 1024;
    /// Receipts a client waits for. A server answers at once and stores none.
    std::size_t max_receipts = 1024;

    /// For a client: brokers are trusted with more than strangers are. `limits{}` without what only a server keeps.
    static constexpr limits client() noexcept {
        limits l;
        l.max_unsettled = 0;
        l.max_unsettled_bytes = 0;
        l.max_transaction_frames = 0;
        l.max_transaction_bytes = 0;
        return l;
    }

    /// For a server whose client has been accepted.
    static constexpr limits server() noexcept {
        limits l;
        l.max_receipts = 0;
        l.max_headers = 64;
        l.max_head = 16 * 1024;
        l.max_body = 1024 * 1024;
        l.max_input = 64 * 1024;
        l.max_subscriptions = 256;
        return l;
    }

    /// For a server whose client has not been accepted: anybody. Only what bounds input matters then.
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

namespace detail {

/// A sum that stays at the largest number instead of wrapping around: a limit may be "none".
struct saturated {
    std::size_t octets;

    constexpr saturated(std::size_t n) noexcept : octets(n) {}

    friend constexpr saturated operator+(saturated a, saturated b) noexcept {
        return a.octets > SIZE_MAX - b.octets ? SIZE_MAX : a.octets + b.octets;
    }
    friend constexpr saturated operator*(saturated a, saturated b) noexcept {
        return b.octets != 0 && a.octets > SIZE_MAX / b.octets ? SIZE_MAX : a.octets * b.octets;
    }
};

constexpr saturated smaller(saturated a, saturated b) noexcept { return a.octets < b.octets ? a : b; }
constexpr saturated larger(saturated a, saturated b) noexcept { return a.octets < b.octets ? b : a; }

/// The most that one entry of each container takes, in octets. Asserted where the entries live; rounded up, so that
/// other standard libraries fit.
namespace entry {
inline constexpr std::size_t session = 2048;  // client_session, server_session
inline constexpr std::size_t header = 32;     // parser, frame: two views; docs and max_transaction_bytes name it
inline constexpr std::size_t frame_end = 8;   // outbox: where a frame ends
inline constexpr std::size_t run = 24;        // outbox: octets that lie side by side
inline constexpr std::size_t chunk = 16;      // outbox: what stands before the octets of a chunk
inline constexpr std::size_t largest_chunk = 16384;
inline constexpr std::size_t subscription = 192;  // with its share of the hash table, as the next two
inline constexpr std::size_t transaction = 192;
inline constexpr std::size_t receipt = 128;    // client: an answer that is awaited
inline constexpr std::size_t unsettled = 48;   // server: a message that waits for its ACK
inline constexpr std::size_t tag = 8;          // server: a message in an event or a transaction
inline constexpr std::size_t slot = 4;         // server: a message in a transaction
inline constexpr std::size_t step = 112;       // server: a frame in a transaction
inline constexpr std::size_t event_step = 96;  // server: the same, in the event
}  // namespace entry

}  // namespace detail

/// The most octets that one session holds, whatever its peer does: the object, and what it asks of `operator new`
/// while all its containers are full and the largest ones grow. Saturating: with a limit of SIZE_MAX it is SIZE_MAX.
///
/// Beyond it come: the chunk being fed (of at most max_input octets); the text that you give the session to keep, which
/// is its options and session id and, on a client, kept SENDs, and ids and headers longer than the peer may send; what
/// an allocator adds to each block. Of a shared_message the session's share is counted as if nobody else held it. A
/// server session has two sets of limits, and the larger sum counts.
constexpr std::size_t max_memory(const limits& l) noexcept {
    using detail::saturated;
    namespace entry = detail::entry;
    // A vector or ring that doubles: less than twice what it needs, and half of that once more while it moves.
    constexpr saturated growing = 3;

    // What one frame can bring: a line's text is kept at most once per use, and a head bounds all its lines.
    const saturated line = l.max_header_line;
    const saturated two_lines = detail::smaller(line * 2, l.max_head);

    // The parser's buffer: what waits plus a chunk, doubled, and the old buffer while it is copied.
    const saturated input = detail::larger(saturated(l.max_head) + l.max_body + 1, l.max_input) * 4 + 1024;
    // The headers of the frame read, and of the one being put together.
    const saturated headers = growing * 2 * entry::header * (saturated(l.max_headers) + 16);
    // The frame in hand: its receipt id and other text kept until the next one.
    const saturated texts = line * 8 + 1024;

    // Beyond max_output there may be one RECEIPT and one ERROR, escaped. Every second chunk at the worst is half empty,
    // and the first one may be written but for its last octet. No frame has fewer than four octets.
    const saturated octets = saturated(l.max_output) + line * 4 + 2048;
    const saturated chunks = octets * 3 + 3 * entry::largest_chunk + (octets.octets / 2048 + 4) * entry::chunk;
    const saturated ends = growing * entry::frame_end * (octets.octets / 4 + 8);
    const saturated runs = growing * entry::run * (octets.octets / 256 + 8);

    // A server keeps the id twice (once escaped) and the destination, a client its SUBSCRIBE.
    const saturated subscriptions =
        saturated(l.max_subscriptions) * (growing * entry::subscription + line * 2 + two_lines + 64);
    const saturated unsettled = growing * l.max_unsettled * (entry::unsettled + entry::tag + entry::slot + entry::tag);
    const saturated transactions = saturated(l.max_transactions) *
                                       (growing * entry::transaction + line + l.max_transaction_bytes +
                                        saturated(l.max_transaction_frames) * (growing * entry::step + l.max_command)) +
                                   growing * l.max_transaction_frames * entry::event_step;
    // Receipts, requests, and the receipts that kept SENDs will ask for.
    const saturated receipts = (saturated(l.max_receipts) + 1) * 3 * (growing * entry::receipt + 64);

    return (saturated(entry::session) + input + headers + texts + chunks + ends + runs + subscriptions + unsettled +
            transactions + receipts)
        .octets;
}

}  // namespace stomp::inline v0

#endif
