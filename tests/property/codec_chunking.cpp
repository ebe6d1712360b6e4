// Random streams, right and wrong, in random pieces: the parser, parse_frame() and a plain model must agree, in every
// version and at every level of strictness (F-13).
#include <stomp/parser.hpp>

#include "support/catch.hpp"
#include "support/codec_model.hpp"
#include "support/random_codec.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using codec_model::outcome;
using stomp::parse_status;

namespace {

struct setting {
    std::optional<stomp::version> version;
    stomp::strictness strictness;
    stomp::limits bounds;
};

struct parsed : outcome {
    std::size_t error_offset = 0;
};

/// `piece(rest)` says how many of the remaining octets come next.
template <class Piece>
parsed parse(const setting& s, std::string_view stream, Piece piece, bool copied) {
    stomp::parser parser(s.bounds, s.strictness);
    parser.set_version(s.version);
    parsed result;
    while (!stream.empty()) {
        const std::size_t n = piece(stream.size());
        if (copied) {
            parser.feed(stream.substr(0, n));
        } else {
            const auto space = parser.input_buffer(n);
            REQUIRE(space.size() >= n);
            std::memcpy(space.data(), stream.data(), n);
            parser.commit_input(n);
        }
        stream.remove_prefix(n);
        while (parser.next() == parse_status::frame) result.frames.push_back(codec_model::copy_of(parser.frame()));
    }
    result.error = parser.error();
    result.error_offset = parser.error_offset();
    result.eols = parser.eols();
    result.pending = parser.error() == stomp::errc::ok && !parser.idle();
    return result;
}

parsed parse_in_place(const setting& s, std::string_view stream) {
    parsed result;
    std::size_t begin = 0;
    while (true) {
        // Memory of exactly the size, so that a sanitizer sees every look outside.
        std::vector<char> rest(stream.begin() + static_cast<std::ptrdiff_t>(begin), stream.end());
        std::vector<stomp::header> storage(64);
        const auto r = stomp::parse_frame(rest, storage, s.version, s.bounds, s.strictness);
        result.eols += r.eols;
        if (r.status == parse_status::frame) {
            result.frames.push_back(codec_model::copy_of(r.frame));
        } else {
            CHECK(std::string_view(rest.data(), rest.size()) == stream.substr(begin));
        }
        if (r.status == parse_status::error) {
            result.error = r.error;
            result.error_offset = begin + r.error_offset;
        }
        begin += r.consumed;
        if (r.status != parse_status::frame) {
            result.pending = r.status == parse_status::need_more && begin < stream.size();
            return result;
        }
    }
}

std::string shown(std::string_view text) {
    std::string out;
    for (const char c : text) {
        constexpr std::string_view hex = "0123456789abcdef";
        const auto octet = static_cast<unsigned char>(c);
        if (octet >= 0x20 && octet < 0x7f) {
            out += c;
        } else {
            out += {'\\', 'x', hex[octet >> 4], hex[octet & 15]};
        }
    }
    return out;
}

void compare(const setting& s, const std::string& stream, random_codec::source& random) {
    INFO("version " << (s.version ? stomp::to_string(*s.version) : "none") << ", strictness "
                    << static_cast<int>(s.strictness) << ", max_command " << s.bounds.max_command
                    << ", max_header_line " << s.bounds.max_header_line << ", max_headers " << s.bounds.max_headers
                    << ", max_head " << s.bounds.max_head << ", max_body " << s.bounds.max_body << "\n"
                    << shown(stream));
    const outcome expected = codec_model::reader(s.version, s.strictness, s.bounds).read(stream);
    const parsed whole = parse(
        s, stream, [](std::size_t rest) { return rest; }, true);
    const parsed octets = parse(
        s, stream, [](std::size_t) { return std::size_t{1}; }, true);
    const std::size_t most = 1 + random.below(100);
    const parsed pieces = parse(
        s, stream, [&](std::size_t rest) { return (std::min)(rest, 1 + random.below(most)); }, random.one_in(2));
    const parsed in_place = parse_in_place(s, stream);
    REQUIRE(whole.frames == expected.frames);
    REQUIRE(stomp::to_string(whole.error) == stomp::to_string(expected.error));
    REQUIRE(whole.eols == expected.eols);
    REQUIRE(whole.pending == expected.pending);
    for (const parsed* other : {&octets, &pieces, &in_place}) {
        REQUIRE(other->frames == expected.frames);
        REQUIRE(stomp::to_string(other->error) == stomp::to_string(expected.error));
        REQUIRE(other->error_offset == whole.error_offset);
        REQUIRE(other->eols == expected.eols);
        REQUIRE(other->pending == expected.pending);
    }
}

}  // namespace

TEST_CASE("F-13: random streams in random pieces agree with the model", "[property]") {
    random_codec::source random(1);
    for (int round = 0; round < 4000; ++round) {
        const std::string stream = random.stream();
        for (const auto version : random_codec::versions) {
            for (const auto level : random_codec::levels) compare({version, level, {}}, stream, random);
        }
    }
}

TEST_CASE("L-01 to L-04: the same with limits that are hit", "[property]") {
    random_codec::source random(2);
    for (int round = 0; round < 20000; ++round) {
        const setting s{random.pick(random_codec::versions), random.pick(random_codec::levels), random.small_limits()};
        compare(s, random.stream(), random);
    }
}

TEST_CASE("random octets agree with the model", "[property]") {
    random_codec::source random(3);
    for (int round = 0; round < 20000; ++round) {
        const setting s{random.pick(random_codec::versions), random.pick(random_codec::levels), random.small_limits()};
        compare(s, random.octets(random.below(150)), random);
    }
}

TEST_CASE("all short streams over the octets that matter agree with the model", "[property]") {
    random_codec::source random(4);
    constexpr std::string_view alphabet("A\n\r:\\n\0", 7);
    const std::string head = "A\n";
    for (std::size_t length = 0; length <= 4; ++length) {
        std::size_t count = 1;
        for (std::size_t i = 0; i < length; ++i) count *= alphabet.size();
        for (std::size_t number = 0; number < count; ++number) {
            std::string text;
            for (std::size_t rest = number, i = 0; i < length; ++i, rest /= alphabet.size()) {
                text += alphabet[rest % alphabet.size()];
            }
            const auto version = random.pick(random_codec::versions);
            const auto level = random.pick(random_codec::levels);
            compare({version, level, {}}, text, random);
            compare({version, level, {}}, head + text, random);
        }
    }
}
