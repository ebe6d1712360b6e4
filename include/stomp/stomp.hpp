// Everything that needs nothing but the standard library. The optional headers (fmt.hpp, fmt_session.hpp,
// error_code.hpp) are included by name.
#ifndef STOMP_STOMP_HPP
#define STOMP_STOMP_HPP

#include <stomp/ack_mode.hpp>
#include <stomp/backoff.hpp>
#include <stomp/broker.hpp>
#include <stomp/client.hpp>
#include <stomp/command.hpp>
#include <stomp/config.hpp>
#include <stomp/encode.hpp>
#include <stomp/errc.hpp>
#include <stomp/frame.hpp>
#include <stomp/header_names.hpp>
#include <stomp/heart_beat.hpp>
#include <stomp/limits.hpp>
#include <stomp/parser.hpp>
#include <stomp/server.hpp>
#include <stomp/version.hpp>
#include <stomp/websocket.hpp>

#endif
