// Macros that <windows.h> and its kin define, with the values that hurt most. A user's program may have included them
// before our headers, so no name of ours may be one of these.
//
// The standard library comes first, as in a program that survives <windows.h> at all: what is tested is our text.
#ifndef STOMP_TESTS_HEADERS_HOSTILE_MACROS_HPP
#define STOMP_TESTS_HEADERS_HOSTILE_MACROS_HPP

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

// minwindef.h, windef.h
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define IN
#define OUT
#define OPTIONAL
#define CONST const
#define near
#define far
#define FALSE 0
#define TRUE 1
#define VOID void
// wingdi.h, winnt.h, winuser.h, winerror.h, winsock
#define ERROR 0
#define NO_ERROR 0L
#define DELETE 0x00010000L
#define SEND 1
#define CONNECT 2
#define STRICT 1
#define IGNORE 0
#define INFINITE 0xFFFFFFFF
#define ABSOLUTE 1
#define RELATIVE 2
#define TRANSPARENT 1
#define OPAQUE 2
#define SUCCESS 0
#define MESSAGE 3
#define SUBSCRIBE 4
#define ACK 5
#define NACK 6
#define BEGIN 7
#define COMMIT 8
#define ABORT 9
#define RECEIPT 10
#define DISCONNECT 11
#define CLIENT 12
#define SERVER 13
#define CONNECTED 14
#define EOF_ERROR 15
#define CALLBACK __stdcall
#define GetMessage GetMessageA
#define SendMessage SendMessageA
// rpcndr.h, combaseapi.h
#define small char
#define interface struct
// <sys/param.h>, curses, X11, X.h, termios and other old friends
#define Bool int
#define Status int
#define None 0L
#define Always 2
#define Success 0
#define minor(x) (x)
#define major(x) (x)
#define check(x) (x)
#define verify(x) (x)
#define unix 1
#define linux 1
#define ECHO 1
#define B0 0
#define CR1 1
#define NUL 0
#define ESC 27
#define _U 1
#define _L 2
#define _N 4
#define _S 8
#define _C 16

#endif
