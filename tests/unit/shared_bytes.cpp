#include <stomp/detail/shared_bytes.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using stomp::detail::shared_bytes;

TEST_CASE("shared_bytes: one block for all copies, freed with the last") {
    const counting_new::heap_watch heap;
    {
        const shared_bytes a = shared_bytes::copy_of("hello");
        CHECK(a.text() == "hello");
        CHECK(a.capacity() == 5);
        CHECK(a.unique());
        {
            const shared_bytes b = a;
            CHECK(b.data() == a.data());
            CHECK_FALSE(a.unique());
            shared_bytes c;
            c = b;
            shared_bytes d(std::move(c));
            CHECK_FALSE(c);  // NOLINT(bugprone-use-after-move): moved-from is empty
            d = shared_bytes::copy_of("other");
            CHECK(d.text() == "other");
            shared_bytes& self = d;
            d = self;
            CHECK(d.text() == "other");
            CHECK(d.unique());
        }
        CHECK(a.unique());
        CHECK(heap.blocks() == 1);
        CHECK(heap.held() == 5 + shared_bytes::overhead());
    }
    CHECK(heap.blocks() == 0);
}

TEST_CASE("shared_bytes: nothing is empty, and so is a block without octets") {
    const shared_bytes none;
    CHECK_FALSE(none);
    CHECK(none.text().empty());
    CHECK(none.capacity() == 0);
    const shared_bytes zero = shared_bytes::copy_of("");
    CHECK(zero);
    CHECK(zero.text().empty());
}

TEST_CASE("shared_bytes: copies may live in different threads") {
    shared_bytes bytes = shared_bytes::copy_of("shared");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([copy = bytes] {
            for (int n = 0; n < 10'000; ++n) {
                const shared_bytes another = copy;
                if (another.text() != "shared") std::abort();
            }
        });
    }
    for (auto& t : threads) t.join();
    CHECK(bytes.unique());
}
