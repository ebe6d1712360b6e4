// A server session under a program of everything that a host, an application and a peer can do, in any order.
//
// Input: an octet of settings, then operations of one octet each, some followed by parameters (see the switch).
#include <stomp/server.hpp>

#include "support/fuzz_session.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using fuzz::require;
using stomp::errc;
using stomp::server_event;

namespace {

class host {
public:
    host(const std::uint8_t* data, std::size_t size)
        : program_(data, size), setting_(program_.octet()), options_(options_of(setting_)),
          account_((std::max)(stomp::max_memory(options_.limits), stomp::max_memory(options_.before_login))),
          session_(options_, now_) {}

    void run() {
        while (!program_.done()) {
            step();
            check_output();
        }
        account_.hold([&] { session_.transport_closed(now_); });
        while (poll()) {
        }
        require(closed_ == 1, "no closed event");
        require(tags_.empty(), "a tag that was never handed back");
        require(session_.finished(), "not finished after the end of the transport");
        require(!session_.next_timeout(), "a deadline after the end");
        require(!session_.wants_input(), "input wanted after the end");
        account_.hold([&] { session_.handle_timeout(now_ + std::chrono::hours(1)); });
        require(!session_.poll_event(), "an event after closed");
    }

private:
    static stomp::server_options options_of(std::uint8_t setting) {
        stomp::server_options o;
        o.limits = fuzz::small_limits();
        o.before_login.max_input = 1024;
        o.auto_receipt = (setting & 1) == 0;
        o.custom_commands = (setting & 2) != 0;
        o.strictness = static_cast<stomp::strictness>((setting >> 2 & 3) % 3);
        if ((setting & 16) != 0) o.heart_beat = {std::chrono::seconds(1), std::chrono::seconds(1)};
        if ((setting & 32) != 0) o.linger = o.stall_timeout = std::chrono::seconds(0);
        o.trailing_eol = (setting & 64) != 0;
        return o;
    }
    bool accepts() const { return (setting_ & 128) == 0; }

    void receive(std::string_view octets, bool into_buffer) {
        const bool wanted = session_.wants_input();
        if (into_buffer) {
            const auto space = account_.hold([&] { return session_.input_buffer(octets.size()); });
            require(space.empty() != wanted, "input_buffer() and wants_input() disagree");
            if (space.empty()) return;
            require(space.size() >= octets.size(), "input_buffer() is too small");
            if (!octets.empty()) std::memcpy(space.data(), octets.data(), octets.size());
            account_.hold([&] { session_.commit_input(octets.size(), now_); });
        } else {
            const errc e = account_.hold([&] { return session_.receive(octets, now_); });
            require(e == (wanted ? errc::ok : errc::input_full), "receive() and wants_input() disagree");
        }
    }

    void hand_back(std::span<const std::uint64_t> tags) {
        for (const std::uint64_t tag : tags) require(tags_.erase(tag) == 1, "a tag handed back twice");
    }

    bool poll() {
        const auto e = account_.hold([&] { return session_.poll_event(); });
        if (!e) return false;
        require(closed_ == 0, "an event after closed");
        last_ = stomp::frame(e->frame);
        hand_back(e->settled);
        for (const auto& step : e->steps) {
            require(step.command == step.frame.command, "a step of another command");
            hand_back(step.settled);
        }
        if (e->kind == server_event::connect) {
            require(!connected_, "connect twice");
            connected_ = true;
            if (accepts() && account_.hold([&] { return session_.accept("s"); }) == errc::ok) accepted_ = true;
        } else if (e->kind == server_event::closed) {
            ++closed_;
            require(session_.unsettled() == 0, "unsettled after closed");
        } else {
            require(accepted_, "an event before accept()");
        }
        if (e->kind == server_event::subscribe) {
            subscriptions_.push_back(e->subscription);
            if (subscriptions_.size() > 8) subscriptions_.erase(subscriptions_.begin());
        }
        require(session_.unsettled() == tags_.size(), "unsettled() is wrong");
        return true;
    }

    void message(std::size_t which, std::size_t body_size, std::string_view extra, bool shared) {
        const std::string body(body_size, 'b');
        const std::array<stomp::header, 3> headers{stomp::header{"destination", "/q"}, stomp::header{"k", extra},
                                                   stomp::header{"receipt", "never"}};
        const stomp::frame_view sent{stomp::command::send, {}, headers, body};
        const auto to = which < subscriptions_.size() ? subscriptions_[which] : stomp::subscription_handle{};
        const std::array<stomp::header, 1> more{stomp::header{"x", extra}};
        const std::size_t unsent = session_.unsent();
        const std::size_t unsettled = session_.unsettled();
        const bool tracked = session_.mode(to) != stomp::ack_mode::automatic;
        errc e{};
        if (shared) {
            const stomp::shared_message m(sent);
            e = account_.hold([&] { return session_.message(to, m, ++tag_, more); });
        } else {
            e = account_.hold([&] { return session_.message(to, sent, ++tag_, more); });
        }
        if (e == errc::ok) {
            require(accepted_, "a message before accept()");
            if (tracked) tags_.insert(tag_);
        } else {
            require(session_.unsent() == unsent, "a refused message wrote something");
        }
        require(session_.unsettled() == unsettled + (e == errc::ok && tracked ? 1 : 0), "unsettled() is wrong");
    }

    /// Every octet that is consumed is read as a client would.
    void consume(std::size_t most, bool whole_frame) {
        std::array<std::string_view, 4> chunks;
        const std::size_t n = whole_frame ? session_.output_frame(chunks) : session_.output(chunks);
        std::string octets;
        for (std::size_t i = 0; i < n; ++i) octets += chunks[i];
        if (!whole_frame) octets.resize((std::min)(octets.size(), most));
        if (whole_frame && at_frame_ && n != 0) {
            stomp::parser one;
            one.set_version(version_);
            one.feed(octets);
            const bool beat = octets == "\n";
            require(beat == (one.next() != stomp::parse_status::frame), "output_frame() is no frame");
            require(one.next() == stomp::parse_status::need_more && one.idle(), "output_frame() is more than a frame");
        }
        account_.hold([&] { session_.consume_output(octets.size(), now_); });
        if (!octets.empty()) at_frame_ = whole_frame || session_.unsent() == 0;
        reader_.read(octets, [&](const stomp::frame_view& f) {
            require(is_server_command(f.command), "a server that sends a client's command");
            require(!error_sent_, "something after ERROR");
            if (f.command == stomp::command::connected) {
                require(!version_, "CONNECTED twice");
                version_ = session_.negotiated_version();
                reader_.set_version(version_);
            } else if (f.command == stomp::command::error) {
                error_sent_ = true;
            } else {
                require(version_.has_value(), "a frame before CONNECTED");
            }
            for (const auto& h : f.headers) {
                if (f.command == stomp::command::message) require(h.name != "receipt", "a private header forwarded");
            }
        });
    }

    void check_output() {
        require(session_.unsent() <= options_.limits.max_output + 1024, "more output than max_output");
        require(session_.output().empty() == (session_.unsent() == 0), "output() and unsent() disagree");
        if (session_.finished() && closed_ == 1) require(!session_.next_timeout(), "a deadline of a finished session");
    }

    void step() {
        const std::uint8_t op = program_.octet();
        switch (op % 20) {
            case 0: receive(program_.octets(), false); break;
            case 1: receive(program_.octets(), true); break;
            case 2: poll(); break;
            case 3:
                while (poll()) {
                }
                break;
            case 4:
                now_ += std::chrono::milliseconds(program_.octet() * 50);
                account_.hold([&] { session_.handle_timeout(now_); });
                break;
            case 5: account_.hold([&] { session_.handle_timeout(now_ - std::chrono::seconds(5)); }); break;
            case 6: consume(program_.octet(), false); break;
            case 7: consume(SIZE_MAX, false); break;
            case 8: consume(0, true); break;
            case 9: account_.hold([&] { session_.pause_input(now_); }); break;
            case 10: account_.hold([&] { session_.resume_input(now_); }); break;
            case 11: account_.hold([&] { session_.transport_closed(now_); }); break;
            case 12: {
                const std::string_view id = program_.text();
                if (account_.hold([&] { return session_.accept(id, {{"x", id}}); }) == errc::ok) accepted_ = true;
                break;
            }
            case 13: account_.hold([&] { session_.reject(program_.text()); }); break;
            case 14: account_.hold([&] { session_.fail(program_.text(), last_.view()); }); break;
            case 15: {
                const std::size_t which = program_.octet() % 4;
                const std::size_t size = static_cast<std::size_t>(program_.octet()) * 8;
                message(which, size, program_.text(), (op & 128) != 0);
                break;
            }
            case 16: static_cast<void>(account_.hold([&] { return session_.receipt_for(last_.view()); })); break;
            case 17: static_cast<void>(account_.hold([&] { return session_.receipt(program_.text()); })); break;
            case 18: {
                stomp::server_session other(std::move(session_));
                session_ = std::move(other);
                break;
            }
            default: {
                const std::size_t which = program_.octet();
                const auto h = which < subscriptions_.size() ? subscriptions_[which] : stomp::subscription_handle{};
                require(
                    session_.destination(h).empty() || session_.state() != stomp::server_state::closed || closed_ == 0,
                    "a subscription of a closed session");
                static_cast<void>(session_.id(h));
            }
        }
    }

    stomp::time_point now_{std::chrono::hours(1)};
    fuzz::program program_;
    std::uint8_t setting_;
    stomp::server_options options_;
    fuzz::account account_;
    stomp::server_session session_;
    fuzz::reader reader_;
    std::vector<stomp::subscription_handle> subscriptions_;
    std::set<std::uint64_t> tags_;
    std::uint64_t tag_ = 0;
    stomp::frame last_;
    std::optional<stomp::version> version_;  // once CONNECTED has been read
    bool connected_ = false;
    bool accepted_ = false;
    bool error_sent_ = false;
    bool at_frame_ = true;
    int closed_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    host(data, size).run();
    return 0;
}
