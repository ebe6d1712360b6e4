// A flat hash table from strings to slots. Slots are reused, counted by generation, and linked in order of
// insertion.
#ifndef STOMP_DETAIL_TABLE_HPP
#define STOMP_DETAIL_TABLE_HPP

#include <stomp/config.hpp>
#include <stomp/detail/keyed_hash.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stomp::inline v0::detail {

/// Finding, inserting and erasing take constant time; walking from first() along next() is in order of insertion.
/// An index is valid until it is erased; index and generation together never name another entry.
///
/// Keys come from peers. Where one shares a table with others, keys made to collide would cost them all, so the hash
/// has a secret: the owner's seed and the table's address at first. It goes along when the entries move.
template <class T>
class table {
public:
    using index = std::uint32_t;
    static constexpr index none = UINT32_MAX;

    explicit table(std::uint64_t seed = 0) noexcept : hash_(seed, reinterpret_cast<std::uintptr_t>(this)) {}

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

    index find(std::string_view key) const noexcept {
        if (buckets_.empty()) return none;
        const std::uint32_t h = hash(key);
        for (std::size_t b = h & mask();; b = (b + 1) & mask()) {
            const index i = buckets_[b];
            if (i == none) return none;
            if (slots_[i].hash == h && slots_[i].key == key) return i;
        }
    }

    /// The key must not be in the table. If memory is short, nothing has happened.
    index insert(std::string_view key) {
        if ((size_ + 1) * 2 > buckets_.size()) rehash();
        if (free_ == none) {
            slots_.emplace_back();
            free_ = static_cast<index>(slots_.size() - 1);
        }
        const index i = free_;
        slot& s = slots_[i];
        s.key = key;
        free_ = s.next;
        s.hash = hash(key);
        ++s.generation;
        s.used = true;
        s.previous = last_;
        s.next = none;
        (last_ == none ? first_ : slots_[last_].next) = i;
        last_ = i;
        std::size_t b = s.hash & mask();
        while (buckets_[b] != none) b = (b + 1) & mask();
        buckets_[b] = i;
        ++size_;
        return i;
    }

    void erase(index i) noexcept {
        slot& s = slots_[i];
        std::size_t hole = s.hash & mask();
        while (buckets_[hole] != i) hole = (hole + 1) & mask();
        // Close the gap: an entry behind the hole moves into it if its own probe would pass the hole.
        for (std::size_t b = (hole + 1) & mask(); buckets_[b] != none; b = (b + 1) & mask()) {
            const std::size_t home = slots_[buckets_[b]].hash & mask();
            if (((b - home) & mask()) >= ((b - hole) & mask())) {
                buckets_[hole] = buckets_[b];
                hole = b;
            }
        }
        buckets_[hole] = none;
        (s.previous == none ? first_ : slots_[s.previous].next) = s.next;
        (s.next == none ? last_ : slots_[s.next].previous) = s.previous;
        // Assigning an empty string would keep the memory of the old one.
        if (s.key.capacity() > kept_key) std::string().swap(s.key);
        [[maybe_unused]] const T gone = std::exchange(s.value, T{});
        s.used = false;
        s.next = free_;
        free_ = i;
        --size_;
    }

    void clear() noexcept {
        while (first_ != none) erase(first_);
    }

    T& operator[](index i) noexcept { return slots_[i].value; }
    const T& operator[](index i) const noexcept { return slots_[i].value; }
    std::string_view key(index i) const noexcept { return slots_[i].key; }
    std::uint32_t generation(index i) const noexcept { return slots_[i].generation; }
    bool contains(index i, std::uint32_t generation) const noexcept {
        return i < slots_.size() && slots_[i].used && slots_[i].generation == generation;
    }

    index first() const noexcept { return first_; }
    index next(index i) const noexcept { return slots_[i].next; }

    /// Where a key belongs: its low bits choose the bucket.
    std::uint32_t hash(std::string_view key) const noexcept { return static_cast<std::uint32_t>(hash_(key)); }

    /// What one entry costs, its key's text not counted: as many times over as a doubling vector takes. There are
    /// fewer than four buckets per entry.
    static constexpr std::size_t entry_size() noexcept { return sizeof(slot) + 2 * sizeof(index); }

private:
    static constexpr std::size_t kept_key = 64;  // a longer key's memory is not kept for the next entry

    struct slot {
        std::string key;
        T value{};
        std::uint32_t hash = 0;
        std::uint32_t generation = 0;
        index previous = none;
        index next = none;
        bool used = false;
    };

    std::size_t mask() const noexcept { return buckets_.size() - 1; }

    void rehash() {
        std::vector<index> bigger(buckets_.empty() ? 8 : buckets_.size() * 2, none);
        buckets_.swap(bigger);
        for (index i = first_; i != none; i = slots_[i].next) {
            std::size_t b = slots_[i].hash & mask();
            while (buckets_[b] != none) b = (b + 1) & mask();
            buckets_[b] = i;
        }
    }

    keyed_hash hash_;
    std::vector<slot> slots_;
    std::vector<index> buckets_;
    index first_ = none;
    index last_ = none;
    index free_ = none;
    std::size_t size_ = 0;
};

}  // namespace stomp::inline v0::detail

#endif
