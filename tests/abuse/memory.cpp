// What a session can be made to hold: max_memory() against sessions that are driven to every limit at once, and what
// sessions cost that do nothing.
#include <stomp/limits.hpp>

#include "hostile.hpp"

#include <cstdint>
#include <random>

using namespace hostile;
using counting_new::heap_watch;
using stomp::header;
using stomp::limits;
using stomp::max_memory;

namespace {

constexpr std::size_t chunk = 4096;

std::string number(std::size_t n, std::size_t width) {
    std::string text = std::to_string(n);
    return std::string(width - (std::min)(width, text.size()), '0') + text;
}

/// A little less than the size from which on the parser's buffer grows for the last time while a frame of this size
/// arrives.
std::size_t before_last_growth(std::size_t frame) {
    std::size_t size = 512;
    while (size * 2 < frame) size *= 2;
    return size - (std::min)(size, chunk);
}

/// Text put together in memory of the test's own, which is not to be counted.
class builder {
public:
    explicit builder(std::size_t room) { text_.reserve(room); }
    std::string_view operator()(std::initializer_list<std::string_view> parts) {
        text_.clear();
        for (const std::string_view part : parts) text_ += part;
        return text_;
    }

private:
    std::string text_;
};

/// The most that a server session held, the object included, while it was filled with whatever it takes.
std::size_t peak_of_full_server(const limits& l) {
    stomp::server_options options;
    options.limits = l;
    const std::string body(l.max_body, 'b');
    const std::string receipt(2050, 'r');  // no two of them fit into a chunk of the output
    const std::string colons(l.max_header_line - 3 - 6, ':');
    const std::string destination((std::min)(l.max_head - l.max_header_line - 64, l.max_header_line - 12), 'd');
    // A frame's share of a transaction: small headers, each of which counts for 32 more, and a body.
    const std::size_t share = l.max_transaction_bytes / l.max_transaction_frames - 25 - 2 * 32;
    const std::size_t small_headers = (std::min)(l.max_headers - 2, share / 33);
    const std::string headers = repeat("a:\n", small_headers);
    const std::string rest(share - 33 * small_headers, 'x');
    builder frame(l.max_head + l.max_body + 64);
    const header to{"destination", "d"};
    const stomp::frame_view sent{stomp::command::send, {}, std::span(&to, 1), {}};
    stomp::subscription_handle first;

    const heap_watch heap;
    client c(options);
    c.keeps_output = false;
    c.keeps_subscriptions = false;
    c.on_event = [&first](const stomp::server_event& e) {
        if (e.kind == stomp::server_event::subscribe && first.slot == UINT32_MAX) first = e.subscription;
    };
    c.logged_in();

    // Messages that nobody settles.
    c.feed("SUBSCRIBE\nid:0\nack:client\ndestination:d\n\n\0"sv);
    while (c.session.message(first, sent, 1) == errc::ok) c.drain();
    CHECK(c.session.unsettled() == l.max_unsettled);

    // Subscriptions with ids of colons, which take twice the room once they are escaped.
    for (std::size_t i = 1; i < l.max_subscriptions; ++i) {
        c.feed(frame({"SUBSCRIBE\nid:", number(i, 6), colons, "\ndestination:", destination, "\n\n\0"sv}), chunk);
    }
    CHECK(c.session.subscriptions() == l.max_subscriptions);

    // Transactions of frames with many small headers: each header takes an entry. One of them settles every message.
    for (std::size_t t = 0; t < l.max_transactions; ++t) {
        const std::string id = number(t, 2);
        c.feed(frame({"BEGIN\ntransaction:", id, "\n\n\0"sv}));
        frame({"SEND\ndestination:d\ntransaction:", id, "\n", headers, "\n", rest, "\0"sv});
        std::size_t frames = l.max_transaction_frames;
        if (t + 1 == l.max_transactions) {
            const std::string n = std::to_string(l.max_unsettled);
            c.feed("ACK\nid:s-" + n + "-" + n + "\ntransaction:" + id + "\n\n" + '\0');
            --frames;
        }
        for (std::size_t f = 0; f < frames; ++f) {
            c.feed(frame({"SEND\ndestination:d\ntransaction:", id, "\n", headers, "\n", rest, "\0"sv}), chunk);
        }
    }

    // A frame that lacks its end, up to where the buffer is about to grow for the last time. Then the peer stops
    // reading, and the output is filled. Then the buffer grows.
    const std::string_view endless = frame({"SEND\ndestination:d\n\n", body});
    const std::size_t most = before_last_growth(endless.size());
    c.feed(endless.substr(0, most), chunk);
    c.reads_output = false;
    while (c.session.receipt(receipt) == errc::ok) c.settle();
    CHECK(c.session.unsent() > l.max_output / 2);
    c.feed(endless.substr(most), 2 * chunk);

    CHECK(c.closed == 0);
    return heap.peak() + sizeof(stomp::server_session);
}

/// The same for a client session.
std::size_t peak_of_full_client(const limits& l) {
    stomp::client_options options = server::default_options();
    options.limits = l;
    const std::string body(l.max_body, 'b');
    const std::string text(2050, 'x');
    const std::string id(l.max_header_line - 16, 'i');
    const std::string destination(l.max_header_line - 16, 'd');
    builder frame(l.max_head + l.max_body + 64);
    builder name(l.max_header_line);

    const heap_watch heap;
    server s(options);
    s.keeps_output = false;
    s.logged_in();
    std::size_t done = 0;
    const auto note = [&](errc e) {
        done += e == errc::ok ? 1 : 0;
        s.settle();
    };
    for (std::size_t i = 0; i < l.max_subscriptions; ++i)
        note(s.session.subscribe(name({id, number(i, 6)}), destination));
    for (std::size_t i = 0; i < l.max_transactions; ++i) note(s.session.begin(name({id, number(i, 6)})));
    for (std::size_t i = 0; i < l.max_receipts; ++i)
        note(s.session.send("d", {}, {{"receipt", name({number(i, 60)})}}));
    CHECK(done == l.max_subscriptions + l.max_transactions + l.max_receipts);
    CHECK(s.session.pending_receipts() == l.max_receipts);

    const std::string_view endless = frame({"MESSAGE\ndestination:d\nmessage-id:1\nsubscription:0\n\n", body});
    const std::size_t most = before_last_growth(endless.size());
    s.feed(endless.substr(0, most), chunk);
    s.reads_output = false;
    while (s.session.send("d", text) == errc::ok) s.settle();
    CHECK(s.session.unsent() > l.max_output / 2);
    s.feed(endless.substr(most), 2 * chunk);

    CHECK(s.closed == 0);
    return heap.peak() + sizeof(stomp::client_session);
}

using engine = std::mt19937;

std::size_t up_to(engine& dice, std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(dice); }

limits random_limits(engine& dice) {
    limits l;
    l.max_header_line = 32 + up_to(dice, 600);
    l.max_headers = 4 + up_to(dice, 30);
    l.max_head = 256 + 3 * l.max_header_line + up_to(dice, 3000);
    l.max_body = up_to(dice, 5000);
    l.max_input = up_to(dice, 5000);
    l.max_output = up_to(dice, 20000);
    l.max_subscriptions = up_to(dice, 40);
    l.max_unsettled = up_to(dice, 100);
    l.max_unsettled_bytes = up_to(dice, 20000);
    l.max_transactions = up_to(dice, 5);
    l.max_transaction_frames = up_to(dice, 30);
    l.max_transaction_bytes = up_to(dice, 5000);
    l.max_receipts = up_to(dice, 50);
    return l;
}

/// Writes the frames of a client that breaks no rule and knows how far it may go.
class busy_client {
public:
    busy_client(engine& dice, const limits& l)
        : dice_(dice), limits_(l), transactions_(l.max_transactions), subscriptions_(l.max_subscriptions) {}

    void add_frame(std::string& to) {
        const std::size_t t = up_to(dice_, transactions_.size());
        const std::size_t s = up_to(dice_, subscriptions_.size());
        const std::size_t kind = up_to(dice_, 5);
        const std::size_t start = to.size();
        if (kind == 0 && t < transactions_.size()) {
            to += !transactions_[t].open ? "BEGIN" : up_to(dice_, 1) == 0 ? "COMMIT" : "ABORT";
            transactions_[t] = {!transactions_[t].open, 0, 0};
            line(to, "\ntransaction", std::to_string(t));
        } else if (kind <= 2 && s < subscriptions_.size()) {
            std::string& id = subscriptions_[s];
            const bool subscribes = id.empty();
            if (subscribes) id = number(s, 2) + text(2);
            to += subscribes ? "SUBSCRIBE\n" : "UNSUBSCRIBE\n";
            line(to, "id", id);
            if (subscribes) line(to, "destination", text(11));
            if (subscribes) line(to, "ack", up_to(dice_, 1) == 0 ? "auto" : "client-individual");
            if (!subscribes) id.clear();
        } else {
            to += "SEND\n";
            line(to, "destination", text(11));
            std::size_t body = up_to(dice_, limits_.max_body);
            if (t < transactions_.size() && transactions_[t].open) {
                transaction& open = transactions_[t];
                const std::size_t size = 1000 + 32 * limits_.max_headers + body;  // more than the headers count
                if (open.frames < limits_.max_transaction_frames &&
                    open.octets + size <= limits_.max_transaction_bytes) {
                    line(to, "transaction", std::to_string(t));
                    ++open.frames;
                    open.octets += size;
                }
            }
            for (std::size_t n = up_to(dice_, 1) == 0 ? 0 : up_to(dice_, limits_.max_headers - 4); n != 0; --n)
                line(to, "h", {});
            if (up_to(dice_, 2) == 0) line(to, "receipt", text(7));
            (to += '\n').append(body, 'b') += '\0';
            return;
        }
        if (up_to(dice_, 2) == 0) line(to, "receipt", text(7));
        (to += '\n') += '\0';
        CHECK(to.size() - start <= limits_.max_head + 1);
    }

private:
    struct transaction {
        bool open = false;
        std::size_t frames = 0;
        std::size_t octets = 0;
    };

    static void line(std::string& to, std::string_view name, std::string_view value) {
        ((((to += name) += ':') += value) += '\n');
    }

    std::string text(std::size_t name) {
        const std::size_t most = limits_.max_header_line - name - 3;
        return repeat(up_to(dice_, 1) == 0 ? ":" : "v", 1 + (up_to(dice_, 2) == 0 ? most - 1 : up_to(dice_, 8)));
    }

    engine& dice_;
    const limits& limits_;
    std::vector<transaction> transactions_;
    std::vector<std::string> subscriptions_;
};

}  // namespace

TEST_CASE("max_memory of the default limits, and of none (L-05, P2)") {
    INFO("client " << max_memory(limits::client()) << ", server " << max_memory(limits::server()) << ", before login "
                   << max_memory(limits::before_login()));
    CHECK(max_memory(limits::before_login()) <= 200 * 1024);
    CHECK(max_memory(limits::server()) <= 50 * 1024 * 1024);
    CHECK(max_memory(limits::client()) <= 110 * 1024 * 1024);

    limits unlimited;
    unlimited.max_body = SIZE_MAX;
    CHECK(max_memory(unlimited) == SIZE_MAX);
    unlimited = limits{};
    unlimited.max_subscriptions = SIZE_MAX / 100;
    CHECK(max_memory(unlimited) == SIZE_MAX);
}

TEST_CASE("a server session at all its limits stays within max_memory (L-05, L-08, T-11, P2)") {
    const limits l = limits::server();
    const std::size_t bound = max_memory(l);
    const std::size_t peak = peak_of_full_server(l);
    INFO("peak " << peak << " of " << bound);
    CHECK(peak <= bound + 2 * chunk);
    CHECK(peak * 5 >= bound * 3);  // three fifths: the bound means something
}

TEST_CASE("a client session at all its limits stays within max_memory (L-06, L-08, P2)") {
    const limits l = limits::client();
    const std::size_t bound = max_memory(l);
    const std::size_t peak = peak_of_full_client(l);
    INFO("peak " << peak << " of " << bound);
    CHECK(peak <= bound + 2 * chunk);
    CHECK(peak * 3 >= bound * 2);
}

TEST_CASE("each term of max_memory is needed: sessions with one large limit (L-05, P2)") {
    limits small;
    small.max_header_line = 64;
    small.max_headers = 4;
    small.max_head = 256;
    small.max_body = 600;
    small.max_input = 1000;
    small.max_output = 10'000;
    small.max_subscriptions = small.max_unsettled = small.max_transactions = small.max_transaction_frames = 1;
    small.max_transaction_bytes = 200;
    small.max_receipts = 1;

    const auto server_is_bound = [](const limits& l) {
        const std::size_t bound = max_memory(l);
        const std::size_t peak = peak_of_full_server(l);
        CAPTURE(peak, bound);
        CHECK(peak <= bound + 2 * chunk);
        CHECK(peak * 2 >= bound);
    };
    SECTION("input") {
        limits l = small;
        l.max_body = 5'000'000;
        server_is_bound(l);
        const std::size_t peak = peak_of_full_client(l);
        CHECK(peak <= max_memory(l) + 2 * chunk);
        CHECK(peak * 2 >= max_memory(l));
    }
    SECTION("subscriptions") {
        limits l = small;
        l.max_subscriptions = 1000;
        l.max_header_line = 2000;
        l.max_head = 5000;
        server_is_bound(l);
    }
    SECTION("unsettled messages") {
        limits l = small;
        l.max_unsettled = 66'000;  // not long after the last time that a vector grew
        l.max_unsettled_bytes = SIZE_MAX;
        server_is_bound(l);
    }
    SECTION("transactions, of many headers") {
        limits l = small;
        l.max_transactions = 20;
        l.max_transaction_frames = 500;
        l.max_headers = 60;
        l.max_transaction_bytes = 1'050'000;
        server_is_bound(l);
    }
    SECTION("transactions, of large frames") {
        limits l = small;
        l.max_body = 100'000;
        l.max_transactions = 20;
        l.max_transaction_frames = 10;
        l.max_transaction_bytes = 500'000;
        server_is_bound(l);
    }
    SECTION("output, in frames of which a chunk takes one") {
        limits l = small;
        l.max_output = 4'000'000;
        CHECK(peak_of_full_server(l) <= max_memory(l) + 2 * chunk);
        CHECK(peak_of_full_server(l) >= 7'000'000);
    }
    SECTION("output, in the smallest frames") {
        limits l = small;
        l.max_output = 4'000'004;
        stomp::client_options options = server::default_options();
        options.limits = l;
        const heap_watch heap;
        server s(options);
        s.keeps_output = false;
        s.logged_in();
        std::size_t frames = 0;
        while (s.session.send_frame({stomp::command::unknown, "X", {}, {}}) == errc::ok) ++frames;
        CHECK(frames == l.max_output / 4);
        const std::size_t peak = heap.peak() + sizeof(stomp::client_session);
        CHECK(peak <= max_memory(l));
        CHECK(peak * 3 >= max_memory(l));
    }
}

TEST_CASE("random clients never push a server session beyond max_memory (L-05, P2)") {
    const std::string body(3000, 'b');
    const header to{"destination", "d"};
    const stomp::shared_message large({stomp::command::send, {}, std::span(&to, 1), body});
    const stomp::frame_view small{stomp::command::send, {}, std::span(&to, 1), std::string_view(body).substr(0, 40)};
    std::size_t busy = 0;
    std::size_t closest = 0;  // per cent of the bound
    for (unsigned seed = 1; seed <= 300; ++seed) {
        engine dice(seed);
        stomp::server_options options;
        options.limits = random_limits(dice);
        const limits& l = options.limits;
        std::vector<std::string> rounds(60);
        busy_client writer(dice, l);
        for (std::string& input : rounds) {
            do writer.add_frame(input);
            while (input.size() < l.max_body);
        }
        const std::size_t bound = (std::max)(max_memory(l), max_memory(options.before_login));
        constexpr std::size_t piece = 1000;
        constexpr std::size_t handles = 1000;
        std::size_t events = 0;
        const heap_watch heap;
        {
            client c(options);
            c.keeps_output = false;
            c.subscriptions.reserve(handles);
            c.feed(connect());
            std::string_view rest;
            for (std::size_t round = 0; round < rounds.size();) {
                c.reads_output = up_to(dice, 2) != 0;
                if (rest.empty()) rest = rounds[round++];
                rest.remove_prefix(c.feed(rest, 1 + up_to(dice, piece - 1)));
                for (std::size_t i = 0; i < 20 && !c.subscriptions.empty(); ++i) {
                    const auto subscription = c.subscriptions[up_to(dice, c.subscriptions.size() - 1)];
                    (void)(i % 2 == 0 ? c.session.message(subscription, small, i)
                                      : c.session.message(subscription, large, i));
                }
                c.settle();
            }
            events = c.seen(stomp::server_event::send) + c.seen(stomp::server_event::subscribe);
        }
        const std::size_t left = heap.held();
        const std::size_t peak =
            heap.peak() - handles * sizeof(stomp::subscription_handle) + sizeof(stomp::server_session);
        CAPTURE(seed, peak, bound);
        CHECK(peak <= bound + piece);
        CHECK(left == 0);
        busy += events > 10 ? 1 : 0;
        closest = (std::max)(closest, peak * 100 / bound);
    }
    CHECK(busy > 250);  // nearly all of the programs get somewhere
    CHECK(closest > 10);
}

TEST_CASE("what an idle server session costs, a subscription, an unsettled message (C-29, P2)") {
    const heap_watch heap;
    client c;
    c.keeps_output = c.keeps_subscriptions = false;
    stomp::subscription_handle last;
    c.on_event = [&last](const stomp::server_event& e) { last = e.subscription; };
    const std::size_t fresh = heap.held();
    c.logged_in("1.2", "heart-beat:10000,10000\nlogin:guest\npasscode:guest\n");
    c.wait(20s);  // some beats later
    CHECK(c.session.wants_input());
    const std::size_t idle = heap.held();

    constexpr std::size_t subscriptions = 200;
    for (std::size_t i = 0; i < subscriptions; ++i) {
        const std::string n = number(i, 3);
        c.feed("SUBSCRIBE\nid:sub-" + n + "\ndestination:/topic/room-" + n + "\nack:client\n\n" + '\0');
    }
    REQUIRE(c.session.subscriptions() == subscriptions);
    const std::size_t subscribed = heap.held();

    constexpr std::size_t messages = 1000;
    std::size_t done = 0;
    const header to{"destination", "/topic/room"};
    for (std::size_t i = 0; i < messages; ++i) {
        const errc e = c.session.message(last, {stomp::command::send, {}, std::span(&to, 1), "hello"}, i);
        done += e == errc::ok ? 1 : 0;
        c.settle();
    }
    CHECK(done == messages);
    const std::size_t delivered = heap.held();

    const std::size_t per_subscription = (subscribed - idle) / subscriptions;
    const std::size_t per_message = (delivered - subscribed) / messages;
    INFO("a new server session: " << sizeof(stomp::server_session) + fresh << " octets, an idle one "
                                  << sizeof(stomp::server_session) + idle << " (object "
                                  << sizeof(stomp::server_session) << "), a subscription " << per_subscription
                                  << ", an unsettled message " << per_message);
    CHECK(sizeof(stomp::server_session) + fresh <= 2 * 1024);
    CHECK(sizeof(stomp::server_session) + idle <= 5 * 1024);
    CHECK(per_subscription <= 512);  // their strings included
    CHECK(per_message <= 64);
}

TEST_CASE("what an idle client session costs, a subscription, a receipt (P2)") {
    const heap_watch heap;
    server s;
    s.keeps_output = false;
    s.logged_in();
    s.settle();
    const std::size_t idle = heap.held();

    constexpr std::size_t subscriptions = 200;
    std::size_t done = 0;
    for (std::size_t i = 0; i < subscriptions; ++i) {
        const std::string n = number(i, 3);
        const errc e = s.session.subscribe("sub-" + n, "/topic/room-" + n, stomp::ack_mode::client);
        done += e == errc::ok ? 1 : 0;
        s.settle();
    }
    const std::size_t subscribed = heap.held();

    constexpr std::size_t receipts = 1000;
    for (std::size_t i = 0; i < receipts; ++i) {
        const errc e = s.session.send("/queue/a", "hello", {{"receipt", s.session.next_receipt_id()}});
        done += e == errc::ok ? 1 : 0;
        s.settle();
    }
    CHECK(done == subscriptions + receipts);
    const std::size_t waiting = heap.held();

    const std::size_t per_subscription = (subscribed - idle) / subscriptions;
    const std::size_t per_receipt = (waiting - subscribed) / receipts;
    INFO("an idle client session: " << sizeof(stomp::client_session) + idle << " octets (object "
                                    << sizeof(stomp::client_session) << "), a subscription " << per_subscription
                                    << ", a receipt " << per_receipt);
    CHECK(sizeof(stomp::client_session) + idle <= 5 * 1024);
    CHECK(per_subscription <= 512);
    CHECK(per_receipt <= 128);
}

TEST_CASE("large frames leave nothing behind in a session that is quiet afterwards (P2)") {
    const std::string frame =
        "SEND\ndestination:d\nreceipt:" + std::string(5000, 'r') + "\n\n" + std::string(1'000'000, 'b') + '\0';
    client c;
    c.keeps_output = false;
    c.logged_in();
    const heap_watch heap;
    c.feed(frame, 4096);
    c.settle();
    c.settle();  // nothing has come since
    CHECK(c.seen(stomp::server_event::send) == 1);
    CHECK(heap.held() <= 16 * 1024);  // what is kept is at most a receipt's text and a chunk of the output
    c.feed("\n");
    c.feed("SEND\ndestination:d\nreceipt:1\n\n\0"sv);
    CHECK(heap.held() <= 6 * 1024);
}
