// A STOMP server over TCP, with poll(2) and nothing but the standard library: what a client sends to a destination goes
// to everyone who is subscribed to it. It accepts any login and listens on loopback only.
//
//     posix_server [PORT]     default: 61613; 0: a free port, which is printed
//
// The sessions do what STOMP asks for (versions, receipts, acknowledgements, transactions, heart-beats); what is left
// for an application is to decide who gets what.
#include <stomp/server.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t max_clients = 500;  // stay below the number of files that a process may open

struct client {
    client(int socket, const stomp::server_options& options) : fd(socket), session(options, stomp::clock::now()) {}

    int fd;
    stomp::server_session session;
    std::vector<stomp::subscription_handle> subscriptions;
    bool write_side_open = true;
    bool closed = false;  // the event has been seen
};

using clients = std::vector<std::unique_ptr<client>>;

// A non-blocking socket that listens on loopback.
int listen_on(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 || bind(fd, any, size) != 0 ||
        listen(fd, SOMAXCONN) != 0 || getsockname(fd, any, &size) != 0) {
        std::perror("posix_server");
        std::exit(1);
    }
    std::printf("listening on 127.0.0.1 port %d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return fd;
}

// To every subscriber of its destination. What is the same for all of them is encoded once and shared.
void publish(clients& all, const stomp::frame_view& sent) {
    static std::uint64_t tag = 0;  // names a delivery towards us: it comes back in `settled` when it is acknowledged
    const std::string_view destination = sent.get_or("destination");
    const stomp::shared_message message(sent);
    for (const auto& to : all) {
        for (const stomp::subscription_handle s : to->subscriptions) {
            if (to->session.destination(s) != destination) continue;
            const stomp::errc e = to->session.message(s, message, ++tag);
            // A subscriber that acknowledges nothing misses messages (window_full), one that reads nothing is closed.
            if (e == stomp::errc::output_full) to->session.fail("you do not read what you are sent");
        }
    }
}

void handle(clients& all, client& from, const stomp::server_event& event) {
    static std::uint64_t connections = 0;
    switch (event.kind) {
        case stomp::server_event::connect:
            // Here is the place to look at the frame's login and passcode, and to reject() the session.
            if (from.session.accept(std::to_string(++connections)) != stomp::errc::ok) from.session.reject("try again");
            break;
        case stomp::server_event::send: publish(all, event.frame); break;
        case stomp::server_event::commit:  // a transaction, to be applied as a whole
            for (const stomp::transaction_step& step : event.steps) {
                if (step.command == stomp::command::send) publish(all, step.frame);
            }
            break;
        case stomp::server_event::subscribe: from.subscriptions.push_back(event.subscription); break;
        case stomp::server_event::unsubscribe: std::erase(from.subscriptions, event.subscription); break;
        case stomp::server_event::closed: from.closed = true; break;
        default: break;  // ack, nack: `settled` has the tags of the messages, which a queue would forget or repeat
    }
}

// Writes what the session has to say, as much as the socket takes. False: the connection is gone.
bool write_output(client& to) {
    std::array<std::string_view, 16> chunks;
    while (const std::size_t n = to.session.output(chunks)) {
        std::array<iovec, chunks.size()> vectors;
        for (std::size_t i = 0; i < n; ++i) vectors[i] = {const_cast<char*>(chunks[i].data()), chunks[i].size()};
        const ssize_t written = writev(to.fd, vectors.data(), static_cast<int>(n));
        if (written < 0) return errno == EAGAIN || errno == EINTR;
        to.session.consume_output(static_cast<std::size_t>(written), stomp::clock::now());
    }
    return true;
}

// Reads once, into the session's own memory. False: the connection is gone.
bool read_input(client& from) {
    const std::span<char> room = from.session.input_buffer();
    if (room.empty()) return true;  // not wanted now
    const ssize_t got = read(from.fd, room.data(), room.size());
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    from.session.commit_input(static_cast<std::size_t>(got), stomp::clock::now());
    return true;
}

// How long poll(2) may wait: rounded up, so that the deadline has been reached when it returns.
int milliseconds_until(std::optional<stomp::time_point> deadline) {
    if (!deadline) return -1;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*deadline - stomp::clock::now()).count();
    return static_cast<int>(wait < 0 ? 0 : wait > 60'000 ? 60'000 : wait);
}

}  // namespace

int main(int argc, char** argv) {
    char* end = nullptr;
    const unsigned long port = argc > 1 ? std::strtoul(argv[1], &end, 10) : 61613;
    if (argc > 2 || port > 65535 || (end != nullptr && (end == argv[1] || *end != '\0'))) {
        std::fprintf(stderr, "usage: posix_server [PORT]\n");
        return 1;
    }
    std::signal(SIGPIPE, SIG_IGN);  // writing to a closed connection shall fail, not end the program
    const int listener = listen_on(static_cast<std::uint16_t>(port));

    stomp::server_options options;
    options.server = "stomp-example";
    options.heart_beat = {.can_send = std::chrono::seconds(1), .wants = std::chrono::seconds(1)};

    clients all;
    std::vector<pollfd> sockets;
    while (true) {
        // 1. Write. A connection that is lost is told like everything else: `closed` follows.
        for (const auto& c : all) {
            if (!write_output(*c)) c->session.transport_closed(stomp::clock::now());
        }

        // 2. Take every event of every session. The views in one are valid until the next poll_event() of that session.
        for (const auto& c : all) {
            while (const auto event = c->session.poll_event()) handle(all, *c, *event);
        }

        // 3. Close what is finished, and wait for any socket or for the earliest deadline.
        std::erase_if(all, [](const auto& c) {
            if (!c->closed || !c->session.finished()) return false;
            close(c->fd);
            return true;
        });
        std::optional<stomp::time_point> deadline;
        sockets.clear();
        for (const auto& c : all) {
            // Over, and all is said: tell the peer so, and let it close first.
            if (c->session.output_finished() && c->write_side_open) {
                shutdown(c->fd, SHUT_WR);
                c->write_side_open = false;
            }
            pollfd socket{c->fd, 0, 0};
            if (c->session.wants_input()) socket.events |= POLLIN;
            if (!c->session.output().empty()) socket.events |= POLLOUT;
            sockets.push_back(socket);
            const auto next = c->session.next_timeout();
            if (next && (!deadline || *next < *deadline)) deadline = next;
        }
        if (all.size() < max_clients) sockets.push_back({listener, POLLIN, 0});
        if (poll(sockets.data(), static_cast<nfds_t>(sockets.size()), milliseconds_until(deadline)) < 0) {
            if (errno == EINTR) continue;
            std::perror("poll");
            return 1;
        }

        // 4. Read, and tell each session the time. Too early does no harm.
        for (std::size_t i = 0; i < all.size(); ++i) {
            if ((sockets[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !read_input(*all[i])) {
                all[i]->session.transport_closed(stomp::clock::now());
            }
            all[i]->session.handle_timeout(stomp::clock::now());
        }

        // 5. Let new clients in.
        if (sockets.size() > all.size() && (sockets.back().revents & POLLIN) != 0) {
            const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0) all.push_back(std::make_unique<client>(fd, options));
        }
    }
}
