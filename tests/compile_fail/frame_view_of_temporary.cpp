// A view of a frame that is gone at the semicolon.
// compiler: any
// expect: deleted
#include <stomp/frame.hpp>

std::size_t use(const stomp::frame_view& view) {
#ifdef STOMP_MUST_FAIL
    const stomp::frame_view kept = stomp::frame(view).view();
#else
    const stomp::frame owned{view};
    const stomp::frame_view kept = owned.view();
#endif
    return kept.body.size();
}
