// For what must not happen in a test's own tools. Not an exception: the tests are also built without these.
#ifndef STOMP_TESTS_SUPPORT_GIVE_UP_HPP
#define STOMP_TESTS_SUPPORT_GIVE_UP_HPP

#include <cstdio>
#include <cstdlib>
#include <string>

[[noreturn]] inline void give_up(const std::string& why) {
    std::fprintf(stderr, "%s\n", why.c_str());
    std::abort();
}

#endif
