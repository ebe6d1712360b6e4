#include <stomp/detail/pattern_tree.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct named {
    std::string text;
};

class patterns {
public:
    std::size_t looked_up = 0;  // by the last match()

    auto add(std::string_view pattern) {
        const auto i = tree_.find_or_insert(pattern);
        tree_[i].text = pattern;
        return i;
    }
    void erase(std::uint32_t i) { tree_.erase(i); }
    bool empty() const { return tree_.empty(); }

    /// "a/* **": what matches, sorted.
    std::string match(std::string_view topic) {
        std::vector<std::string> found;
        looked_up = tree_.match(topic, [&](const named& n) { found.push_back(n.text); });
        std::sort(found.begin(), found.end());
        std::string out;
        for (const std::string& f : found) out += (out.empty() ? "" : " ") + f;
        return out;
    }

private:
    stomp::detail::pattern_tree<named> tree_;
};

}  // namespace

TEST_CASE("pattern_tree: `*` is one segment, a last `**` any number") {
    patterns p;
    CHECK(p.match("a").empty());
    for (const std::string_view pattern : {"*", "**", "a/*", "a/**", "*/b", "a/b/**", "*/*/c", "a/*/c", "/*", "*/"}) {
        p.add(pattern);
    }
    CHECK(p.match("a") == "* ** a/**");
    CHECK(p.match("b") == "* **");
    CHECK(p.match("a/b") == "** */b a/* a/** a/b/**");
    CHECK(p.match("a/b/c") == "** */*/c a/** a/*/c a/b/**");
    CHECK(p.match("b/x/c") == "** */*/c");
    CHECK(p.match("a/b/c/d") == "** a/** a/b/**");
    CHECK(p.match("") == "* **");
    CHECK(p.match("/") == "** */ /*");
    CHECK(p.match("a/") == "** */ a/* a/**");
}

TEST_CASE("pattern_tree: an entry is found again, and gone when erased, and nothing else with it") {
    patterns p;
    const auto longer = p.add("a/b/*");
    CHECK(p.add("a/b/*") == longer);
    const auto shorter = p.add("a/*");
    const auto beside = p.add("a/b/**");
    p.erase(longer);
    CHECK(p.match("a/b/c") == "a/b/**");
    CHECK(p.match("a/b") == "a/* a/b/**");
    p.add("a/b/*");
    p.erase(shorter);
    CHECK(p.match("a/b") == "a/b/**");
    CHECK(p.match("a/b/c") == "a/b/* a/b/**");
    p.erase(beside);
    CHECK(p.match("a/b").empty());
    CHECK_FALSE(p.empty());
    p.erase(p.add("a/b/*"));
    CHECK(p.empty());
    CHECK(p.match("a/b").empty());
}

TEST_CASE("pattern_tree: one pattern may begin another") {
    patterns p;
    const auto inner = p.add("a/*");
    const auto outer = p.add("a/*/b");
    p.erase(inner);
    CHECK(p.match("a/x").empty());
    CHECK(p.match("a/x/b") == "a/*/b");
    p.add("a/*");
    p.erase(outer);
    CHECK(p.match("a/x") == "a/*");
    CHECK(p.match("a/x/b").empty());
}

TEST_CASE("pattern_tree: a topic costs nothing for patterns of other beginnings") {
    patterns p;
    for (int i = 0; i < 10'000; ++i) p.add("other" + std::to_string(i) + "/*");
    for (int i = 0; i < 10'000; ++i) p.add("news/" + std::to_string(i) + "/*/c");
    p.add("news/sports/*");
    CHECK(p.match("news/sports/tennis") == "news/sports/*");
    CHECK(p.looked_up <= 4);
    CHECK(p.match("weather/today").empty());
    CHECK(p.looked_up <= 1);
    // As many as there are ways to begin, not as there are patterns.
    for (int i = 0; i < 10'000; ++i) p.add("*/" + std::to_string(i) + "/**");
    CHECK(p.match("news/7/x/c") == "*/7/** news/7/*/c");
    CHECK(p.looked_up <= 10);
}

#ifdef __cpp_exceptions
TEST_CASE("pattern_tree: whichever allocation fails, no half of a pattern stays") {
    bool failed = true;
    for (std::size_t n = 1; failed; ++n) {
        patterns p;
        const std::string pattern = std::string(40, 'a') + "/" + std::string(40, 'b') + "/*/" + std::string(40, 'c');
        counting_new::fail_at(n);
        try {
            p.add(pattern);
            failed = false;
        } catch (const std::bad_alloc&) {
        }
        counting_new::fail_at(0);
        if (!failed) break;
        CHECK(p.match("a").empty());
        p.erase(p.add(pattern));
        CHECK(p.empty());
    }
}
#endif
