// A server that does not know that its CONNECTED was refused waits for frames that will not come.
// compiler: any
// expect: nodiscard
#include <stomp/server.hpp>

void use(stomp::server_session& session) {
#ifdef STOMP_MUST_FAIL
    session.accept("session-1");
#else
    static_cast<void>(session.accept("session-1"));
#endif
}
