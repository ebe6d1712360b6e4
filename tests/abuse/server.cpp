// Clients that break the conversation, or wear a server down: order, ids, transactions, time, output that nobody reads.
#include <stomp/limits.hpp>

#include "hostile.hpp"

#include <cstdint>
#include <memory>

using namespace hostile;
using counting_new::heap_watch;
using stomp::command;
using stomp::header;
using stomp::limits;
using stomp::server_event;
using stomp::server_options;
using stomp::strictness;

namespace {

const header to_d{"destination", "d"};
const stomp::frame_view hello{command::send, {}, std::span(&to_d, 1), "hello"};

/// A client with one subscription in this mode, and messages that wait for their ACK.
class consumer {
public:
    client c;
    std::vector<std::uint64_t> settled;  // by the last event

    explicit consumer(std::string_view mode, std::size_t messages = 0, const server_options& options = {})
        : c(options) {
        c.on_event = [this](const server_event& e) { settled.assign(e.settled.begin(), e.settled.end()); };
        c.logged_in();
        subscribe("0", mode);
        for (std::size_t i = 0; i < messages; ++i) CHECK(deliver(0, i + 1) == errc::ok);
        c.drain();
    }

    void subscribe(const std::string& id, std::string_view mode) {
        c.feed("SUBSCRIBE\nid:" + id + "\ndestination:d\nack:" + std::string(mode) + "\n\n" + '\0');
    }
    errc deliver(std::size_t subscription, std::uint64_t tag) {
        return c.session.message(c.subscriptions[subscription], hello, tag);
    }
    void ack(std::string_view id, std::string_view more = {}, std::string_view verb = "ACK") {
        c.feed(std::string(verb) + "\nid:" + std::string(id) + "\n" + std::string(more) + "\n" + '\0');
    }
};

std::string id_of(std::size_t n) { return "s-" + std::to_string(n) + "-" + std::to_string(n); }

}  // namespace

TEST_CASE("abuse 41: nothing is acted on before CONNECT (C-01)") {
    for (const std::string_view frame :
         {"SEND\ndestination:d\n\nhello\0"sv, "SUBSCRIBE\nid:0\ndestination:d\n\n\0"sv, "UNSUBSCRIBE\nid:0\n\n\0"sv,
          "ACK\nid:1\n\n\0"sv, "NACK\nid:1\n\n\0"sv, "BEGIN\ntransaction:t\n\n\0"sv, "COMMIT\ntransaction:t\n\n\0"sv,
          "ABORT\ntransaction:t\n\n\0"sv, "DISCONNECT\nreceipt:1\n\n\0"sv, "CONNECTED\nversion:1.2\n\n\0"sv,
          "MESSAGE\n\n\0"sv, "RECEIPT\nreceipt-id:1\n\n\0"sv, "ERROR\n\n\0"sv, "CUSTOM\n\n\0"sv}) {
        for (const std::size_t piece : pieces) {
            client c;
            c.feed(frame, piece);
            CHECK(c.seen(server_event::closed) == 1);
            CHECK(count(c.written, "receipt-id") == 0);
            c.must_fail(errc::not_connected);
        }
    }
}

TEST_CASE("abuse 42: a second CONNECT ends the session (C-27)") {
    for (const std::string_view verb : {"CONNECT"sv, "STOMP"sv}) {
        const std::string again = std::string(verb) + "\naccept-version:1.2\nhost:h\n\n" + '\0';
        server_refuses(again, errc::already_connected);
        const heap_watch heap;
        {
            client c;
            c.feed(again);
            c.feed("SUBSCRIBE\nid:0\ndestination:d\nack:client\n\n\0BEGIN\ntransaction:t\n\n\0"sv);
            c.feed(again);
            c.must_fail(errc::already_connected);
            CHECK(c.seen(server_event::connect) == 1);
        }
        CHECK(heap.blocks() == 0);
    }
}

TEST_CASE("abuse 43: frames behind CONNECT wait for the application within a bound (C-30, L-07)") {
    client c;
    c.accepts = false;
    const std::string frame = "SEND\ndestination:d\n\nhello\0"s;
    const std::string frames = repeat(frame, 1000);
    const heap_watch heap;
    c.feed(connect());
    const std::size_t taken = c.feed(frames, 512);
    CHECK(taken >= limits::before_login().max_input);
    CHECK(taken < limits::before_login().max_input + 512);
    CHECK_FALSE(c.session.wants_input());
    CHECK(c.session.input_buffer().empty());
    CHECK(c.errors == 0);
    CHECK(c.closed == 0);
    CHECK(heap.peak() <= 32 * 1024);
    CHECK(c.seen(server_event::send) == 0);

    CHECK(c.session.accept("s") == errc::ok);
    c.settle();
    CHECK(c.seen(server_event::send) == taken / frame.size());
    c.feed(std::string_view(frames).substr(taken));
    CHECK(c.seen(server_event::send) == 1000);

    client rejected;
    rejected.accepts = false;
    rejected.feed(connect() + frame);
    rejected.session.reject("no");
    rejected.settle();
    CHECK(rejected.seen(server_event::send) == 0);
    rejected.must_fail(errc::connect_rejected);
}

TEST_CASE("abuse 44: what follows DISCONNECT or an error is not looked at (CL-10, E-09)") {
    for (const std::size_t piece : pieces) {
        client c;
        c.logged_in();
        c.feed("DISCONNECT\nreceipt:bye\n\n\0SEND\ndestination:late\n\n\0garbage\n\n\0"sv, piece);
        CHECK(c.seen(server_event::send) == 0);
        CHECK(c.seen(server_event::disconnect) == 1);
        CHECK(count(c.written, "RECEIPT\nreceipt-id:bye\n") == 1);
        c.must_fail(errc::ok, 0);

        client d;
        d.logged_in();
        d.feed("SEND\ndestination:early\n\n\0SEND\nx\n\n\0SEND\ndestination:late\n\n\0CONNECT\n\n\0"sv, piece);
        CHECK(d.seen(server_event::send) == 1);
        d.must_fail(errc::header_no_colon);
    }
}

TEST_CASE("abuse 44: what is held of a faulty frame is not copied around while the rest of it is drained (E-07)") {
    client c;
    c.keeps_output = false;
    c.logged_in();
    c.feed("SEND\ndestination:d\n\n" + std::string(limits::server().max_body + 1, 'b'), 4096);
    CHECK(c.reason == errc::limit_body);
    const heap_watch heap;
    for (int i = 0; i < 100; ++i) {
        REQUIRE(c.session.input_buffer(64 * 1024).size() >= 64 * 1024);
        c.session.commit_input(64 * 1024, c.now);
        CHECK(c.session.receive("more", c.now) == errc::ok);
    }
    CHECK(heap.peak() <= 64 * 1024);
}

TEST_CASE("abuse 45: commands of the other end (SV-01)") {
    for (const std::string_view verb : {"CONNECTED"sv, "MESSAGE"sv, "RECEIPT"sv, "ERROR"sv}) {
        server_refuses(std::string(verb) + "\nversion:1.2\ndestination:d\nreceipt-id:1\n\n" + '\0',
                       errc::wrong_direction);
    }
    for (const std::string_view verb : {"CONNECT"sv, "STOMP"sv, "SEND"sv, "SUBSCRIBE"sv, "UNSUBSCRIBE"sv, "ACK"sv,
                                        "NACK"sv, "BEGIN"sv, "COMMIT"sv, "ABORT"sv, "DISCONNECT"sv}) {
        client_refuses(std::string(verb) + "\nid:1\ndestination:d\n\n" + '\0', errc::wrong_direction);
    }
}

TEST_CASE("abuse 46: accept-version lists (C-07, C-08, C-09)") {
    const auto chosen = [](const std::string& list) -> std::string {
        client c;
        c.feed("CONNECT\nhost:h\naccept-version:" + list + "\n\n" + '\0');
        if (c.closed == 0) return std::string(to_string(*c.session.negotiated_version()));
        CHECK(count(c.written, "version:1.0,1.1,1.2\n") == (c.reason == errc::no_common_version ? 1U : 0U));
        c.must_fail(c.reason);
        return std::string(to_string(c.reason));
    };
    for (const std::string_view none : {"", "9.9", "1.20", "01.2", "1", "1.2.0", "v1.2", ",", ",,,", "1.3,2.0",
                                        "\xef\xbb\xbf"
                                        "1.2"}) {
        CAPTURE(none);
        CHECK(chosen(std::string(none)) == "no_common_version");
    }
    CHECK(chosen("1.2,1.2") == "1.2");
    CHECK(chosen("1.0") == "1.0");
    CHECK(chosen("1.2,1.0,1.1") == "1.2");
    CHECK(chosen(" 1.2") == "1.2");
    CHECK(chosen(repeat("9.9,", 250) + "1.1") == "1.1");
    CHECK(chosen(repeat("9.9,", 1000) + "1.1") == "limit_header_line");
}

TEST_CASE("abuse 47: a CONNECT without host is the application's to judge, strictly an error (C-10, C-11)") {
    client c;
    c.accepts = false;
    c.on_event = [](const server_event& e) {
        if (e.kind == server_event::connect) CHECK_FALSE(e.frame.get("host"));
    };
    c.feed("CONNECT\naccept-version:1.2\n\n\0"sv);
    CHECK(c.seen(server_event::connect) == 1);
    c.session.reject("unknown host");
    c.settle();
    CHECK(count(c.written, "message:unknown host\n") == 1);
    c.must_fail(errc::connect_rejected);

    server_options options;
    options.strictness = strictness::strict;
    client d(options);
    d.feed("CONNECT\naccept-version:1.2\n\n\0"sv);
    d.must_fail(errc::missing_header);
}

TEST_CASE("abuse 48: connections that send half a CONNECT are cheap, and are closed in time (L-07)") {
    constexpr std::size_t connections = 2000;
    std::vector<stomp::server_session> sessions;
    sessions.reserve(connections);
    const stomp::time_point start{};
    const heap_watch heap;
    for (std::size_t i = 0; i < connections; ++i) {
        sessions.emplace_back(server_options{}, start);
        (void)sessions.back().receive("CONNECT\naccept-version:1.0,1.1,1.2\nhost:example.org\nlogin:guest\npassco",
                                      start);
        (void)sessions.back().poll_event();
    }
    CHECK(heap.held() / connections <= 1536);
    std::size_t closed = 0;
    for (stomp::server_session& s : sessions) {
        if (s.next_timeout() != start + 10s) continue;
        s.handle_timeout(start + 9'999ms);
        if (s.poll_event()) continue;
        s.handle_timeout(start + 10s);
        const auto event = s.poll_event();
        closed += event && event->kind == server_event::closed && event->reason == errc::login_timeout && s.finished();
    }
    CHECK(closed == connections);
}

TEST_CASE("abuse 49: the time to log in is not prolonged by octets that trickle in (L-07)") {
    client c;
    const std::string slow = connect();
    for (std::size_t i = 0; i < slow.size() && c.closed == 0; ++i) {
        c.feed(std::string_view(slow).substr(i, 1));
        c.wait(9s);
    }
    CHECK(c.now == stomp::time_point{} + 18s);
    CHECK(c.fed == 2);
    CHECK(c.reason == errc::login_timeout);
    CHECK(c.session.finished());
}

TEST_CASE("abuse 50: a subscription id that is in use (S-03)") {
    server_refuses("SUBSCRIBE\nid:a\\c\ndestination:d\n\n\0SUBSCRIBE\nid:a:\ndestination:e\n\n\0"sv,
                   errc::duplicate_subscription);
}

TEST_CASE("abuse 51: subscriptions without end, and none to end (S-10, L-05)") {
    client c;
    c.logged_in();
    c.keeps_subscriptions = false;
    for (int i = 0; i < 100'000 && c.closed == 0; ++i) {
        c.feed("SUBSCRIBE\nid:" + std::to_string(i) + "\ndestination:/topic/" + std::to_string(i) + "\n\n" + '\0');
    }
    CHECK(c.seen(server_event::subscribe) == 256);
    c.must_fail(errc::limit_subscriptions);
    server_refuses("UNSUBSCRIBE\nid:nobody\n\n\0"sv, errc::unknown_subscription);
    server_refuses("SUBSCRIBE\nid:0\ndestination:d\n\n\0UNSUBSCRIBE\nid:0\n\n\0UNSUBSCRIBE\nid:0\n\n\0"sv,
                   errc::unknown_subscription);

    SECTION("subscribing and unsubscribing for ever holds nothing") {
        const std::string id(3000, 'i');
        const std::string frames = "SUBSCRIBE\nid:" + id + "\ndestination:" + std::string(3000, 'd') + "\n\n" + '\0' +
                                   "UNSUBSCRIBE\nid:" + id + "\n\n" + '\0';
        client d;
        d.logged_in();
        d.keeps_output = d.keeps_subscriptions = false;
        const heap_watch heap;
        for (int i = 0; i < 1000; ++i) d.feed(frames);
        d.feed("\n");  // the buffer of the input is given back
        CHECK(heap.held() <= 1024);
        CHECK(d.closed == 0);
    }
}

TEST_CASE("abuse 52: acknowledgements of what is not there to be acknowledged (A-14, A-17, A-19)") {
    const auto refused = [](std::string_view id, std::string_view verb = "ACK") {
        CAPTURE(id);
        consumer k("client-individual", 3);
        k.ack(id, {}, verb);
        CHECK(k.c.seen(server_event::ack) + k.c.seen(server_event::nack) == 0);
        CHECK(k.settled == std::vector<std::uint64_t>{1, 2, 3});  // told by `closed`
        k.c.must_fail(errc::unknown_ack);
    };
    for (const std::string_view id : {"",
                                      "s",
                                      "s-",
                                      "s-1",
                                      "s-1-",
                                      "s--1",
                                      "s-1-2",
                                      "s-2-1",
                                      "s-4-4",
                                      "s-0-0",
                                      "s-0-1",
                                      "s-01-1",
                                      "s-1-01",
                                      "s-1-1 ",
                                      " s-1-1",
                                      "s-1-1-1",
                                      "S-1-1",
                                      "t-1-1",
                                      "-1-1",
                                      "1-1",
                                      "s-1-18446744073709551617",
                                      "s-18446744073709551617-1",
                                      "s-99999999999999999999-1",
                                      "s-+1-1",
                                      "s-1--1",
                                      "s-0x1-1",
                                      "s-4294967297-1"}) {
        refused(id);
        refused(id, "NACK");
    }
    {
        consumer k("client-individual", 3);
        k.ack(id_of(2));
        CHECK(k.settled == std::vector<std::uint64_t>{2});
        k.ack(id_of(2));  // again
        CHECK(k.settled == std::vector<std::uint64_t>{1, 3});
        k.c.must_fail(errc::unknown_ack);
    }
    {
        consumer k("auto");
        CHECK(k.deliver(0, 1) == errc::ok);
        k.ack("s-0-1");
        k.c.must_fail(errc::unknown_ack);
    }
    {  // the slot is used again, its old id is not
        consumer k("client-individual", 1);
        k.ack(id_of(1));
        CHECK(k.deliver(0, 2) == errc::ok);
        k.ack(id_of(1));
        k.c.must_fail(errc::unknown_ack);
    }
    {  // settled by the end of its subscription
        consumer k("client-individual", 1);
        k.c.feed("UNSUBSCRIBE\nid:0\n\n\0"sv);
        CHECK(k.settled == std::vector<std::uint64_t>{1});
        k.ack(id_of(1));
        k.c.must_fail(errc::unknown_ack);
    }
    {  // 1.1: another subscription's
        client c;
        c.logged_in("1.1");
        c.feed("SUBSCRIBE\nid:0\ndestination:d\nack:client\n\n\0SUBSCRIBE\nid:1\ndestination:d\nack:client\n\n\0"sv);
        CHECK(c.session.message(c.subscriptions[0], hello, 1) == errc::ok);
        c.feed("ACK\nmessage-id:s-1-1\nsubscription:1\n\n\0"sv);
        c.must_fail(errc::unknown_ack);
    }
}

TEST_CASE("abuse 53: a cumulative ACK settles a thousand messages once, and allocates once at most (A-02)") {
    constexpr std::size_t most = 1024;
    consumer k("client", most);
    k.settled.reserve(most);
    const heap_watch heap;
    k.ack(id_of(most));
    CHECK(heap.allocations() <= 20);
    REQUIRE(k.settled.size() == most);
    for (std::size_t i = 0; i < most; ++i) CHECK(k.settled[i] == i + 1);
    CHECK(k.c.session.unsettled() == 0);
    k.ack(id_of(1));
    k.c.must_fail(errc::unknown_ack);
}

TEST_CASE("abuse 54: who never acknowledges is sent no more (A-04, L-05)") {
    consumer k("client-individual", limits::server().max_unsettled);
    const heap_watch heap;
    for (int i = 0; i < 10'000; ++i) {
        if (k.deliver(0, 0) != errc::window_full) FAIL("the window is open");
    }
    CHECK(heap.held() == 0);
    CHECK(k.c.session.unsettled() == limits::server().max_unsettled);
    k.ack(id_of(7));
    CHECK(k.deliver(0, 5000) == errc::ok);
    CHECK(k.deliver(0, 5001) == errc::window_full);

    SECTION("by octets, too; one message always fits") {
        server_options options;
        options.limits.max_unsettled_bytes = 1000;
        consumer few("client-individual", 0, options);
        const std::string body(2000, 'b');
        const stomp::frame_view large{command::send, {}, std::span(&to_d, 1), body};
        CHECK(few.c.session.message(few.c.subscriptions[0], large, 1) == errc::ok);
        CHECK(few.deliver(0, 2) == errc::window_full);
        few.ack(id_of(1));
        CHECK(few.deliver(0, 2) == errc::ok);
    }
    SECTION("others are not concerned") {
        k.subscribe("1", "auto");
        CHECK(k.deliver(1, 0) == errc::ok);
    }
}

TEST_CASE("abuse 55: an ACK in a transaction counts once, and not if it is aborted (A-18, T-04)") {
    consumer k("client-individual", 2);
    k.c.feed("BEGIN\ntransaction:t\n\n\0"sv);
    k.ack(id_of(1), "transaction:t\n");
    CHECK(k.c.session.unsettled() == 2);
    SECTION("twice inside") {
        k.ack(id_of(1), "transaction:t\n");
        CHECK(k.settled == std::vector<std::uint64_t>{1, 2});
        k.c.must_fail(errc::unknown_ack);
    }
    SECTION("once inside, once outside") {
        k.ack(id_of(1));
        k.c.must_fail(errc::unknown_ack);
    }
    SECTION("aborted, it can be acknowledged again") {
        k.c.feed("ABORT\ntransaction:t\n\n\0"sv);
        k.ack(id_of(1));
        CHECK(k.settled == std::vector<std::uint64_t>{1});
        CHECK(k.c.session.unsettled() == 1);
    }
    SECTION("committed, it cannot") {
        k.c.feed("COMMIT\ntransaction:t\n\n\0"sv);
        CHECK(k.c.session.unsettled() == 1);
        k.ack(id_of(1));
        CHECK(k.settled == std::vector<std::uint64_t>{2});
        k.c.must_fail(errc::unknown_ack);
    }
}

TEST_CASE(
    "abuse 56: transactions beyond the limits, unknown ones, and open ones when the connection ends (T-05 to T-07, "
    "T-11)") {
    const auto begin = [](std::size_t n) { return "BEGIN\ntransaction:" + std::to_string(n) + "\n\n" + '\0'; };
    const std::string enlisted = "SEND\ndestination:d\ntransaction:0\n\nbody"s + '\0';
    server_refuses(begin(0) + begin(0), errc::duplicate_transaction);
    std::string nine;
    for (std::size_t i = 0; i < 9; ++i) nine += begin(i);
    server_refuses(nine, errc::limit_transactions);
    server_refuses("COMMIT\ntransaction:0\n\n\0"sv, errc::unknown_transaction);
    server_refuses("ABORT\ntransaction:0\n\n\0"sv, errc::unknown_transaction);
    server_refuses(enlisted, errc::unknown_transaction);
    server_refuses(begin(0) + repeat(enlisted, 1025), errc::limit_transaction_frames);
    const std::string large = "SEND\ndestination:d\ntransaction:0\n\n" + std::string(600 * 1024, 'b') + '\0';
    {
        client c;
        c.logged_in();
        c.feed(begin(0) + large);
        CHECK(c.closed == 0);
        c.feed(large);
        c.must_fail(errc::limit_transaction_bytes);
    }
    SECTION("what a transaction held is gone with the connection") {
        client c;
        c.keeps_output = false;
        c.logged_in();
        const std::size_t before = counting_new::current().octets;
        c.feed(begin(0) + begin(1) + large + repeat(enlisted, 100), 4096);
        CHECK(counting_new::current().octets > before + large.size());
        c.session.transport_closed(c.now);
        c.settle();
        CHECK(c.reason == errc::connection_lost);
        CHECK(c.seen(server_event::commit) == 0);
        CHECK(counting_new::current().octets <= before + 4096);
    }
}

TEST_CASE("abuse 57: receipts are answered at once and never stored; who does not read them is not read (R-02, L-05)") {
    const std::string frame = "SEND\ndestination:d\nreceipt:" + std::string(8000, ':') + "\n\n" + '\0';
    client c;
    c.keeps_output = false;
    c.logged_in();
    c.feed(frame);
    const heap_watch heap;
    for (int i = 0; i < 1000; ++i) c.feed(frame);
    CHECK(heap.held() == 0);
    CHECK(c.seen(server_event::send) == 1001);

    c.reads_output = false;
    const std::string many = repeat(frame, 1000);
    const std::size_t taken = c.feed(many, 4096);
    CHECK(taken < many.size() / 2);
    CHECK(c.session.unsent() <= limits::server().max_output);
    CHECK_FALSE(c.session.wants_input());
    CHECK(heap.peak() <= stomp::max_memory(limits::server()));
    CHECK(c.closed == 0);
    c.reads_output = true;
    c.settle();
    c.feed(std::string_view(many).substr(taken), 4096);
    CHECK(c.seen(server_event::send) == 2001);
}

TEST_CASE("abuse 58: heart-beat values (C-16, C-17, C-19)") {
    for (const std::string_view v : {"1.1"sv, "1.2"sv}) {
        for (const std::string_view value :
             {"-1,-1", "5", "a,b", "1000, 1000", "1,2,3", "", ",", "1,", ",1", " 1,1", "1,1 ", "4294967296,0",
              "0,4294967296", "100000000000000000000,1", "0x1,1", "1.5,1", "+1,1"}) {
            CAPTURE(value);
            client c;
            c.feed(connect(v, "heart-beat:" + std::string(value) + "\n"));
            CHECK(c.seen(server_event::connect) == 0);
            c.must_fail(errc::bad_heart_beat);
        }
    }
    {  // 1.0 knows no heart-beats (C-28)
        client c;
        c.logged_in("1.0", "heart-beat:a,b\n");
        CHECK(c.session.intervals() == stomp::heart_beat_intervals{});
    }
    server_options options;
    options.heart_beat = {1ms, 1ms};
    client small(options);
    small.logged_in("1.2", "heart-beat:1,1\n");
    CHECK(small.session.intervals().client_to_server == 1000ms);
    options.heart_beat = {stomp::milliseconds(UINT32_MAX), stomp::milliseconds(UINT32_MAX)};
    client large(options);
    large.logged_in("1.2", "heart-beat:4294967295,4294967295\n");
    CHECK(large.session.next_timeout());
    large.wait(24h * 99);  // less than twice the interval
    CHECK(large.closed == 0);
    large.wait(24h);
    CHECK(large.reason == errc::heart_beat_timeout);
}

TEST_CASE("abuse 59: a peer that promised heart-beats and is silent is closed once, however the clock jumps (C-23)") {
    server_options options;
    options.heart_beat = {0ms, 1000ms};
    const auto closed_at = [&](auto play) {
        client c(options);
        c.now = stomp::time_point{} + 24h * 3650;
        c.logged_in("1.2", "heart-beat:1000,0\n");
        c.session.handle_timeout(c.now);
        play(c);
        CHECK(c.closed == 1);
        CHECK(c.errors == 0);
        c.must_be_over(errc::heart_beat_timeout);
        CHECK(c.errors == 0);
    };
    closed_at([](client& c) {
        c.wait(2'999ms);
        CHECK(c.closed == 0);
        c.wait(1ms);
    });
    closed_at([](client& c) { c.wait(24h * 3650); });
    closed_at([](client& c) {
        c.now -= 24h * 3650;  // backwards: counts as the last known time
        c.feed("\n");
        c.session.handle_timeout(c.now);
        c.settle();
        CHECK(c.closed == 0);
        c.now += 24h * 3650;
        c.wait(3s);
    });
    closed_at([](client& c) {
        c.now = (stomp::time_point::max)();
        c.session.handle_timeout(c.now);
        c.settle();
        c.now -= 1h;  // must_be_over() waits from here
    });
}

TEST_CASE("abuse 60: a flood of heart-beats is answered by nothing, and moves one deadline (C-20)") {
    server_options options;
    options.heart_beat = {1000ms, 1000ms};
    client c(options);
    c.logged_in("1.2", "heart-beat:1000,1000\n");
    c.session.handle_timeout(c.now);
    const std::size_t written = c.written.size();
    const heap_watch heap;
    for (int i = 0; i < 100'000; ++i) c.feed("\n");
    CHECK(heap.allocations() == 0);
    CHECK(c.written.size() == written);
    CHECK(c.session.next_timeout() == c.now + 500ms);
    for (int i = 0; i < 60; ++i) {
        c.wait(1s);
        c.feed(repeat("\n", 1000));
    }
    CHECK(c.closed == 0);
    CHECK(c.written.size() - written <= 2 * 60 + 1);  // our own beats, twice per interval
}

TEST_CASE(
    "abuse 61: a peer that reads nothing is sent no more than the limit, and is closed at the stall deadline (E-07)") {
    for (const bool shared : {false, true}) {
        const std::string body(shared ? 5000 : 500, 'b');
        const stomp::frame_view sent{command::send, {}, std::span(&to_d, 1), body};
        const stomp::shared_message message(sent);
        client c;
        c.keeps_output = false;
        c.logged_in();
        c.feed("SUBSCRIBE\nid:0\ndestination:d\n\n\0"sv);
        c.reads_output = false;
        const heap_watch heap;
        errc e = errc::ok;
        std::size_t queued = 0;
        for (; e == errc::ok; ++queued) {
            e = shared ? c.session.message(c.subscriptions[0], message, 1)
                       : c.session.message(c.subscriptions[0], sent, 1);
        }
        CHECK(e == errc::output_full);
        CHECK(queued > 100);
        CHECK(c.session.unsent() <= limits::server().max_output);
        CHECK(heap.peak() <= (shared ? limits::server().max_output / 8 : limits::server().max_output * 2));
        const stomp::time_point started = c.now;
        c.wait(9s);
        CHECK(c.closed == 0);
        c.wait(1s);
        CHECK(c.closed == 1);
        CHECK(c.reason == errc::stall_timeout);
        CHECK(c.now == started + 10s);
        CHECK(c.session.finished());
    }
}

TEST_CASE("abuse 61: reading a little now and then counts as reading; an ERROR still finds room (L-05, E-07)") {
    client c;
    c.logged_in();
    c.feed("SUBSCRIBE\nid:0\ndestination:d\n\n\0"sv);
    c.reads_output = false;
    while (c.session.message(c.subscriptions[0], hello, 1) == errc::ok) {
    }
    for (int i = 0; i < 10; ++i) {
        c.wait(9s);
        c.session.consume_output(1, c.now);
    }
    CHECK(c.closed == 0);
    c.session.fail("enough");
    CHECK(c.session.unsent() <= limits::server().max_output);
    c.settle();
    c.reads_output = true;
    c.settle();
    CHECK(count(c.written, "message:enough\n") == 1);
    c.must_be_over(errc::closed_by_application);
}

TEST_CASE("abuse 67: message ids are of no use to another session (A-14, A-19)") {
    client a;
    client b;
    a.accepts = b.accepts = false;
    for (client* c : {&a, &b}) {
        c->feed(connect());
        CHECK(c->session.accept(c == &a ? "alice-7f3a" : "bob-99c1") == errc::ok);
        c->feed("SUBSCRIBE\nid:0\ndestination:d\nack:client\n\n\0"sv);
        CHECK(c->session.message(c->subscriptions[0], hello, 1) == errc::ok);
        c->settle();
    }
    CHECK(count(a.written, "ack:alice-7f3a-1-1\n") == 1);
    CHECK(count(b.written, "ack:bob-99c1-1-1\n") == 1);
    b.feed("ACK\nid:alice-7f3a-1-1\n\n\0"sv);
    CHECK(a.session.unsettled() == 1);
    b.must_fail(errc::unknown_ack);
    a.feed("ACK\nid:alice-7f3a-1-1\n\n\0"sv);
    CHECK(a.session.unsettled() == 0);
    for (const std::string_view id : {"a:b"sv, "a\\b"sv, "a\nb"sv, "a\0b"sv, "a\rb"sv}) {
        client c;
        c.accepts = false;
        c.feed(connect());
        CHECK(c.session.accept(id) == errc::not_representable);
    }
}
