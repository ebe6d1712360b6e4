// The same inside an aggregate: the braced list of headers ends with the declaration, the frame_view goes on.
// compiler: clang
// flags: -Wdangling
// expect: -Wdangling
#include <stomp/frame.hpp>

std::size_t count(const stomp::frame_view& frame) { return frame.headers.size(); }

std::size_t use() {
#ifdef STOMP_MUST_FAIL
    const stomp::frame_view frame{.command = stomp::command::send, .headers = {{"destination", "/queue/a"}}};
    return count(frame);
#else
    return count({.command = stomp::command::send, .headers = {{"destination", "/queue/a"}}});
#endif
}
