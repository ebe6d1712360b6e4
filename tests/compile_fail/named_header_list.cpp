// A braced list of headers lives until the end of the full expression: a named header_list would point at nothing.
// compiler: clang
// flags: -Wdangling
// expect: -Wdangling
#include <stomp/frame.hpp>

std::size_t count(stomp::header_list headers) { return headers.size(); }

std::size_t use() {
#ifdef STOMP_MUST_FAIL
    const stomp::header_list headers{{"receipt", "1"}, {"priority", "4"}};
    return count(headers);
#else
    return count({{"receipt", "1"}, {"priority", "4"}});
#endif
}
