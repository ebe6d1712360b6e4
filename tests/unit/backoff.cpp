#include <stomp/backoff.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <vector>

using namespace std::chrono_literals;
using stomp::backoff;
using stomp::milliseconds;

namespace {

constexpr stomp::time_point start{};

// The longest delay there can be now, if that is `bound`: the next larger number gives the shortest one again.
milliseconds longest(backoff& b, stomp::time_point now, milliseconds bound) {
    const auto largest = static_cast<std::uint64_t>(bound.count());
    backoff same = b;
    CHECK(same.delay(now, largest + 1) == 0ms);
    return b.delay(now, largest);
}

}  // namespace

TEST_CASE("backoff: the bound doubles up to the cap") {
    backoff b({.first = 500ms, .most = 3s});
    for (const milliseconds bound : {500ms, 1000ms, 2000ms, 3000ms, 3000ms, 3000ms}) {
        CHECK(longest(b, start, bound) == bound);
    }
    CHECK(b.attempts() == 6);
}

TEST_CASE("backoff: full jitter, every delay from nothing to the bound") {
    std::set<milliseconds> seen;
    for (std::uint64_t random = 1000; random < 1000 + 4 * 11; ++random) {
        backoff b({.first = 10ms});
        const milliseconds delay = b.delay(start, random);
        CHECK(delay >= 0ms);
        CHECK(delay <= 10ms);
        seen.insert(delay);
    }
    CHECK(seen.size() == 11);
}

TEST_CASE("backoff: the largest random number and the longest cap do not overflow") {
    backoff b({.first = milliseconds(1), .most = (milliseconds::max)()});
    for (int i = 0; i < 200; ++i) {
        const milliseconds delay = b.delay(start, (std::numeric_limits<std::uint64_t>::max)());
        REQUIRE(delay >= 0ms);
    }
    CHECK(b.attempts() == 200);
}

TEST_CASE("backoff: a connection that lasted starts over, a short one does not") {
    backoff b({.first = 1s, .most = 60s, .stable_after = 30s});
    CHECK(longest(b, start, 1s) == 1s);
    CHECK(longest(b, start, 2s) == 2s);

    b.connected(start);
    CHECK(longest(b, start + 30s - 1ms, 4s) == 4s);  // one tick too short
    CHECK(b.attempts() == 3);

    b.connected(start + 60s);
    CHECK(longest(b, start + 90s, 1s) == 1s);
    CHECK(b.attempts() == 1);

    // That connection is over: time alone makes no later failure look like the end of a stable one.
    CHECK(longest(b, start + 10h, 2s) == 2s);
    CHECK(b.attempts() == 2);
}

TEST_CASE("backoff: reset starts over") {
    backoff b({.first = 100ms});
    CHECK(longest(b, start, 100ms) == 100ms);
    CHECK(longest(b, start, 200ms) == 200ms);
    b.reset();
    CHECK(b.attempts() == 0);
    CHECK(longest(b, start, 100ms) == 100ms);
}

TEST_CASE("backoff: senseless options are put right") {
    backoff zero({.first = 0ms, .most = 0ms});
    CHECK(longest(zero, start, 1ms) == 1ms);
    CHECK(longest(zero, start, 1ms) == 1ms);

    backoff negative({.first = -5s, .most = -1s});
    CHECK(longest(negative, start, 1ms) == 1ms);

    backoff reversed({.first = 10s, .most = 2s});
    CHECK(longest(reversed, start, 2s) == 2s);
    CHECK(longest(reversed, start, 2s) == 2s);
}

TEST_CASE("backoff: the random source is the caller's, called once per delay") {
    int calls = 0;
    backoff b({.first = 100ms});
    CHECK(b.delay(start, [&calls] { return ++calls == 1 ? 42 : 0; }) == 42ms);
    CHECK(calls == 1);

    std::mt19937_64 generator(7);
    std::mt19937_64 same(7);
    backoff one({.first = 10s});
    backoff other({.first = 10s});
    for (int i = 0; i < 10; ++i) CHECK(one.delay(start, generator) == other.delay(start, same()));
}

TEST_CASE("backoff: works at compile time") {
    constexpr milliseconds delay = [] {
        backoff b({.first = 8ms});
        (void)b.delay(start, 3);
        return b.delay(start, 16);
    }();
    STATIC_REQUIRE(delay == 16ms);
}
