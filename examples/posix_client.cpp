// A STOMP client over TCP, with poll(2) and nothing but the standard library. It subscribes to a destination, sends a
// message there, asks for a receipt, prints what arrives, and disconnects. Exit status 0: message and receipt arrived.
//
//     posix_client 127.0.0.1 61613 --login guest --passcode guest --host / --destination /queue/hello
//
// Further options: --version 1.0|1.1|1.2 (default: the highest that both ends know), --body TEXT.
#include <stomp/client.hpp>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace {

// One line. What a peer sent is not for a terminal to interpret, so control characters become dots.
void print(std::FILE* to, std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) {
        for (const char c : part) std::fputc(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '.' : c, to);
    }
    std::fputc('\n', to);
}

[[noreturn]] void die(std::initializer_list<std::string_view> why) {
    print(stderr, why);
    std::exit(1);
}

// A connected, non-blocking socket. Looking up the name and connecting block; the session's deadlines start afterwards.
int connect_to(const char* host, const char* port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int e = getaddrinfo(host, port, &hints, &found); e != 0) die({host, ": ", gai_strerror(e)});
    int fd = -1;
    for (const addrinfo* a = found; a != nullptr && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            const int e = errno;
            close(fd);
            errno = e;
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) die({host, " port ", port, ": ", std::strerror(errno)});
    return fd;
}

// Writes what the session has to say, as much as the socket takes. False: the connection is gone.
bool write_output(int fd, stomp::client_session& session) {
    std::array<std::string_view, 16> chunks;
    while (const std::size_t n = session.output(chunks)) {
        std::array<iovec, chunks.size()> vectors;
        for (std::size_t i = 0; i < n; ++i) vectors[i] = {const_cast<char*>(chunks[i].data()), chunks[i].size()};
        const ssize_t written = writev(fd, vectors.data(), static_cast<int>(n));
        if (written < 0) return errno == EAGAIN || errno == EINTR;
        session.consume_output(static_cast<std::size_t>(written), stomp::clock::now());
    }
    return true;
}

// Reads once, into the session's own memory. False: the connection is gone.
bool read_input(int fd, stomp::client_session& session) {
    const std::span<char> room = session.input_buffer();
    if (room.empty()) return true;  // not wanted now
    const ssize_t got = read(fd, room.data(), room.size());
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    session.commit_input(static_cast<std::size_t>(got), stomp::clock::now());
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
    if (argc < 3 || argc % 2 == 0) {
        die(
            {"usage: posix_client HOST PORT [--login L] [--passcode P] [--host VHOST] [--version V] [--destination D] "
             "[--body TEXT]"});
    }
    stomp::client_options options;
    options.host = "/";  // what RabbitMQ calls its default virtual host
    options.heart_beat = {.can_send = std::chrono::seconds(10), .wants = std::chrono::seconds(10)};
    options.receipt_timeout = std::chrono::seconds(10);
    std::string destination = "/queue/hello";
    std::string body = "hello, world";
    for (int i = 3; i < argc; i += 2) {
        const std::string_view name = argv[i];
        const char* value = argv[i + 1];
        const auto version = stomp::parse_version(value);
        if (name == "--login")
            options.login = value;
        else if (name == "--passcode")
            options.passcode = value;
        else if (name == "--host")
            options.host = value;
        else if (name == "--version" && version)
            options.versions = {*version};
        else if (name == "--destination")
            destination = value;
        else if (name == "--body")
            body = value;
        else
            die({"cannot use ", name, " ", value});
    }

    std::signal(SIGPIPE, SIG_IGN);  // writing to a closed connection shall fail, not end the program
    const int fd = connect_to(argv[1], argv[2]);

    stomp::client_session session(std::move(options), stomp::clock::now());
    const stomp::receipt_id receipt = session.next_receipt_id();
    bool got_message = false;
    bool got_receipt = false;
    std::optional<stomp::errc> closed;

    // Before CONNECTED it is recorded, and sent right after it.
    if (const auto e = session.subscribe("1", destination); e != stomp::errc::ok) die({explain(e)});

    while (true) {
        // 1. Write. A connection that is lost is told like everything else: `closed` follows.
        if (!write_output(fd, session)) session.transport_closed(stomp::clock::now());

        // 2. Take every event. The views in one are valid until the next poll_event().
        while (const auto event = session.poll_event()) {
            const stomp::frame_view& frame = event->frame;
            switch (event->kind) {
                case stomp::client_event::connected: {
                    print(stdout, {"connected, STOMP ", to_string(*session.negotiated_version())});
                    const auto e =
                        session.send(destination, body, {{"content-type", "text/plain"}, {"receipt", receipt}});
                    if (e != stomp::errc::ok) die({explain(e)});  // the call is refused, and nothing was sent
                    break;
                }
                case stomp::client_event::message:
                    print(stdout, {"message from ", frame.get_or("destination"), ": ", frame.body});
                    got_message = got_message || frame.body == body;
                    break;
                case stomp::client_event::receipt:
                    print(stdout, {"receipt ", event->receipt_id});
                    got_receipt = got_receipt || event->receipt_number == receipt.number();
                    break;
                case stomp::client_event::unconfirmed:  // what it belongs to may or may not have arrived
                    die({"no receipt ", event->receipt_id, ": ", explain(event->reason)});
                case stomp::client_event::error:
                    print(stdout, {"error: ", frame.get_or("message"), " ", frame.body});
                    break;
                case stomp::client_event::closed: closed = event->reason; break;
                default: break;  // what this program never asks for
            }
        }
        if (closed) break;  // it is always the last one
        if (got_message && got_receipt && session.state() == stomp::client_state::connected) {
            if (const auto e = session.disconnect(); e != stomp::errc::ok) die({explain(e)});
        }

        // 3. Wait until the socket is ready, or until the session's one deadline.
        pollfd socket{fd, 0, 0};
        if (session.wants_input()) socket.events |= POLLIN;
        if (!session.output().empty()) socket.events |= POLLOUT;
        if (poll(&socket, 1, milliseconds_until(session.next_timeout())) < 0 && errno != EINTR) {
            die({std::strerror(errno)});
        }

        // 4. Read.
        if ((socket.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !read_input(fd, session)) {
            session.transport_closed(stomp::clock::now());
        }

        // 5. Tell the time. Too early does no harm.
        session.handle_timeout(stomp::clock::now());
    }
    close(fd);
    print(stdout, {"closed: ", explain(*closed)});
    return got_message && got_receipt && *closed == stomp::errc::ok ? 0 : 1;
}
