// Version, inline namespace and the few macros of the library. Includes nothing.
#ifndef STOMP_CONFIG_HPP
#define STOMP_CONFIG_HPP

// The version stands here and nowhere else: CMakeLists.txt reads these three lines.
#define STOMP_VERSION_MAJOR 0
#define STOMP_VERSION_MINOR 1
#define STOMP_VERSION_PATCH 0

// Marks a parameter (or *this) whose lifetime bounds that of the result, so that Clang and MSVC warn about
// the classic dangling uses. Expands to nothing elsewhere.
#if defined(__clang__) && defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define STOMP_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#elif defined(_MSC_VER) && defined(__has_cpp_attribute)
#if __has_cpp_attribute(msvc::lifetimebound)
#define STOMP_LIFETIMEBOUND [[msvc::lifetimebound]]
#endif
#endif
#ifndef STOMP_LIFETIMEBOUND
#define STOMP_LIFETIMEBOUND
#endif

// For what is rarely done: kept out of the functions that do the work, whose registers it would take.
#if defined(__GNUC__)
#define STOMP_NOINLINE [[gnu::noinline]]
#elif defined(_MSC_VER)
#define STOMP_NOINLINE __declspec(noinline)
#else
#define STOMP_NOINLINE
#endif

// Checks the library's own invariants. Off unless you define it before the first include, for example as
// assert(condition); it never guards against a peer: what a peer sends ends in an errc.
#ifndef STOMP_ASSERT
#define STOMP_ASSERT(condition) static_cast<void>(0)
#endif

namespace stomp {
// Everything lives in here; the name changes with the major version, so that two of them can be linked into
// one program.
inline namespace v0 {}
}  // namespace stomp

#endif
