// A client that stays: it goes from one broker to the next when the connection is lost, subscribes again, and repeats what
// nobody has confirmed, marked as a possible duplicate. It publishes numbered messages, one each half second, to a queue that
// it also consumes, and ends when all of them are confirmed.
//
//     failover_client 127.0.0.1:61613 127.0.0.1:61614 --login guest --passcode guest --host / --messages 20
//
// Further option: --destination D (default /queue/failover). Stop and start the brokers meanwhile.
#include <stomp/backoff.hpp>
#include <stomp/client.hpp>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

// One line. What a peer sent is not for a terminal to interpret, so control characters become dots.
void print(std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) {
        for (const char c : part) std::fputc(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '.' : c, stdout);
    }
    std::fputc('\n', stdout);
    std::fflush(stdout);
}

[[noreturn]] void die(std::initializer_list<std::string_view> why) {
    print(why);
    std::exit(1);
}

int milliseconds_until(stomp::time_point moment) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(moment - stomp::clock::now()).count();
    return static_cast<int>(std::clamp<decltype(wait)>(wait, 0, 60'000));
}

// A connected, non-blocking socket, or -1. A host that does not answer costs 3 seconds, not the minutes of connect(2).
int connect_to(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(address.substr(0, colon).c_str(), address.substr(colon + 1).c_str(), &hints, &found) != 0)
        return -1;
    int fd = -1;
    for (const addrinfo* a = found; a != nullptr && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) break;
        int error = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
        pollfd connecting{fd, POLLOUT, 0};
        if (error == EINPROGRESS && poll(&connecting, 1, 3'000) == 1) {
            socklen_t size = sizeof error;
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        }
        if (error != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

class failover_client {
public:
    failover_client(stomp::client_options options, std::vector<std::string> addresses, std::string destination,
                    int messages)
        : options_(std::move(options)), addresses_(std::move(addresses)), destination_(std::move(destination)),
          to_publish_(messages) {}

    void run() {
        while (!done_) {
            if (fd_ < 0 && stomp::clock::now() >= retry_at_) connect_to_next();
            if (session_) publish();
            if (fd_ >= 0) talk();
            wait();
        }
    }

private:
    void connect_to_next() {
        const std::string& address = addresses_[next_++ % addresses_.size()];
        fd_ = connect_to(address);
        if (fd_ < 0) return try_again_later(address);
        print({"talking to ", address});
        if (session_) return session_->restart(stomp::clock::now());  // it outlives its connections
        session_.emplace(options_, stomp::clock::now());
        // Recorded now, sent after every CONNECTED from now on.
        const auto e = session_->subscribe("jobs", destination_, stomp::ack_mode::client_individual);
        if (e != stomp::errc::ok) die({explain(e)});
    }

    void try_again_later(std::string_view why) {
        const auto delay = backoff_.delay(stomp::clock::now(), random_);
        retry_at_ = stomp::clock::now() + delay;
        print({why, "; next attempt in ", std::to_string(delay.count()), " ms"});
    }

    // What is unconfirmed first, then one new message when it is time. While there is no connection the session keeps some
    // (keep_sends); when it takes no more, we try again later.
    void publish() {
        while (!unconfirmed_.empty() && send(unconfirmed_.back(), true)) unconfirmed_.pop_back();
        if (to_publish_ > 0 && stomp::clock::now() >= publish_at_) {
            publish_at_ = stomp::clock::now() + 500ms;
            if (send("job " + std::to_string(serial_ + 1), false)) {
                ++serial_;
                --to_publish_;
            }
        }
        const bool all_confirmed = to_publish_ == 0 && waiting_.empty() && unconfirmed_.empty();
        // Where this is refused there is no connection to end, and we try again on the next one.
        if (all_confirmed && session_->state() == stomp::client_state::connected)
            leaving_ = session_->disconnect() == stomp::errc::ok;
    }

    // With `confirm_sends` each SEND has a receipt, known by its number: a table of our own says what it stood for.
    bool send(const std::string& body, bool again) {
        const auto e = session_->send(destination_, body,
                                      {{"persistent", "true"}, {"possible-duplicate", again ? "true" : "false"}});
        if (e == stomp::errc::ok) waiting_[session_->last_receipt_number()] = body;
        return e == stomp::errc::ok;
    }

    void talk() {
        session_->handle_timeout(stomp::clock::now());
        write_output();
        while (const auto event = session_->poll_event()) handle(*event);
        if (fd_ >= 0) write_output();
    }

    void handle(const stomp::client_event& event) {
        switch (event.kind) {
            case stomp::client_event::connected:
                print({"connected to ", session_->server_name()});
                backoff_.connected(stomp::clock::now());
                break;
            case stomp::client_event::message: {
                print({"received: ", event.frame.body,
                       event.frame.get_or("possible-duplicate") == "true" ? " (sent more than once)" : "",
                       event.frame.get_or("redelivered") == "true" ? " (delivered more than once)" : ""});
                // Had it been kept in an ack_handle over a reconnect, this would be stale_ack: it will be delivered again.
                if (const auto e = session_->ack(event); e != stomp::errc::ok)
                    print({"not acknowledged: ", explain(e)});
                break;
            }
            case stomp::client_event::receipt: waiting_.erase(event.receipt_number); break;
            case stomp::client_event::unconfirmed:
                // It may have arrived or not, and only we know whether it may be sent again. The other receipt is that of
                // DISCONNECT.
                if (const auto sent = waiting_.find(event.receipt_number); sent != waiting_.end()) {
                    print({"unconfirmed: ", sent->second, " (", explain(event.reason), ")"});
                    unconfirmed_.push_back(std::move(sent->second));
                    waiting_.erase(sent);
                }
                break;
            case stomp::client_event::error:
                print({"error: ", event.frame.get_or("message"), " ", event.frame.body});
                break;
            case stomp::client_event::closed:
                close(fd_);
                fd_ = -1;
                done_ = leaving_;
                if (!done_) try_again_later(explain(event.reason));
                break;
            case stomp::client_event::reply: break;  // nothing is requested here
        }
    }

    void write_output() {
        while (!session_->output().empty()) {
            const std::string_view chunk = session_->output();
            const ssize_t written = write(fd_, chunk.data(), chunk.size());
            if (written < 0) {
                if (errno != EAGAIN && errno != EINTR) session_->transport_closed(stomp::clock::now());
                return;
            }
            session_->consume_output(static_cast<std::size_t>(written), stomp::clock::now());
        }
    }

    // Until the socket is ready, the session's deadline, the next attempt or the next message.
    void wait() {
        auto wake_up = session_ && to_publish_ > 0 ? publish_at_ : (stomp::time_point::max)();
        if (fd_ < 0) wake_up = (std::min)(wake_up, retry_at_);
        pollfd socket{fd_, 0, 0};  // poll(2) skips a socket of -1
        if (fd_ >= 0) {
            if (const auto deadline = session_->next_timeout()) wake_up = (std::min)(wake_up, *deadline);
            if (session_->wants_input()) socket.events |= POLLIN;
            if (!session_->output().empty()) socket.events |= POLLOUT;
        }
        if (done_ || poll(&socket, 1, milliseconds_until(wake_up)) <= 0) return;
        const std::span<char> room = session_->input_buffer();
        if ((socket.revents & (POLLIN | POLLHUP | POLLERR)) == 0 || room.empty()) return;
        const ssize_t got = read(fd_, room.data(), room.size());
        if (got > 0) {
            session_->commit_input(static_cast<std::size_t>(got), stomp::clock::now());
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            session_->transport_closed(stomp::clock::now());  // `closed` follows, and what is unconfirmed before it
        }
    }

    stomp::client_options options_;
    std::optional<stomp::client_session> session_;
    std::vector<std::string> addresses_;
    std::string destination_;
    stomp::backoff backoff_{{.first = 200ms, .most = 10s, .stable_after = 30s}};
    std::mt19937_64 random_{std::random_device{}()};
    std::map<std::uint64_t, std::string> waiting_;  // by receipt number
    std::vector<std::string> unconfirmed_;
    std::size_t next_ = 0;
    int fd_ = -1;
    int to_publish_;
    int serial_ = 0;
    bool leaving_ = false;
    bool done_ = false;
    stomp::time_point retry_at_{};
    stomp::time_point publish_at_{};
};

}  // namespace

int main(int argc, char** argv) {
    stomp::client_options options;
    options.host = "/";  // what RabbitMQ calls its default virtual host
    options.heart_beat = {.can_send = 5s, .wants = 5s};
    options.connect_timeout = 5s;
    options.receipt_timeout = 10s;
    options.confirm_sends = true;
    options.keep_sends = 100;
    std::vector<std::string> addresses;
    std::string destination = "/queue/failover";
    int messages = 20;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (!name.starts_with("--")) {
            addresses.emplace_back(name);
            if (name.find(':') == std::string_view::npos) die({"no port: ", name});
            continue;
        }
        if (++i == argc) die({name, " needs a value"});
        if (name == "--login")
            options.login = argv[i];
        else if (name == "--passcode")
            options.passcode = argv[i];
        else if (name == "--host")
            options.host = argv[i];
        else if (name == "--destination")
            destination = argv[i];
        else if (name == "--messages")
            messages = std::atoi(argv[i]);
        else
            die({"cannot use ", name});
    }
    if (addresses.empty())
        die(
            {"usage: failover_client HOST:PORT... [--login L] [--passcode P] [--host VHOST] "
             "[--destination D] [--messages N]"});
    std::signal(SIGPIPE, SIG_IGN);  // writing to a closed connection shall fail, not end the program
    failover_client(std::move(options), std::move(addresses), std::move(destination), messages).run();
    print({"all confirmed"});
}
