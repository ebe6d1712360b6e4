// Every header in two translation units of one program. What is not `inline` is then defined twice and does not link,
// and what differs between the two (a macro, an order of inclusion) gives different answers.
#include "all_headers.hpp"

#include <cstdio>
#include <string>

std::string wire_of_other_unit(stomp::time_point now);
const void* address_in_other_unit();

namespace {

std::string wire_of_this_unit(stomp::time_point now) {
    stomp::client_options options;
    options.host = "example.org";
    std::string wire(stomp::client_session{options, now}.output());
    const stomp::frame frame{
        {.command = stomp::command::send, .headers = {{"destination", "/queue/a"}}, .body = "hello"}};
    const stomp::errc result = stomp::encode(wire, frame.view(), stomp::version::v1_2);
    return fmt::format("{} {} {}", wire, result, frame.view());
}

}  // namespace

int main() {
    const stomp::time_point now{};
    const std::string mine = wire_of_this_unit(now);
    const std::string theirs = wire_of_other_unit(now);
    if (mine != theirs) {
        std::printf("two translation units, two answers:\n%s\n%s\n", mine.c_str(), theirs.c_str());
        return 1;
    }
    // An inline constant is one object in the whole program.
    return static_cast<const void*>(&stomp::all_versions) == address_in_other_unit() ? 0 : 2;
}
