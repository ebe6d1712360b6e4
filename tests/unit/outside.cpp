// Nothing outside the octets that a caller hands over is looked at, however few there are and wherever they lie.
#include <stomp/detail/utf8.hpp>
#include <stomp/encode.hpp>
#include <stomp/parser.hpp>

#include "support/catch.hpp"
#include "support/guarded.hpp"

#if __has_include(<sys/mman.h>)

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

using namespace std::literals;
using stomp::errc;
using stomp::parse_status;
using stomp::version;

namespace {

/// Frames whose ends fall anywhere in a block, and whose lines are long, short, escaped, or ended with CR LF.
std::string stream() {
    std::string octets = "\n\r\n";
    for (std::size_t n = 0; n < 70; ++n) {
        const std::string text(n, 'v');
        octets += "SEND\ndestination:/q/" + text + "\nk\\ce\\\\y:\\n" + text + "\\c\n\n" + text + '\0';
        octets += "SEND\r\ncontent-length:" + std::to_string(n) + "\r\nempty:\r\n\r\n" + text + "\0\r\n"s;
    }
    return octets;
}

}  // namespace

TEST_CASE("outside: parse_frame() of every piece of a frame") {
    test::guarded_pages pages;
    const std::string octets = stream();
    std::array<stomp::header, 8> storage;
    std::string work = octets;
    for (std::size_t begin = 0; begin < octets.size();) {
        work = octets;
        const auto whole = stomp::parse_frame(std::span(work).subspan(begin), storage, version::v1_2);
        if (whole.status == parse_status::need_more) break;  // only the ends of lines are left
        REQUIRE(whole.status == parse_status::frame);
        for (std::size_t size = 0; size <= whole.consumed; ++size) {
            const std::string_view piece = std::string_view(octets).substr(begin, size);
            for (const bool at_end : {false, true}) {
                const std::span<char> input = at_end ? pages.last(piece) : pages.first(piece);
                const auto result = stomp::parse_frame(input, storage, version::v1_2);
                REQUIRE(result.status == (size == whole.consumed ? parse_status::frame : parse_status::need_more));
                if (size == whole.consumed) REQUIRE(result.frame.body.size() == whole.frame.body.size());
            }
        }
        begin += whole.consumed;
    }
}

TEST_CASE("outside: what is fed to a parser") {
    test::guarded_pages pages;
    const std::string octets = stream();
    for (std::size_t piece = 1; piece < 200; ++piece) {
        stomp::parser p;
        p.set_version(version::v1_2);
        std::size_t frames = 0;
        for (std::size_t at = 0; at < octets.size(); at += piece) {
            const std::span<char> input = pages.last(std::string_view(octets).substr(at, piece));
            p.feed({input.data(), input.size()});
            while (p.next() == parse_status::frame) ++frames;
        }
        REQUIRE(p.error() == errc::ok);
        REQUIRE(frames == 140);
    }
}

TEST_CASE("outside: encode() and the check of UTF-8 by texts of every size") {
    test::guarded_pages pages;
    for (std::size_t size = 1; size <= 256; ++size) {
        for (const std::string_view ending : {"v"sv, ":"sv, "\n"sv, "\\"sv}) {
            const std::string text = std::string(size - 1, 'v') + std::string(ending);
            std::string expected;
            REQUIRE(stomp::encode(expected, stomp::command::send, {{text, text}}, text, version::v1_2) == errc::ok);
            for (const bool at_end : {false, true}) {
                const std::span<char> input = at_end ? pages.last(text) : pages.first(text);
                const std::string_view view(input.data(), input.size());
                std::string out;
                REQUIRE(stomp::encode(out, stomp::command::send, {{view, view}}, view, version::v1_2) == errc::ok);
                REQUIRE(out == expected);
                REQUIRE(stomp::detail::is_utf8(view));
            }
        }
    }
}

#endif
