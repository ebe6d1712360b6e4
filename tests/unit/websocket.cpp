#include <stomp/client.hpp>
#include <stomp/server.hpp>
#include <stomp/websocket.hpp>

#include "support/catch.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ws = stomp::websocket;
using enum stomp::version;
using versions = std::vector<stomp::version>;

TEST_CASE("W-01: sub-protocol names, compared with case") {
    CHECK(ws::protocol_name(v1_0) == "v10.stomp");
    CHECK(ws::protocol_name(v1_1) == "v11.stomp");
    CHECK(ws::protocol_name(v1_2) == "v12.stomp");
    for (const stomp::version v : stomp::all_versions) CHECK(ws::parse_protocol_name(ws::protocol_name(v)) == v);
    for (const char* name : {"", "stomp", "V12.stomp", "v12.STOMP", "v12.stomp ", " v12.stomp", "v13.stomp", "v12stomp",
                             "v12.stomp.", "v12.stomp,v11.stomp", "mqtt"}) {
        INFO(name);
        CHECK(ws::parse_protocol_name(name) == std::nullopt);
    }
}

TEST_CASE("W-02: a client offers its versions, newest first, whatever their order") {
    CHECK(ws::offer(stomp::all_versions) == "v12.stomp, v11.stomp, v10.stomp");
    CHECK(ws::offer(stomp::client_options{}.versions) == "v12.stomp, v11.stomp, v10.stomp");
    CHECK(ws::offer(versions{v1_1, v1_2}) == "v12.stomp, v11.stomp");
    CHECK(ws::offer(versions{v1_2, v1_0, v1_2, v1_0}) == "v12.stomp, v10.stomp");
    CHECK(ws::offer(versions{v1_0}) == "v10.stomp");
    CHECK(ws::offer(versions{}).empty());
}

TEST_CASE("W-03: a server selects the highest version that is offered and allowed, or nothing") {
    struct row {
        std::string_view offered;
        versions allowed;
        std::optional<stomp::version> selected;
    };
    const versions all{v1_0, v1_1, v1_2};
    for (const row& r : std::vector<row>{
             {"v10.stomp, v11.stomp, v12.stomp", all, v1_2},  // what stompjs offers; order does not matter
             {"v12.stomp,v11.stomp,v10.stomp", all, v1_2},
             {"v10.stomp, v11.stomp, v12.stomp", {v1_1, v1_0}, v1_1},
             {"v12.stomp", {v1_0, v1_1}, std::nullopt},
             {"v11.stomp", all, v1_1},
             {"mqtt, v10.stomp, soap", all, v1_0},
             {" \tv11.stomp\t , ,,", all, v1_1},
             {"v12.stomp v11.stomp", all, std::nullopt},
             {"V12.STOMP, v12.stompx", all, std::nullopt},
             {"stomp", all, std::nullopt},
             {"", all, std::nullopt},
             {",", all, std::nullopt},
             {"v12.stomp", {}, std::nullopt},
         }) {
        INFO(r.offered);
        CHECK(ws::select(r.offered, r.allowed) == r.selected);
    }
    STATIC_REQUIRE(ws::select("v11.stomp,v10.stomp", stomp::all_versions) == v1_1);
}

TEST_CASE("W-04, SC50: an agreed name restricts the server's session; none does not") {
    for (const stomp::version v : stomp::all_versions) {
        const auto only = ws::versions_of(ws::protocol_name(v));
        REQUIRE(only.size() == 1);
        CHECK(only[0] == v);
    }
    CHECK(ws::versions_of("").empty());
    CHECK(ws::versions_of("mqtt").empty());

    // v11.stomp is agreed, but accept-version names 1.2 alone: ERROR.
    const auto only = ws::versions_of("v11.stomp");
    const stomp::time_point now{};
    stomp::server_session server({.versions = {only.begin(), only.end()}}, now);
    REQUIRE(server.receive({"CONNECT\naccept-version:1.2\nhost:h\n\n\0", 36}, now) == stomp::errc::ok);
    const auto event = server.poll_event();
    REQUIRE(event);
    CHECK(event->kind == stomp::server_event::closed);
    CHECK(event->reason == stomp::errc::no_common_version);
    CHECK(server.output().substr(0, 6) == "ERROR\n");
}

TEST_CASE("W-06, SC49: text only where the whole frame is UTF-8") {
    const auto is_text = [](std::vector<std::string_view> chunks) { return ws::is_text(chunks); };
    CHECK(is_text({}));
    CHECK(is_text({""}));
    CHECK(is_text({"\n"}));  // W-07: a heart-beat
    CHECK(is_text({{"SEND\n\nhi\0", 9}}));
    CHECK(is_text({"caf\xc3\xa9"}));
    CHECK_FALSE(is_text({"\xff"}));
    CHECK_FALSE(is_text({"\xc3"}));               // cut
    CHECK_FALSE(is_text({"\xc0\x80"}));           // overlong
    CHECK_FALSE(is_text({"\xed\xa0\x80"}));       // surrogate
    CHECK_FALSE(is_text({"\xf4\x90\x80\x80"}));   // beyond U+10FFFF
    CHECK_FALSE(is_text({"plain", "\x80"}));      // continues nothing
    CHECK_FALSE(is_text({"\xe2\x82", "x\xac"}));  // cut by a chunk, but not continued
    CHECK_FALSE(is_text({"\xe2\x82", "", "\xff"}));
    CHECK_FALSE(is_text({"\xf0", "\xff", "\xff", "\xff", "\xff", "abc"}));
    CHECK_FALSE(is_text({"\xf0", "\xff", "\xff", "\xff", "abc"}));
}

TEST_CASE("W-06: chunks may cut a character anywhere") {
    // One, two, three and four octets, the smallest and the largest of each.
    const std::string good =
        "A\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf!";
    const std::string bad = good.substr(0, 20) + "\xbf" + good.substr(20);
    for (const auto& [text, expected] : {std::pair{good, true}, std::pair{bad, false}}) {
        const std::string_view view = text;
        for (std::size_t first = 0; first <= view.size(); ++first) {
            for (std::size_t second = first; second <= view.size(); ++second) {
                const std::array<std::string_view, 3> chunks{view.substr(0, first), view.substr(first, second - first),
                                                             view.substr(second)};
                REQUIRE(ws::is_text(chunks) == expected);
            }
        }
        std::vector<std::string_view> octets;
        for (std::size_t i = 0; i < view.size(); ++i) octets.push_back(view.substr(i, 1));
        CHECK(ws::is_text(octets) == expected);
    }
    constexpr std::array<std::string_view, 2> cut{"\xc3", "\xa9"};
    STATIC_REQUIRE(ws::is_text(cut));
}

TEST_CASE("W-05, W-06, SC48: a session's frames as WebSocket messages") {
    const stomp::time_point now{};
    stomp::client_session client({.host = "h"}, now);
    stomp::server_session server({}, now);
    std::vector<bool> kinds;  // of the messages that were sent: text?
    const auto move = [&](auto& from, auto& to) {
        std::array<std::string_view, 4> chunks;
        while (const std::size_t n = from.output_frame(chunks)) {
            const std::span<const std::string_view> frame(chunks.data(), n);
            kinds.push_back(ws::is_text(frame));
            std::string message;
            for (const std::string_view chunk : frame) message += chunk;
            // The receiver sees one stream of octets, so a message may come in any number of pieces.
            const std::string_view view = message;
            REQUIRE(to.receive(view.substr(0, 3), now) == stomp::errc::ok);
            REQUIRE(to.receive(view.substr(3), now) == stomp::errc::ok);
            from.consume_output(message.size(), now);
        }
    };
    move(client, server);
    REQUIRE(server.poll_event()->kind == stomp::server_event::connect);
    REQUIRE(server.accept() == stomp::errc::ok);
    move(server, client);
    REQUIRE(client.poll_event()->kind == stomp::client_event::connected);
    REQUIRE(client.send("/q", "text \xc3\xa9") == stomp::errc::ok);
    REQUIRE(client.send("/q", "\xff\xfe") == stomp::errc::ok);
    const std::string large(100'000, 'x');
    REQUIRE(client.send("/q", large) == stomp::errc::ok);
    move(client, server);
    CHECK(kinds == std::vector<bool>{true, true, true, false, true});
    for (const std::string_view body :
         {std::string_view("text \xc3\xa9"), std::string_view("\xff\xfe"), std::string_view(large)}) {
        const auto event = server.poll_event();
        REQUIRE(event);
        CHECK(event->frame.body == body);
    }
}
