// The frame lies in the parser's buffer, and the parser ends with the function.
// compiler: clang
// expect: -Wreturn-stack-address
#include <stomp/parser.hpp>

#ifdef STOMP_MUST_FAIL
const stomp::frame_view& use() {
    const stomp::parser parser;
    return parser.frame();
}
#else
stomp::frame use() {
    const stomp::parser parser;
    return stomp::frame{parser.frame()};
}
#endif
