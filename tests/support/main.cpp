// main() of every Catch2 program here. Our own rather than Catch2's, so that it is built with the flags of the tests
// (sanitizers, -fno-exceptions) whatever the installed package was built with.
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"
#endif

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
