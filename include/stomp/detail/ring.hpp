// A growable ring buffer: a queue that reuses its memory and whose elements keep their order.
#ifndef STOMP_DETAIL_RING_HPP
#define STOMP_DETAIL_RING_HPP

#include <stomp/config.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace stomp::inline v0::detail {

template <class T>
class ring {
public:
    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return slots_.size(); }

    /// The i-th element from the front.
    T& operator[](std::size_t i) noexcept { return slots_[(first_ + i) & (slots_.size() - 1)]; }
    const T& operator[](std::size_t i) const noexcept { return slots_[(first_ + i) & (slots_.size() - 1)]; }
    T& front() noexcept { return (*this)[0]; }
    const T& front() const noexcept { return (*this)[0]; }
    T& back() noexcept { return (*this)[size_ - 1]; }

    /// The next `n` times push_back() will not allocate.
    void make_room(std::size_t n) {
        while (slots_.size() - size_ < n) grow();
    }

    void push_back(T value) {
        make_room(1);
        ++size_;
        back() = std::move(value);
    }

    /// Puts an element before all others.
    void push_front(T value) {
        make_room(1);
        first_ = (first_ + slots_.size() - 1) & (slots_.size() - 1);
        ++size_;
        front() = std::move(value);
    }

    void pop_front() noexcept {
        front() = T{};  // lets go of what the element holds
        first_ = (first_ + 1) & (slots_.size() - 1);
        --size_;
    }

    void pop_back() noexcept {
        back() = T{};
        --size_;
    }

    void clear() noexcept {
        while (!empty()) pop_front();
        first_ = 0;
    }

    /// Gives the memory back if the ring is empty and holds more than `keep` slots.
    void shrink(std::size_t keep) noexcept {
        if (!empty() || slots_.size() <= keep) return;
        slots_ = std::vector<T>{};
        first_ = 0;
    }

private:
    void grow() {
        std::vector<T> bigger(slots_.empty() ? 8 : slots_.size() * 2);  // a power of two: the index is masked
        for (std::size_t i = 0; i < size_; ++i) bigger[i] = std::move((*this)[i]);
        slots_ = std::move(bigger);
        first_ = 0;
    }

    std::vector<T> slots_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

}  // namespace stomp::inline v0::detail

#endif
