// The server's session alone: what an application sees and what it may do.
#include <stomp/server.hpp>

#include "support/catch.hpp"
#include "support/pair.hpp"

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using sim::lone_server;
using sim::wire;
using stomp::command;
using stomp::errc;
using stomp::frame_view;
using stomp::header;
using stomp::header_list;
using stomp::server_event;
using stomp::server_session;
using stomp::version;

namespace {

const std::array<header, 1> to_q{header{"destination", "/q"}};
const frame_view hello{command::send, {}, to_q, "hello"};

}  // namespace

TEST_CASE("F-05 H-12: what has to be echoed and holds a CR that 1.0 and 1.1 cannot escape is refused") {
    // Written back as it came it would break the answer apart for a peer that takes CR LF as the end of a line.
    const auto v = GENERATE(version::v1_0, version::v1_1);
    lone_server s;
    s.open(v);
    SECTION("a subscription id") {
        CHECK(s.feed("SUBSCRIBE\ndestination:/q\nid:a\rb\n\n^@") == "closed bare_cr\n");
    }
    SECTION("a receipt") {
        CHECK(s.feed("SEND\ndestination:/q\nreceipt:a\rb\n\nx^@") == "closed bare_cr\n");
    }
    SECTION("a receipt of a frame that is wrong for another reason") {
        CHECK(s.feed("SEND\nreceipt:a\rb\n\nx^@") == "closed missing_header\n");
    }
    const std::string sent = s.frames(v);
    CHECK(sent.substr(0, 6) == "ERROR ");
    CHECK(sent.find("receipt-id") == sent.npos);
}

TEST_CASE("H-03: in 1.2 a CR in an id or a receipt is escaped and comes back") {
    lone_server s;
    s.open();
    s.feed("SUBSCRIBE\ndestination:/q\nid:a\\rb\nreceipt:c\\rd\n\n^@");
    CHECK(s.session.message(s.subscription, hello, 1) == errc::ok);
    CHECK(s.frames() == "RECEIPT receipt-id:c\\rd\n"
                        "MESSAGE subscription:a\\rb message-id:s-0-1 destination:/q content-length:5 [hello]\n");
}
