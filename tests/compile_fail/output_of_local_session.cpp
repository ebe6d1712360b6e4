// Output lies in the session, and the session ends with the function.
// compiler: clang
// expect: -Wreturn-stack-address
#include <stomp/server.hpp>

#ifdef STOMP_MUST_FAIL
std::string_view use(stomp::server_options options, stomp::time_point now) {
    const stomp::server_session session{options, now};
    return session.output();
}
#else
std::string_view use(const stomp::server_session& session) { return session.output(); }
#endif
