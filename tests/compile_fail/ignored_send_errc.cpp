// A send() that was refused had no effect: the message is lost unless the caller looks.
// compiler: any
// expect: nodiscard
#include <stomp/client.hpp>

void use(stomp::client_session& session) {
#ifdef STOMP_MUST_FAIL
    session.send("/queue/a", "body");
#else
    static_cast<void>(session.send("/queue/a", "body"));
#endif
}
