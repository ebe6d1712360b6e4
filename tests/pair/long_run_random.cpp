// 10,000 random programs of a client that loses its connection again and again, against a small broker, in virtual time.
// A model knows what each side may conclude: a receipt means that the server had processed the frame, `unconfirmed` means
// nothing, and there is one of them for each receipt asked for; what was refused never arrives; what arrives, arrives once
// and in order; no message is settled twice; subscriptions are there again before anything else.
//
// A failure prints the seed. `STOMP_SEED=4711 stomp_pair "[#long_run_random]"` runs that one alone and prints what happened.
#include <stomp/client.hpp>
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using sim::connection_pair;
using sim::link_options;
using stomp::ack_handle;
using stomp::ack_mode;
using stomp::client_event;
using stomp::client_options;
using stomp::client_state;
using stomp::errc;
using stomp::header;
using stomp::header_list;
using stomp::milliseconds;
using stomp::server_event;

namespace {

constexpr std::string_view replies = "/temp-queue/replies";
constexpr std::string_view forbidden = "/queue/forbidden";

std::uint64_t number_in(std::string_view text) {
    std::uint64_t n = 0;
    std::from_chars(text.data(), text.data() + text.size(), n);
    return n;
}

/// What all runs together have seen, to tell that they get anywhere.
struct totals {
    std::size_t confirmed = 0, unconfirmed = 0, confirmed_late = 0, lost_but_processed = 0, refused = 0, kept = 0;
    std::size_t messages = 0, acks = 0, stale = 0, replies = 0, unanswered = 0;
    std::size_t connections = 0, resubscribed = 0, errors = 0, timeouts = 0, unpolled_restarts = 0, commits = 0;
};

class program {
public:
    program(std::uint32_t seed, totals& sum)
        : dice_(seed), sum_(sum), pair_(random_client(), {.heart_beat = {1s, 1s}}, random_link()) {
        pair_.on_client = [this](const client_event& e) { client_does(e); };
        pair_.on_server = [this](const server_event& e) { server_does(e); };
    }

    /// Empty, or what went wrong.
    std::string run() {
        const std::size_t steps = 50 + roll(250);
        for (std::size_t i = 0; i < steps && failure_.empty(); ++i) {
            step();
            if (!prints) pair_.take_log();
        }
        if (failure_.empty()) finish();
        if (prints) std::fputs(pair_.take_log().c_str(), stderr);
        return failure_;
    }

    static inline bool prints = false;

private:
    // ---- chance ---------------------------------------------------------------------------------------------

    std::size_t roll(std::size_t n) { return dice_() % n; }
    bool one_in(std::size_t n) { return roll(n) == 0; }
    milliseconds up_to(int ms) { return milliseconds(roll(static_cast<std::size_t>(ms) + 1)); }

    client_options random_client() {
        client_options o{.host = "h", .confirm_sends = true, .reply_to = std::string(replies)};
        o.versions = {stomp::all_versions[roll(3)]};
        if (one_in(2)) o.heart_beat = {1s, 1s};
        if (one_in(2)) o.keep_sends = 1 + roll(8);
        if (one_in(3)) o.receipt_timeout = milliseconds(1) + up_to(60);
        o.request_timeout = milliseconds(1) + up_to(200);
        if (one_in(3)) o.limits.max_receipts = 4 + roll(20);
        if (one_in(3)) o.limits.max_output = 250 + roll(800);
        return o;
    }

    link_options random_link() {
        link_options l;
        if (one_in(2)) l.latency = up_to(20);
        if (one_in(3)) l.write_size = 1 + roll(40);
        if (one_in(3)) l.read_size = 1 + roll(40);
        if (one_in(3)) l.cut_to_server = roll(4000);
        if (one_in(3)) l.cut_to_client = roll(6000);
        l.by_frame = one_in(4);
        l.into_buffer = one_in(2);
        return l;
    }

    // ---- the application ------------------------------------------------------------------------------------

    enum class kind : std::uint8_t { send, enlisted, subscribe, other, ack };
    struct asked {
        kind what = kind::other;
        std::vector<std::uint64_t> about;  // sends or messages
        bool ended = false;
        bool refused = false;
    };
    struct publication {
        bool accepted = false;
        bool in_transaction = false;
        bool confirmed = false;
        int processed = 0;
        int settled = 0;
    };
    struct subscription {
        std::string id;
        std::string destination;
        ack_mode mode;
    };
    struct delivery {
        ack_handle handle;
        std::string subscription;
        ack_mode mode;
        std::uint64_t id = 0;
    };
    struct question {
        std::uint64_t body = 0;
        bool ended = false;
        bool processed = false;
    };

    void fail(std::string_view why, std::uint64_t number = 0) {
        if (failure_.empty()) failure_ = std::string(why) + " (" + std::to_string(number) + ")";
    }
    void must(bool holds, std::string_view why, std::uint64_t number = 0) {
        if (!holds) fail(why, number);
    }

    stomp::client_session& client() { return pair_.client; }

    /// Takes note of a receipt that is asked for.
    void expect(std::uint64_t number, kind what, std::vector<std::uint64_t> about) {
        must(asked_.size() <= number || asked_[number].about.empty(), "a receipt number is used twice", number);
        if (asked_.size() <= number) asked_.resize(number + 1, {kind::other, {}, true, false});
        asked_[number] = {what, std::move(about), false, false};
        ++outstanding_;
    }

    bool acceptable(errc e) {
        const bool known =
            e == errc::ok || e == errc::not_connected || e == errc::output_full || e == errc::limit_receipts;
        if (!known) fail(to_string(e));
        if (e != errc::ok) ++sum_.refused;
        return e == errc::ok;
    }

    bool send(header_list extra = {}, kind what = kind::send) {
        const std::uint64_t id = publications_.size();
        publications_.emplace_back();
        publications_[id].in_transaction = what == kind::enlisted;
        const std::size_t kept = client().kept_sends();
        const errc e = client().send("/queue/a", std::to_string(id), extra);
        sum_.kept += client().kept_sends() - kept;
        if (!acceptable(e)) return false;
        publications_[id].accepted = true;
        expect(client().last_receipt_number(), what, {id});
        return true;
    }

    /// All or nothing: begin, some sends, commit.
    void transact() {
        const std::string name = "t" + std::to_string(++transactions_);
        if (!acceptable(client().begin(name))) return;
        const std::uint64_t first = publications_.size();
        bool whole = true;
        for (std::size_t n = 1 + roll(3); n != 0 && whole; --n) whole = send({{"transaction", name}}, kind::enlisted);
        std::vector<std::uint64_t> ids;
        for (std::uint64_t id = first; id < publications_.size(); ++id) ids.push_back(id);
        if (!whole || one_in(4)) {
            // Where even this is refused the transaction stays open, and ends with the connection.
            (void)acceptable(client().abort(name));
            for (const auto id : ids) publications_[id].accepted = false;
            return;
        }
        const stomp::receipt_id receipt = client().next_receipt_id();
        if (acceptable(client().commit(name, {{"receipt", receipt}}))) {
            expect(receipt.number(), kind::send, ids);
            ++sum_.commits;
        } else {
            for (const auto id : ids) publications_[id].accepted = false;
        }
    }

    void subscribe() {
        static constexpr std::array modes{ack_mode::automatic, ack_mode::client, ack_mode::client_individual};
        // A new id each time: messages of an earlier subscription may still be on their way. One that is held is
        // refused.
        if (live_.size() >= 6) return;
        subscription s{"s" + std::to_string(++ids_), "/queue/a", modes[roll(3)]};
        if (!live_.empty() && one_in(8)) s.id = live_[roll(live_.size())].id;
        if (one_in(4)) s.destination = replies;
        if (one_in(20)) s.destination = forbidden;
        if (s.destination != "/queue/a") s.mode = ack_mode::automatic;
        const auto held = [&](const subscription& other) { return other.id == s.id; };
        const bool taken = std::any_of(live_.begin(), live_.end(), held);
        const stomp::receipt_id receipt = client().next_receipt_id();
        // A refusal can only be told from a receipt; what it does is what it is asked here for.
        const bool confirm = s.destination == forbidden || one_in(2);
        const std::array<header, 1> extra{header{"receipt", receipt}};
        const errc e = client().subscribe(s.id, s.destination, s.mode, std::span(extra).first(confirm ? 1 : 0));
        if (taken && e == errc::duplicate_subscription) return;
        if (!acceptable(e)) return;
        must(!taken, "a subscription id is taken twice");
        if (confirm) expect(receipt.number(), kind::subscribe, {});
        live_.push_back(s);
        if (confirm) subscribe_receipts_[s.id] = receipt.number();
    }

    void unsubscribe() {
        if (live_.empty()) return;
        const std::string id = one_in(8) ? "unknown" : live_[roll(live_.size())].id;
        const auto at = std::find_if(live_.begin(), live_.end(), [&](const subscription& s) { return s.id == id; });
        const errc e = client().unsubscribe(id);
        if (at == live_.end()) return must(e != errc::ok, "an unknown subscription ends");
        if (!acceptable(e)) return;
        unsubscribed_.push_back(id);
        subscribe_receipts_.erase(id);
        live_.erase(at);
        std::erase_if(deliveries_, [&](const delivery& d) { return d.subscription == id; });
    }

    void settle_one() {
        if (deliveries_.empty()) return;
        const std::size_t i = roll(deliveries_.size());
        const delivery d = deliveries_[i];
        const bool stale = d.handle.epoch() != client().epoch();
        const bool negative = client().negotiated_version() != stomp::version::v1_0 && one_in(5);
        const stomp::receipt_id receipt = client().next_receipt_id();
        const bool confirm = one_in(2);
        const std::array<header, 1> extra{header{"receipt", receipt}};
        const header_list headers = std::span(extra).first(confirm ? 1 : 0);
        const std::size_t before = client().unsent();
        const errc e = negative ? client().nack(d.handle, headers) : client().ack(d.handle, headers);
        if (stale) {
            must(e == errc::stale_ack, "an old handle is not stale");
            must(client().unsent() == before, "a stale ack writes");
            ++sum_.stale;
            deliveries_.erase(deliveries_.begin() + static_cast<std::ptrdiff_t>(i));
            return;
        }
        if (!acceptable(e)) return;
        ++sum_.acks;
        std::vector<std::uint64_t> about;
        for (std::size_t k = i + 1; k-- != 0;) {  // cumulative: with all that came before it
            const delivery& other = deliveries_[k];
            const bool earlier = d.mode == ack_mode::client && other.subscription == d.subscription &&
                                 other.handle.epoch() == d.handle.epoch();
            if (k != i && !earlier) continue;
            about.push_back(other.id);
            deliveries_.erase(deliveries_.begin() + static_cast<std::ptrdiff_t>(k));
        }
        if (confirm) expect(receipt.number(), negative ? kind::other : kind::ack, about);
    }

    void ask() {
        const std::uint64_t body = 1'000'000 + questions_.size();
        const errc e = client().request("/queue/ask", std::to_string(body));
        if (!acceptable(e)) return;
        const std::uint64_t n = client().last_request_number();
        must(questions_.find(n) == questions_.end(), "a request number is used twice", n);
        questions_[n] = {body};
        expect(client().last_receipt_number(), kind::other, {});
    }

    void step() {
        if (client().state() == client_state::closed && one_in(4)) return reconnect();
        switch (roll(24)) {
            case 0:
            case 1:
            case 2:
            case 3:
            case 4: send(); break;
            case 5:
                for (std::size_t n = roll(12); n != 0; --n) send();
                break;
            case 6: transact(); break;
            case 7:
            case 8: subscribe(); break;
            case 9: unsubscribe(); break;
            case 10:
            case 11:
            case 12: settle_one(); break;
            case 13:
            case 14: ask(); break;
            case 15:
            case 16: pair_.settle(); break;
            case 17:
            case 18: pair_.advance(up_to(60)); break;
            case 19:
                if (!pair_.broken) pair_.break_link();
                break;
            case 20:
            case 21:
                if (pair_.broken || client().state() == client_state::closed || one_in(4)) reconnect();
                break;
            case 22:
                for (bool* does : {&pair_.client_writes, &pair_.server_writes, &pair_.client_reads, &pair_.server_reads,
                                   &pair_.client_polls, &pair_.server_polls}) {
                    *does = !one_in(4);
                }
                break;
            default:
                if (one_in(8) && acceptable(client().disconnect()))
                    expect(client().last_receipt_number(), kind::other, {});
                if (one_in(3)) one_in(2) ? client().pause_input(pair_.now) : client().resume_input(pair_.now);
                break;
        }
        const std::size_t most = client().pending_receipts();
        must(most <= outstanding_, "more receipts are pending than were asked for", most);
        if (client().pending_requests() > unanswered()) fail("more requests are pending than were made");
    }

    std::size_t unanswered() const {
        return static_cast<std::size_t>(
            std::count_if(questions_.begin(), questions_.end(), [](const auto& q) { return !q.second.ended; }));
    }

    /// A new connection, whether or not the events of the old one have been polled.
    void reconnect() {
        if (!pair_.broken) {
            // The transport is replaced under both ends.
            pair_.client_polls = pair_.client_polls && !one_in(2);
            pair_.break_link();
        }
        if (client().state() != client_state::closed) ++sum_.unpolled_restarts;
        replace(random_link());
        if (one_in(2)) {
            send();
            subscribe();
        }
        pair_.client_polls = true;
    }

    void replace(link_options l) {
        end_of_server_connection();  // whatever it has not polled, it never will
        ++session_;
        pair_.reconnect(l);
    }

    void client_does(const client_event& e) {
        switch (e.kind) {
            case client_event::connected:
                must(e.epoch == epoch_, "connected in another epoch", e.epoch);
                must(!connected_, "connected twice", e.epoch);
                connected_ = true;
                ++sum_.connections;
                expected_first_ = live_;
                unsubscribed_.clear();
                break;
            case client_event::message: {
                const std::uint64_t id = number_in(e.frame.body);
                if (id >= publications_.size()) break;  // an answer that came too late
                must(publications_[id].processed == 1, "a message of nothing", id);
                ++sum_.messages;
                const std::string_view over = e.frame.get_or("subscription");
                for (const subscription& s : live_) {
                    if (s.id != over || s.mode == ack_mode::automatic || s.destination != "/queue/a") continue;
                    deliveries_.push_back({ack_handle(e), s.id, s.mode, id});
                }
                break;
            }
            case client_event::reply: {
                const auto q = questions_.find(e.request_number);
                if (q == questions_.end()) return fail("a reply to nothing", e.request_number);
                must(!q->second.ended, "a request ends twice", e.request_number);
                must(q->second.processed, "a reply to what was not asked", e.request_number);
                must(number_in(e.frame.body) == q->second.body, "the reply to another request", e.request_number);
                q->second.ended = true;
                ++sum_.replies;
                break;
            }
            case client_event::receipt: {
                if (e.receipt_number == 0) {  // after its deadline
                    ++sum_.confirmed_late;
                    break;
                }
                end_receipt(e);
                const asked& a = asked_[e.receipt_number];
                for (const std::uint64_t id : a.about) {
                    if (a.what == kind::send)
                        must(publications_[id].processed == 1, "confirmed, but not processed", id);
                    if (a.what == kind::send) publications_[id].confirmed = true;
                    if (a.what == kind::ack)
                        must(publications_[id].settled == 1, "an ack confirmed, but not settled", id);
                }
                ++sum_.confirmed;
                break;
            }
            case client_event::unconfirmed:
                if (e.request_number != 0) {
                    const auto q = questions_.find(e.request_number);
                    if (q == questions_.end()) return fail("no answer to nothing", e.request_number);
                    must(!q->second.ended, "a request ends twice", e.request_number);
                    q->second.ended = true;
                    ++sum_.unanswered;
                    break;
                }
                end_receipt(e);
                ++sum_.unconfirmed;
                if (e.reason == errc::server_error) {
                    must(asked_[e.receipt_number].refused, "an ERROR that named another", e.receipt_number);
                    for (const std::uint64_t id : asked_[e.receipt_number].about) {
                        must(publications_[id].processed == 0, "refused, but processed", id);
                    }
                } else {
                    for (const std::uint64_t id : asked_[e.receipt_number].about) {
                        if (publications_[id].processed == 1) ++sum_.lost_but_processed;
                    }
                }
                sum_.timeouts += e.reason == errc::receipt_timeout ? 1 : 0;
                break;
            case client_event::error:
                ++sum_.errors;
                must(e.frame.get_or("message") == "no", "the client broke the protocol: " + sim::describe(e.frame));
                if (const auto id = e.frame.get("receipt-id")) {
                    const std::uint64_t named = stomp::receipt_id::number_of(*id);
                    const auto refused = std::find_if(subscribe_receipts_.begin(), subscribe_receipts_.end(),
                                                      [&](const auto& s) { return s.second == named; });
                    if (refused == subscribe_receipts_.end() || asked_[named].ended) break;
                    std::erase_if(live_, [&](const subscription& s) { return s.id == refused->first; });
                    subscribe_receipts_.erase(refused);
                }
                break;
            case client_event::closed: {
                must(e.epoch == epoch_, "closed in another epoch", e.epoch);
                ++epoch_;
                connected_ = false;
                std::size_t left = 0;
                for (const asked& a : asked_) left += !a.ended && a.what != kind::subscribe ? 1 : 0;
                must(left == client().kept_sends(), "receipts that outlive their connection", left);
                must(unanswered() == 0, "requests that outlive their connection", unanswered());
                if (e.reason == errc::server_error) give_up_forbidden();
                break;
            }
        }
    }

    /// An ERROR that names no receipt does not say which subscription it is about. The application does.
    void give_up_forbidden() {
        for (std::size_t i = 0; i < live_.size(); ++i) {
            if (live_[i].destination != forbidden || client().unsubscribe(live_[i].id) != errc::ok) continue;
            subscribe_receipts_.erase(live_[i].id);
            live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(i--));
        }
    }

    void end_receipt(const client_event& e) {
        if (e.receipt_number >= asked_.size()) return fail("a receipt of nothing", e.receipt_number);
        asked& a = asked_[e.receipt_number];
        must(!a.ended, "a receipt ends twice", e.receipt_number);
        a.ended = true;
        --outstanding_;
    }

    // ---- the broker -----------------------------------------------------------------------------------------

    stomp::server_session& server() { return pair_.server; }

    /// Everything that the connection still held goes back.
    void end_of_server_connection() {
        for (auto i = held_.rbegin(); i != held_.rend(); ++i) queue_.push_front(*i);
        held_.clear();
        subscribers_.clear();
        seen_first_.clear();
        only_subscribed_ = true;
    }

    void process(const stomp::frame_view& f) {
        const std::uint64_t id = number_in(f.body);
        if (id >= publications_.size()) return fail("a frame of nothing", id);
        must(publications_[id].accepted, "refused, but sent", id);
        must(++publications_[id].processed == 1, "sent twice", id);
        must(id >= next_, "out of order", id);
        next_ = id + 1;
        queue_.push_back(id);
    }

    void server_does(const server_event& e) {
        if (e.kind != server_event::connect && e.kind != server_event::subscribe && e.kind != server_event::closed) {
            subscriptions_are_complete();
        }
        switch (e.kind) {
            case server_event::connect:
                must(server().accept("s" + std::to_string(session_)) == (pair_.broken ? errc::invalid_state : errc::ok),
                     "accept");
                break;
            case server_event::send:
                if (const auto q = e.frame.get("correlation-id")) {
                    const auto known = questions_.find(number_in(q->substr(1)));
                    if (known == questions_.end()) return fail("a question that was refused");
                    must(!known->second.processed, "a question asked twice");
                    known->second.processed = true;
                    if (!one_in(4)) answer(*q, e.frame.body);
                } else if (!finishing_ && one_in(40)) {
                    refuse(e.frame);
                } else {
                    process(e.frame);
                }
                break;
            case server_event::subscribe:
                if (only_subscribed_) seen_first_.emplace_back(e.frame.get_or("id"));
                if (e.frame.get_or("destination") == forbidden) {
                    refuse(e.frame);
                } else {
                    subscribers_.push_back({e.subscription, std::string(e.frame.get_or("destination"))});
                }
                break;
            case server_event::unsubscribe:
                std::erase_if(subscribers_, [&](const subscriber& s) { return s.handle == e.subscription; });
                give_back(e.settled);
                break;
            case server_event::ack: settle(e.settled); break;
            case server_event::nack: give_back(e.settled); break;
            case server_event::commit:
                for (const stomp::transaction_step& s : e.steps) process(s.frame);
                break;
            case server_event::closed: end_of_server_connection(); break;
            default: break;
        }
        if (e.kind != server_event::closed) deliver();
    }

    void refuse(const stomp::frame_view& f) {
        if (const auto id = f.get("receipt")) asked_[stomp::receipt_id::number_of(*id)].refused = true;
        server().fail("no", f);
    }

    void settle(std::span<const std::uint64_t> tags) {
        for (const std::uint64_t id : tags) {
            must(std::erase(held_, id) == 1, "settled, but not held", id);
            must(++publications_[id].settled == 1, "settled twice", id);
        }
    }

    void give_back(std::span<const std::uint64_t> tags) {
        for (const std::uint64_t id : tags) {
            must(std::erase(held_, id) == 1, "given back, but not held", id);
            queue_.push_back(id);
        }
    }

    void answer(std::string_view correlation, std::string_view body) {
        const std::array<header, 2> headers{header{"destination", replies}, header{"correlation-id", correlation}};
        for (const subscriber& s : subscribers_) {
            if (s.destination != replies) continue;
            // An answer that does not fit is one that does not come.
            (void)server().message(s.handle, {stomp::command::send, {}, headers, body}, 0);
            return;
        }
    }

    void deliver() {
        while (!queue_.empty()) {
            const auto n = std::count_if(subscribers_.begin(), subscribers_.end(),
                                         [](const subscriber& s) { return s.destination == "/queue/a"; });
            if (n == 0 || held_.size() > 40) return;
            std::size_t which = roll(static_cast<std::size_t>(n));
            for (const subscriber& s : subscribers_) {
                if (s.destination != "/queue/a" || which-- != 0) continue;
                const std::uint64_t id = queue_.front();
                const std::string body = std::to_string(id);
                const std::array<header, 1> headers{header{"destination", "/queue/a"}};
                const bool waits = server().mode(s.handle) != ack_mode::automatic;
                if (server().message(s.handle, {stomp::command::send, {}, headers, body}, id) != errc::ok) return;
                queue_.pop_front();
                if (waits) held_.push_back(id);
                break;
            }
        }
    }

    /// Called with the first frame that is no SUBSCRIBE.
    void subscriptions_are_complete() {
        if (!std::exchange(only_subscribed_, false)) return;
        std::vector<std::string> expected;
        for (const subscription& s : expected_first_) {
            const bool taken_back = std::find(unsubscribed_.begin(), unsubscribed_.end(), s.id) != unsubscribed_.end();
            const bool seen = std::find(seen_first_.begin(), seen_first_.end(), s.id) != seen_first_.end();
            if (!taken_back || seen) expected.push_back(s.id);
        }
        const bool same =
            seen_first_.size() >= expected.size() && std::equal(expected.begin(), expected.end(), seen_first_.begin());
        must(same, "not all subscriptions came first", expected.size());
        sum_.resubscribed += expected.size();
    }

    // ---- the end --------------------------------------------------------------------------------------------

    void finish() {
        finishing_ = true;
        for (bool* does : {&pair_.client_writes, &pair_.server_writes, &pair_.client_reads, &pair_.server_reads,
                           &pair_.client_polls, &pair_.server_polls}) {
            *does = true;
        }
        client().resume_input(pair_.now);
        for (int attempts = 0; attempts < 4; ++attempts) {  // a forbidden subscription ends one connection
            pair_.break_link();
            replace(link_options{});
            pair_.advance(500ms);
            if (client().state() == client_state::connected) break;
        }
        if (!failure_.empty()) return;
        must(client().state() == client_state::connected, "no connection at the end");
        must(client().kept_sends() == 0, "sends are still kept", client().kept_sends());
        must(client().pending_receipts() == 0, "receipts are pending at the end", client().pending_receipts());
        must(outstanding_ == 0, "receipts that never ended", outstanding_);
        must(unanswered() == 0, "requests that never ended", unanswered());
        must(subscribers_.size() == live_.size(), "other subscriptions than the client's", subscribers_.size());
        for (std::size_t i = 0; i < subscribers_.size() && i < live_.size(); ++i) {
            must(server().id(subscribers_[i].handle) == live_[i].id, "another subscription", i);
            must(server().mode(subscribers_[i].handle) == live_[i].mode, "another mode", i);
        }
        for (std::uint64_t id = 0; id < publications_.size(); ++id) {
            if (publications_[id].confirmed) must(publications_[id].processed == 1, "confirmed, but lost", id);
        }
        if (acceptable(client().disconnect())) expect(client().last_receipt_number(), kind::other, {});
        const std::uint32_t epoch = epoch_;
        pair_.advance(10ms);
        must(epoch_ == epoch + 1, "no clean end");
        must(outstanding_ == 0, "receipts after the end", outstanding_);
        must(!client().poll_event(), "events after the end");
    }

    struct subscriber {
        stomp::subscription_handle handle;
        std::string destination;
    };

    std::mt19937 dice_;
    totals& sum_;
    connection_pair pair_;
    std::string failure_;

    std::vector<publication> publications_;
    std::vector<asked> asked_;
    std::size_t outstanding_ = 0;
    std::vector<subscription> live_;  // in order
    std::map<std::string, std::uint64_t> subscribe_receipts_;
    std::vector<std::string> unsubscribed_;  // since CONNECTED
    std::vector<delivery> deliveries_;       // in order
    std::map<std::uint64_t, question> questions_;
    std::uint64_t ids_ = 0;
    std::uint64_t transactions_ = 0;
    std::uint32_t epoch_ = 1;
    bool connected_ = false;

    std::vector<subscriber> subscribers_;
    std::vector<subscription> expected_first_;
    std::vector<std::string> seen_first_;
    bool only_subscribed_ = true;
    std::deque<std::uint64_t> queue_;
    std::vector<std::uint64_t> held_;  // delivered, not settled
    std::uint64_t next_ = 0;
    std::uint64_t session_ = 0;
    bool finishing_ = false;
};

}  // namespace

TEST_CASE("R-02 S-10 A-05: 10,000 clients that lose their connections conclude nothing that is not so") {
    totals sum;
    if (const char* seed = std::getenv("STOMP_SEED")) {
        program::prints = true;
        CHECK(program(static_cast<std::uint32_t>(number_in(seed)), sum).run() == "");
        return;
    }
    int failures = 0;
    for (std::uint32_t seed = 1; seed <= 10'000 && failures < 5; ++seed) {
        const std::string failure = program(seed, sum).run();
        if (failure.empty()) continue;
        ++failures;
        INFO("seed " << seed);
        CHECK(failure == "");
    }
    // They do get somewhere.
    CHECK(sum.confirmed > 40'000);
    CHECK(sum.unconfirmed > 20'000);
    CHECK(sum.lost_but_processed > 1'000);
    CHECK(sum.confirmed_late > 500);
    CHECK(sum.timeouts > 1'000);
    CHECK(sum.refused > 20'000);
    CHECK(sum.kept > 5'000);
    CHECK(sum.messages > 20'000);
    CHECK(sum.acks > 5'000);
    CHECK(sum.stale > 1'000);
    CHECK(sum.replies > 1'000);
    CHECK(sum.unanswered > 5'000);
    CHECK(sum.connections > 20'000);
    CHECK(sum.resubscribed > 5'000);
    CHECK(sum.errors > 500);
    CHECK(sum.unpolled_restarts > 1'000);
    CHECK(sum.commits > 1'000);
    INFO("confirmed " << sum.confirmed << ", unconfirmed " << sum.unconfirmed << " (processed all the same "
                      << sum.lost_but_processed << "), late " << sum.confirmed_late << ", timeouts " << sum.timeouts
                      << ", refused " << sum.refused << ", kept " << sum.kept << ", messages " << sum.messages
                      << ", acks " << sum.acks << ", stale " << sum.stale << ", replies " << sum.replies
                      << ", unanswered " << sum.unanswered << ", connections " << sum.connections << ", resubscribed "
                      << sum.resubscribed << ", errors " << sum.errors << ", unpolled restarts "
                      << sum.unpolled_restarts << ", commits " << sum.commits);
    CHECK(failures == 0);
}
