// The second translation unit: the same code, the headers in the opposite order.
#include "all_headers_backwards.hpp"

#include <string>

std::string wire_of_other_unit(stomp::time_point now);
const void* address_in_other_unit();

std::string wire_of_other_unit(stomp::time_point now) {
    stomp::client_options options;
    options.host = "example.org";
    std::string wire(stomp::client_session{options, now}.output());
    const stomp::frame frame{
        {.command = stomp::command::send, .headers = {{"destination", "/queue/a"}}, .body = "hello"}};
    const stomp::errc result = stomp::encode(wire, frame.view(), stomp::version::v1_2);
    return fmt::format("{} {} {}", wire, result, frame.view());
}

const void* address_in_other_unit() { return &stomp::all_versions; }
