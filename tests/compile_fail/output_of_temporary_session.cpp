// Output lies in the session until it has been consumed, and this session is gone at the semicolon.
// compiler: clang
// flags: -Wdangling
// expect: deleted|-Wdangling
#include <stomp/client.hpp>

std::size_t use(stomp::client_options options, stomp::time_point now) {
#ifdef STOMP_MUST_FAIL
    const std::string_view output = stomp::client_session{options, now}.output();
#else
    const stomp::client_session session{options, now};
    const std::string_view output = session.output();
#endif
    return output.size();
}
