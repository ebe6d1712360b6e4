// What is encoded reads back as the same frame and nothing else, or it is refused: for any octets (abuse 40).
#include <stomp/encode.hpp>
#include <stomp/parser.hpp>

#include "support/catch.hpp"
#include "support/codec_model.hpp"
#include "support/random_codec.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using stomp::errc;
using stomp::parse_status;
using stomp::version;

namespace {

stomp::limits no_limits() {
    stomp::limits bounds;
    bounds.max_command = bounds.max_header_line = bounds.max_headers = bounds.max_head = bounds.max_body = 1 << 20;
    return bounds;
}

codec_model::frame random_frame(random_codec::source& random) {
    codec_model::frame f;
    f.verb = random.one_in(20) ? random.octets(random.below(20)) : random.verb();
    for (std::size_t headers = random.below(6); headers > 0; --headers) {
        const auto text = [&] { return random.one_in(3) ? random.octets(random.size()) : random.word(random.size()); };
        f.headers.emplace_back(text(), text());
    }
    if (random.one_in(2)) f.body = random.octets(random.size());
    if (random.one_in(10)) f.headers.emplace_back("content-length", std::to_string(f.body.size() + random.below(2)));
    return f;
}

/// The frame as it arrives: with the content-length that the encoder added, without what 1.0 takes for padding.
codec_model::frame as_received(codec_model::frame f, version v, bool added) {
    if (added) f.headers.emplace_back("content-length", std::to_string(f.body.size()));
    if (v == version::v1_0) {
        for (auto& [name, value] : f.headers) value.erase(0, (std::min)(value.find_first_not_of(" \t"), value.size()));
    }
    return f;
}

}  // namespace

TEST_CASE("abuse 40: decode(encode(x)) is x, or x is refused", "[property]") {
    random_codec::source random(11);
    std::size_t accepted = 0;
    std::size_t refused = 0;
    for (int round = 0; round < 40000; ++round) {
        const codec_model::frame original = random_frame(random);
        std::vector<stomp::header> entries;
        for (const auto& [name, value] : original.headers) entries.push_back({name, value});
        const stomp::frame_view view{stomp::parse_command(original.verb), original.verb, entries, original.body};
        const version v = random.pick(stomp::all_versions);
        stomp::encode_options options;
        options.content_length =
            random.pick(std::array{stomp::content_length_policy::automatic, stomp::content_length_policy::if_needed,
                                   stomp::content_length_policy::never});
        std::string wire;
        const errc result = stomp::encode(wire, view, v, options);
        REQUIRE(stomp::encoded_size(view, v, options) == wire.size());
        if (result != errc::ok) {
            ++refused;
            REQUIRE(wire.empty());
            continue;
        }
        ++accepted;
        const bool own = view.get("content-length").has_value();
        const bool needed = original.body.find('\0') != std::string::npos;
        const bool added = !own && !original.body.empty() &&
                           (options.content_length == stomp::content_length_policy::automatic ||
                            (options.content_length == stomp::content_length_policy::if_needed && needed));
        stomp::parser parser(no_limits(), stomp::strictness::standard);
        parser.set_version(v);
        parser.feed(wire);
        REQUIRE(parser.next() == parse_status::frame);
        REQUIRE(codec_model::copy_of(parser.frame()) == as_received(original, v, added));
        REQUIRE(parser.next() == parse_status::need_more);
        REQUIRE(parser.idle());
        REQUIRE(parser.eols() == 0);
    }
    CHECK(accepted > 5000);
    CHECK(refused > 5000);
}

TEST_CASE("abuse 36: what is refused holds an octet that the version cannot carry, and nothing else is", "[property]") {
    random_codec::source random(12);
    for (int round = 0; round < 20000; ++round) {
        const std::string name = random.octets(random.size());
        const std::string value = random.octets(random.size());
        const version v = random.pick(stomp::all_versions);
        const bool literal = v == version::v1_0;
        const auto carried = [&](const std::string& text, bool is_name) {
            for (const char c : text) {
                if (c == '\0' || (c == '\r' && v != version::v1_2)) return false;
                if (literal && (c == '\n' || (c == ':' && is_name))) return false;
            }
            return true;
        };
        std::string wire;
        const errc result = stomp::encode(wire, stomp::command::send, {{name, value}}, {}, v);
        const bool clashes = name == "content-length";
        if (!clashes) REQUIRE((result == errc::ok) == (!name.empty() && carried(name, true) && carried(value, false)));
    }
}

TEST_CASE("H-18: a frame crosses from one version to another and back with its text unchanged", "[property]") {
    random_codec::source random(13);
    for (int round = 0; round < 5000; ++round) {
        codec_model::frame original = random_frame(random);
        original.verb = "MESSAGE";
        std::vector<stomp::header> entries;
        for (const auto& [name, value] : original.headers) entries.push_back({name, value});
        const stomp::frame_view view{stomp::command::message, "MESSAGE", entries, original.body};
        std::string first;
        std::string second;
        if (stomp::encode(first, view, version::v1_1) != errc::ok) continue;
        stomp::parser one(no_limits());
        one.set_version(version::v1_1);
        one.feed(first);
        REQUIRE(one.next() == parse_status::frame);
        REQUIRE(stomp::encode(second, one.frame(), version::v1_2) == errc::ok);
        stomp::parser two(no_limits());
        two.set_version(version::v1_2);
        two.feed(second);
        REQUIRE(two.next() == parse_status::frame);
        REQUIRE(codec_model::copy_of(two.frame()) == codec_model::copy_of(one.frame()));
    }
}
