#include "support/counting_new.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

thread_local counting_new::counters totals;
thread_local std::size_t countdown = 0;

// In front of each block: its size. As large as the strictest alignment, so that the block is aligned as malloc's.
constexpr std::size_t prefix = alignof(std::max_align_t) > sizeof(std::size_t) ? alignof(std::max_align_t)
                                                                               : sizeof(std::size_t);

void* allocate(std::size_t size) noexcept {
    if (countdown != 0 && --countdown == 0) return nullptr;
    char* const block =
        size > static_cast<std::size_t>(-1) - prefix ? nullptr : static_cast<char*>(std::malloc(size + prefix));
    if (block == nullptr) return nullptr;
    ::new (static_cast<void*>(block)) std::size_t(size);
    ++totals.allocations;
    ++totals.blocks;
    totals.octets += size;
    if (totals.octets > totals.peak) totals.peak = totals.octets;
    return block + prefix;
}

void* allocate_or_throw(std::size_t size) {
    void* const block = allocate(size);
    if (block == nullptr) {
#ifdef __cpp_exceptions
        throw std::bad_alloc();
#else
        std::abort();
#endif
    }
    return block;
}

void release(void* pointer) noexcept {
    if (pointer == nullptr) return;
    char* const block = static_cast<char*>(pointer) - prefix;
    --totals.blocks;
    totals.octets -= *reinterpret_cast<std::size_t*>(block);
    std::free(block);
}

}  // namespace

namespace counting_new {

const counters& current() noexcept { return totals; }
void restart_peak() noexcept { totals.peak = totals.octets; }
void fail_at(std::size_t n) noexcept { countdown = n; }
std::size_t until_failure() noexcept { return countdown; }

}  // namespace counting_new

void* operator new(std::size_t size) { return allocate_or_throw(size); }
void* operator new[](std::size_t size) { return allocate_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* block) noexcept { release(block); }
void operator delete[](void* block) noexcept { release(block); }
void operator delete(void* block, std::size_t) noexcept { release(block); }
void operator delete[](void* block, std::size_t) noexcept { release(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { release(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { release(block); }
