// Memory between two pages that may not be touched: a look at an octet outside ends the test program, with or without
// sanitizers, and on a processor that is emulated.
#ifndef STOMP_TESTS_SUPPORT_GUARDED_HPP
#define STOMP_TESTS_SUPPORT_GUARDED_HPP

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#include <unistd.h>

namespace test {

class guarded_pages {
public:
    guarded_pages()
        : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
          all_(static_cast<char*>(
              mmap(nullptr, 3 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
        if (all_ == MAP_FAILED || mprotect(all_, page_, PROT_NONE) != 0 ||
            mprotect(all_ + 2 * page_, page_, PROT_NONE) != 0) {
            std::abort();
        }
    }
    guarded_pages(const guarded_pages&) = delete;
    guarded_pages& operator=(const guarded_pages&) = delete;
    ~guarded_pages() { munmap(all_, 3 * page_); }

    /// Copies of the text, of a page at most: the first octet behind the forbidden page, or the last one before it.
    std::span<char> first(std::string_view text) { return copy(all_ + page_, text); }
    std::span<char> last(std::string_view text) { return copy(all_ + 2 * page_ - text.size(), text); }

private:
    static std::span<char> copy(char* to, std::string_view text) {
        if (!text.empty()) std::memcpy(to, text.data(), text.size());
        return {to, text.size()};
    }

    std::size_t page_;
    char* all_;
};

}  // namespace test

#endif
#endif
