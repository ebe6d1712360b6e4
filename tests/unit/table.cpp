#include <stomp/detail/table.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using stomp::detail::table;

TEST_CASE("table: finds what was inserted, and only that") {
    table<int> t;
    CHECK(t.find("a") == table<int>::none);
    CHECK(t.empty());
    const auto a = t.insert("a");
    const auto empty = t.insert("");
    const auto odd = t.insert(std::string_view("a\0b", 3));
    t[a] = 1;
    t[empty] = 2;
    t[odd] = 3;
    CHECK(t.size() == 3);
    CHECK(t.find("a") == a);
    CHECK(t.find("") == empty);
    CHECK(t.find(std::string_view("a\0b", 3)) == odd);
    CHECK(t.find("b") == table<int>::none);
    CHECK(t.key(odd) == std::string_view("a\0b", 3));
    CHECK(std::as_const(t)[empty] == 2);
    t.erase(a);
    CHECK(t.find("a") == table<int>::none);
    CHECK(t.find("") == empty);
    t.clear();
    CHECK(t.empty());
    CHECK(t.first() == table<int>::none);
    CHECK(t.find("") == table<int>::none);
}

TEST_CASE("table: a slot that is used again is told by its generation") {
    table<int> t;
    const auto i = t.insert("a");
    const std::uint32_t generation = t.generation(i);
    CHECK(t.contains(i, generation));
    CHECK_FALSE(t.contains(i, generation + 1));
    CHECK_FALSE(t.contains(i + 1, generation));
    CHECK_FALSE(t.contains(table<int>::none, 0));
    t[i] = 5;
    t.erase(i);
    CHECK_FALSE(t.contains(i, generation));
    const auto again = t.insert("b");
    CHECK(again == i);
    CHECK(t[again] == 0);
    CHECK_FALSE(t.contains(again, generation));
    CHECK(t.contains(again, t.generation(again)));
}

TEST_CASE("table: erasing lets go of what the entry held") {
    const auto held = std::make_shared<int>(1);
    table<std::shared_ptr<int>> t;
    t[t.insert("a")] = held;
    t[t.insert("b")] = held;
    t.erase(t.find("a"));
    CHECK(held.use_count() == 2);
    t.clear();
    CHECK(held.use_count() == 1);
}

TEST_CASE("table: against a map, with order of insertion, through many collisions and rehashes") {
    const unsigned names = GENERATE(5U, 40U, 3000U);
    table<int> t;
    std::map<std::string, table<int>::index, std::less<>> model;
    std::vector<std::string> order;
    unsigned random = names;
    for (int i = 0; i < 20'000; ++i) {
        random = random * 1664525 + 1013904223;
        const std::string key = "k" + std::to_string((random >> 8) % names);
        const auto at = model.find(key);
        CHECK((t.find(key) == table<int>::none) == (at == model.end()));
        if (at == model.end()) {
            const auto slot = t.insert(key);
            t[slot] = i;
            model.emplace(key, slot);
            order.push_back(key);
        } else {
            CHECK(t.find(key) == at->second);
            t.erase(at->second);
            model.erase(at);
            std::erase(order, key);
        }
        if (i % 500 != 0) continue;
        REQUIRE(t.size() == model.size());
        for (const auto& [name, slot] : model) REQUIRE(t.find(name) == slot);
        std::vector<std::string> walked;
        for (auto e = t.first(); e != table<int>::none; e = t.next(e)) walked.emplace_back(t.key(e));
        REQUIRE(walked == order);
    }
}

TEST_CASE("table: entries come and go without allocating, and a long key's memory is not kept") {
    table<int> t;
    const std::string usual(40, 'k');
    t.erase(t.insert(usual));
    {
        const counting_new::heap_watch heap;
        for (int i = 0; i < 1000; ++i) t.erase(t.insert(usual));
        CHECK(heap.allocations() == 0);
    }
    const counting_new::heap_watch heap;
    t.erase(t.insert(std::string(10'000, 'k')));
    CHECK(heap.held() < 200);
}

TEST_CASE("table: the seed and the address decide where a key belongs, and both move along with the entries") {
    table<int> a(1);
    table<int> b(1);
    table<int> c(2);
    CHECK(a.hash("key") == a.hash("key"));
    CHECK(a.hash("key") != b.hash("key"));
    // With the addresses the same, only the seed can differ.
    std::uint32_t first = 0;
    for (const std::uint64_t seed : {1U, 2U}) {
        alignas(table<int>) static std::array<std::byte, sizeof(table<int>)> place;
        auto* t = new (place.data()) table<int>(seed);
        if (seed == 1) first = t->hash("key");
        CHECK((t->hash("key") == first) == (seed == 1));
        t->~table();
    }

    for (int i = 0; i < 100; ++i) {
        a[a.insert("a" + std::to_string(i))] = i;
        c[c.insert("c" + std::to_string(i))] = i;
    }
    const auto complete = [](const table<int>& t, const std::string& name) {
        for (int i = 0; i < 100; ++i) {
            const auto at = t.find(name + std::to_string(i));
            if (at == table<int>::none || t[at] != i) return false;
        }
        return t.size() == 100;
    };
    std::swap(a, c);
    CHECK(complete(a, "c"));
    CHECK(complete(c, "a"));
    b = std::move(a);
    CHECK(complete(b, "c"));
    const table<int> made(std::move(c));
    CHECK(complete(made, "a"));
    b[b.insert("one more")] = 1;
    CHECK(b.find("one more") != table<int>::none);
}

TEST_CASE("table: keys that collide under a hash that everybody knows do not collide here") {
    // As an attacker would: names of topics in one bucket of 65,536 under FNV-1a, folded.
    std::set<std::uint32_t> fnv;
    std::set<std::uint32_t> ours;
    std::size_t keys = 0;
    const table<int> t;
    for (std::uint32_t i = 0; keys < 64; ++i) {
        const std::string key = "/topic/" + std::to_string(i);
        std::uint64_t h = 14695981039346656037U;
        for (const char c : key) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211U;
        if (((h ^ (h >> 32)) & 0xffff) != 0) continue;
        ++keys;
        fnv.insert(static_cast<std::uint32_t>(h ^ (h >> 32)) & 0xffff);
        ours.insert(t.hash(key) & 0xffff);
    }
    CHECK(fnv.size() == 1);
    CHECK(ours.size() > 60);
}
