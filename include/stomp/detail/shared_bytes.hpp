// Octets with an intrusive count of owners: the chunks of the output, and message bodies stored once for all
// subscribers.
#ifndef STOMP_DETAIL_SHARED_BYTES_HPP
#define STOMP_DETAIL_SHARED_BYTES_HPP

#include <stomp/config.hpp>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace stomp::inline v0::detail {

/// A counted block of memory that never moves. Copying shares it. The octets may be written only while there is one
/// owner, or where no other owner looks. The count is atomic, so owners may live in different threads.
class shared_bytes {
public:
    shared_bytes() noexcept = default;

    explicit shared_bytes(std::size_t capacity)
        : block_(::new (::operator new(sizeof(block) + capacity)) block{{1}, capacity}) {}

    static shared_bytes copy_of(std::string_view text) {
        shared_bytes bytes(text.size());
        if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
        return bytes;
    }

    shared_bytes(const shared_bytes& other) noexcept : block_(other.block_) {
        if (block_ != nullptr) block_->owners.fetch_add(1, std::memory_order_relaxed);
    }
    shared_bytes(shared_bytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    shared_bytes& operator=(shared_bytes other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~shared_bytes() {
        if (block_ != nullptr && block_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            ::operator delete(static_cast<void*>(block_));
        }
    }

    explicit operator bool() const noexcept { return block_ != nullptr; }
    bool unique() const noexcept { return block_->owners.load(std::memory_order_acquire) == 1; }
    std::size_t capacity() const noexcept { return block_ == nullptr ? 0 : block_->capacity; }
    char* data() noexcept { return reinterpret_cast<char*>(block_ + 1); }
    const char* data() const noexcept { return reinterpret_cast<const char*>(block_ + 1); }
    /// The whole block as text; empty where there is none.
    std::string_view text() const noexcept {
        return block_ == nullptr ? std::string_view{} : std::string_view{data(), block_->capacity};
    }

    static constexpr std::size_t overhead() noexcept { return sizeof(block); }

private:
    struct block {
        std::atomic<std::size_t> owners;
        std::size_t capacity;
    };

    block* block_ = nullptr;
};

}  // namespace stomp::inline v0::detail

#endif
