#include <stomp/backoff.hpp>
#include <stomp/error_code.hpp>
#include <stomp/fmt_session.hpp>
#include <stomp/websocket.hpp>
int main() {}
