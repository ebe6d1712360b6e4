// Any octets, in any pieces, in every version, strictness and small limits: the parser and parse_frame() must give
// what the plain model gives.
//
// Input: octet 0 version (bits 0-1), strictness (bits 2-3), small limits (bit 4); octet 1 the size of the pieces;
// with small limits five octets, one limit each; then the stream.
#include <stomp/parser.hpp>

#include "support/codec_model.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::uint8_t setting = data[0];
    constexpr std::optional<stomp::version> versions[] = {std::nullopt, stomp::version::v1_0, stomp::version::v1_1,
                                                          stomp::version::v1_2};
    const auto version = versions[setting & 3];
    const auto strictness = static_cast<stomp::strictness>((setting >> 2 & 3) % 3);
    const std::size_t piece = data[1] == 0 ? 1 : data[1];
    std::size_t used = 2;
    stomp::limits bounds;
    if ((setting & 16) != 0 && size >= 7) {
        bounds.max_command = data[2];
        bounds.max_header_line = data[3];
        bounds.max_headers = data[4];
        bounds.max_head = 1u + data[5];
        bounds.max_body = data[6];
        used = 7;
    }
    // A copy of exactly the size, so that a look outside is seen.
    const std::vector<char> octets(data + used, data + size);
    const std::string_view stream(octets.data(), octets.size());

    const codec_model::outcome expected = codec_model::reader(version, strictness, bounds).read(stream);

    codec_model::outcome fed;
    stomp::parser parser(bounds, strictness);
    parser.set_version(version);
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        parser.feed(stream.substr(at, piece));
        while (parser.next() == stomp::parse_status::frame) fed.frames.push_back(codec_model::copy_of(parser.frame()));
    }
    fed.error = parser.error();
    fed.eols = parser.eols();
    fed.pending = parser.error() == stomp::errc::ok && !parser.idle();
    require(fed == expected);

    codec_model::outcome in_place;
    std::vector<char> rest(octets);
    std::vector<stomp::header> storage(256);
    while (true) {
        const std::vector<char> before(rest);
        const auto r = stomp::parse_frame(rest, storage, version, bounds, strictness);
        in_place.eols += r.eols;
        if (r.status == stomp::parse_status::frame) {
            in_place.frames.push_back(codec_model::copy_of(r.frame));
        } else {
            require(rest == before);
            in_place.error = r.error;
            in_place.pending = r.status == stomp::parse_status::need_more && r.consumed != rest.size();
        }
        if (r.status == stomp::parse_status::error) {
            require(r.error_offset <= rest.size());
        }
        if (r.status != stomp::parse_status::frame) break;
        rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(r.consumed));
        rest.shrink_to_fit();
    }
    require(in_place == expected);
    return 0;
}
