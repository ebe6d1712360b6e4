#include <stomp/detail/fields.hpp>

#include "support/catch.hpp"

#include <array>
#include <string_view>

using stomp::command;
using stomp::header;
using stomp::version;
using stomp::detail::fields;
using stomp::detail::missing_header;

TEST_CASE("H-16: fields are the first entries of their names, and nothing of similar names or lengths") {
    constexpr std::array<header, 17> headers{header{"destination", "1"},
                                             header{"transaction", "2"},
                                             header{"id", "3"},
                                             header{"ack", "4"},
                                             header{"message-id", "5"},
                                             header{"subscription", "6"},
                                             header{"receipt", "7"},
                                             header{"destination", "x"},
                                             header{"transaction", "x"},
                                             header{"id", "x"},
                                             header{"ack", "x"},
                                             header{"message-id", "x"},
                                             header{"subscription", "x"},
                                             header{"receipt", "x"},
                                             header{"redelivered", ""},
                                             header{"reply-to", ""},
                                             header{"ID", ""}};
    constexpr fields f(headers);
    STATIC_REQUIRE(f.destination == "1");
    STATIC_REQUIRE(f.transaction == "2");
    STATIC_REQUIRE(f.id == "3");
    STATIC_REQUIRE(f.ack == "4");
    STATIC_REQUIRE(f.message_id == "5");
    STATIC_REQUIRE(f.subscription == "6");
    STATIC_REQUIRE(f.receipt == "7");

    constexpr std::array<header, 8> others{
        header{"Destination", "x"}, header{"redelivered", "x"},  header{"ID", "x"},      header{"Ack", "x"},
        header{"message_id", "x"},  header{"sub-cription", "x"}, header{"Receipt", "x"}, header{"", "x"}};
    constexpr fields none(others);
    STATIC_REQUIRE(!none.destination);
    STATIC_REQUIRE(!none.transaction);
    STATIC_REQUIRE(!none.id);
    STATIC_REQUIRE(!none.ack);
    STATIC_REQUIRE(!none.message_id);
    STATIC_REQUIRE(!none.subscription);
    STATIC_REQUIRE(!none.receipt);

    constexpr std::array<header, 1> empty{header{"receipt", ""}};
    STATIC_REQUIRE(fields(empty).receipt == "");  // there, and empty
}

TEST_CASE("CL-12: the first header that a frame lacks is named") {
    constexpr std::array<header, 1> destination{header{"destination", "/q"}};
    CHECK(missing_header({command::send, {}, {}, {}}, version::v1_2) == "destination");
    CHECK(missing_header({command::send, {}, destination, {}}, version::v1_2) == "");
    CHECK(missing_header({command::subscribe, {}, destination, {}}, version::v1_0) == "");
    CHECK(missing_header({command::subscribe, {}, destination, {}}, version::v1_1) == "id");
    CHECK(missing_header({command::ack, {}, {}, {}}, version::v1_0) == "message-id");
    CHECK(missing_header({command::ack, {}, {}, {}}, version::v1_2) == "id");
    CHECK(missing_header({command::disconnect, {}, {}, {}}, version::v1_2) == "");
    CHECK(missing_header({command::unknown, {}, {}, {}}, version::v1_2) == "");
}
