// Topics and patterns against a naive matcher: random ones over a small alphabet, so that near misses are common.
#include <stomp/broker.hpp>

#include "support/broker_harness.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using sim::broker_host;
using sim::errc;

namespace {

std::vector<std::string> segments(std::string_view text) {
    std::vector<std::string> out(1);
    for (const char c : text) {
        if (c == '/') {
            out.emplace_back();
        } else {
            out.back() += c;
        }
    }
    return out;
}

/// As the words say it: `*` is any one segment, a last `**` any number of them.
bool naive(const std::vector<std::string>& pattern, std::size_t p, const std::vector<std::string>& topic,
           std::size_t t) {
    if (p == pattern.size()) return t == topic.size();
    if (pattern[p] == "**") {
        for (std::size_t skip = t; skip <= topic.size(); ++skip) {
            if (naive(pattern, p + 1, topic, skip)) return true;
        }
        return false;
    }
    return t < topic.size() && (pattern[p] == "*" || pattern[p] == topic[t]) && naive(pattern, p + 1, topic, t + 1);
}

}  // namespace

TEST_CASE("a topic reaches exactly the patterns and names that a naive matcher finds (reliability 64)") {
    const unsigned seed = GENERATE(range(1U, 41U));
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    const auto text = [&](bool wild) {
        std::string out = "/topic/";
        const std::size_t n = 1 + below(5);
        for (std::size_t i = 0; i < n; ++i) {
            if (i != 0) out += '/';
            switch (below(wild ? 8 : 4)) {
                case 0: out += "a"; break;
                case 1: out += "b"; break;
                case 2: out += "ab"; break;
                case 3: out += i == 0 && n == 1 ? "*a" : below(2) == 0 ? "" : "a*"; break;
                case 7: out += i + 1 == n ? "**" : "*"; break;
                default: out += "*"; break;
            }
        }
        return out;
    };

    broker_host host;
    sim::line& l = host.raw();
    std::map<std::string, std::string> patterns;  // by subscription
    for (int i = 0; i < 60; ++i) {
        const std::string id = "p" + std::to_string(i);
        patterns[id] = text(true);
        if (patterns[id] == "/topic/") patterns[id] += "x";
        l.say("SUBSCRIBE\nid:" + id + "\ndestination:" + patterns[id] + "\n\n^@");
    }
    host.settle();
    REQUIRE(l.open);
    std::size_t hits = 0;
    for (int i = 0; i < 60; ++i) {
        const std::string topic = text(false);
        if (topic == "/topic/") continue;
        CAPTURE(topic);
        REQUIRE(host.broker.publish(topic, "x") == errc::ok);
        host.settle();
        std::vector<std::string> actual;
        std::string heard = l.heard();
        for (std::size_t at = 0; (at = heard.find("subscription:", at)) != std::string::npos; ++at) {
            actual.push_back(heard.substr(at + 13, heard.find(' ', at) - at - 13));
        }
        std::vector<std::string> expected;
        for (const auto& [id, pattern] : patterns) {
            if (naive(segments(pattern), 0, segments(topic), 0)) expected.push_back(id);
        }
        std::sort(actual.begin(), actual.end());
        std::sort(expected.begin(), expected.end());
        CHECK(actual == expected);
        hits += expected.size();
        if (i % 7 == 0 && !patterns.empty()) {
            l.say("UNSUBSCRIBE\nid:" + patterns.begin()->first + "\n\n^@");
            patterns.erase(patterns.begin());
            host.settle();
        }
    }
    CHECK(hits > 50);
}
