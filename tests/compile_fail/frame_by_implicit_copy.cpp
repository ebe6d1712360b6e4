// To own a frame costs an allocation, so it never happens by itself.
// compiler: any
// expect: invalid initialization of reference|no matching function|no viable conversion
#include <stomp/frame.hpp>

std::size_t keep(const stomp::frame& owned) { return owned.view().body.size(); }

std::size_t use(const stomp::frame_view& view) {
#ifdef STOMP_MUST_FAIL
    return keep(view);
#else
    return keep(stomp::frame{view});
#endif
}
