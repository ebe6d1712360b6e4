// What to do when a function is left half done.
#ifndef STOMP_DETAIL_UNDO_HPP
#define STOMP_DETAIL_UNDO_HPP

#include <stomp/config.hpp>

#include <utility>

namespace stomp::inline v0::detail {

/// Calls its function at the end of the scope unless dismissed: when bad_alloc passes through, or at an early return.
template <class How>
class [[nodiscard]] undo {
public:
    constexpr explicit undo(How how) noexcept : how_(std::move(how)) {}
    undo(const undo&) = delete;
    undo& operator=(const undo&) = delete;
    constexpr ~undo() {
        if (armed_) how_();
    }

    constexpr void dismiss() noexcept { armed_ = false; }

private:
    How how_;
    bool armed_ = true;
};

}  // namespace stomp::inline v0::detail

#endif
