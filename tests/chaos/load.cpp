// Load for a broker that goes away: one connection publishes with receipts, another consumes the same queue with
// client-individual acknowledgements, and both come back however often they are cut off. At the end everything is counted.
//
//     load HOST PORT LOGIN PASSCODE VHOST QUEUE SECONDS SEED
//
// It publishes for SECONDS and then waits until what was confirmed has been received. Messages with odd numbers are repeated
// until they are confirmed, with a header that says so; even ones are left as they are when nobody knows whether they arrived.
// Prints `name value` lines. Status 0: everything confirmed was received, every receipt ended once, nothing came from nowhere.
#include <stomp/backoff.hpp>
#include <stomp/client.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using stomp::client_event;
using stomp::client_session;
using stomp::errc;
using stomp::time_point;

std::mt19937_64 dice;

std::size_t roll(std::size_t n) { return dice() % n; }

/// One session, the socket that it has at the moment, and the next attempt where it has none.
class endpoint {
public:
    endpoint(stomp::client_options options, sockaddr_in to)
        : session(std::move(options), stomp::clock::now()), to_(to), backoff_({20ms, 500ms, 5s}) {}

    client_session session;
    std::function<void(const client_event&)> on_event;
    std::size_t connections = 0;
    std::map<errc, std::size_t> ends;  // why

    bool finished() const { return finished_; }
    bool open() const { return session.state() == stomp::client_state::connected; }

    /// No more connections after this one.
    void leave() {
        leaving_ = true;
        if (fd_ < 0) {
            finished_ = true;
        } else if (session.disconnect() != errc::ok) {
            session.transport_closed(stomp::clock::now());
        }
    }

    void run() {
        const time_point now = stomp::clock::now();
        if (fd_ < 0 && !leaving_ && now >= retry_at_) connect_again();
        if (fd_ < 0) return;
        session.handle_timeout(now);
        write_output();
        poll_events();
        write_output();
    }

    void add_to(std::vector<pollfd>& sockets, time_point& wake_up) const {
        if (fd_ < 0) {
            if (!leaving_) wake_up = (std::min)(wake_up, retry_at_);
            return;
        }
        short events = 0;
        if (session.wants_input()) events |= POLLIN;
        if (!session.output().empty()) events |= POLLOUT;
        sockets.push_back({fd_, events, 0});
        if (const auto at = session.next_timeout()) wake_up = (std::min)(wake_up, *at);
    }

    void ready(const pollfd& socket) {
        if (socket.fd != fd_ || (socket.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return;
        const std::span<char> room = session.input_buffer();
        if (room.empty()) return;
        const ssize_t got = read(fd_, room.data(), room.size());
        if (got > 0) {
            session.commit_input(static_cast<std::size_t>(got), stomp::clock::now());
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            session.transport_closed(stomp::clock::now());
        }
        poll_events();
    }

private:
    void connect_again() {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int one = 1;
        if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) != 0 ||
            fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
            if (fd >= 0) close(fd);
            retry_at_ = stomp::clock::now() + backoff_.delay(stomp::clock::now(), dice);
            return;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fd_ = fd;
        if (started_) session.restart(stomp::clock::now());
        started_ = true;
    }

    void write_output() {
        while (fd_ >= 0 && !session.output().empty()) {
            const std::string_view chunk = session.output();
            const ssize_t written = write(fd_, chunk.data(), chunk.size());
            if (written > 0) {
                session.consume_output(static_cast<std::size_t>(written), stomp::clock::now());
            } else {
                if (errno != EAGAIN && errno != EINTR) session.transport_closed(stomp::clock::now());
                return;
            }
        }
    }

    void poll_events() {
        while (const auto e = session.poll_event()) {
            if (e->kind == client_event::connected) {
                ++connections;
                backoff_.connected(stomp::clock::now());
            }
            on_event(*e);
            if (e->kind != client_event::closed) continue;
            ++ends[e->reason];
            close(fd_);
            fd_ = -1;
            finished_ = leaving_;
            retry_at_ = stomp::clock::now() + backoff_.delay(stomp::clock::now(), dice);
        }
    }

    sockaddr_in to_;
    stomp::backoff backoff_;
    int fd_ = -1;
    bool started_ = false;
    bool leaving_ = false;
    bool finished_ = false;
    time_point retry_at_{};
};

struct message {
    std::size_t attempts = 0;
    std::size_t confirmed = 0;
    std::size_t received = 0;
};

struct attempt {
    std::uint64_t id = 0;
    bool ended = true;
};

int fail(const char* why, std::uint64_t number = 0) {
    std::printf("failure %s (%llu)\n", why, static_cast<unsigned long long>(number));
    std::fflush(stdout);
    return 1;
}

std::optional<std::uint64_t> number_in(std::string_view text) {
    std::uint64_t n = 0;
    const auto [end, e] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (e != std::errc() || (end != text.data() + text.size() && *end != ' ')) return std::nullopt;
    return n;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 9) {
        std::fputs("usage: load HOST PORT LOGIN PASSCODE VHOST QUEUE SECONDS SEED\n", stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
    inet_pton(AF_INET, argv[1], &to.sin_addr);
    const std::string queue = argv[6];
    const auto end_of_load = stomp::clock::now() + std::chrono::seconds(std::atoi(argv[7]));
    const auto end_of_patience = end_of_load + 60s;
    dice.seed(static_cast<std::uint64_t>(std::atoll(argv[8])));

    stomp::client_options options;
    options.host = argv[5];
    options.login = argv[3];
    options.passcode = argv[4];
    options.heart_beat = {2s, 2s};
    options.connect_timeout = 5s;
    endpoint consumer(options, to);
    options.confirm_sends = true;
    options.keep_sends = 16;
    options.receipt_timeout = 10s;
    endpoint publisher(options, to);

    std::vector<message> messages;
    std::vector<attempt> attempts;  // by receipt number
    std::deque<std::uint64_t> repeats;
    std::map<errc, std::size_t> unconfirmed;
    std::size_t pending = 0;
    std::size_t confirmed = 0;
    std::size_t repeated = 0;
    std::size_t kept = 0;
    std::size_t missing = 0;  // confirmed, and not received so far
    const char* failure = nullptr;
    std::uint64_t culprit = 0;
    const auto wrong = [&](const char* why, std::uint64_t number) {
        if (failure == nullptr) culprit = number;
        if (failure == nullptr) failure = why;
    };
    std::map<std::string, std::size_t> errors;
    const auto note_error = [&](const client_event& e) {
        ++errors[std::string(e.frame.get_or("message", e.frame.body)).substr(0, 100)];
    };

    publisher.on_event = [&](const client_event& e) {
        if (e.kind == client_event::error) note_error(e);
        if (e.kind != client_event::receipt && e.kind != client_event::unconfirmed) return;
        if (e.receipt_number == 0) return;  // after its deadline
        // That of DISCONNECT is no attempt.
        if (e.receipt_number >= attempts.size()) return;
        attempt& a = attempts[e.receipt_number];
        if (a.ended) return wrong("a receipt ended twice", e.receipt_number);
        a.ended = true;
        --pending;
        message& m = messages[a.id];
        if (e.kind == client_event::receipt) {
            ++confirmed;
            if (m.confirmed++ == 0 && m.received == 0) ++missing;
        } else {
            ++unconfirmed[e.reason];
            if (a.id % 2 == 1 && m.confirmed == 0) repeats.push_back(a.id);
        }
    };

    struct settlement {
        time_point at;
        stomp::ack_handle handle;
    };
    std::deque<settlement> settlements;
    std::size_t deliveries = 0;
    std::size_t flagged = 0;
    std::size_t again_repeated = 0;
    std::size_t again_delivered = 0;
    std::map<errc, std::size_t> acks;
    consumer.on_event = [&](const client_event& e) {
        if (e.kind == client_event::error) note_error(e);
        if (e.kind != client_event::message) return;
        const auto id = number_in(e.frame.body);
        if (!id || *id >= messages.size() || messages[*id].attempts == 0)
            return wrong("a message from nowhere", id.value_or(0));
        message& m = messages[*id];
        ++deliveries;
        if (e.frame.get_or("redelivered") == "true") ++flagged;
        if (m.received++ == 0) {
            if (m.confirmed != 0) --missing;
        } else {
            ++(m.attempts > 1 ? again_repeated : again_delivered);
        }
        settlements.push_back(
            {stomp::clock::now() + std::chrono::milliseconds(roll(20) == 0 ? roll(50) : 0), stomp::ack_handle(e)});
    };
    const errc subscribed = consumer.session.subscribe("c", queue, stomp::ack_mode::client_individual,
                                                       {{"prefetch-count", "100"}, {"activemq.prefetchSize", "100"}});
    if (subscribed != errc::ok) return fail("subscribe");

    constexpr std::size_t window = 64;
    constexpr std::size_t most_missing = 5'000;  // else the end takes long
    const std::string padding(20'000, '.');
    time_point leave_at = end_of_load;
    bool left = false;
    time_point next_progress = stomp::clock::now() + 10s;
    while (!publisher.finished() || !consumer.finished()) {
        const time_point now = stomp::clock::now();
        if (failure != nullptr) return fail(failure, culprit);
        if (now > end_of_patience) return fail("not all that was confirmed has been received", missing);

        // Publish.
        while (pending < window && missing < most_missing && !publisher.session.output_congested() &&
               (now < end_of_load || !repeats.empty())) {
            const bool again = !repeats.empty();
            const std::uint64_t id = again ? repeats.front() : messages.size();
            const std::string body =
                std::to_string(id) + " " + padding.substr(0, roll(50) == 0 ? roll(20'000) : roll(200));
            const std::size_t were_kept = publisher.session.kept_sends();
            const errc e = publisher.session.send(
                queue, body, {{"persistent", "true"}, {"possible-duplicate", again ? "true" : "false"}});
            if (e == errc::output_full || e == errc::not_connected) break;
            if (e != errc::ok) return fail("send");
            if (again) repeats.pop_front();
            if (again) ++repeated;
            if (!again) messages.emplace_back();
            ++messages[id].attempts;
            kept += publisher.session.kept_sends() - were_kept;
            attempts.resize(publisher.session.last_receipt_number() + 1);
            attempts.back() = {id, false};
            ++pending;
        }

        // Acknowledge.
        while (!settlements.empty() && settlements.front().at <= now) {
            ++acks[consumer.session.ack(settlements.front().handle)];
            settlements.pop_front();
        }

        // Done? Then stay a little: what was sent twice may come twice.
        const bool complete =
            now >= end_of_load && pending == 0 && repeats.empty() && missing == 0 && settlements.empty();
        if (!complete) leave_at = now + 2s;
        if (now >= leave_at && !std::exchange(left, true)) {
            publisher.leave();
            consumer.leave();
        }

        if (now >= next_progress) {
            next_progress = now + 10s;
            std::printf(
                "progress: %zu messages, %zu sends pending, %zu confirmed and not received, %zu deliveries, %s, %s\n",
                messages.size(), pending, missing, deliveries, publisher.open() ? "publishing" : "publisher off",
                consumer.open() ? "consuming" : "consumer off");
            std::fflush(stdout);
        }

        publisher.run();
        consumer.run();
        std::vector<pollfd> sockets;
        time_point wake_up = stomp::clock::now() + 20ms;  // there is always something to publish or to acknowledge
        publisher.add_to(sockets, wake_up);
        consumer.add_to(sockets, wake_up);
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(wake_up - stomp::clock::now()).count();
        poll(sockets.data(), static_cast<nfds_t>(sockets.size()),
             static_cast<int>((std::max)(wait, decltype(wait){0})));
        for (const pollfd& s : sockets) {
            publisher.ready(s);
            consumer.ready(s);
        }
    }

    std::size_t never_confirmed = 0;
    std::size_t though_unconfirmed = 0;
    std::size_t unique = 0;
    for (std::uint64_t id = 0; id < messages.size(); ++id) {
        const message& m = messages[id];
        if (m.confirmed != 0 && m.received == 0) return fail("confirmed, but not received", id);
        if (id % 2 == 1 && m.confirmed == 0) return fail("repeated, but not confirmed", id);
        unique += m.received != 0 ? 1U : 0U;
        never_confirmed += m.confirmed == 0 ? 1U : 0U;
        though_unconfirmed += m.confirmed == 0 && m.received != 0 ? 1U : 0U;
    }
    std::size_t lost_receipts = 0;
    for (const auto& [reason, count] : unconfirmed) lost_receipts += count;
    std::size_t sends = 0;
    for (const message& m : messages) sends += m.attempts;
    if (sends != confirmed + lost_receipts) return fail("a receipt without an end", sends);
    const auto print = [](const char* name, std::size_t value) { std::printf("%s %zu\n", name, value); };
    print("messages", messages.size());
    print("sends", sends);
    print("repeated", repeated);
    print("kept", kept);
    print("confirmed", confirmed);
    print("unconfirmed", lost_receipts);
    for (const auto& [reason, count] : unconfirmed) {
        std::printf("unconfirmed.%.*s %zu\n", static_cast<int>(to_string(reason).size()), to_string(reason).data(),
                    count);
    }
    print("never_confirmed", never_confirmed);
    print("never_confirmed_but_received", though_unconfirmed);
    print("received", unique);
    print("deliveries", deliveries);
    print("duplicates_of_repeated", again_repeated);
    print("duplicates_of_others", again_delivered);
    print("marked_redelivered", flagged);
    print("confirmed_not_received", missing);
    print("publisher_connections", publisher.connections);
    print("consumer_connections", consumer.connections);
    for (const auto& [reason, count] : acks) {
        std::printf("ack.%.*s %zu\n", static_cast<int>(to_string(reason).size()), to_string(reason).data(), count);
    }
    for (const endpoint* e : {&publisher, &consumer}) {
        for (const auto& [reason, count] : e->ends) {
            std::printf("%s.closed.%.*s %zu\n", e == &publisher ? "publisher" : "consumer",
                        static_cast<int>(to_string(reason).size()), to_string(reason).data(), count);
        }
    }
    for (const auto& [text, count] : errors) std::printf("error %zu x %s\n", count, text.c_str());
    return missing == 0 ? 0 : fail("confirmed, but not received", missing);
}
