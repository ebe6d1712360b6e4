// Random frames and streams for property tests: deterministic, and made mostly of the octets that matter.
#ifndef STOMP_TESTS_SUPPORT_RANDOM_CODEC_HPP
#define STOMP_TESTS_SUPPORT_RANDOM_CODEC_HPP

#include <stomp/frame.hpp>
#include <stomp/parser.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace random_codec {

inline constexpr std::array<std::optional<stomp::version>, 4> versions{std::nullopt, stomp::version::v1_0,
                                                                       stomp::version::v1_1, stomp::version::v1_2};
inline constexpr std::array levels{stomp::strictness::strict, stomp::strictness::standard, stomp::strictness::lenient};

class source {
public:
    explicit source(std::uint32_t seed) : engine_(seed) {}

    /// A number below `bound`.
    std::size_t below(std::size_t bound) { return engine_() % bound; }
    bool one_in(std::size_t n) { return below(n) == 0; }

    template <class Range>
    auto pick(const Range& range) {
        return *(std::begin(range) + static_cast<std::ptrdiff_t>(below(std::size(range))));
    }

    /// Short mostly, long now and then: across the 64-octet blocks of the scan.
    std::size_t size() { return one_in(8) ? below(200) : below(12); }

    /// Any octet, those with a meaning far more often.
    char octet() {
        using namespace std::string_view_literals;
        constexpr std::string_view special = "\n\n\r:\\\\ncr\t 0129\xc3\xa9\xff\0"sv;
        if (one_in(2)) return special[below(special.size())];
        return one_in(4) ? static_cast<char>(below(256)) : static_cast<char>('a' + below(26));
    }

    std::string octets(std::size_t n) {
        std::string text(n, '\0');
        for (char& c : text) c = octet();
        return text;
    }

    /// Text as it usually is.
    std::string word(std::size_t n) {
        std::string text(n, '\0');
        for (char& c : text) c = static_cast<char>('a' + below(26));
        return text;
    }

    std::string verb() {
        constexpr std::array<std::string_view, 14> verbs{"SEND",   "MESSAGE", "ERROR",     "CONNECT", "CONNECTED",
                                                         "STOMP",  "RECEIPT", "SUBSCRIBE", "ACK",     "DISCONNECT",
                                                         "COMMIT", "FROB",    "send",      "SEND "};
        return std::string(pick(verbs));
    }

    /// A frame on the wire that is right, mostly.
    std::string wire_frame() {
        const std::string eol = one_in(5) ? "\r\n" : "\n";
        std::string wire = verb() + eol;
        std::string body = one_in(3) ? std::string() : one_in(2) ? octets(size()) : word(size());
        for (std::size_t headers = below(6); headers > 0; --headers) {
            wire += word(1 + size()) + ':';
            wire += one_in(4) ? octets(size()) : word(size());
            if (one_in(6)) wire += pick(std::array<std::string_view, 5>{"\\n", "\\c", "\\\\", "\\r", "\\"});
            if (one_in(4)) wire += word(size());
            wire += eol;
        }
        if (one_in(2)) {
            const std::size_t claimed = one_in(10) ? below(40) : body.size();
            wire += "content-length:" + std::string(one_in(8) ? " " : "") + std::to_string(claimed) + eol;
            if (one_in(8)) wire += "content-length:" + std::to_string(below(3)) + eol;
        } else {
            std::erase(body, '\0');
        }
        wire += eol + body + '\0';
        for (std::size_t eols = one_in(3) ? below(4) : 0; eols > 0; --eols) wire += one_in(4) ? "\r\n" : "\n";
        return wire;
    }

    /// Some frames, often with a few octets changed.
    std::string stream() {
        std::string wire;
        for (std::size_t frames = 1 + below(3); frames > 0; --frames) wire += wire_frame();
        if (one_in(2)) {
            for (std::size_t changes = 1 + below(3); changes > 0 && !wire.empty(); --changes) {
                const std::size_t at = below(wire.size());
                switch (below(3)) {
                    case 0: wire[at] = octet(); break;
                    case 1: wire.erase(at, 1); break;
                    default: wire.insert(wire.begin() + static_cast<std::ptrdiff_t>(at), octet());
                }
            }
        }
        if (one_in(4)) wire.resize(below(wire.size() + 1));
        return wire;
    }

    /// Limits small enough to be hit.
    stomp::limits small_limits() {
        stomp::limits bounds;
        if (one_in(3)) bounds.max_command = 3 + below(8);
        if (one_in(3)) bounds.max_header_line = below(40);
        if (one_in(3)) bounds.max_headers = below(5);
        if (one_in(3)) bounds.max_head = 1 + below(150);
        if (one_in(3)) bounds.max_body = below(60);
        return bounds;
    }

private:
    std::mt19937 engine_;
};

}  // namespace random_codec

#endif
