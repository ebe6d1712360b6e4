#include <stomp/errc.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

using stomp::errc;

namespace {

/// All of them: the first number without a name ends them.
std::vector<errc> all() {
    std::vector<errc> found;
    for (unsigned i = 0; i < 256; ++i) {
        const auto e = static_cast<errc>(i);
        if (to_string(e) == "unknown_errc") return found;
        found.push_back(e);
    }
    return found;
}

}  // namespace

TEST_CASE("every errc has its own name and sentence") {
    std::set<std::string_view> names;
    std::set<std::string_view> sentences;
    for (const errc e : all()) {
        names.insert(to_string(e));
        sentences.insert(explain(e));
    }
    REQUIRE(all().size() > 60);
    CHECK(names.size() == all().size());
    CHECK(sentences.size() == all().size());
    CHECK(sentences.count("unknown error") == 0);
}

TEST_CASE("H-19: explanations can stand in a header of every version") {
    for (const errc e : all()) {
        const std::string_view text = explain(e);
        INFO(text);
        CHECK_FALSE(text.empty());
        for (const char c : text) CHECK((c >= ' ' && c <= '~' && c != ':' && c != '\\'));
    }
}

TEST_CASE("is_limit is true for the limit_ names and no other") {
    for (const errc e : all()) {
        INFO(to_string(e));
        CHECK(is_limit(e) == (to_string(e).substr(0, 6) == "limit_"));
    }
}

TEST_CASE("a value-initialised errc is ok") { CHECK(errc{} == errc::ok); }
