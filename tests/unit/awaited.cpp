// Answers that are waited for: which one is overdue, and when to look.
#include <stomp/detail/awaited.hpp>
#include <stomp/detail/connection.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <random>
#include <string>

using namespace std::chrono_literals;
using stomp::milliseconds;
using stomp::time_point;
using stomp::detail::timers;

namespace {

constexpr time_point start{std::chrono::hours(1)};
constexpr time_point never = (time_point::max)();

struct value {
    int number = 0;
};
using table = stomp::detail::awaited<value>;

/// One table and the clock that it is told.
struct waiting {
    explicit waiting(milliseconds d) : duration(d) {}

    milliseconds duration;
    timers clock{start};
    table answers;

    table::index insert(std::string_view id) {
        answers.arm(clock, duration);
        const auto i = answers.insert(id, clock, duration);
        clock.mark();
        return i;
    }
    void tell(milliseconds since_start) { clock.tell(start + since_start); }
    void expire(milliseconds since_start) {
        tell(since_start);
        answers.expire(clock.now());
    }
    time_point deadline() const { return answers.deadline(clock, duration); }
    table::index expired() const { return answers.expired(clock, duration); }
};

}  // namespace

TEST_CASE("awaited: a deadline begins at the first time told after the insertion") {
    waiting w(10s);
    CHECK(w.deadline() == never);
    const auto a = w.insert("a");
    CHECK(w.deadline() == start);  // due at once, so that it is told the time
    w.tell(3s);
    CHECK(w.deadline() == start + 13s);
    w.tell(4s);
    CHECK(w.deadline() == start + 13s);
    w.expire(13s - 1ms);
    CHECK(w.expired() == table::none);
    w.expire(13s);
    CHECK(w.expired() == a);
    CHECK(w.deadline() == never);  // told already: nothing to look at until it is taken
    w.answers.erase(a);
    CHECK(w.expired() == table::none);
    CHECK(w.answers.empty());
}

TEST_CASE("awaited: a later entry asks for the time as well, not only the oldest") {
    waiting w(10s);
    w.insert("a");
    w.tell(0s);
    const auto b = w.insert("b");
    CHECK(w.deadline() == start);
    w.tell(9s);
    CHECK(w.deadline() == start + 10s);
    w.answers.erase(w.answers.find("a"));
    CHECK(w.deadline() == start + 19s);
    w.expire(19s);
    CHECK(w.expired() == b);
}

TEST_CASE("awaited: entries of one moment are overdue together, oldest first") {
    waiting w(1s);
    const auto a = w.insert("a");
    const auto b = w.insert("b");
    w.tell(0s);
    const auto c = w.insert("c");
    w.tell(500ms);
    w.expire(1s);
    CHECK(w.expired() == a);
    w.answers.erase(a);
    CHECK(w.expired() == b);
    w.answers.erase(b);
    CHECK(w.expired() == table::none);
    CHECK(w.deadline() == start + 1500ms);
    w.expire(10s);
    CHECK(w.expired() == c);
}

TEST_CASE("awaited: an entry that was never given a deadline can go at any time") {
    waiting w(1s);
    const auto a = w.insert("a");
    const auto b = w.insert("b");
    const auto c = w.insert("c");
    w.answers.erase(a);  // the first without a deadline
    w.answers.erase(c);  // the last
    CHECK(w.deadline() == start);
    w.tell(2s);
    CHECK(w.deadline() == start + 3s);
    w.answers.erase(b);
    CHECK(w.deadline() == never);
    w.insert("d");
    w.tell(4s);
    CHECK(w.deadline() == start + 5s);
}

TEST_CASE("awaited: without a duration nothing is ever due") {
    const auto duration = GENERATE(milliseconds(0), milliseconds(-5));
    waiting w(duration);
    w.insert("a");
    CHECK(w.deadline() == never);
    w.expire(std::chrono::hours(1000));
    CHECK(w.expired() == table::none);
    CHECK(w.deadline() == never);
    CHECK(w.answers.size() == 1);
}

TEST_CASE("awaited: the longest duration does not wrap around") {
    waiting w((milliseconds::max)());
    w.insert("a");
    w.tell(1s);
    CHECK(w.deadline() == never);
    w.expire(std::chrono::hours(1'000'000));
    CHECK(w.expired() == table::none);
}

TEST_CASE("awaited: two tables share one mark, and neither waits too long") {
    timers clock(start);
    table fast;
    table slow;
    const auto arm = [&] {
        fast.arm(clock, 1s);
        slow.arm(clock, 5s);
    };
    arm();
    fast.insert("f", clock, 1s);
    clock.mark();
    clock.tell(start + 1s);
    arm();
    slow.insert("s", clock, 5s);
    clock.mark();
    clock.tell(start + 10s);
    CHECK(fast.deadline(clock, 1s) == start + 2s);
    CHECK(slow.deadline(clock, 5s) == start + 15s);
}

TEST_CASE("awaited: random programs agree with a list of deadlines") {
    struct entry {
        std::string id;
        bool armed = false;
        time_point deadline{};
    };
    std::mt19937 dice(1);
    const auto roll = [&](unsigned n) { return static_cast<unsigned>(dice() % n); };
    std::size_t overdue = 0;
    std::size_t asked = 0;
    for (int program = 0; program < 200; ++program) {
        waiting w(milliseconds(1 + roll(50)));
        std::deque<entry> model;
        time_point now = start;
        time_point looked = start - 1ms;
        unsigned serial = 0;
        for (int step = 0; step < 200; ++step) {
            switch (roll(4)) {
                case 0:
                    model.push_back({std::to_string(++serial)});
                    w.insert(model.back().id);
                    break;
                case 1:
                    if (!model.empty()) {
                        const auto which = model.begin() + roll(static_cast<unsigned>(model.size()));
                        w.answers.erase(w.answers.find(which->id));
                        model.erase(which);
                    }
                    break;
                default:
                    now += milliseconds(roll(20));
                    w.clock.tell(now);
                    for (entry& e : model) {
                        if (!e.armed) e.deadline = now + w.duration;
                        e.armed = true;
                    }
                    if (roll(2) == 0) {
                        w.answers.expire(now);
                        looked = now;
                    }
                    break;
            }
            CAPTURE(program, step);
            REQUIRE(w.answers.size() == model.size());
            if (model.empty()) {
                REQUIRE(w.expired() == table::none);
                REQUIRE(w.deadline() == never);
                continue;
            }
            const entry& oldest = model.front();
            const bool due = oldest.armed && oldest.deadline <= looked;
            REQUIRE(w.expired() == (due ? w.answers.find(oldest.id) : table::none));
            if (!model.back().armed) {
                REQUIRE(w.deadline() == now);
                ++asked;
            } else {
                REQUIRE(w.deadline() == (due ? never : oldest.deadline));
            }
            overdue += due ? 1 : 0;
        }
    }
    CHECK(overdue > 1000);
    CHECK(asked > 1000);
}
