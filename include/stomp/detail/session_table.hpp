// What each end does with each command in each state: the protocol as data. Everything that decides whether a frame
// is in order stands here, and nothing else does.
#ifndef STOMP_DETAIL_SESSION_TABLE_HPP
#define STOMP_DETAIL_SESSION_TABLE_HPP

#include <stomp/command.hpp>
#include <stomp/config.hpp>
#include <stomp/errc.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace stomp::inline v0 {

/// Where a client session stands.
enum class client_state : std::uint8_t {
    connecting,     ///< CONNECT is queued or sent; CONNECTED has not arrived
    connected,      ///< open
    disconnecting,  ///< DISCONNECT is queued or sent; its RECEIPT has not arrived
    closed          ///< over, until restart()
};

/// Where a server session stands.
enum class server_state : std::uint8_t {
    connecting,  ///< nothing but CONNECT or STOMP is acceptable
    deciding,    ///< the application has the `connect` event and has neither accepted nor rejected
    connected,   ///< open
    closed       ///< over; output may still wait to be written
};

namespace detail {

enum class action : std::uint8_t {
    refuse,   // the frame breaks the protocol: the cell's reason
    welcome,  // CONNECTED: the session is open
    deliver,  // MESSAGE
    resolve,  // RECEIPT
    fail,     // ERROR: the session is over
    greet,    // CONNECT, STOMP
    publish,  // SEND
    subscribe,
    unsubscribe,
    settle,  // ACK, NACK
    begin,
    commit,
    abort,
    leave,  // DISCONNECT
    pass,   // a command we do not know
};

struct cell {
    action what;
    errc reason = errc::ok;  // of refuse and fail
};

using table_row = std::array<cell, command_count>;

// clang-format off
// Columns are in the order of `enum class command`.
//                         unknown | connect stomp | send subscribe unsubscribe ack nack begin commit abort
//                         disconnect | connected message receipt error
inline constexpr std::array<table_row, 3> client_table = [] {
    using enum action;
    constexpr cell unknown{refuse, errc::unknown_command};
    constexpr cell theirs{refuse, errc::wrong_direction};
    constexpr cell early{refuse, errc::not_connected};
    constexpr cell again{refuse, errc::already_connected};
    return std::array<table_row, 3>{{
        // connecting
        {{unknown, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs,
          {welcome}, early, early, {fail, errc::connect_rejected}}},
        // connected
        {{unknown, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs,
          again, {deliver}, {resolve}, {fail, errc::server_error}}},
        // disconnecting
        {{unknown, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs, theirs,
          again, {deliver}, {resolve}, {fail, errc::server_error}}},
    }};
}();

inline constexpr std::array<table_row, 3> server_table = [] {
    using enum action;
    constexpr cell early{refuse, errc::not_connected};
    constexpr cell again{refuse, errc::already_connected};
    constexpr cell theirs{refuse, errc::wrong_direction};
    constexpr table_row closed_door{{early, early, early, early, early, early, early, early, early, early, early,
                                     early, early, early, early, early}};
    return std::array<table_row, 3>{{
        // connecting
        {{early, {greet}, {greet}, early, early, early, early, early, early, early, early, early,
          early, early, early, early}},
        // deciding: nothing is read; the row is here so that every state has one
        closed_door,
        // connected
        {{{pass}, again, again, {publish}, {subscribe}, {unsubscribe}, {settle}, {settle}, {begin}, {commit}, {abort},
          {leave}, theirs, theirs, theirs, theirs}},
    }};
}();

// clang-format on

constexpr cell look_up(client_state state, command c) noexcept {
    return client_table[static_cast<std::size_t>(state)][static_cast<std::size_t>(c)];
}

constexpr cell look_up(server_state state, command c) noexcept {
    return server_table[static_cast<std::size_t>(state)][static_cast<std::size_t>(c)];
}

}  // namespace detail
}  // namespace stomp::inline v0

#endif
