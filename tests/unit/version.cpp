#include <stomp/version.hpp>

#include "support/catch.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using stomp::negotiate;
using stomp::parse_version;
using stomp::version;

TEST_CASE("versions: text and back, in order") {
    for (const version v : stomp::all_versions) CHECK(parse_version(to_string(v)) == v);
    CHECK(version::v1_0 < version::v1_1);
    CHECK(version::v1_1 < version::v1_2);
}

TEST_CASE("versions: nothing but the exact text") {
    for (const char* text : {"", "1", "1.", "1.3", "1.20", "01.2", "v1.2", " 1.2", "1.2 ", "2.0", "v12.stomp"}) {
        INFO(text);
        CHECK_FALSE(parse_version(text).has_value());
    }
}

TEST_CASE("C-07: no accept-version means 1.0 only") {
    CHECK(negotiate(std::nullopt, stomp::all_versions) == version::v1_0);
    CHECK(negotiate(std::nullopt, std::vector{version::v1_2}) == std::nullopt);
    CHECK(negotiate("", stomp::all_versions) == std::nullopt);  // there, but names none
}

TEST_CASE("C-08: the highest in common, whatever the order, repeats and blanks") {
    for (const char* list : {"1.0,1.1,1.2", "1.2,1.1,1.0", "1.2,1.2", " 1.0 ,\t1.2", ",,1.2,", "1.2,9.9,junk"}) {
        INFO(list);
        CHECK(negotiate(list, stomp::all_versions) == version::v1_2);
        CHECK(negotiate(list, std::vector{version::v1_2, version::v1_0}) == version::v1_2);
    }
    CHECK(negotiate("1.0,1.1", stomp::all_versions) == version::v1_1);
    CHECK(negotiate("1.0,1.2", std::vector{version::v1_1}) == std::nullopt);
    CHECK(negotiate("1.0,1.2", std::vector<version>{}) == std::nullopt);
    CHECK(negotiate("1. 2,1.0", stomp::all_versions) == version::v1_0);
    CHECK(negotiate("1.2;1.1", stomp::all_versions) == std::nullopt);
}

TEST_CASE("abuse 46: a list of a thousand entries") {
    std::string list;
    for (int i = 0; i < 1000; ++i) list += "9." + std::to_string(i) + ",";
    CHECK(negotiate(list, stomp::all_versions) == std::nullopt);
    CHECK(negotiate(list + "1.1", stomp::all_versions) == version::v1_1);
}

static_assert(negotiate("1.0,1.1", stomp::all_versions) == version::v1_1);
