#include <stomp/heart_beat.hpp>

#include "support/catch.hpp"

#include <optional>

using stomp::heart_beat;
using stomp::milliseconds;
using stomp::parse_heart_beat;

TEST_CASE("Q-31: heart-beat is two numbers and a comma") {
    CHECK(parse_heart_beat("0,0") == heart_beat{});
    CHECK(parse_heart_beat("1000,2000") == heart_beat{milliseconds(1000), milliseconds(2000)});
    CHECK(parse_heart_beat("0000000001,4294967295") == heart_beat{milliseconds(1), milliseconds(4294967295)});
}

TEST_CASE("abuse 58: any other heart-beat is none") {
    for (const char* text :
         {"", ",", "5", "5,", ",5", "-1,-1", "+1,1", "a,b", "1000, 1000", " 1,1", "1,1 ", "1,2,3", "4294967296,0",
          "0,4294967296", "100000000000000000000,0", "00000000001,1", "1.5,1", "1;1", "0x1,1"}) {
        INFO(text);
        CHECK_FALSE(parse_heart_beat(text).has_value());
    }
}

TEST_CASE("C-19: each direction takes the slower of what one can and the other wants") {
    const auto agreed = stomp::negotiate(heart_beat{milliseconds(500), milliseconds(30000)},
                                         heart_beat{milliseconds(60000), milliseconds(1000)});
    CHECK(agreed.client_to_server == milliseconds(1000));
    CHECK(agreed.server_to_client == milliseconds(60000));
}

TEST_CASE("C-19: a zero on either side means none in that direction") {
    const heart_beat both{milliseconds(10), milliseconds(20)};
    const heart_beat sends{milliseconds(10), milliseconds(0)};
    const heart_beat wants{milliseconds(0), milliseconds(20)};
    CHECK(negotiate(both, heart_beat{}) == stomp::heart_beat_intervals{});
    CHECK(negotiate(heart_beat{}, both) == stomp::heart_beat_intervals{});
    CHECK(negotiate(sends, sends) == stomp::heart_beat_intervals{});
    CHECK(negotiate(wants, wants) == stomp::heart_beat_intervals{});
    CHECK(negotiate(sends, wants) == stomp::heart_beat_intervals{milliseconds(20), milliseconds(0)});
    CHECK(negotiate(wants, sends) == stomp::heart_beat_intervals{milliseconds(0), milliseconds(20)});
}
