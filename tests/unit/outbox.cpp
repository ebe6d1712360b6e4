#include <stomp/detail/outbox.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

using stomp::detail::outbox;
using stomp::detail::shared_bytes;

namespace {

void put(outbox& out, std::string_view text) { std::memcpy(out.append(text.size()), text.data(), text.size()); }

void put_frame(outbox& out, std::string_view text) {
    put(out, text);
    out.end_frame();
}

std::string all(const outbox& out) {
    std::array<std::string_view, 4096> chunks;
    const std::size_t n = out.gather(chunks, out.size());
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text += chunks[i];
    return text;
}

}  // namespace

TEST_CASE("outbox: frames in pieces, copied and shared, come out in order") {
    outbox out;
    CHECK(out.empty());
    CHECK(out.front().empty());
    CHECK(out.front_frame() == 0);
    put(out, "one ");
    put(out, "frame");
    out.end_frame();
    CHECK(out.front() == "one frame");  // side by side: one run
    put(out, "head ");
    out.append(shared_bytes::copy_of("shared"));
    out.append(shared_bytes());
    put(out, " tail");
    out.end_frame();
    put_frame(out, "\n");
    CHECK(out.size() == 26);
    CHECK(all(out) == "one framehead shared tail\n");
    CHECK(out.front_frame() == 9);

    std::array<std::string_view, 8> chunks;
    CHECK(out.gather(chunks, out.front_frame()) == 1);
    CHECK(chunks[0] == "one frame");
    out.consume(9);
    CHECK(out.front_frame() == 16);
    REQUIRE(out.gather(chunks, out.front_frame()) == 3);
    CHECK(chunks[0] == "head ");
    CHECK(chunks[1] == "shared");
    CHECK(chunks[2] == " tail");
    out.consume(7);
    CHECK(out.front_frame() == 9);
    REQUIRE(out.gather(chunks, out.front_frame()) == 2);
    CHECK(chunks[0] == "ared");
    CHECK(chunks[1] == " tail");
    out.consume(9);
    CHECK(out.front_frame() == 1);
    out.consume(100);
    CHECK(out.empty());
    CHECK(out.front_frame() == 0);
}

TEST_CASE("outbox: what waits never moves, and is what was put in, however it is consumed") {
    outbox out;
    std::deque<std::size_t> frames;
    std::string expected;
    std::vector<std::pair<std::string_view, std::size_t>> held;  // views and where in the stream they begin
    std::size_t consumed = 0;
    unsigned random = 7;
    const auto next = [&random](unsigned below) {
        random = random * 1664525 + 1013904223;
        return (random >> 8) % below;
    };
    for (int i = 0; i < 3000; ++i) {
        if (next(3) != 0) {
            std::string frame(1 + next(next(20) == 0 ? 9000 : 300), 'a');
            for (char& c : frame) c = static_cast<char>('a' + next(26));
            const std::size_t copied = 1 + next(static_cast<unsigned>(frame.size()));
            put(out, std::string_view(frame).substr(0, copied));
            out.append(shared_bytes::copy_of(std::string_view(frame).substr(copied)));
            out.end_frame();
            frames.push_back(frame.size());
            expected += frame;
        } else if (!out.empty()) {
            std::size_t n = 1 + next(static_cast<unsigned>(next(4) == 0 ? out.size() : 500));
            n = (std::min)(n, out.size());
            out.consume(n);
            consumed += n;
            while (n != 0) {
                const std::size_t part = (std::min)(n, frames.front());
                n -= part;
                frames.front() -= part;
                if (frames.front() == 0) frames.pop_front();
            }
            std::erase_if(held, [&](const auto& h) { return h.second < consumed; });
        }
        REQUIRE(out.size() == expected.size() - consumed);
        REQUIRE(out.front_frame() == (frames.empty() ? 0 : frames.front()));
        if (!out.empty()) {
            REQUIRE(expected.compare(consumed, out.front().size(), out.front()) == 0);
            held.emplace_back(out.front(), consumed);
        }
        if (held.size() > 50) held.erase(held.begin());
        for (const auto& [view, at] : held) REQUIRE(expected.compare(at, view.size(), view) == 0);
    }
    CHECK(all(out) == expected.substr(consumed));
}

TEST_CASE("outbox: once append() has returned, the rest of a frame does not allocate") {
    outbox out;
    const shared_bytes piece = shared_bytes::copy_of("piece");
    std::string expected;
    for (std::size_t i = 0; i < 2000; ++i) {
        const std::string head(1 + i % 600, 'h');
        std::memcpy(out.append(head.size(), 2), head.data(), head.size());
        const counting_new::heap_watch heap;
        out.append(piece);
        out.append(piece);
        *out.append_reserved(1) = '\r';
        *out.append_reserved(1) = '\n';
        out.end_frame();
        const std::size_t allocations = heap.allocations();
        REQUIRE(allocations == 0);
        expected += head + "piecepiece\r\n";
        if (i % 7 != 0) continue;
        std::array<std::string_view, 64> chunks;
        const std::size_t n = out.gather(chunks, out.size());
        std::string text;
        for (std::size_t c = 0; c < n; ++c) text += chunks[c];
        REQUIRE(text == expected.substr(0, text.size()));
        out.consume(text.size());
        expected.erase(0, text.size());
    }
}

TEST_CASE("outbox: an even flow does not allocate, however it is drained") {
    const std::size_t size = GENERATE(20U, 300U, 1000U, 3000U);
    const std::size_t waiting = GENERATE(1U, 3U, 10U);
    outbox out;
    const std::string frame(size, 'x');
    const auto flow = [&](int rounds) {
        for (int i = 0; i < rounds; ++i) {
            while (out.size() < waiting * size) put_frame(out, frame);
            out.consume(size);
        }
    };
    flow(200);
    const counting_new::heap_watch heap;
    flow(1000);
    // Never empty, it moves on from chunk to chunk and uses one it has finished with.
    CHECK(heap.allocations() <= (waiting == 1 ? 0U : 1000U * size / 4096));
    if (size <= 1000) CHECK(heap.allocations() <= 2);
}

TEST_CASE("outbox: a burst's memory is given back, and so are shared octets") {
    const counting_new::heap_watch heap;
    outbox out;
    for (int i = 0; i < 1000; ++i) {
        put(out, "head");
        out.append(shared_bytes::copy_of(std::string(1000, 's')));
        out.end_frame();
        put_frame(out, std::string(1000, 'c'));
    }
    CHECK(heap.held() > 2'000'000);
    while (!out.empty()) out.consume(out.front().size());
    put_frame(out, "small");
    out.consume(5);
    put_frame(out, "small");
    out.consume(5);
    CHECK(heap.held() < 8 * 1024);
}

TEST_CASE("outbox: clear() drops all, and it can be used again") {
    outbox out;
    put_frame(out, "one");
    out.append(shared_bytes::copy_of("two"));
    out.end_frame();
    out.consume(1);
    out.clear();
    CHECK(out.empty());
    CHECK(out.front_frame() == 0);
    put_frame(out, "three");
    CHECK(all(out) == "three");
    CHECK(out.front_frame() == 5);
}
