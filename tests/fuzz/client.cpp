// A client session under a program of everything that a host, an application and a peer can do, in any order.
//
// Input: an octet of settings, then operations of one octet each, some followed by parameters (see the switch).
#include <stomp/client.hpp>

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
#include <utility>
#include <vector>

using fuzz::require;
using stomp::ack_mode;
using stomp::client_event;
using stomp::errc;
using stomp::header;
using stomp::header_list;

namespace {

class host {
public:
    host(const std::uint8_t* data, std::size_t size)
        : program_(data, size), setting_(program_.octet()), options_(options_of(setting_)),
          account_(stomp::max_memory(options_.limits)), session_(options_, now_) {}

    void run() {
        while (!program_.done()) {
            step();
            check_output();
        }
        end();
        // What was recorded or kept for a next connection ends with that, at the latest.
        account_.hold([&] { session_.restart(now_); });
        begin_epoch();
        end();
        if (options_.keep_sends == 0) {
            require(receipts_.empty(), "a receipt that never ended");
            require(session_.pending_receipts() == 0, "pending_receipts() is wrong");
        }
        require(requests_.empty(), "a request that never ended");
    }

private:
    static stomp::client_options options_of(std::uint8_t setting) {
        stomp::client_options o{.host = "h"};
        o.limits = fuzz::small_limits();
        o.limits.max_output = 2048;
        if ((setting & 1) != 0) o.heart_beat = {std::chrono::seconds(1), std::chrono::seconds(1)};
        if ((setting & 2) != 0) o.receipt_timeout = std::chrono::seconds(3);
        if ((setting & 4) != 0) o.keep_sends = 2;
        if ((setting & 8) != 0) o.confirm_sends = true;
        if ((setting & 16) != 0) o.resubscribe = false;
        o.strictness = static_cast<stomp::strictness>((setting >> 5 & 3) % 3);
        if ((setting & 128) != 0) o.versions = {stomp::version::v1_2};
        o.high_water = 1024;
        o.low_water = 256;
        return o;
    }

    void end() {
        account_.hold([&] { session_.transport_closed(now_); });
        while (poll()) {
        }
        require(closed_, "no closed event");
        require(session_.finished(), "not finished after the end of the transport");
        require(!session_.next_timeout(), "a deadline after the end");
        require(!session_.wants_input(), "input wanted after the end");
    }

    void begin_epoch() {
        restarting_ = !closed_;
        if (closed_) renew();
    }

    /// After `closed`, and restart() has been called.
    void renew() {
        closed_ = restarting_ = false;
        reader_ = fuzz::reader();
        first_ = true;
        said_goodbye_ = false;
    }

    void receive(std::string_view octets, bool into_buffer) {
        const bool wanted = session_.wants_input();
        if (into_buffer) {
            const auto space = account_.hold([&] { return session_.input_buffer(octets.size()); });
            require(space.empty() != wanted, "input_buffer() and wants_input() disagree");
            if (space.empty()) return;
            if (!octets.empty()) std::memcpy(space.data(), octets.data(), octets.size());
            account_.hold([&] { session_.commit_input(octets.size(), now_); });
        } else {
            const errc e = account_.hold([&] { return session_.receive(octets, now_); });
            require(e == (wanted ? errc::ok : errc::input_full), "receive() and wants_input() disagree");
        }
    }

    bool poll() {
        const std::size_t pending = session_.pending_receipts();
        const auto e = account_.hold([&] { return session_.poll_event(); });
        if (!e) return false;
        require(!closed_, "an event after closed");
        switch (e->kind) {
            case client_event::receipt:  // or one that nobody waits for (any more, or yet)
                if (session_.pending_receipts() < pending) {
                    require(receipts_.erase(std::string(e->receipt_id)) == 1, "a receipt that was never asked for");
                } else {
                    require(e->receipt_number == 0, "a number without a request");
                }
                break;
            case client_event::unconfirmed:
                if (!e->correlation_id.empty()) {
                    require(requests_.erase(std::string(e->correlation_id)) == 1, "unconfirmed, and never asked for");
                } else {
                    require(receipts_.erase(std::string(e->receipt_id)) == 1, "unconfirmed, and never asked for");
                }
                break;
            case client_event::reply:
                require(requests_.erase(std::string(e->correlation_id)) == 1, "a reply to nothing");
                handle_ = stomp::ack_handle(*e);
                break;
            case client_event::message: handle_ = stomp::ack_handle(*e); break;
            case client_event::closed:
                closed_ = true;
                require(requests_.empty(), "a request that outlives its connection");
                if (restarting_) renew();
                break;
            default: break;
        }
        return true;
    }

    /// After a command that returned `e` and may have asked for receipts.
    void note(errc e, std::size_t unsent_before, std::optional<std::string> receipt = {}) {
        if (e != errc::ok) {
            require(session_.unsent() == unsent_before, "a refused command wrote something");
        } else if (receipt) {
            require(receipts_.insert(*receipt).second, "a receipt awaited twice");
        }
    }

    void consume(std::size_t most, bool whole_frame) {
        std::array<std::string_view, 4> chunks;
        const std::size_t n = whole_frame ? session_.output_frame(chunks) : session_.output(chunks);
        std::string octets;
        for (std::size_t i = 0; i < n; ++i) octets += chunks[i];
        if (!whole_frame) octets.resize((std::min)(octets.size(), most));
        reader_.read(octets, [&](const stomp::frame_view& f) {
            require(is_client_command(f.command) || f.command == stomp::command::unknown, "a server's command");
            require((f.command == stomp::command::connect) == first_, "CONNECT is the first frame, and no other");
            require(!said_goodbye_, "something after DISCONNECT");
            first_ = false;
            said_goodbye_ = f.command == stomp::command::disconnect;
            reader_.set_version(session_.negotiated_version());
        });
        account_.hold([&] { session_.consume_output(octets.size(), now_); });
    }

    void check_output() {
        require(session_.unsent() <= options_.limits.max_output, "more output than max_output");
        require(session_.output().empty() == (session_.unsent() == 0), "output() and unsent() disagree");
        if (session_.finished() && closed_) require(!session_.next_timeout(), "a deadline of a finished session");
    }

    void command(std::uint8_t what) {
        const std::string_view a = program_.text();
        const std::string_view b = program_.text();
        const std::uint8_t flags = program_.octet();
        std::vector<header> extra;
        std::optional<std::string> receipt;
        if ((flags & 1) != 0) {
            const bool numbered = (flags & 2) != 0;
            receipt =
                numbered ? std::string(std::string_view(session_.next_receipt_id())) : std::string(program_.text());
            extra.push_back({"receipt", *receipt});
        }
        if ((flags & 4) != 0) extra.push_back({"transaction", program_.text()});
        if ((flags & 8) != 0) extra.push_back({program_.text(), program_.text()});
        const std::string body((flags & 0xf0U) * 2, 'b');
        const std::size_t before = session_.unsent();
        const auto mode = static_cast<ack_mode>(flags % 3);
        errc e{};
        const auto call = [&](auto f) { e = account_.hold(f); };
        auto& s = session_;
        const std::uint64_t number = s.last_receipt_number();
        switch (what % 13) {
            case 0: call([&] { return s.send(a, body, extra); }); break;
            case 1: call([&] { return s.subscribe(a, b, mode, extra); }); break;
            case 2: call([&] { return s.unsubscribe(a, extra); }); break;
            case 3: call([&] { return s.ack(handle_, extra); }); break;
            case 4: call([&] { return s.nack(handle_, extra); }); break;
            case 5: call([&] { return s.begin(a, extra); }); break;
            case 6: call([&] { return s.commit(a, extra); }); break;
            case 7: call([&] { return s.abort(a, extra); }); break;
            case 8: {
                call([&] { return s.disconnect(); });
                receipt = std::string(std::string_view(stomp::receipt_id(s.last_receipt_number())));
                break;
            }
            case 9: {
                call([&] { return s.request(a, body, extra); });
                if (e == errc::ok) {
                    std::string id = "q" + std::to_string(s.last_request_number());
                    for (const header& h : extra) {
                        if (h.name == "correlation-id") id = h.value;
                    }
                    require(requests_.insert(id).second, "a request awaited twice");
                }
                break;
            }
            case 10: call([&] { return s.send_frame({stomp::command::unknown, a, extra, body}); }); break;
            case 11: call([&] { return s.send_frame({stomp::command::subscribe, {}, extra, {}}); }); break;
            case 12: call([&] { return s.send_frame({stomp::command::disconnect, {}, extra, {}}); }); break;
        }
        // confirm_sends adds one of its own.
        if (e == errc::ok && !receipt && s.last_receipt_number() != number) {
            receipt = std::string(std::string_view(stomp::receipt_id(s.last_receipt_number())));
        }
        note(e, before, receipt);
    }

    void step() {
        const std::uint8_t op = program_.octet();
        switch (op % 16) {
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
            case 12:
                account_.hold([&] { session_.restart(now_); });
                begin_epoch();
                break;
            case 13: {
                stomp::client_session other(std::move(session_));
                session_ = std::move(other);
                break;
            }
            default: command(program_.octet());
        }
    }

    stomp::time_point now_{std::chrono::hours(1)};
    fuzz::program program_;
    std::uint8_t setting_;
    stomp::client_options options_;
    fuzz::account account_;
    stomp::client_session session_;
    fuzz::reader reader_;
    stomp::ack_handle handle_;
    std::set<std::string> receipts_;  // asked for and not ended
    std::set<std::string> requests_;
    bool first_ = true;  // no frame of this connection has been written yet
    bool said_goodbye_ = false;
    bool closed_ = false;      // told for this connection
    bool restarting_ = false;  // restart() waits for that
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    host(data, size).run();
    return 0;
}
