// What the examples in the text take for granted. Declared and never defined: they are compiled, not linked.
#ifndef STOMP_TESTS_DOCS_CONTEXT_HPP
#define STOMP_TESTS_DOCS_CONTEXT_HPP

#include <stomp/error_code.hpp>
#include <stomp/fmt_session.hpp>
#include <stomp/stomp.hpp>

#include <fmt/format.h>
#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-variable"  // a text may name a thing and leave it at that
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#endif

using namespace std::chrono_literals;

// The library's objects.
extern stomp::client_session session;
extern stomp::client_options options;
extern stomp::server_session server;
extern stomp::server_options server_options;
extern stomp::broker broker;
extern stomp::client_event event;
extern stomp::server_event server_event;
extern stomp::subscription_handle subscription;
extern stomp::frame_view frame;
extern stomp::time_point now;

// The program around them.
extern int fd;
extern std::string_view bytes;  // just read
void check(stomp::errc);        // does whatever the program does about a refused call
void write_log(std::string_view);
void process(const stomp::frame_view&);
void process(std::string_view);

#endif
