#include <stomp/frame.hpp>

#include "support/catch.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using stomp::command;
using stomp::frame;
using stomp::frame_view;
using stomp::header;

TEST_CASE("H-16: lookup returns the first entry and every entry is kept") {
    const std::array entries{header{"foo", "one"}, header{"foo", "two"}, header{"bar", ""}};
    const frame_view view{command::message, "MESSAGE", entries, {}};
    CHECK(view.get("foo") == std::optional<std::string_view>("one"));
    CHECK(view.get("bar") == std::optional<std::string_view>(""));
    CHECK(view.get("Foo") == std::nullopt);
    CHECK(view.get("fo") == std::nullopt);
    CHECK(view.get_or("foo", "x") == "one");
    CHECK(view.get_or("nope", "x") == "x");
    CHECK(view.get_or("nope").empty());
    CHECK(view.headers.size() == 3);
}

TEST_CASE("a frame keeps a view's octets after they are gone") {
    std::optional<frame> kept;
    {
        std::string text = "destination/q";
        const std::vector<header> entries{{std::string_view(text).substr(0, 11), std::string_view(text).substr(11)},
                                          {"empty", ""}};
        std::string body("a\0b", 3);
        kept.emplace(frame_view{command::send, "SEND", entries, body});
        text.assign(text.size(), 'x');
        body.assign(body.size(), 'x');
    }
    const frame_view view = kept->view();
    CHECK(view.command == command::send);
    CHECK(view.verb == "SEND");
    REQUIRE(view.headers.size() == 2);
    CHECK(view.headers[0] == header{"destination", "/q"});
    CHECK(view.headers[1] == header{"empty", ""});
    CHECK(view.body == std::string_view("a\0b", 3));
}

TEST_CASE("a frame is a regular type") {
    const frame a(frame_view{command::send, "SEND", {{"k", "v"}}, "body"});
    frame b = a;
    CHECK(b == a);
    CHECK(b.view().body.data() != a.view().body.data());
    frame c = std::move(b);
    CHECK(c == a);
    CHECK(b == frame{});  // NOLINT(bugprone-use-after-move): moved from means empty
    b = c;
    CHECK(b == a);
    b = std::move(c);
    CHECK(b == a);
    frame& self = b;
    b = self;
    CHECK(b == a);
    CHECK_FALSE(a == frame{});
    CHECK_FALSE(a == frame(frame_view{command::send, "SEND", {{"k", "w"}}, "body"}));
    CHECK_FALSE(a == frame(frame_view{command::send, "SEND", {{"k", "v"}}, "bod"}));
    CHECK_FALSE(a == frame(frame_view{command::send, "SEND", {{"kv", ""}}, "body"}));
    CHECK_FALSE(a == frame(frame_view{command::send, "SEND", {{"k", "v"}, {"k", "v"}}, "body"}));
}

TEST_CASE("frames in a vector survive its growth") {
    std::vector<frame> frames;
    for (int i = 0; i < 50; ++i) {
        const std::string number = std::to_string(i);
        frames.emplace_back(frame_view{command::message, "MESSAGE", {{"id", number}}, number});
    }
    for (int i = 0; i < 50; ++i) {
        CHECK(frames[static_cast<std::size_t>(i)].view().get_or("id") == std::to_string(i));
        CHECK(frames[static_cast<std::size_t>(i)].view().body == std::to_string(i));
    }
}

namespace {
std::size_t count(stomp::header_list headers) { return headers.size(); }
}  // namespace

TEST_CASE("a header_list is made from a braced list, an array or a vector") {
    CHECK(count({}) == 0);
    CHECK(count({{"a", "1"}, {"b", "2"}}) == 2);
    const header array[] = {{"a", "1"}};
    CHECK(count(array) == 1);
    const std::vector<header> vector{{"a", "1"}, {"b", "2"}, {"c", "3"}};
    CHECK(count(vector) == 3);
}
