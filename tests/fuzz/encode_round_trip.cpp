// Any frame, in every version and with every option: refused with nothing written, or read back as the same frame and
// nothing else.
//
// Input: octet 0 version (bits 0-1), content-length policy (bits 2-3), escape_connect (bit 4), and whether the verb is
// left empty (bit 5); then texts, each behind an octet that says how long it is: verb, names and values by turns; an
// octet 255 ends them, and what follows is the body.
#include <stomp/encode.hpp>
#include <stomp/parser.hpp>

#include "support/codec_model.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto version = static_cast<stomp::version>((data[0] & 3) % 3);
    stomp::encode_options options;
    options.content_length = static_cast<stomp::content_length_policy>((data[0] >> 2 & 3) % 3);
    options.escape_connect = (data[0] & 16) != 0;

    std::vector<std::string> texts;
    while (!rest.empty() && static_cast<unsigned char>(rest[0]) != 255) {
        const std::size_t n = (std::min)(std::size_t{static_cast<unsigned char>(rest[0])}, rest.size() - 1);
        texts.emplace_back(rest.substr(1, n));
        rest.remove_prefix(1 + n);
    }
    if (!rest.empty()) rest.remove_prefix(1);
    if (texts.empty()) return 0;

    codec_model::frame original{texts[0], {}, std::string(rest)};
    std::vector<stomp::header> entries;
    for (std::size_t i = 1; i + 1 < texts.size(); i += 2) {
        original.headers.emplace_back(texts[i], texts[i + 1]);
        entries.push_back({texts[i], texts[i + 1]});
    }
    const stomp::command command = stomp::parse_command(original.verb);
    const std::string_view verb =
        (data[0] & 32) != 0 && command != stomp::command::unknown ? "" : std::string_view(original.verb);
    const stomp::frame_view view{command, verb, entries, original.body};

    std::string wire = "x";
    const stomp::errc result = stomp::encode(wire, view, version, options);
    std::string head = "x";
    require(stomp::encode_head(head, view, version, options) == result);
    require(stomp::encoded_size(view, version, options) == wire.size() - 1);
    if (result != stomp::errc::ok) {
        require(wire == "x" && head == "x");
        return 0;
    }
    require(wire == head + original.body + '\0');

    if (options.escape_connect && stomp::is_handshake(command)) return 0;  // reads back as written, not as meant
    if (!view.get("content-length") && !original.body.empty()) {
        const bool needed = original.body.find('\0') != std::string::npos;
        if (options.content_length == stomp::content_length_policy::automatic ||
            (options.content_length == stomp::content_length_policy::if_needed && needed)) {
            original.headers.emplace_back("content-length", std::to_string(original.body.size()));
        }
    }
    if (version == stomp::version::v1_0) {
        for (auto& [name, value] : original.headers)
            value.erase(0, (std::min)(value.find_first_not_of(" \t"), value.size()));
    }
    stomp::limits bounds;
    bounds.max_command = bounds.max_header_line = bounds.max_headers = bounds.max_head = bounds.max_body = 1 << 24;
    stomp::parser parser(bounds);
    parser.set_version(version);
    parser.feed(std::string_view(wire).substr(1));
    require(parser.next() == stomp::parse_status::frame);
    require(codec_model::copy_of(parser.frame()) == original);
    require(parser.next() == stomp::parse_status::need_more);
    require(parser.idle());
    return 0;
}
