// The codec vectors, each in every way that octets can arrive: the result must be the same (F-13).
#include <stomp/parser.hpp>

#include "support/catch.hpp"
#include "support/vectors.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using stomp::errc;
using stomp::parse_status;

namespace {

/// All that a stream of octets led to.
struct outcome {
    std::vector<stomp::frame> frames;
    errc error = errc::ok;
    std::size_t error_offset = 0;
    std::uint64_t eols = 0;
    bool pending = false;

    friend bool operator==(const outcome&, const outcome&) = default;
};

struct codec_vector {
    std::string id;
    std::string input;
    std::optional<stomp::version> version;
    stomp::strictness strictness;
    stomp::limits bounds;
    bool eof;
    vectors::json expect;
};

std::vector<codec_vector> read_vectors() {
    std::vector<codec_vector> all;
    for (const auto& v : vectors::read("codec.json")) {
        all.push_back(
            {v.at("id").get<std::string>() + " " + v.at("rule").get<std::string>() + ": " + v.value("note", ""),
             vectors::decode_base64(v.at("input_b64").get<std::string>()), vectors::version_of(v),
             vectors::strictness_of(v), vectors::limits_of(v), v.value("eof", false), v.at("expect")});
    }
    return all;
}

void drain(stomp::parser& parser, outcome& result) {
    parse_status status{};
    while ((status = parser.next()) == parse_status::frame) result.frames.emplace_back(parser.frame());
    CHECK((status == parse_status::error) == (parser.error() != errc::ok));
}

outcome run(const codec_vector& v, const std::vector<std::string_view>& pieces, bool eof) {
    stomp::parser parser(v.bounds, v.strictness);
    parser.set_version(v.version);
    outcome result;
    for (const std::string_view piece : pieces) {
        parser.feed(piece);
        drain(parser, result);
    }
    result.pending = parser.error() == errc::ok && !parser.idle();
    if (eof) {
        const errc ended = parser.finish();
        CHECK(ended == parser.error());  // sticky
    }
    result.error = parser.error();
    result.error_offset = parser.error_offset();
    result.eols = parser.eols();
    return result;
}

/// The same by parse_frame(), from memory that ends where the octets end.
outcome run_in_place(const codec_vector& v) {
    outcome result;
    std::vector<char> octets(v.input.begin(), v.input.end());
    std::vector<stomp::header> storage(200);
    std::size_t begin = 0;
    while (true) {
        const std::vector<char> before(octets.begin() + static_cast<std::ptrdiff_t>(begin), octets.end());
        std::vector<char> rest = before;
        const auto r = stomp::parse_frame(rest, storage, v.version, v.bounds, v.strictness);
        if (r.status != parse_status::frame) CHECK(rest == before);
        if (r.status == parse_status::frame) result.frames.emplace_back(r.frame);
        result.eols += r.eols;
        if (r.status == parse_status::error) {
            result.error = r.error;
            result.error_offset = begin + r.error_offset;
        }
        begin += r.consumed;
        if (r.status != parse_status::frame) {
            result.pending = r.status == parse_status::need_more && begin != octets.size();
            return result;
        }
    }
}

void check_expectation(const codec_vector& v, const outcome& result) {
    std::vector<stomp::frame> expected;
    if (v.expect.contains("frames")) {
        for (const auto& described : v.expect.at("frames")) {
            vectors::frame f(described);
            expected.emplace_back(f.view());
        }
    }
    CHECK(result.frames == expected);
    CHECK(stomp::to_string(result.error) == v.expect.value("error", "ok"));
    if (v.expect.contains("eols")) CHECK(result.eols == v.expect.at("eols").get<std::uint64_t>());
    CHECK(result.pending == v.expect.value("pending", v.expect.value("error", "") == "unexpected_eof"));
    CHECK(result.error_offset <= v.input.size());
}

}  // namespace

TEST_CASE("codec vectors in one piece", "[conformance]") {
    const auto all = read_vectors();
    REQUIRE(all.size() > 100);
    for (const auto& v : all) {
        INFO(v.id);
        check_expectation(v, run(v, {v.input}, v.eof));
    }
}

TEST_CASE("codec vectors by parse_frame, octets untouched unless a frame is returned", "[conformance]") {
    for (const auto& v : read_vectors()) {
        INFO(v.id);
        const outcome expected = run(v, {v.input}, false);
        CHECK(run_in_place(v) == expected);
    }
}

TEST_CASE("F-13: codec vectors octet by octet", "[conformance]") {
    for (const auto& v : read_vectors()) {
        INFO(v.id);
        std::vector<std::string_view> pieces;
        for (std::size_t i = 0; i < v.input.size(); ++i) pieces.push_back(std::string_view(v.input).substr(i, 1));
        CHECK(run(v, pieces, v.eof) == run(v, {v.input}, v.eof));
    }
}

TEST_CASE("F-13: codec vectors at every split", "[conformance]") {
    for (const auto& v : read_vectors()) {
        INFO(v.id);
        const outcome whole = run(v, {v.input}, v.eof);
        const std::string_view input = v.input;
        for (std::size_t i = 0; i <= input.size(); ++i) {
            INFO("split at " << i);
            CHECK(run(v, {input.substr(0, i), input.substr(i)}, v.eof) == whole);
        }
    }
}

TEST_CASE("codec vectors at every offset in a block", "[conformance]") {
    // EOLs in front move the frame over the boundaries of whatever the scan works in.
    for (const auto& v : read_vectors()) {
        INFO(v.id);
        const outcome whole = run(v, {v.input}, v.eof);
        for (std::size_t eols = 1; eols <= 64; ++eols) {
            const std::string moved = std::string(eols, '\n') + v.input;
            outcome expected = whole;
            expected.eols += eols;
            if (expected.error != errc::ok) expected.error_offset += eols;
            CHECK(run(v, {moved}, v.eof) == expected);
        }
    }
}

TEST_CASE("E-09: codec vectors with octets behind", "[conformance]") {
    for (const auto& v : read_vectors()) {
        if (v.eof || v.expect.value("pending", false)) continue;
        INFO(v.id);
        const outcome whole = run(v, {v.input}, false);
        const std::string_view more("BEGIN\n\n\0", 8);
        const std::string longer = v.input + std::string(more);
        const outcome result = run(v, {longer}, false);
        if (whole.error != errc::ok) {
            CHECK(result == whole);  // nothing behind an error is looked at
        } else {
            REQUIRE(result.frames.size() == whole.frames.size() + 1);
            CHECK(result.frames.back().view().verb == "BEGIN");
            CHECK(result.error == errc::ok);
        }
    }
}
