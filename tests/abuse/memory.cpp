// What a session can be made to hold: max_memory() against sessions that are driven to every limit at once.
#include "hostile.hpp"

#include <stomp/limits.hpp>

#include <random>

using namespace hostile;
using counting_new::heap_watch;
using stomp::header;
using stomp::limits;

namespace {

constexpr std::size_t chunk = 4096;

std::string number(std::size_t n, std::size_t width) {
    std::string text = std::to_string(n);
    return std::string(width - text.size(), '0') + text;
}

/// Fills whatever a server session has room for. Returns the peak of its heap, the object included.
std::size_t peak_of_full_server(const limits& l) {
    stomp::server_options options;
    options.limits = l;
    const std::string body(l.max_body, 'b');
    const std::string small(2000, 'b');  // more than half a chunk of the output
    std::string piece;
    piece.reserve(l.max_head + l.max_body + 64);

    const heap_watch heap;
    client c(options);
    c.keeps_output = c.keeps_subscriptions = false;
    stomp::subscription_handle first;
    c.on_event = [&first, &c](const stomp::server_event& e) {
        if (e.kind == stomp::server_event::subscribe && c.session.subscriptions() == 1) first = e.subscription;
    };
    c.logged_in();

    // Ids of colons: they take twice the room once they are escaped.
    const std::size_t id_size = l.max_header_line - 3;
    const std::size_t destination_size =
        (std::min)(l.max_header_line - 12, l.max_head - (std::min)(l.max_head, id_size + 64));
    for (std::size_t i = 0; i < l.max_subscriptions; ++i) {
        piece = "SUBSCRIBE\nid:" + number(i, 6) + std::string(id_size - 6, ':') + "\nack:client\ndestination:" +
                std::string(destination_size, 'd') + "\n\n" + '\0';
        c.feed(piece, chunk);
    }
    CHECK(c.session.subscriptions() == l.max_subscriptions);

    const header destination{"destination", "d"};
    const stomp::frame_view sent{stomp::command::send, {}, std::span(&destination, 1), {}};
    while (c.session.message(first, sent, 1) == errc::ok) c.drain();
    CHECK(c.session.unsettled() == l.max_unsettled);

    // Frames of many small headers: each takes an entry.
    for (std::size_t t = 0; t < l.max_transactions; ++t) {
        const std::string id = number(t, 2);
        c.feed("BEGIN\ntransaction:" + id + "\n\n" + '\0');
        std::string head = "SEND\ndestination:d\ntransaction:" + id + "\n" + repeat("a:\n", l.max_headers - 2) + "\n";
        const std::size_t counted = 12 + 13 + l.max_headers - 2;
        const std::size_t share = l.max_transaction_bytes / l.max_transaction_frames;
        piece = head + std::string(share - counted, 'x') + '\0';
        for (std::size_t f = 0; f < l.max_transaction_frames; ++f) c.feed(piece, chunk);
    }

    // A frame that lacks its end, up to where the buffer doubles for the last time.
    std::size_t doubled = 512;
    while (doubled * 2 < l.max_head + l.max_body) doubled *= 2;
    piece = "SEND\ndestination:d\n\n" + body;
    c.feed(std::string_view(piece).substr(0, doubled - chunk), chunk);
    c.reads_output = false;
    const header wide{"destination", small};
    const stomp::frame_view larger{stomp::command::send, {}, std::span(&wide, 1), {}};
    while (c.session.message(first, larger, 1) == errc::window_full) {
        // a subscription without acknowledgements is not there: make room by an ACK
        break;
    }
    for (std::size_t i = 0; c.session.unsent() + small.size() < l.max_output && i < l.max_output; ++i) {
        if (c.session.receipt(small) != errc::ok) break;
    }
    CHECK(c.session.unsent() > l.max_output / 2);
    for (std::size_t at = doubled - chunk; at < piece.size(); at += chunk) {
        if (c.feed(std::string_view(piece).substr(at, chunk)) == 0) break;
    }
    CHECK(c.closed == 0);
    return heap.peak() - piece.capacity() + sizeof(stomp::server_session);
}

}  // namespace

TEST_CASE("max_memory is the sum of all limits (L-05, L-08, P2)") {
    INFO("client " << stomp::max_memory(limits::client()) << ", server " << stomp::max_memory(limits::server())
                   << ", before login " << stomp::max_memory(limits::before_login()));
    CHECK(stomp::max_memory(limits::before_login()) < stomp::max_memory(limits::server()));
}

TEST_CASE("a server session at all its limits stays within max_memory (L-05, L-08, T-11)") {
    const limits l = limits::server();
    const std::size_t bound = stomp::max_memory(l);
    const std::size_t peak = peak_of_full_server(l);
    WARN("peak " << peak << " of " << bound);
    CHECK(peak <= bound + chunk);
    CHECK(peak * 4 >= bound);
}
