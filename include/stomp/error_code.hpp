// `errc` as std::error_code, for programs that carry errors that way. Not included by any other header: it costs a
// program the category and its virtual table.
#ifndef STOMP_ERROR_CODE_HPP
#define STOMP_ERROR_CODE_HPP

#include <stomp/config.hpp>
#include <stomp/errc.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace stomp::inline v0 {

/// The groups of `errc`, to compare a std::error_code with: `if (ec == stomp::error_group::limit)`.
enum class error_group : std::uint8_t {
    grammar = 1,  ///< the octets are not STOMP
    limit,        ///< more than `limits` allows
    session,      ///< well-formed frames that break the conversation
    connection,   ///< nobody broke a rule, or nobody can tell
    caller        ///< returned from a call, never a peer's fault
};

constexpr std::string_view to_string(error_group g) noexcept {
    switch (g) {
        case error_group::grammar: return "grammar";
        case error_group::limit: return "limit";
        case error_group::session: return "session";
        case error_group::connection: return "connection";
        case error_group::caller: return "caller";
    }
    return "unknown_group";
}

/// The group of an error; `ok` has none and must not be asked for.
constexpr error_group group_of(errc e) noexcept {
    if (e <= errc::unexpected_eof) return error_group::grammar;
    if (e <= errc::limit_receipts) return error_group::limit;
    if (e <= errc::closed_by_application) return error_group::session;
    if (e <= errc::tls_on_plain_port) return error_group::connection;
    return error_group::caller;
}

namespace detail {

/// An error code may be made of any number; those that are no `errc` explain themselves as "unknown error".
constexpr errc errc_of(int value) noexcept { return static_cast<errc>(value < 0 || value > 255 ? 255 : value); }

class errc_category_type final : public std::error_category {
public:
    const char* name() const noexcept override { return "stomp"; }
    std::string message(int value) const override { return std::string(explain(errc_of(value))); }

    /// The condition of the standard library that comes closest, so that generic code understands the common ones.
    std::error_condition default_error_condition(int value) const noexcept override {
        switch (errc_of(value)) {
            case errc::not_connected: return std::errc::not_connected;
            case errc::already_connected: return std::errc::already_connected;
            case errc::connect_rejected: return std::errc::connection_refused;
            case errc::no_common_version:
            case errc::version_not_offered: return std::errc::protocol_not_supported;
            case errc::closed_by_application: return std::errc::connection_aborted;
            case errc::connection_lost: return std::errc::connection_reset;
            case errc::connect_timeout:
            case errc::login_timeout:
            case errc::heart_beat_timeout:
            case errc::idle_timeout:
            case errc::stall_timeout:
            case errc::receipt_timeout:
            case errc::disconnect_timeout: return std::errc::timed_out;
            case errc::out_of_memory: return std::errc::not_enough_memory;
            case errc::input_full:
            case errc::output_full:
            case errc::window_full: return std::errc::operation_would_block;
            case errc::frame_too_large: return std::errc::message_size;
            case errc::not_authorized: return std::errc::permission_denied;
            default: return {value, *this};
        }
    }
};

class error_group_category_type final : public std::error_category {
public:
    const char* name() const noexcept override { return "stomp group"; }
    std::string message(int value) const override { return std::string(to_string(static_cast<error_group>(value))); }
    bool equivalent(const std::error_code& code, int group) const noexcept override;
};

}  // namespace detail

/// The category of error codes made from `errc`; its name is "stomp", its messages are those of explain().
inline const std::error_category& errc_category() noexcept {
    static const detail::errc_category_type category;
    return category;
}

/// The category of error conditions made from `error_group`.
inline const std::error_category& error_group_category() noexcept {
    static const detail::error_group_category_type category;
    return category;
}

inline bool detail::error_group_category_type::equivalent(const std::error_code& code, int group) const noexcept {
    return code.category() == errc_category() && code.value() != 0 &&
           group_of(detail::errc_of(code.value())) == static_cast<error_group>(group);
}

inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), errc_category()}; }

inline std::error_condition make_error_condition(error_group g) noexcept {
    return {static_cast<int>(g), error_group_category()};
}

}  // namespace stomp::inline v0

template <>
struct std::is_error_code_enum<stomp::errc> : std::true_type {};
template <>
struct std::is_error_condition_enum<stomp::error_group> : std::true_type {};

#endif
