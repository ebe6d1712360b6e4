// Answers that are waited for, by id: first in, first out, one duration for all.
#ifndef STOMP_DETAIL_AWAITED_HPP
#define STOMP_DETAIL_AWAITED_HPP

#include <stomp/config.hpp>
#include <stomp/detail/table.hpp>
#include <stomp/heart_beat.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stomp::inline v0::detail {

/// Deadlines begin at the first `now` that is told after an id was inserted. As all last equally long the oldest entry's
/// is the next, and only the youngest ones can be without. `Timers` is detail::timers.
template <class T>
class awaited {
public:
    using index = typename table<T>::index;
    static constexpr index none = table<T>::none;

    bool empty() const noexcept { return entries_.empty(); }
    std::size_t size() const noexcept { return entries_.size(); }
    index find(std::string_view id) const noexcept { return entries_.find(id); }
    index oldest() const noexcept { return entries_.first(); }
    std::string_view id(index i) const noexcept { return entries_.key(i); }
    T& operator[](index i) noexcept { return entries_[i].value; }

    /// Call timers.mark() next.
    template <class Timers>
    index insert(std::string_view id, const Timers& timers, milliseconds duration) {
        arm(timers, duration);
        const index i = entries_.insert(id);
        if (unarmed_ == none) unarmed_ = i;
        return i;
    }

    void erase(index i) noexcept {
        if (unarmed_ == i) unarmed_ = entries_.next(i);
        entries_.erase(i);
    }

    /// Gives those their deadline that were inserted before the last told time. Before every timers.mark().
    template <class Timers>
    void arm(const Timers& timers, milliseconds duration) noexcept {
        if (timers.marked()) return;
        for (; unarmed_ != none; unarmed_ = entries_.next(unarmed_)) {
            entries_[unarmed_].deadline = Timers::later(timers.first_told(), duration);
        }
    }

    /// When to look next; time_point::max() for never. What expire() was told of does not count again.
    template <class Timers>
    time_point deadline(const Timers& timers, milliseconds duration) const noexcept {
        const index i = entries_.first();
        if (i == none || duration.count() <= 0) return (time_point::max)();
        if (unarmed_ != none && timers.marked()) return timers.now();  // due at once, so that it is told the time
        const time_point at = deadline_of(i, timers, duration);
        return at > expired_ ? at : (time_point::max)();
    }

    /// The time has come: from now on expired() tells which are overdue.
    void expire(time_point now) noexcept { expired_ = now; }

    /// The oldest entry, if its deadline has passed; else none.
    template <class Timers>
    index expired(const Timers& timers, milliseconds duration) const noexcept {
        const index i = entries_.first();
        if (i == none || duration.count() <= 0 || (i == unarmed_ && timers.marked())) return none;
        return deadline_of(i, timers, duration) <= expired_ ? i : none;
    }

    static constexpr std::size_t entry_size() noexcept { return table<entry>::entry_size(); }

private:
    struct entry {
        time_point deadline{};
        T value{};
    };

    template <class Timers>
    time_point deadline_of(index i, const Timers& timers, milliseconds duration) const noexcept {
        return i == unarmed_ ? Timers::later(timers.first_told(), duration) : entries_[i].deadline;
    }

    table<entry> entries_;
    index unarmed_ = none;  // the first without a deadline
    time_point expired_{};
};

}  // namespace stomp::inline v0::detail

#endif
