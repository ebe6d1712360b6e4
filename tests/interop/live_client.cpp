// client_session against a real broker: everything a client does, compared exactly with what comes back.
//
//     live_client BROKER HOST PORT VERSION LOGIN PASSCODE VHOST      BROKER: rabbitmq or activemq
//
// Where a broker does otherwise than STOMP says, that is a named expectation of `broker` below, never a tolerance. Ends
// with 0 when every test passed. Standard library and POSIX only.
#include <stomp/client.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using stomp::ack_mode;
using stomp::client_event;
using stomp::errc;
using stomp::version;

namespace {

// ---- what the brokers do otherwise, measured with RabbitMQ 3.10 and ActiveMQ 5.17 ---------------------------------

struct broker {
    std::string_view name;
    std::string_view server_name;            // how the `server` header begins
    std::vector<std::string_view> adds;      // headers of a MESSAGE beyond STOMP's and the sender's
    bool forwards_receipt_and_transaction;   // the SEND's own, in the MESSAGE
    bool counts_every_body;                  // content-length in the MESSAGE although the SEND had none
    bool escapes_in_1_0;                     // both decode what 1.0 sends; this one also encodes what 1.0 gets
    bool escapes_message_ids;                // else a backslash in a subscription's id makes them malformed
    bool nack_requeues;                      // else the message goes to the dead letters
    bool receipts_in_transaction_at_commit;  // else at once
    bool error_names_receipt;                // receipt-id in ERROR
    bool refuses_unknown_host;               // the virtual host counts
    bool ends_silently_at_a_bad_escape;      // no ERROR; else it takes the escape literally
    bool subscribes_replies;                 // a reply-to of /temp-queue/... needs no subscription of ours
};

const broker rabbitmq{
    .name = "rabbitmq",
    .server_name = "RabbitMQ/3.",
    .adds = {"redelivered"},
    .forwards_receipt_and_transaction = true,
    .counts_every_body = true,
    .escapes_in_1_0 = true,
    .escapes_message_ids = false,
    .nack_requeues = true,
    .receipts_in_transaction_at_commit = true,
    .error_names_receipt = false,
    .refuses_unknown_host = true,
    .ends_silently_at_a_bad_escape = true,
    .subscribes_replies = true,
};

const broker activemq{
    .name = "activemq",
    .server_name = "ActiveMQ/5.",
    .adds = {"expires", "priority", "timestamp", "redelivered"},
    .forwards_receipt_and_transaction = false,
    .counts_every_body = false,
    .escapes_in_1_0 = false,
    .escapes_message_ids = true,
    .nack_requeues = false,
    .receipts_in_transaction_at_commit = false,
    .error_names_receipt = true,
    .refuses_unknown_host = false,
    .ends_silently_at_a_bad_escape = false,
    .subscribes_replies = false,
};

struct target {
    const broker& peer;
    std::string host;
    std::uint16_t port;
    stomp::version version;
    std::string login, passcode, vhost;
};

// ---- checks -------------------------------------------------------------------------------------------------------

struct failure {
    std::string text;
};

std::size_t checks = 0;

void check(bool condition, const std::string& text) {
    ++checks;
    if (!condition) throw failure{text};
}

void ok(errc e, std::string_view what) {
    check(e == errc::ok, std::string(what) + " returned " + std::string(to_string(e)));
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text.substr(0, 80)) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet >= 0x20 && octet < 0x7f) {
            out += c;
        } else {
            std::array<char, 8> hex{};
            std::snprintf(hex.data(), hex.size(), "\\x%02x", octet);
            out += hex.data();
        }
    }
    out += text.size() > 80 ? "\"..., " + std::to_string(text.size()) + " octets" : "\""s;
    return out;
}

// ---- a session on a socket ----------------------------------------------------------------------------------------

struct event {  // one that has been polled, kept
    explicit event(const client_event& e)
        : kind(e.kind), kept(e.frame), reason(e.reason), receipt_number(e.receipt_number),
          request_number(e.request_number), handle(e) {}

    stomp::frame_view frame() const { return kept.view(); }

    client_event::kind_type kind;
    stomp::frame kept;
    errc reason;
    std::uint64_t receipt_number;
    std::uint64_t request_number;
    stomp::ack_handle handle;
};

class conversation {
public:
    conversation(const target& to, stomp::client_options options)
        : session(std::move(options), stomp::clock::now()), fd_(connect_to(to)) {}
    conversation(const conversation&) = delete;
    conversation& operator=(const conversation&) = delete;
    ~conversation() { close(fd_); }

    stomp::client_session session;
    std::vector<event> events;  // in order of arrival, without those that take() has returned
    std::size_t octets_in = 0;
    std::size_t octets_out = 0;
    std::function<void(const client_event&)> on_event = {};  // with the event in hand

    // Talks until there is nothing to wait for any more, or the time is up.
    void run(std::chrono::milliseconds limit, const std::function<bool()>& done) {
        const auto end = stomp::clock::now() + limit;
        while (true) {
            while (const auto e = session.poll_event()) {
                events.emplace_back(*e);
                if (on_event) on_event(*e);
            }
            if (!write_all()) {
                session.transport_closed(stomp::clock::now());
                continue;
            }
            const auto now = stomp::clock::now();
            if (done() || now >= end || session.finished()) return;
            const auto until = (std::min)(end, session.next_timeout().value_or(end));
            pollfd p{fd_, 0, 0};
            if (session.wants_input()) p.events |= POLLIN;
            if (!session.output().empty()) p.events |= POLLOUT;
            const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
            poll(&p, 1, static_cast<int>((std::max)(wait, decltype(wait){0})));
            if ((p.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !read_some()) {
                session.transport_closed(stomp::clock::now());
            }
            session.handle_timeout(stomp::clock::now());
        }
    }

    // The first event of this kind (and this receipt), waiting for it; others stay.
    event take(client_event::kind_type kind, std::string_view what, std::uint64_t receipt = 0) {
        const auto fits = [&](const event& e) {
            return e.kind == kind && (receipt == 0 || e.receipt_number == receipt);
        };
        const auto find = [&] { return std::find_if(events.begin(), events.end(), fits); };
        run(5s, [&] { return find() != events.end(); });
        const auto found = find();
        check(found != events.end(), std::string(what) + " did not arrive; " + story());
        event taken = *found;
        events.erase(found);
        return taken;
    }

    void confirmed(const stomp::receipt_id& id, std::string_view what) {
        take(client_event::receipt, "receipt of " + std::string(what), id.number());
    }

    void silence(std::string_view what, std::chrono::milliseconds time = 300ms) {
        const auto is_message = [](const event& e) { return e.kind == client_event::message; };
        run(time, [] { return false; });
        const auto found = std::find_if(events.begin(), events.end(), is_message);
        if (found == events.end())
            check(true, "");
        else
            check(false, "a message " + quoted(found->frame().body) + " arrived " + std::string(what));
    }

    // DISCONNECT, its receipt, `closed` without a fault, and the end of the stream from the other side.
    void leave() {
        ok(session.disconnect(), "disconnect()");
        const event last = take(client_event::closed, "closed");
        check(last.reason == errc::ok, "closed because of " + std::string(to_string(last.reason)));
        check(session.finished() && session.pending_receipts() == 0, "the session is not finished");
        check(session.send("/queue/x", "late") == errc::not_connected, "send() after closed");
    }

    // What has arrived and was not asked for, for the text of a failed check.
    std::string story() const {
        std::string text = "events:";
        for (const event& e : events) {
            switch (e.kind) {
                case client_event::connected: text += " connected"; break;
                case client_event::message: text += " message " + quoted(e.frame().body); break;
                case client_event::reply: text += " reply " + quoted(e.frame().body); break;
                case client_event::receipt: text += " receipt " + std::to_string(e.receipt_number); break;
                case client_event::unconfirmed: text += " unconfirmed " + std::to_string(e.receipt_number); break;
                case client_event::error: text += " error " + quoted(e.frame().get_or("message")); break;
                case client_event::closed: text += " closed " + std::string(to_string(e.reason)); break;
            }
        }
        return text;
    }

    // The same session on a new connection.
    void reconnect(const target& to) {
        close(fd_);
        fd_ = connect_to(to);
        session.restart(stomp::clock::now());
        take(client_event::connected, "CONNECTED");
    }

    void write_raw(std::string_view octets) { check(write(fd_, octets.data(), octets.size()) > 0, "write"); }

private:
    static int connect_to(const target& to) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(to.port);
        check(inet_pton(AF_INET, to.host.c_str(), &address.sin_addr) == 1, "HOST is not an IPv4 address");
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
              std::strerror(errno));
        check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, std::strerror(errno));
        return fd;
    }

    bool write_all() {
        std::array<std::string_view, 8> chunks;
        while (const std::size_t n = session.output(chunks)) {
            std::array<iovec, chunks.size()> vectors;
            for (std::size_t i = 0; i < n; ++i) vectors[i] = {const_cast<char*>(chunks[i].data()), chunks[i].size()};
            const ssize_t written = writev(fd_, vectors.data(), static_cast<int>(n));
            if (written < 0) return errno == EAGAIN || errno == EINTR;
            octets_out += static_cast<std::size_t>(written);
            session.consume_output(static_cast<std::size_t>(written), stomp::clock::now());
        }
        return true;
    }

    bool read_some() {
        const auto room = session.input_buffer();
        if (room.empty()) return true;
        const ssize_t got = read(fd_, room.data(), room.size());
        if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
        octets_in += static_cast<std::size_t>(got);
        session.commit_input(static_cast<std::size_t>(got), stomp::clock::now());
        return true;
    }

    int fd_;
};

stomp::client_options options_for(const target& to) {
    stomp::client_options options;
    options.host = to.vhost;
    options.login = to.login;
    options.passcode = to.passcode;
    options.versions = {to.version};
    return options;
}

// A conversation that is connected.
struct connected : conversation {
    explicit connected(const target& to) : connected(to, options_for(to)) {}
    connected(const target& to, stomp::client_options options) : conversation(to, std::move(options)) {
        take(client_event::connected, "CONNECTED");
    }

    void subscribe(std::string_view id, std::string_view destination, ack_mode mode = ack_mode::automatic) {
        const auto receipt = session.next_receipt_id();
        ok(session.subscribe(id, destination, mode, {{"receipt", receipt}}), "subscribe()");
        confirmed(receipt, "SUBSCRIBE");
    }

    void send(std::string_view destination, std::string_view body) { ok(session.send(destination, body), "send()"); }
};

std::string new_queue() {
    static int number = 0;
    return "/queue/interop-" + std::to_string(getpid()) + "-" + std::to_string(++number);
}

using pairs = std::vector<std::pair<std::string, std::string>>;

std::vector<stomp::header> headers_of(const pairs& entries) {
    std::vector<stomp::header> headers;
    for (const auto& [name, value] : entries) headers.push_back({name, value});
    return headers;
}

struct expected_message {
    std::string_view subscription;
    std::string_view destination;
    std::string_view body;
    ack_mode mode = ack_mode::automatic;
    bool counted = true;  // the SEND had a content-length
    pairs headers = {};
};

// The whole frame: every header is expected with its value, and none is there that is not expected.
void compare(const target& to, const event& got, const expected_message& expected) {
    const stomp::frame_view frame = got.frame();
    check(frame.body == expected.body, "body " + quoted(frame.body) + " instead of " + quoted(expected.body));
    pairs all = expected.headers;
    all.emplace_back("subscription", expected.subscription);
    all.emplace_back("destination", expected.destination);
    if (expected.counted ? !expected.body.empty() : to.peer.counts_every_body && !expected.body.empty()) {
        all.emplace_back("content-length", std::to_string(expected.body.size()));
    }
    for (const auto& [name, value] : all) {
        const auto there = frame.get(name);
        check(there.has_value(), "no header " + quoted(name));
        check(*there == value, "header " + quoted(name) + " is " + quoted(*there) + " instead of " + quoted(value));
    }
    check(!frame.get_or("message-id").empty(), "no message-id");
    const bool has_ack = to.version == version::v1_2 && expected.mode != ack_mode::automatic;
    check(frame.get("ack").has_value() == has_ack, has_ack ? "no ack header" : "an ack header");
    for (const stomp::header& h : frame.headers) {
        const auto is = [&](const auto& entry) { return entry.first == h.name; };
        const bool known =
            std::any_of(all.begin(), all.end(), is) || h.name == "message-id" || h.name == "ack" ||
            std::find(to.peer.adds.begin(), to.peer.adds.end(), h.name) != to.peer.adds.end() ||
            (to.peer.forwards_receipt_and_transaction && (h.name == "receipt" || h.name == "transaction"));
        check(known, "unexpected header " + quoted(h.name) + " with value " + quoted(h.value));
    }
}

// ---- the tests ----------------------------------------------------------------------------------------------------

void negotiation(const target& to) {
    {
        connected c(to);
        check(c.session.negotiated_version() == to.version, "another version");
        check(c.session.server_name().starts_with(to.peer.server_name), "server " + quoted(c.session.server_name()));
        check(!c.session.session_id().empty(), "no session id");
        c.leave();
    }
    stomp::client_options every = options_for(to);  // all versions offered: the highest is taken
    every.versions.assign(stomp::all_versions.begin(), stomp::all_versions.end());
    connected c(to, every);
    check(c.session.negotiated_version() == version::v1_2, "not the highest version");
    c.leave();
}

void bodies(const target& to) {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    std::string large;  // more than one read, one write and one buffer
    while (large.size() < 1'000'000) large += all;
    const std::vector<std::string> bodies{"hello, world",    "",    "\0first"s, "in\0side\0\0\n\0x"s,
                                          "last\0"s,         "\0"s, "\n",       "a\r\nb",
                                          "zażółć – 日本 😀", all,   large};

    connected c(to, [&] {
        stomp::client_options o = options_for(to);
        o.limits.max_output = 4'000'000;
        return o;
    }());
    const std::string queue = new_queue();
    c.subscribe("s", queue);
    for (const std::string& body : bodies) {
        const auto receipt = c.session.next_receipt_id();
        ok(c.session.send(queue, body, {{"receipt", receipt}, {"content-type", "application/octet-stream"}}), "send()");
        const event got = c.take(client_event::message, "message");
        compare(to, got,
                {.subscription = "s",
                 .destination = queue,
                 .body = body,
                 .headers = {{"content-type", "application/octet-stream"}}});
        c.confirmed(receipt, "SEND");
    }
    c.leave();
}

void uncounted_bodies(const target& to) {
    stomp::client_options options = options_for(to);
    options.encoding.content_length = stomp::content_length_policy::if_needed;
    connected c(to, options);
    const std::string queue = new_queue();
    c.subscribe("s", queue);
    c.send(queue, "text");
    compare(to, c.take(client_event::message, "text"),
            {.subscription = "s", .destination = queue, .body = "text", .counted = false});
    c.send(queue, "nul\0"sv);
    compare(to, c.take(client_event::message, "binary"),
            {.subscription = "s", .destination = queue, .body = "nul\0"sv});
    c.leave();
}

void header_octets(const target& to) {
    connected c(to);
    const std::string queue = new_queue();
    c.subscribe("s", queue);

    pairs sent{{"plain", "value"}, {"tab", "a\tb"}, {"empty", ""}, {"url", "tcp://[::1]:1/x"}, {"zażółć", "日本 😀"}};
    pairs expected = sent;
    if (to.version == version::v1_0) {
        // No escapes in 1.0, and a backslash is one octet like any other; but both brokers decode it.
        sent.emplace_back("back", "C:\\\\new");
        expected.emplace_back("back", to.peer.escapes_in_1_0 ? "C\\c\\\\new" : "C:\\new");
        if (to.peer.escapes_in_1_0) expected[3].second = "tcp\\c//[\\c\\c1]\\c1/x";
        check(c.session.send(queue, "x", {{"lf", "a\nb"}}) == errc::not_representable, "LF in a 1.0 header");
        check(c.session.send(queue, "x", {{"co:lon", "x"}}) == errc::not_representable, "colon in a 1.0 name");
    } else {
        sent.insert(sent.end(), {{"value", "a\nb:c\\d\\n\\\\e:"}, {"na:m\ne\\", "x"}, {" spaces ", " kept "}});
        if (to.version == version::v1_2)
            sent.emplace_back("cr", "a\rb\r\n");
        else
            check(c.session.send(queue, "x", {{"cr", "a\rb"}}) == errc::not_representable, "CR in a 1.1 header");
        expected = sent;
    }
    check(c.session.send(queue, "x", {{"nul", "a\0b"sv}}) == errc::nul_in_header, "NUL in a header");
    ok(c.session.send(queue, "x", headers_of(sent)), "send()");
    compare(to, c.take(client_event::message, "message"),
            {.subscription = "s", .destination = queue, .body = "x", .headers = expected});

    // Ids are text like any other: receipts are matched, and messages told apart, by what was meant.
    if (to.version != version::v1_0) {
        const std::string other = new_queue();
        const std::string id = to.peer.escapes_message_ids ? "i d:\\1" : "i d:1";
        ok(c.session.subscribe(id, other, ack_mode::client, {{"receipt", "r:\\n 1"}}), "subscribe()");
        check(c.take(client_event::receipt, "receipt").frame().get_or("receipt-id") == "r:\\n 1", "another receipt");
        c.send(other, "y");
        const event got = c.take(client_event::message, "message");
        compare(to, got, {.subscription = id, .destination = other, .body = "y", .mode = ack_mode::client});
        const auto acked = c.session.next_receipt_id();
        ok(c.session.ack(got.handle, {{"receipt", acked}}), "ack()");
        c.confirmed(acked, "ACK");
    }
    check(c.session.pending_receipts() == 0, "receipts pending");
    c.leave();
}

// Repeated entries: the first counts, for the broker as for us.
void repeated_headers(const target& to) {
    connected c(to);
    const std::string queue = new_queue();
    c.subscribe("s", queue);
    ok(c.session.send(queue, "x", {{"foo", "first"}, {"foo", "second"}}), "send()");
    compare(to, c.take(client_event::message, "message"),
            {.subscription = "s", .destination = queue, .body = "x", .headers = {{"foo", "first"}}});
    c.leave();
}

// Three messages, the second one acknowledged: what a later subscriber gets tells what the broker understood.
void ack_mode_of(const target& to, ack_mode mode, const std::vector<std::string>& left) {
    const std::string queue = new_queue();
    {
        connected c(to);
        c.subscribe("s", queue, mode);
        for (const char* body : {"m0", "m1", "m2"}) c.send(queue, body);
        std::vector<event> got;
        for (const char* body : {"m0", "m1", "m2"}) {
            got.push_back(c.take(client_event::message, body));
            compare(to, got.back(), {.subscription = "s", .destination = queue, .body = body, .mode = mode});
        }
        const auto receipt = c.session.next_receipt_id();
        const errc e = c.session.ack(got[1].handle, {{"receipt", receipt}});
        if (mode == ack_mode::automatic) {
            check(e == errc::nothing_to_ack, "ack() of an automatic subscription");
        } else {
            ok(e, "ack()");
            c.confirmed(receipt, "ACK");
        }
        c.leave();
    }
    connected c(to);
    c.subscribe("again", queue);
    for (const std::string& body : left) {
        const event got = c.take(client_event::message, "redelivery of " + body);
        compare(to, got, {.subscription = "again", .destination = queue, .body = body});
        check(got.frame().get_or("redelivered") == "true", "redelivered:true");
    }
    c.silence("although it was acknowledged");
    c.leave();
}

void ack_automatic(const target& to) { ack_mode_of(to, ack_mode::automatic, {}); }
void ack_client(const target& to) { ack_mode_of(to, ack_mode::client, {"m2"}); }
void ack_client_individual(const target& to) { ack_mode_of(to, ack_mode::client_individual, {"m0", "m2"}); }

// With the event in hand, as a program would do it.
void ack_in_hand(const target& to) {
    connected c(to);
    const std::string queue = new_queue();
    c.subscribe("s", queue, ack_mode::client_individual);
    std::vector<errc> results;
    c.on_event = [&](const client_event& e) {
        if (e.kind == client_event::message) results.push_back(c.session.ack(e));
    };
    c.send(queue, "one");
    c.send(queue, "two");
    c.take(client_event::message, "one");
    c.take(client_event::message, "two");
    check(results == std::vector<errc>{errc::ok, errc::ok}, "ack() with the event in hand");
    c.leave();
    connected later(to);
    later.subscribe("s", queue);
    later.silence("although it was acknowledged");
    later.leave();
}

void nack(const target& to) {
    connected c(to);
    const std::string queue = new_queue();
    c.subscribe("s", queue, ack_mode::client_individual);
    // ActiveMQ keeps dead letters only of what was to be kept.
    ok(c.session.send(queue, queue + " refused", {{"persistent", "true"}}), "send()");
    const event got = c.take(client_event::message, "message");
    if (to.version == version::v1_0) {
        check(c.session.nack(got.handle) == errc::unknown_command, "nack() in 1.0");
        ok(c.session.ack(got.handle), "ack()");
        c.leave();
        return;
    }
    const auto receipt = c.session.next_receipt_id();
    ok(c.session.nack(got.handle, {{"receipt", receipt}}), "nack()");
    c.confirmed(receipt, "NACK");
    if (to.peer.nack_requeues) {
        const event again = c.take(client_event::message, "the refused message");
        check(again.frame().body == queue + " refused", "another message");
        check(again.frame().get_or("redelivered") == "true", "not marked as redelivered");
        ok(c.session.nack(again.handle, {{"requeue", "false"}}), "nack() for good");
        c.silence("although it was refused for good");
    } else {
        c.silence("although it was refused");
        c.subscribe("dead", "/queue/ActiveMQ.DLQ");
        event dead = c.take(client_event::message, "the dead letter");
        while (dead.frame().body != queue + " refused") dead = c.take(client_event::message, "the dead letter");
        check(dead.frame().get_or("subscription") == "dead", "a dead letter on another subscription");
    }
    c.leave();
}

void transactions(const target& to) {
    const std::string queue = new_queue();
    {
        connected c(to);
        c.subscribe("s", queue, ack_mode::client_individual);

        // Committed: nothing before, everything after, in order.
        ok(c.session.begin("t:1"), "begin()");
        const auto sent = c.session.next_receipt_id();
        ok(c.session.send(queue, "c0", {{"transaction", "t:1"}, {"receipt", sent}}), "send()");
        ok(c.session.send(queue, "c1", {{"transaction", "t:1"}}), "send()");
        c.silence("before COMMIT");
        const bool early = c.session.pending_receipts() == 0;
        check(early != to.peer.receipts_in_transaction_at_commit, "RECEIPT of a SEND in a transaction");
        const auto committed = c.session.next_receipt_id();
        ok(c.session.commit("t:1", {{"receipt", committed}}), "commit()");
        std::vector<event> got;
        for (const char* body : {"c0", "c1"}) {
            got.push_back(c.take(client_event::message, body));
            compare(to, got.back(),
                    {.subscription = "s", .destination = queue, .body = body, .mode = ack_mode::client_individual});
        }
        c.confirmed(sent, "SEND");
        c.confirmed(committed, "COMMIT");

        // Acknowledged in transactions, one committed, one aborted, and a message that must never come.
        ok(c.session.begin("t2"), "begin()");
        ok(c.session.ack(got[0].handle, {{"transaction", "t2"}}), "ack()");
        ok(c.session.commit("t2"), "commit()");
        ok(c.session.begin("t3"), "begin()");
        ok(c.session.ack(got[1].handle, {{"transaction", "t3"}}), "ack()");
        ok(c.session.send(queue, "aborted", {{"transaction", "t3"}}), "send()");
        const auto aborted = c.session.next_receipt_id();
        ok(c.session.abort("t3", {{"receipt", aborted}}), "abort()");
        c.confirmed(aborted, "ABORT");
        c.silence("after ABORT");
        check(c.session.commit("t3") == errc::unknown_transaction, "commit() of an aborted transaction");
        c.leave();
    }
    connected c(to);
    c.subscribe("again", queue);
    const event got = c.take(client_event::message, "what was acknowledged in the aborted transaction");
    compare(to, got, {.subscription = "again", .destination = queue, .body = "c1"});
    c.silence("although its acknowledgement was committed");
    c.leave();
}

// Each command that can ask for a receipt gets exactly one.
void receipts(const target& to) {
    connected c(to);
    const std::string queue = new_queue();
    std::vector<std::pair<std::string, std::uint64_t>> asked;
    const auto with_receipt = [&](const char* what, const std::function<errc(stomp::header_list)>& command) {
        const auto id = c.session.next_receipt_id();
        asked.emplace_back(what, id.number());
        ok(command({{"receipt", id}}), what);
    };
    with_receipt("SUBSCRIBE",
                 [&](auto extra) { return c.session.subscribe("s", queue, ack_mode::client_individual, extra); });
    with_receipt("SEND", [&](auto extra) { return c.session.send(queue, "one", extra); });
    const event one = c.take(client_event::message, "message");
    with_receipt("ACK", [&](auto extra) { return c.session.ack(one.handle, extra); });
    if (to.version != version::v1_0) {
        c.send(queue, "two");
        const event two = c.take(client_event::message, "message");
        with_receipt("NACK", [&](stomp::header_list extra) {
            return c.session.nack(two.handle, {extra[0], {"requeue", "false"}});
        });
    }
    with_receipt("BEGIN", [&](auto extra) { return c.session.begin("t", extra); });
    with_receipt("COMMIT", [&](auto extra) { return c.session.commit("t", extra); });
    with_receipt("BEGIN", [&](auto extra) { return c.session.begin("t", extra); });
    with_receipt("ABORT", [&](auto extra) { return c.session.abort("t", extra); });
    with_receipt("UNSUBSCRIBE", [&](auto extra) { return c.session.unsubscribe("s", extra); });
    for (const auto& [what, number] : asked) c.take(client_event::receipt, "receipt of " + what, number);
    check(c.session.pending_receipts() == 0, "receipts pending");
    c.run(200ms, [] { return false; });
    check(c.events.empty(), "too much arrived; " + c.story());
    c.leave();
    check(c.events.size() == 1 && c.events[0].kind == client_event::receipt, "the receipt of DISCONNECT is an event");
}

// One message to many: each subscriber of a topic has its own copy, of its own version.
void topic(const target& to) {
    const std::string topic = "/topic/interop-" + std::to_string(getpid());
    connected publisher(to);
    connected same(to);
    stomp::client_options other_version = options_for(to);
    other_version.versions = {to.version == version::v1_1 ? version::v1_2 : version::v1_1};
    connected other(to, other_version);
    same.subscribe("a", topic);
    same.subscribe("b", topic);
    other.subscribe("a", topic);
    const auto receipt = publisher.session.next_receipt_id();
    ok(publisher.session.send(topic, "to all", {{"receipt", receipt}}), "send()");
    publisher.confirmed(receipt, "SEND");
    std::vector<std::string> ids;
    for (int i = 0; i < 2; ++i) {
        const event got = same.take(client_event::message, "message");
        check(got.frame().body == "to all", "body");
        ids.emplace_back(got.frame().get_or("subscription"));
    }
    std::sort(ids.begin(), ids.end());
    check(ids == std::vector<std::string>{"a", "b"}, "not one for each subscription");
    check(other.take(client_event::message, "message").frame().body == "to all", "body");
    ok(same.session.unsubscribe("a"), "unsubscribe()");
    ok(same.session.unsubscribe("b"), "unsubscribe()");
    same.leave();
    other.leave();
    publisher.leave();
}

// Subscribed before CONNECTED: recorded, and sent right after it.
void early_subscription(const target& to) {
    conversation c(to, options_for(to));
    const std::string queue = new_queue();
    const auto receipt = c.session.next_receipt_id();
    ok(c.session.subscribe("s", queue, ack_mode::automatic, {{"receipt", receipt}}), "subscribe() before CONNECTED");
    check(c.session.send(queue, "early") == errc::not_connected, "send() before CONNECTED");
    c.take(client_event::connected, "CONNECTED");
    c.confirmed(receipt, "SUBSCRIBE");
    check(c.session.subscribe("s", queue) == errc::duplicate_subscription, "subscribe() with an id in use");
    ok(c.session.send(queue, "x"), "send()");
    compare(to, c.take(client_event::message, "message"), {.subscription = "s", .destination = queue, .body = "x"});
    c.leave();
}

// A thousand at once: partial reads and writes, order, and one receipt each.
void thousand(const target& to) {
    connected c(to);
    const std::string queue = new_queue();
    c.subscribe("s", queue, ack_mode::client);
    for (int i = 0; i < 1000; ++i) {
        ok(c.session.send(queue, std::to_string(i), {{"receipt", c.session.next_receipt_id()}}), "send()");
    }
    std::optional<event> last;
    for (int i = 0; i < 1000; ++i) {
        last = c.take(client_event::message, "message " + std::to_string(i));
        check(last->frame().body == std::to_string(i), "out of order");
    }
    c.run(5s, [&] { return c.session.pending_receipts() == 0; });
    check(c.session.pending_receipts() == 0 && c.events.size() == 1000, "not one receipt each");
    const auto acked = c.session.next_receipt_id();
    ok(c.session.ack(last->handle, {{"receipt", acked}}), "ack() of all");
    c.confirmed(acked, "ACK");
    c.leave();
}

// Idle for longer than the broker tolerates silence (3 s for 1 s agreed), and longer than we would.
void heart_beats(const target& to) {
    stomp::client_options options = options_for(to);
    options.heart_beat = {.can_send = 1000ms, .wants = 1000ms};
    connected c(to, options);
    const bool expected = to.version != version::v1_0;
    const stomp::heart_beat_intervals agreed =
        expected ? stomp::heart_beat_intervals{1000ms, 1000ms} : stomp::heart_beat_intervals{};
    check(c.session.intervals() == agreed, "other intervals were agreed on");
    c.run(500ms, [] { return false; });
    const std::size_t in = c.octets_in;
    const std::size_t out = c.octets_out;
    c.run(4500ms, [] { return false; });
    check(c.events.empty(), "not idle; " + c.story());
    if (expected) {
        check(c.octets_out - out >= 5 && c.octets_out - out <= 12,
              std::to_string(c.octets_out - out) + " beats sent in 4.5 s");
        check(c.octets_in - in >= 2 && c.octets_in - in <= 12,
              std::to_string(c.octets_in - in) + " beats got in 4.5 s");
    } else {
        check(c.octets_out == out, "heart-beats in 1.0");
    }
    c.leave();
}

void bad_login(const target& to) {
    stomp::client_options options = options_for(to);
    options.passcode = "wrong";
    conversation c(to, options);
    const event error = c.take(client_event::error, "ERROR");
    check(error.reason == errc::connect_rejected, "reason " + std::string(to_string(error.reason)));
    check(!error.frame().get_or("message").empty(), "no message");
    check(c.take(client_event::closed, "closed").reason == errc::connect_rejected, "closed with another reason");
    check(c.session.finished(), "not finished");

    stomp::client_options elsewhere = options_for(to);
    elsewhere.host = "no-such-host";
    conversation d(to, elsewhere);
    if (to.peer.refuses_unknown_host)
        check(d.take(client_event::closed, "closed").reason == errc::connect_rejected, "reason");
    else
        d.take(client_event::connected, "CONNECTED");
}

// An ERROR is the end: what was asked for and not answered is unconfirmed, once, and whatever follows is not seen.
void server_error(const target& to) {
    connected c(to);
    const auto receipt = c.session.next_receipt_id();
    const std::vector<stomp::header> headers{{"receipt", receipt}};
    ok(c.session.send_frame({.command = stomp::command::unknown, .verb = "FROBNICATE", .headers = headers}),
       "send_frame()");
    const event error = c.take(client_event::error, "ERROR");
    check(error.reason == errc::server_error, "reason " + std::string(to_string(error.reason)));
    check(error.frame().get("receipt-id").has_value() == to.peer.error_names_receipt, "receipt-id in ERROR");
    check(!error.frame().body.empty(), "an ERROR without a body");
    const event lost = c.take(client_event::unconfirmed, "unconfirmed", receipt.number());
    check(lost.reason == errc::server_error || !to.peer.error_names_receipt, "unconfirmed for another reason");
    check(c.take(client_event::closed, "closed").reason == errc::server_error, "closed with another reason");
    check(c.events.empty() && c.session.finished(), "more after closed; " + c.story());
}

// The end of the stream without an ERROR is an end like any other.
void silent_end(const target& to) {
    if (!to.peer.ends_silently_at_a_bad_escape) return;
    connected c(to);
    c.write_raw("SEND\ndestination:/queue/x\nfoo:a\\qb\n\n\0"sv);
    check(c.take(client_event::closed, "closed").reason == errc::connection_lost, "closed with another reason");
    check(c.session.finished(), "not finished");
}

// Request and reply through a temporary queue, between two connections. RabbitMQ makes the queue of the question, and
// replies come on a subscription that nobody asked for; ActiveMQ wants one.
void request(const target& to) {
    connected client(to);
    connected service(to);
    const std::string queue = new_queue();
    service.subscribe("s", queue);
    if (!to.peer.subscribes_replies) client.subscribe("replies", "/temp-queue/replies");
    ok(client.session.request(queue, "question"), "request()");
    client.run(0ms, [] { return true; });
    const event question = service.take(client_event::message, "question");
    const auto id = question.frame().get("correlation-id");
    check(id && question.frame().get("reply-to"), "no correlation-id or reply-to");
    ok(service.session.send(question.frame().get_or("reply-to"), "answer", {{"correlation-id", *id}}), "send()");
    service.run(0ms, [] { return true; });
    const event answer = client.take(client_event::reply, "answer");
    check(answer.frame().body == "answer" && answer.request_number == 1, "another answer");
    check(answer.frame().get_or("subscription") == (to.peer.subscribes_replies ? "/temp-queue/replies" : "replies"),
          "on subscription " + quoted(answer.frame().get_or("subscription")));
    service.leave();
    client.leave();
}

// After `closed` the same session goes on, on a new connection and with the subscriptions that it had.
void restart(const target& to) {
    connected c(to);
    const std::string queue = new_queue();
    c.subscribe("s", queue, ack_mode::client);
    c.send(queue, "kept");
    const event first = c.take(client_event::message, "message");
    c.leave();
    c.reconnect(to);
    check(c.session.ack(first.handle) == errc::stale_ack, "ack() of a message of the first connection");
    const event again = c.take(client_event::message, "redelivery");
    compare(to, again, {.subscription = "s", .destination = queue, .body = "kept", .mode = ack_mode::client});
    const auto receipt = c.session.next_receipt_id();
    ok(c.session.ack(again.handle, {{"receipt", receipt}}), "ack()");
    c.confirmed(receipt, "ACK");
    c.leave();
}

struct test {
    const char* name;
    void (*run)(const target&);
};

constexpr std::array tests{
    test{"negotiation", negotiation},
    test{"bodies", bodies},
    test{"uncounted bodies", uncounted_bodies},
    test{"octets in headers", header_octets},
    test{"repeated headers", repeated_headers},
    test{"ack: auto", ack_automatic},
    test{"ack: client", ack_client},
    test{"ack: client-individual", ack_client_individual},
    test{"ack in hand", ack_in_hand},
    test{"nack", nack},
    test{"transactions", transactions},
    test{"receipts", receipts},
    test{"topic", topic},
    test{"early subscription", early_subscription},
    test{"a thousand messages", thousand},
    test{"heart-beats", heart_beats},
    test{"bad login", bad_login},
    test{"ERROR", server_error},
    test{"end without ERROR", silent_end},
    test{"request and reply", request},
    test{"restart", restart},
};

}  // namespace

int main(int argc, char** argv) {
    const auto v = argc == 8 ? stomp::parse_version(argv[4]) : std::nullopt;
    const broker* peer = nullptr;
    for (const broker* b : {&rabbitmq, &activemq}) {
        if (argc == 8 && b->name == argv[1]) peer = b;
    }
    if (!v || peer == nullptr) {
        std::fprintf(stderr, "usage: live_client rabbitmq|activemq HOST PORT VERSION LOGIN PASSCODE VHOST\n");
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    const target to{*peer, argv[2], static_cast<std::uint16_t>(std::atoi(argv[3])), *v, argv[5], argv[6], argv[7]};
    std::size_t failed = 0;
    for (const test& t : tests) {
        try {
            t.run(to);
        } catch (const failure& f) {
            ++failed;
            std::printf("%s: %s\n", t.name, f.text.c_str());
        }
    }
    std::printf("%zu tests, %zu checks, %zu failed\n", tests.size(), checks, failed);
    return failed == 0 ? 0 : 1;
}
