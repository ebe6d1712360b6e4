// The headers that decide what a frame means, found in one pass.
#ifndef STOMP_DETAIL_FIELDS_HPP
#define STOMP_DETAIL_FIELDS_HPP

#include <stomp/config.hpp>
#include <stomp/frame.hpp>
#include <stomp/header_names.hpp>

#include <optional>
#include <string_view>

namespace stomp::inline v0::detail {

/// First entries win (H-16).
struct fields {
    std::optional<std::string_view> destination;
    std::optional<std::string_view> id;
    std::optional<std::string_view> ack;
    std::optional<std::string_view> message_id;
    std::optional<std::string_view> subscription;
    std::optional<std::string_view> transaction;
    std::optional<std::string_view> receipt;

    explicit constexpr fields(const header_list& headers) noexcept {
        for (const header& h : headers) {
            const auto take = [&h](std::string_view name, std::optional<std::string_view>& field) {
                if (!field && h.name == name) field = h.value;
            };
            switch (h.name.size()) {  // the length alone rules most headers out
                case header_names::id.size(): take(header_names::id, id); break;
                case header_names::ack.size(): take(header_names::ack, ack); break;
                case header_names::receipt.size(): take(header_names::receipt, receipt); break;
                case header_names::message_id.size(): take(header_names::message_id, message_id); break;
                case header_names::destination.size():
                    take(header_names::destination, destination);
                    take(header_names::transaction, transaction);
                    break;
                case header_names::subscription.size(): take(header_names::subscription, subscription); break;
                default: break;
            }
        }
    }
};

static_assert(header_names::destination.size() == header_names::transaction.size());

/// The first header that this command needs in this version and the frame lacks; empty if it lacks none.
constexpr std::string_view missing_header(const frame_view& f, version v) noexcept {
    for (const std::string_view name : required_headers(f.command, v)) {
        if (!f.get(name)) return name;
    }
    return {};
}

}  // namespace stomp::inline v0::detail

#endif
