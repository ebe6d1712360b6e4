// F-13: what a session tells and writes depends on the octets that arrive and not on the pieces in which they do, nor on
// when it is polled. Random conversations, right ones and wrong ones, each in many ways.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using sim::wire;
using stomp::errc;
using stomp::version;

namespace {

using piece_list = std::vector<std::pair<std::string_view, bool>>;  // the octets, and whether to poll after them

class generator {
public:
    explicit generator(std::uint32_t seed) : random_(seed) {}

    std::size_t below(std::size_t n) { return random_() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }
    std::string_view one_of(std::initializer_list<std::string_view> texts) {
        return texts.begin()[below(texts.size())];
    }

    /// A frame; rarely something that is none.
    std::string frame(std::initializer_list<std::string_view> verbs) {
        if (one_in(40)) return std::string(one_of({"\r", "garbage", "\n\n", "^@", "SEND\n^@", "X:y\n\n^@", "\xff"}));
        std::string out(one_of(verbs));
        const std::string_view end = one_in(10) ? "\r\n" : "\n";
        out += end;
        for (const std::string_view name : {"destination", "id", "subscription", "message-id", "ack", "transaction",
                                            "receipt", "receipt-id", "content-length", "k"}) {
            if (one_in(2)) continue;
            std::string_view value = one_of({"1", "2", "t", "/q", "client", "a\\cb", "", "s-1-1", "s-2-2"});
            if (name == "ack") value = one_of({"auto", "client", "client-individual", "client", "x"});
            if (name == "content-length") value = one_of({"0", "3", "5"});
            if (name == "content-length" && !one_in(8)) continue;
            if (name == "transaction" && !one_in(3)) continue;
            out += name;
            out += ":";
            out += value;
            if (one_in(100)) out += "\\x";
            out += end;
        }
        out += end;
        if (out.starts_with("SEND") || out.starts_with("MESSAGE") || out.starts_with("ERROR") || one_in(50)) {
            out += one_of({"", "abc", "hello", "\n\n", "body with more in it"});
        }
        out += "^@";
        if (one_in(4)) out += one_of({"\n", "\r\n", "\n\n\n"});
        return out;
    }

    piece_list pieces(std::string_view octets) {
        const std::size_t most = 1 + below(one_in(2) ? 8 : 200);
        piece_list all;
        while (!octets.empty()) {
            const std::size_t n = (std::min)(octets.size(), 1 + below(most));
            all.emplace_back(octets.substr(0, n), one_in(3));
            octets.remove_prefix(n);
        }
        return all;
    }

private:
    std::mt19937 random_;
};

/// Feeds and polls; what an application does depends on the event alone.
template <class Session, class React>
std::string run(Session session, const piece_list& pieces, bool into_buffer, React react) {
    std::string log;
    const auto poll = [&] {
        while (const auto e = session.poll_event()) {
            log += sim::describe(*e) + "\n";
            react(session, *e);
        }
    };
    for (const auto& [octets, poll_now] : pieces) {
        if (!session.wants_input()) poll();
        if (!session.wants_input()) break;
        if (into_buffer) {
            const std::span<char> space = session.input_buffer(octets.size());
            octets.copy(space.data(), octets.size());
            session.commit_input(octets.size(), sim::start);
        } else {
            CHECK(session.receive(octets, sim::start) == errc::ok);
        }
        if (poll_now) poll();
    }
    poll();
    log += sim::printable(sim::take_output(session));
    session.transport_closed(sim::start);
    poll();
    return log;
}

template <class Once>
void compare(generator& g, const std::string& octets, Once once) {
    const std::string whole = once({{octets, true}}, false);
    CHECK(whole.find("closed ") != whole.npos);
    piece_list single;
    for (std::size_t i = 0; i < octets.size(); ++i) single.emplace_back(std::string_view(octets).substr(i, 1), true);
    CHECK(sim::difference(once(single, false), whole) == "");
    for (int i = 0; i < 6; ++i) CHECK(sim::difference(once(g.pieces(octets), i % 2 == 0), whole) == "");
}

}  // namespace

TEST_CASE("F-13 P4: a server's events and output do not depend on the pieces") {
    std::size_t frames = 0;
    for (std::uint32_t seed = 1; seed <= 400; ++seed) {
        INFO("seed " << seed);
        generator g(seed);
        std::string text(
            g.one_of({"CONNECT\naccept-version:1.0,1.1,1.2\nhost:h\n\n^@", "STOMP\naccept-version:1.2\nhost:h\n\n^@",
                      "CONNECT\naccept-version:1.1\nhost:h\n\n^@\n", "CONNECT\n\n^@", "\r\nCONNECT\r\n\r\n^@"}));
        text += "SUBSCRIBE\nid:1\ndestination:/q\nack:client\n\n^@";
        for (std::size_t n = g.below(12); n != 0; --n) {
            text += g.frame({"SEND", "SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT",
                             "DISCONNECT", "PING", "CONNECT"});
        }
        const std::string octets = wire(text);
        stomp::server_options o;
        o.limits.max_input = g.one_in(2) ? 200 : 64 * 1024;
        compare(g, octets, [&](const piece_list& pieces, bool into_buffer) {
            stomp::subscription_handle last;
            std::uint64_t tag = 0;
            return run(
                stomp::server_session(o, sim::start), pieces, into_buffer,
                [&](stomp::server_session& s, const stomp::server_event& e) {
                    ++frames;
                    if (e.kind == stomp::server_event::connect) CHECK(s.accept("s") == errc::ok);
                    if (e.kind == stomp::server_event::subscribe) last = e.subscription;
                    if (e.kind == stomp::server_event::subscribe || e.kind == stomp::server_event::send) {
                        static_cast<void>(s.message(last, {stomp::command::send, {}, e.frame.headers, "m"}, ++tag));
                    }
                });
        });
    }
    CHECK(frames > 10'000);
}

TEST_CASE("F-13 P4: a client's events and output do not depend on the pieces") {
    std::size_t frames = 0;
    for (std::uint32_t seed = 1; seed <= 400; ++seed) {
        INFO("seed " << seed);
        generator g(seed);
        std::string text(g.one_of({"CONNECTED\nversion:1.2\n\n^@", "CONNECTED\nversion:1.1\nheart-beat:0,0\n\n^@\n",
                                   "CONNECTED\n\n^@", "\r\nCONNECTED\r\nversion:1.2\r\n\r\n^@"}));
        for (std::size_t n = g.below(12); n != 0; --n) {
            std::string frame =
                g.frame({"MESSAGE", "MESSAGE", "MESSAGE", "RECEIPT", "RECEIPT", "ERROR", "CONNECTED", "PONG"});
            // Most of them with what they need.
            if (frame.starts_with("MESSAGE\n") && !g.one_in(10)) {
                frame.insert(8, "destination:/q\nmessage-id:m1\nsubscription:1\nack:a1\n");
            }
            if (frame.starts_with("RECEIPT\n") && !g.one_in(10)) frame.insert(8, "receipt-id:r1\n");
            text += frame;
        }
        const std::string octets = wire(text);
        compare(g, octets, [&](const piece_list& pieces, bool into_buffer) {
            stomp::client_session session({.host = "h"}, sim::start);
            CHECK(session.subscribe("1", "/q", stomp::ack_mode::client, {{"receipt", "1"}}) == errc::ok);
            return run(std::move(session), pieces, into_buffer,
                       [&](stomp::client_session& s, const stomp::client_event& e) {
                           ++frames;
                           if (e.is_message()) static_cast<void>(s.ack(e, {{"receipt", s.next_receipt_id()}}));
                       });
        });
    }
    CHECK(frames > 10'000);
}
