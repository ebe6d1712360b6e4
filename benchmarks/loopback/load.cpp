// Load for a broker behind a TCP port, the same for every broker: one publisher, many consumers, one thread, this
// library's client sessions. Prints what was delivered, and what it cost the broker.
//
//     bench_load HOST PORT LOGIN PASSCODE VHOST topic|queue CONSUMERS OCTETS WARM_UP SECONDS PID...
//
// The publisher keeps a fixed number of messages ahead of the slowest consumer, so that no broker has reason to drop one
// and none can hide in its buffers. Every message is accounted for at the end. PIDs are the broker's processes.
#include <stomp/client.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

[[noreturn]] void fail(std::string_view what) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(what.size()), what.data());
    std::exit(1);
}

void must(stomp::errc e) {
    if (e != stomp::errc::ok) fail(stomp::explain(e));
}

struct options {
    std::string host;
    std::uint16_t port = 0;
    stomp::client_options session;
    bool queue = false;
    std::size_t consumers = 1;
    std::size_t octets = 100;
    double warm_up = 1;
    double seconds = 1;
    std::vector<std::string> pids;
};

/// CPU seconds that processes have used so far, all their threads counted.
double cpu_seconds(const std::vector<std::string>& pids) {
    double ticks = 0;
    for (const std::string& pid : pids) {
        std::ifstream in("/proc/" + pid + "/stat");
        std::string text;
        std::getline(in, text);
        std::istringstream rest(text.substr(text.rfind(')') + 2));  // the name may hold anything
        std::string word;
        for (int field = 3; rest >> word; ++field) {
            if (field == 14 || field == 15) ticks += std::atof(word.c_str());
        }
    }
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// Resident memory in KiB.
long resident(const std::vector<std::string>& pids) {
    long sum = 0;
    for (const std::string& pid : pids) {
        std::ifstream in("/proc/" + pid + "/status");
        for (std::string line; std::getline(in, line);) {
            if (line.starts_with("VmRSS:")) sum += std::atol(line.c_str() + 6);
        }
    }
    return sum;
}

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// One connection: a session and its socket.
struct connection {
    explicit connection(const options& o) : session(o.session, stomp::clock::now()) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(o.port);
        if (inet_pton(AF_INET, o.host.c_str(), &to.sin_addr) != 1) fail("not an IPv4 address");
        if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fail("cannot connect");
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() { ::close(fd); }

    void write(stomp::time_point now) {
        std::array<std::string_view, 16> chunks;
        std::array<iovec, 16> pieces;
        blocked = false;
        while (const std::size_t n = session.output(chunks)) {
            for (std::size_t i = 0; i < n; ++i) {
                pieces[i] = {const_cast<char*>(chunks[i].data()), chunks[i].size()};
            }
            msghdr message{};
            message.msg_iov = pieces.data();
            message.msg_iovlen = n;
            const ssize_t written = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (written < 0) {
                if (errno != EAGAIN) fail("the broker has closed a connection");
                blocked = true;
                return;
            }
            session.consume_output(static_cast<std::size_t>(written), now);
        }
    }

    /// False when there is nothing more to read for now.
    bool read(stomp::time_point now) {
        const auto space = session.input_buffer(65536);
        const ssize_t n = recv(fd, space.data(), space.size(), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) fail("the broker has closed a connection");
        if (n > 0) session.commit_input(static_cast<std::size_t>(n), now);
        return n > 0;
    }

    int fd = -1;
    stomp::client_session session;
    std::uint64_t received = 0;
    bool blocked = false;  // the socket takes no more
    bool watched = false;  // for writing
    bool ready = false;    // connected, and its SUBSCRIBE is confirmed
};

class load {
public:
    explicit load(options o) : options_(std::move(o)), body_(options_.octets, 'x'), epoll_(epoll_create1(0)) {
        for (std::size_t i = 0; i <= options_.consumers; ++i) {
            all_.push_back(std::make_unique<connection>(options_));
            epoll_event want{};
            want.events = EPOLLIN;
            want.data.u64 = i;
            epoll_ctl(epoll_, EPOLL_CTL_ADD, all_[i]->fd, &want);
            if (i != 0) subscribe(*all_[i]);
            flush(*all_[i], i, stomp::clock::now());
            while (!all_[i]->ready) turn(100);  // one by one: some brokers have short accept queues
        }
        at_floor_ = options_.consumers;
    }
    load(const load&) = delete;
    load& operator=(const load&) = delete;
    ~load() { ::close(epoll_); }

    void run() {
        publishing_ = true;
        run_for(options_.warm_up);
        const double begin = seconds_now();
        const double cpu = cpu_seconds(options_.pids);
        const double own_cpu = cpu_seconds({"self"});
        const std::uint64_t before = received_;
        run_for(options_.seconds);
        const double took = seconds_now() - begin;
        const double used = cpu_seconds(options_.pids) - cpu;
        const double own = cpu_seconds({"self"}) - own_cpu;
        const auto delivered = static_cast<double>(received_ - before);
        const long memory = resident(options_.pids);
        publishing_ = false;
        drain();
        std::printf("%.0f messages/s %.3f cpu_s/million %ld rss_KiB %.3f own_cpu_s/million %.0f delivered\n",
                    delivered / took, used / delivered * 1e6, memory, own / delivered * 1e6, delivered);
    }

private:
    static constexpr std::uint64_t ahead = 512;  // messages that the publisher is ahead of the slowest consumer

    std::string destination() const { return options_.queue ? "/queue/stomp-load" : "/topic/stomp-load"; }

    void subscribe(connection& c) {
        // What each broker calls the window; the others ignore it.
        must(c.session.subscribe(
            "0", destination(), options_.queue ? stomp::ack_mode::client_individual : stomp::ack_mode::automatic,
            {{"receipt", "subscribed"}, {"prefetch-count", "64"}, {"activemq.prefetchSize", "64"}}));
    }

    void run_for(double seconds) {
        for (const double end = seconds_now() + seconds; seconds_now() < end;) turn(10);
    }

    void drain() {
        const std::uint64_t wanted = options_.queue ? sent_ : sent_ * options_.consumers;
        std::uint64_t last = received_;
        for (double patience = seconds_now() + 10; received_ < wanted && seconds_now() < patience;) {
            turn(10);
            if (received_ != last) patience = seconds_now() + 10;  // slow is not lost
            last = received_;
        }
        for (const auto& c : all_) {
            if (!options_.queue && c != all_.front() && c->received != sent_)
                fail("a subscriber has not had every message");
        }
        if (received_ != wanted) fail("messages are missing");
    }

    void turn(int milliseconds) {
        const stomp::time_point now = stomp::clock::now();
        connection& publisher = *all_.front();
        if (publishing_) {
            while (outstanding() < ahead && !publisher.blocked) {
                must(publisher.session.send(destination(), body_));
                ++sent_;
            }
        }
        flush(publisher, 0, now);
        std::array<epoll_event, 256> events;
        const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), milliseconds);
        for (int i = 0; i < n; ++i) {
            const epoll_event& e = events[static_cast<std::size_t>(i)];
            connection& c = *all_[e.data.u64];
            if ((e.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 && c.read(now)) handle(c);
            flush(c, e.data.u64, now);
        }
    }

    std::uint64_t outstanding() const { return options_.queue ? sent_ - received_ : sent_ - floor_; }

    void handle(connection& c) {
        while (const auto event = c.session.poll_event()) {
            switch (event->kind) {
                case stomp::client_event::connected: c.ready = &c == all_.front().get(); break;
                case stomp::client_event::receipt: c.ready = true; break;
                case stomp::client_event::message:
                    if (event->frame.body.size() != options_.octets) fail("not what was sent");
                    ++c.received;
                    ++received_;
                    if (options_.queue) {
                        must(c.session.ack(*event));
                    } else {
                        raise_floor(c);
                    }
                    break;
                case stomp::client_event::error: fail(event->frame.get_or("message", event->frame.body));
                default: fail("the connection has ended");
            }
        }
    }

    /// `floor_` is the number of messages that every consumer has had.
    void raise_floor(const connection& c) {
        if (c.received != floor_ + 1 || --at_floor_ != 0) return;
        floor_ = UINT64_MAX;
        for (std::size_t i = 1; i < all_.size(); ++i) floor_ = (std::min)(floor_, all_[i]->received);
        at_floor_ = 0;
        for (std::size_t i = 1; i < all_.size(); ++i) at_floor_ += all_[i]->received == floor_ ? 1U : 0U;
    }

    void flush(connection& c, std::uint64_t index, stomp::time_point now) {
        c.write(now);
        if (c.blocked == c.watched) return;
        c.watched = c.blocked;
        epoll_event want{};
        want.events = c.watched ? std::uint32_t{EPOLLIN} | EPOLLOUT : std::uint32_t{EPOLLIN};
        want.data.u64 = index;
        epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &want);
    }

    options options_;
    std::string body_;
    int epoll_;
    std::vector<std::unique_ptr<connection>> all_;  // the first is the publisher
    bool publishing_ = false;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t floor_ = 0;
    std::size_t at_floor_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 11) {
        std::fputs(
            "usage: bench_load HOST PORT LOGIN PASSCODE VHOST topic|queue CONSUMERS OCTETS WARM_UP SECONDS PID...\n",
            stderr);
        return 2;
    }
    options o;
    o.host = argv[1];
    o.port = static_cast<std::uint16_t>(std::atoi(argv[2]));
    o.session.login = argv[3];
    o.session.passcode = argv[4];
    o.session.host = argv[5];
    o.queue = std::string_view(argv[6]) == "queue";
    o.consumers = static_cast<std::size_t>(std::atol(argv[7]));
    o.octets = static_cast<std::size_t>(std::atol(argv[8]));
    o.warm_up = std::atof(argv[9]);
    o.seconds = std::atof(argv[10]);
    o.pids.assign(argv + 11, argv + argc);
    load(std::move(o)).run();
}
