// Outgoing octets: they never move until they are consumed, and the ends of frames are known.
#ifndef STOMP_DETAIL_OUTBOX_HPP
#define STOMP_DETAIL_OUTBOX_HPP

#include <stomp/config.hpp>
#include <stomp/detail/ring.hpp>
#include <stomp/detail/shared_bytes.hpp>
#include <stomp/limits.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace stomp::inline v0::detail {

/// A queue of frames. A frame is appended in pieces, copied into chunks or shared, and closed by end_frame(). Chunks
/// are never reallocated, so a write of any part may be in flight while more is appended. An append that fails for want of
/// memory has not happened.
class outbox {
public:
    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }

    /// Room for the next `n` octets of the frame, to be filled by the caller at once. What else the frame consists of,
    /// two pieces of shared octets and `reserved` octets of append_reserved() at the most, does not allocate any more.
    char* append(std::size_t n, std::size_t reserved = 0) {
        runs_.make_room(4);
        frames_.make_room(1);
        if (tail_.capacity() - used_ < n + reserved) next_chunk(n + reserved);
        return append_reserved(n);
    }

    char* append_reserved(std::size_t n) noexcept {
        char* to = tail_.data() + used_;
        used_ += n;
        copied_ += n;
        grew(n);
        if (!runs_.empty() && runs_.back().data + runs_.back().size == to) {
            runs_.back().size += n;
        } else {
            runs_.push_back({tail_, to, n});
        }
        return to;
    }

    /// The next octets of the frame, not copied but kept alive.
    void append(shared_bytes bytes) noexcept {
        const std::string_view text = bytes.text();
        if (text.empty()) return;
        grew(text.size());
        runs_.push_back({std::move(bytes), text.data(), text.size()});
    }

    void end_frame() noexcept { frames_.push_back(std::exchange(open_, 0)); }

    /// The next contiguous octets.
    std::string_view front() const noexcept {
        return runs_.empty() ? std::string_view{} : std::string_view{runs_.front().data, runs_.front().size};
    }

    /// Fills `chunks` with the next octets, `most` at the most; returns how many chunks were filled.
    std::size_t gather(std::span<std::string_view> chunks, std::size_t most) const noexcept {
        std::size_t n = 0;
        for (; n < chunks.size() && n < runs_.size() && most != 0; ++n) {
            chunks[n] = std::string_view(runs_[n].data, (std::min)(runs_[n].size, most));
            most -= chunks[n].size();
        }
        return n;
    }

    /// The octets that are left of the first frame; 0 where there is none.
    std::size_t front_frame() const noexcept { return frames_.empty() ? 0 : frames_.front(); }

    void consume(std::size_t n) noexcept {
        n = (std::min)(n, size_);
        size_ -= n;
        for (std::size_t left = n; left != 0 && !frames_.empty();) {
            const std::size_t part = (std::min)(left, frames_.front());
            left -= part;
            frames_.front() -= part;
            if (frames_.front() == 0) frames_.pop_front();
        }
        while (n != 0) {
            run& r = runs_.front();
            const std::size_t part = (std::min)(n, r.size);
            n -= part;
            r.data += part;
            r.size -= part;
            if (r.size == 0) {
                if (!spare_ && r.bytes.capacity() == chunk_size && r.bytes.unique()) spare_ = std::move(r.bytes);
                runs_.pop_front();
            }
        }
        if (size_ == 0) rewind();
    }

    void clear() noexcept { consume(size_); }

private:
    struct run {
        shared_bytes bytes;
        const char* data = nullptr;
        std::size_t size = 0;
    };

    static constexpr std::size_t first_chunk = 512;
    static constexpr std::size_t chunk_size = 4096;
    static constexpr std::size_t largest_chunk = 4 * chunk_size;  // but for frames that are larger

    void grew(std::size_t n) noexcept {
        size_ += n;
        open_ += n;
    }

    void next_chunk(std::size_t n) {
        if (n <= chunk_size && spare_) {
            tail_ = std::exchange(spare_, shared_bytes());
        } else {
            n = (std::max)(n, size_ == 0 ? usual_ : chunk_size);
            tail_ = shared_bytes(n <= largest_chunk ? std::bit_ceil(n) : n);  // room for somewhat larger ones, too
        }
        used_ = 0;
    }

    // All is written: start over in one chunk that takes as much as there was this time, so that an even flow allocates
    // nothing. More than a small chunk is kept only while it is needed.
    void rewind() noexcept {
        usual_ = (std::clamp)(copied_, first_chunk, largest_chunk);
        const bool fits = copied_ <= chunk_size ? tail_.capacity() <= chunk_size : tail_.capacity() >= usual_;
        if (!fits || (tail_ && !tail_.unique())) tail_ = shared_bytes();
        spare_ = shared_bytes();
        copied_ = used_ = 0;
        runs_.shrink(64);
        frames_.shrink(256);
    }

    static_assert(sizeof(run) <= entry::run && sizeof(std::size_t) <= entry::frame_end &&
                  shared_bytes::overhead() <= entry::chunk && largest_chunk <= entry::largest_chunk);

    ring<run> runs_;
    ring<std::size_t> frames_;  // octets left of each frame
    shared_bytes tail_;         // where the next octets go, from used_ on
    shared_bytes spare_;        // a chunk to use next: a steady flow allocates nothing
    std::size_t used_ = 0;
    std::size_t copied_ = 0;           // octets that went into chunks since there were none
    std::size_t usual_ = first_chunk;  // the size of the first chunk
    std::size_t size_ = 0;
    std::size_t open_ = 0;  // octets of the frame being appended
};

}  // namespace stomp::inline v0::detail

#endif
