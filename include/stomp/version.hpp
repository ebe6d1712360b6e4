// The protocol versions and their negotiation.
#ifndef STOMP_VERSION_HPP
#define STOMP_VERSION_HPP

#include <stomp/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace stomp::inline v0 {

/// A protocol version. Ordered: v1_0 < v1_1 < v1_2.
enum class version : std::uint8_t { v1_0, v1_1, v1_2 };

inline constexpr std::array<version, 3> all_versions{version::v1_0, version::v1_1, version::v1_2};

/// The text of `version` and `accept-version`: "1.2".
constexpr std::string_view to_string(version v) noexcept {
    constexpr std::array<std::string_view, 3> names{"1.0", "1.1", "1.2"};
    return names[static_cast<std::size_t>(v)];
}

/// The version with exactly this text; nothing for any other ("1.20", "v1.2", " 1.2").
constexpr std::optional<version> parse_version(std::string_view text) noexcept {
    for (const version v : all_versions) {
        if (text == to_string(v)) return v;
    }
    return std::nullopt;
}

/// The highest version that both an `accept-version` header and `ours` (any range of versions) name; nothing if
/// there is none. A missing header means 1.0 only. Items that are no version we know are skipped, blanks around
/// items are tolerated, order and repeats are irrelevant. Spec: STOMP 1.2 "Protocol Negotiation".
template <class Versions>
constexpr std::optional<version> negotiate(std::optional<std::string_view> accept_version,
                                           const Versions& ours) noexcept {
    constexpr auto trim = [](std::string_view s) {
        while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
        while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
        return s;
    };
    std::optional<version> best;
    const auto offer = [&](version theirs) {
        for (const version v : ours) {
            if (v == theirs && (!best || v > *best)) best = v;
        }
    };
    if (!accept_version) {
        offer(version::v1_0);
        return best;
    }
    std::string_view rest = *accept_version;
    while (true) {
        const std::size_t comma = rest.find(',');
        if (const auto item = parse_version(trim(rest.substr(0, comma)))) offer(*item);
        if (comma == std::string_view::npos) return best;
        rest.remove_prefix(comma + 1);
    }
}

}  // namespace stomp::inline v0

#endif
