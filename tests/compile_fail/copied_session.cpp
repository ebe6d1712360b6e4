// A session is one end of one connection: two of them would both answer the peer.
// compiler: any
// expect: deleted
#include <stomp/client.hpp>

#include <utility>

stomp::client_session use(stomp::client_session& session) {
#ifdef STOMP_MUST_FAIL
    stomp::client_session other{session};
#else
    stomp::client_session other{std::move(session)};
#endif
    return other;
}
