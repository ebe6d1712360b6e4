// The one place that names Catch2's headers: version 2.13 has a single one, version 3 many.
#ifndef STOMP_TESTS_SUPPORT_CATCH_HPP
#define STOMP_TESTS_SUPPORT_CATCH_HPP

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#define CATCH_CONFIG_ENABLE_OPTIONAL_STRINGMAKER
#define CATCH_CONFIG_ENABLE_PAIR_STRINGMAKER

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

// Enumerations with a to_string() beside them (errc, command, version …) print by name instead of by number.
template <class Enum>
requires std::is_enum_v<Enum> && requires(Enum e) {
    { to_string(e) } -> std::convertible_to<std::string_view>;
}
struct Catch::StringMaker<Enum> {
    static std::string convert(Enum e) { return std::string(std::string_view(to_string(e))); }
};

#endif
