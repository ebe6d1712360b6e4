// A frame: a view of one, and one that owns its octets.
#ifndef STOMP_FRAME_HPP
#define STOMP_FRAME_HPP

#include <stomp/command.hpp>
#include <stomp/config.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace stomp::inline v0 {

/// One header entry: decoded octets, not trimmed (but for leading blanks in 1.0).
struct header {
    std::string_view name;
    std::string_view value;

    friend constexpr bool operator==(const header&, const header&) = default;
};

/// A view of header entries that lie side by side: a braced list, an array, a vector. A braced list lives until the
/// end of the full expression, so pass it to a function and never keep it in a named header_list.
class header_list : public std::span<const header> {
public:
    constexpr header_list() noexcept = default;
    constexpr header_list(std::initializer_list<header> entries STOMP_LIFETIMEBOUND) noexcept
        : span(entries.begin(), entries.size()) {}
    constexpr header_list(std::span<const header> entries) noexcept : span(entries) {}
    constexpr header_list(std::span<header> entries) noexcept : span(entries) {}
    template <std::size_t N>
    constexpr header_list(const header (&entries)[N]) noexcept : span(entries) {}
    template <std::size_t N>
    constexpr header_list(const std::array<header, N>& entries STOMP_LIFETIMEBOUND) noexcept : span(entries) {}
    constexpr header_list(const std::vector<header>& entries STOMP_LIFETIMEBOUND) noexcept
        : span(entries.data(), entries.size()) {}
};

/// A frame somewhere in memory. Valid as long as the octets it points to: each function that hands one out says
/// until when. To keep one: `stomp::frame keep{view};`.
struct frame_view {
    stomp::command command = stomp::command::unknown;
    std::string_view verb = {};  ///< the command's text; a sender may leave it empty
    header_list headers = {};    ///< all entries, in wire order, repeats kept
    std::string_view body = {};

    /// The value of the first entry with this name, which is the one that counts. Spec: STOMP 1.2 "Repeated Header
    /// Entries".
    constexpr std::optional<std::string_view> get(std::string_view name) const noexcept {
        for (const header& h : headers) {
            if (h.name == name) return h.value;
        }
        return std::nullopt;
    }

    /// `get()`, or the fallback where there is no such entry.
    constexpr std::string_view get_or(std::string_view name, std::string_view fallback = {}) const noexcept {
        const auto value = get(name);
        return value ? *value : fallback;
    }
};

/// A frame that owns its octets: a regular type, one block of memory for the text and one for the entries.
class frame {
public:
    frame() = default;

    explicit frame(const frame_view& from)
        : command_(from.command), verb_size_(from.verb.size()), body_size_(from.body.size()) {
        std::size_t size = from.verb.size() + from.body.size();
        for (const header& h : from.headers) size += h.name.size() + h.value.size();
        text_.resize(size);
        headers_.reserve(from.headers.size());
        char* to = text_.data();
        const auto copy = [&to](std::string_view s) {
            if (!s.empty()) std::memcpy(to, s.data(), s.size());
            to += s.size();
            return std::string_view(to - s.size(), s.size());
        };
        copy(from.verb);
        for (const header& h : from.headers) {
            const std::string_view name = copy(h.name);
            headers_.push_back({name, copy(h.value)});
        }
        copy(from.body);
    }

    frame(const frame& other) : frame(other.view()) {}
    frame(frame&& other) noexcept
        : text_(std::move(other.text_)), headers_(std::move(other.headers_)), command_(other.command_),
          verb_size_(other.verb_size_), body_size_(other.body_size_) {
        other.reset();
    }
    frame& operator=(const frame& other) {
        if (this != &other) *this = frame(other);
        return *this;
    }
    frame& operator=(frame&& other) noexcept {
        frame taken(std::move(other));
        text_.swap(taken.text_);
        headers_.swap(taken.headers_);
        command_ = taken.command_;
        verb_size_ = taken.verb_size_;
        body_size_ = taken.body_size_;
        return *this;
    }
    ~frame() = default;

    /// Valid until this frame is assigned to, moved from or destroyed.
    frame_view view() const& noexcept STOMP_LIFETIMEBOUND {
        return {command_, std::string_view(text_.data(), verb_size_), headers_,
                std::string_view(text_.data() + (text_.size() - body_size_), body_size_)};
    }
    frame_view view() const&& = delete;

    friend bool operator==(const frame& a, const frame& b) noexcept {
        const frame_view x = a.view();
        const frame_view y = b.view();
        if (x.command != y.command || x.verb != y.verb || x.body != y.body) return false;
        if (x.headers.size() != y.headers.size()) return false;
        for (std::size_t i = 0; i < x.headers.size(); ++i) {
            if (x.headers[i] != y.headers[i]) return false;
        }
        return true;
    }

private:
    void reset() noexcept {
        text_.clear();
        headers_.clear();
        command_ = stomp::command::unknown;
        verb_size_ = body_size_ = 0;
    }

    std::vector<char> text_;  // not a std::string: short ones move their octets, and the entries point at them
    std::vector<header> headers_;
    stomp::command command_ = stomp::command::unknown;
    std::size_t verb_size_ = 0;
    std::size_t body_size_ = 0;
};

}  // namespace stomp::inline v0

#endif
