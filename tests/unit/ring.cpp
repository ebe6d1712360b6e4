#include <stomp/detail/ring.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>

using stomp::detail::ring;

TEST_CASE("ring: a queue with both ends, in order whatever the wrap") {
    ring<int> r;
    std::deque<int> model;
    CHECK(r.empty());
    unsigned random = 1;
    for (int i = 0; i < 5000; ++i) {
        random = random * 1664525 + 1013904223;
        switch (model.empty() ? 0 : (random >> 20) % 5) {
            case 0:
            case 1:
                r.push_back(i);
                model.push_back(i);
                break;
            case 2:
                r.push_front(i);
                model.push_front(i);
                break;
            case 3:
                r.pop_front();
                model.pop_front();
                break;
            case 4:
                r.pop_back();
                model.pop_back();
                break;
        }
        bool same = r.size() == model.size();
        for (std::size_t n = 0; same && n < model.size(); ++n)
            same = r[n] == model[n] && std::as_const(r)[n] == model[n];
        REQUIRE(same);
        if (!model.empty()) {
            REQUIRE(r.front() == model.front());
            REQUIRE(r.back() == model.back());
        }
    }
    r.clear();
    CHECK(r.empty());
    r.push_back(7);
    CHECK(r.front() == 7);
}

TEST_CASE("ring: popping lets go of what the element held") {
    const auto held = std::make_shared<int>(1);
    ring<std::shared_ptr<int>> r;
    for (int i = 0; i < 3; ++i) r.push_back(held);
    CHECK(held.use_count() == 4);
    r.pop_front();
    r.pop_back();
    CHECK(held.use_count() == 2);
    r.clear();
    CHECK(held.use_count() == 1);
}

TEST_CASE("ring: reuses its memory, and gives it back when asked to") {
    ring<std::string> r;
    r.shrink(0);
    for (int i = 0; i < 100; ++i) r.push_back("x");
    CHECK(r.capacity() == 128);
    r.shrink(0);  // not empty
    CHECK(r.capacity() == 128);
    r.clear();
    const counting_new::heap_watch heap;
    for (int round = 0; round < 1000; ++round) {
        r.push_back("x");
        r.push_front("y");
        r.pop_back();
        r.pop_front();
    }
    CHECK(heap.allocations() == 0);
    r.shrink(128);
    CHECK(r.capacity() == 128);
    r.shrink(127);
    CHECK(r.capacity() == 0);
    r.push_back("again");
    CHECK(r.back() == "again");
}

TEST_CASE("ring: room that was made is there") {
    ring<int> r;
    r.push_back(0);
    r.make_room(20);
    const counting_new::heap_watch heap;
    for (int i = 1; i <= 20; ++i) r.push_back(i);
    CHECK(heap.allocations() == 0);
    for (int i = 0; i <= 20; ++i) CHECK(r[static_cast<std::size_t>(i)] == i);
}
