// The encoder vectors: the exact octets, or the refusal and an output that is untouched.
#include <stomp/encode.hpp>
#include <stomp/parser.hpp>

#include "support/catch.hpp"
#include "support/vectors.hpp"

#include <string>
#include <vector>

using stomp::errc;

namespace {

stomp::encode_options options_of(const vectors::json& v) {
    const std::string policy = v.value("content_length", "automatic");
    if (policy == "never") return {stomp::content_length_policy::never};
    if (policy == "if_needed") return {stomp::content_length_policy::if_needed};
    REQUIRE(policy == "automatic");
    return {};
}

}  // namespace

TEST_CASE("encoder vectors", "[conformance]") {
    const auto all = vectors::read("encoder.json");
    REQUIRE(all.size() > 15);
    for (const auto& v : all) {
        INFO(v.at("id").get<std::string>() << " " << v.at("rule").get<std::string>() << ": " << v.value("note", ""));
        vectors::frame described(v.at("frame"));
        const stomp::frame_view frame = described.view();
        const stomp::version version = vectors::version_of(v).value();
        const stomp::encode_options options = options_of(v);

        std::string out = "before";
        const errc result = stomp::encode(out, frame, version, options);
        std::string head = "before";
        const errc head_result = stomp::encode_head(head, frame, version, options);
        CHECK(head_result == result);
        if (v.at("expect").contains("error")) {
            CHECK(stomp::to_string(result) == v.at("expect").at("error").get<std::string>());
            CHECK(out == "before");
            CHECK(head == "before");
            CHECK(stomp::encoded_size(frame, version, options) == 0);
            continue;
        }
        CHECK(result == errc::ok);
        const std::string expected = vectors::decode_base64(v.at("expect").at("output_b64").get<std::string>());
        CHECK(out == "before" + expected);
        CHECK(head + described.body + '\0' == out);
        CHECK(stomp::encoded_size(frame, version, options) == expected.size());

        // What it wrote reads back as the same frame, and as nothing else.
        stomp::parser parser;
        parser.set_version(version);
        parser.feed(expected);
        REQUIRE(parser.next() == stomp::parse_status::frame);
        CHECK(parser.frame().body == described.body);
        for (const auto& [name, value] : described.headers) {
            CHECK(parser.frame().get(name).has_value());
        }
        CHECK(parser.next() == stomp::parse_status::need_more);
        CHECK(parser.idle());
    }
}
