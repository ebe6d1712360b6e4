// A STOMP broker over TCP, with poll(2) and nothing but the standard library: topics, queues, and an application that
// answers at /app/hello. Any login is accepted and is the user's name; it listens on loopback only.
//
//     posix_broker [PORT]     default: 61613; 0: a free port, which is printed
#include <stomp/broker.hpp>

#include <arpa/inet.h>
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
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

// Where the socket of a connection stands in `sockets`: the first one is the listener.
std::size_t place_of(stomp::connection_id id) { return id.slot + 1; }

// A non-blocking socket that listens on loopback, or the end of the program.
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
        std::perror("posix_broker");
        std::exit(1);
    }
    std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return fd;
}

// What the application does: this is where yours goes.
void handle(stomp::broker& broker, const stomp::broker_event& event) {
    stomp::errc e = stomp::errc::ok;
    switch (event.kind) {
        case stomp::broker_event::connect:  // a place to look at login and passcode, and to reject()
            e = broker.accept(event.from, event.frame.get_or("login"));
            break;
        case stomp::broker_event::message:  // a SEND to /app/...; the answer goes to /topic/..., or to its reply-to
            if (event.frame.get_or("destination") == "/app/hello") {
                e = broker.reply(event, "hello, " + std::string(event.frame.body));
            }
            break;
        default: break;
    }
    if (e != stomp::errc::ok) broker.fail(event.from, explain(e));
}

// Writes what the socket takes. False: the connection is broken.
bool write_output(stomp::broker& broker, stomp::connection_id id, int fd) {
    std::array<std::string_view, 16> chunks;
    while (const std::size_t n = broker.output(id, chunks)) {
        std::array<iovec, chunks.size()> vectors;
        for (std::size_t i = 0; i < n; ++i) vectors[i] = {const_cast<char*>(chunks[i].data()), chunks[i].size()};
        const ssize_t written = writev(fd, vectors.data(), static_cast<int>(n));
        if (written < 0) return errno == EAGAIN || errno == EINTR;
        broker.consume_output(id, static_cast<std::size_t>(written), stomp::clock::now());
    }
    return true;
}

// Brings a socket to what the broker wants of it: called when something has changed, or when the socket can take more.
void update(stomp::broker& broker, stomp::connection_id id, pollfd& socket) {
    if (!write_output(broker, id, socket.fd)) broker.transport_closed(id, stomp::clock::now());
    if (broker.finished(id)) {
        close(socket.fd);
        socket = {-1, 0, 0};  // which poll() passes over
        broker.forget(id);
        return;
    }
    // All is said: tell the peer, and wait until it closes, so that it can read the last frame.
    if (broker.output_finished(id)) shutdown(socket.fd, SHUT_WR);
    const int in = broker.wants_input(id) ? POLLIN : 0;
    const int out = broker.output(id).empty() ? 0 : POLLOUT;
    socket.events = static_cast<short>(in | out);
}

// Reads once, into memory that all connections share: an idle one then holds none.
void read_input(stomp::broker& broker, stomp::connection_id id, int fd) {
    static std::array<char, 64 * 1024> room;
    if (!broker.wants_input(id)) return broker.transport_closed(id, stomp::clock::now());  // it has hung up
    const ssize_t got = read(fd, room.data(), room.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    const std::string_view octets(room.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    if (octets.empty() || broker.receive(id, octets, stomp::clock::now()) != stomp::errc::ok) {
        broker.transport_closed(id, stomp::clock::now());
    }
}

// How long poll() may wait: rounded up, so that the deadline has been reached when it returns.
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
        std::fprintf(stderr, "usage: posix_broker [PORT]\n");
        return 1;
    }
    std::signal(SIGPIPE, SIG_IGN);  // writing to a closed connection shall fail, not end the program

    stomp::broker_options options;
    options.max_connections = 1000;  // a process may usually open 1,024 files
    std::random_device random;
    options.hash_seed = std::uint64_t{random()} << 32 | random();
    options.session.server = "stomp-example";
    options.session.trailing_eol = true;  // PHP's client counts on it
    options.session.heart_beat = {.can_send = std::chrono::seconds(1), .wants = std::chrono::seconds(1)};
    stomp::broker broker(options);
    std::vector<pollfd> sockets{{listen_on(static_cast<std::uint16_t>(port)), POLLIN, 0}};
    std::vector<stomp::connection_id> ids{{}};  // of each of them

    while (true) {
        while (const auto event = broker.poll_event()) handle(broker, *event);
        if (const auto id = broker.poll_changed()) {
            update(broker, *id, sockets[place_of(*id)]);
            continue;  // writing may have let events through
        }
        if (poll(sockets.data(), sockets.size(), milliseconds_until(broker.next_timeout())) < 0) {
            if (errno == EINTR) continue;
            std::perror("posix_broker");
            return 1;
        }
        broker.handle_timeout(stomp::clock::now());
        for (std::size_t i = 1; i < sockets.size(); ++i) {
            if ((sockets[i].revents & POLLOUT) != 0) update(broker, ids[i], sockets[i]);
            if (sockets[i].fd >= 0 && (sockets[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
                read_input(broker, ids[i], sockets[i].fd);
            }
        }
        if ((sockets[0].revents & POLLIN) == 0) continue;
        const int fd = accept4(sockets[0].fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) continue;
        const stomp::connection_id id = broker.open(stomp::clock::now());
        if (!id) {
            close(fd);  // too many
            continue;
        }
        sockets.resize((std::max)(sockets.size(), place_of(id) + 1), {-1, 0, 0});
        ids.resize(sockets.size());
        sockets[place_of(id)] = {fd, POLLIN, 0};
        ids[place_of(id)] = id;
    }
}
