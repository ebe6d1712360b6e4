#include <stomp/detail/undo.hpp>

#include "support/catch.hpp"

TEST_CASE("undo: at the end of the scope, unless dismissed") {
    int calls = 0;
    {
        const stomp::detail::undo u([&] { ++calls; });
        CHECK(calls == 0);
    }
    CHECK(calls == 1);
    {
        stomp::detail::undo u([&] { ++calls; });
        u.dismiss();
    }
    CHECK(calls == 1);
}
