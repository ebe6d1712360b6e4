// The frame lies in the parser's buffer, and the parser is a temporary.
// compiler: clang
// expect: deleted|returning reference to local temporary|-Wreturn-stack-address
#include <stomp/parser.hpp>

#ifdef STOMP_MUST_FAIL
const stomp::frame_view& use() { return stomp::parser{}.frame(); }
#else
const stomp::frame_view& use(stomp::parser& parser) { return parser.frame(); }
#endif
