// Counts what passes through operator new, and can make it fail. support/counting_new.cpp replaces the operators in
// every test program.
#ifndef STOMP_TESTS_SUPPORT_COUNTING_NEW_HPP
#define STOMP_TESTS_SUPPORT_COUNTING_NEW_HPP

#include <cstddef>

namespace counting_new {

/// What this thread has asked for so far: octets as requested, the allocator's own overhead not counted.
struct counters {
    std::size_t allocations = 0;  ///< calls of operator new that succeeded
    std::size_t blocks = 0;       ///< of them not yet deleted
    std::size_t octets = 0;       ///< in those blocks
    std::size_t peak = 0;         ///< the most octets there ever were, or since the last heap_watch began
};

const counters& current() noexcept;
void restart_peak() noexcept;
/// The n-th allocation from now on throws std::bad_alloc, and only that one; 0: none does.
void fail_at(std::size_t n) noexcept;
/// How many allocations are left until one fails; 0: the one that was to fail has failed, or none is to.
std::size_t until_failure() noexcept;

/// What has happened since it was made. One at a time: a second one restarts the peak of the first.
class heap_watch {
public:
    heap_watch() noexcept : from_((restart_peak(), current())) {}

    std::size_t allocations() const noexcept { return current().allocations - from_.allocations; }
    // Zero where there are fewer than at the beginning.
    std::size_t blocks() const noexcept { return over(current().blocks, from_.blocks); }
    std::size_t held() const noexcept { return over(current().octets, from_.octets); }
    std::size_t peak() const noexcept { return over(current().peak, from_.octets); }

private:
    static std::size_t over(std::size_t a, std::size_t b) noexcept { return a < b ? 0 : a - b; }

    counters from_;
};

}  // namespace counting_new

#endif
