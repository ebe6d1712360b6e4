// An encoder that refused wrote nothing: who ignores that sends nothing and waits.
// compiler: any
// expect: nodiscard
#include <stomp/encode.hpp>

void use(std::string& out) {
#ifdef STOMP_MUST_FAIL
    stomp::encode(out, stomp::command::send, {{"destination", "/queue/a"}}, "body", stomp::version::v1_2);
#else
    static_cast<void>(
        stomp::encode(out, stomp::command::send, {{"destination", "/queue/a"}}, "body", stomp::version::v1_2));
#endif
}
