// What the fuzz targets of the two sessions share: reading a program, and checking what a session writes and holds.
#ifndef STOMP_TESTS_SUPPORT_FUZZ_SESSION_HPP
#define STOMP_TESTS_SUPPORT_FUZZ_SESSION_HPP

#include <stomp/encode.hpp>
#include <stomp/heart_beat.hpp>
#include <stomp/limits.hpp>
#include <stomp/parser.hpp>

#include "support/counting_new.cpp"  // a fuzz target is one translation unit

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fuzz {

inline void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "broken: %s\n", what);
    std::abort();
}

/// The program: octets taken from the front, zeros when there are none left.
class program {
public:
    program(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

    bool done() const { return rest_.empty(); }
    std::uint8_t octet() {
        if (rest_.empty()) return 0;
        const auto value = static_cast<std::uint8_t>(rest_[0]);
        rest_.remove_prefix(1);
        return value;
    }
    /// Two octets of length, then as many octets, as far as there are any.
    std::string_view octets() {
        const std::size_t low = octet();
        const std::string_view text = rest_.substr(0, low | static_cast<std::size_t>(octet()) << 8);
        rest_.remove_prefix((std::min)(text.size(), rest_.size()));
        return text;
    }
    /// One of a few texts, harmless and nasty ones.
    std::string_view text() {
        using namespace std::string_view_literals;
        static constexpr std::array<std::string_view, 12> texts{"a"sv,  "b"sv,   "c"sv,   "/q"sv, ""sv,     "x:y"sv,
                                                                "\n"sv, "k\r"sv, "\\n"sv, "\0"sv, "\xff"sv, " z "sv};
        return texts[octet() % texts.size()];
    }

private:
    std::string_view rest_;
};

/// Reads what a session writes: frames that are in order, and nothing else.
class reader {
public:
    explicit reader(std::optional<stomp::version> v = {}) { parser_.set_version(v); }

    /// The version of what comes after the handshake.
    void set_version(std::optional<stomp::version> v) { parser_.set_version(v); }

    template <class Check>
    void read(std::string_view octets, Check check) {
        parser_.feed(octets);
        while (true) {
            const auto status = parser_.next();
            require(status != stomp::parse_status::error, "output that is not STOMP");
            if (status != stomp::parse_status::frame) return;
            check(parser_.frame());
        }
    }

private:
    stomp::parser parser_;
};

/// Keeps account of the memory that a session asks for: run each of its functions inside hold().
class account {
public:
    explicit account(std::size_t most) : most_(most) {}

    template <class F>
    decltype(auto) hold(F f) {
        struct difference {
            account& owner;
            std::size_t before = counting_new::current().octets;
            ~difference() {
                owner.held_ += static_cast<std::ptrdiff_t>(counting_new::current().octets - before);
                require(owner.held_ <= static_cast<std::ptrdiff_t>(owner.most_), "more memory than max_memory()");
            }
        } d{*this};
        return f();
    }

private:
    std::size_t most_;
    std::ptrdiff_t held_ = 0;
};

/// Limits that a program of a few hundred octets can reach.
inline stomp::limits small_limits() {
    stomp::limits l;
    l.max_header_line = 128;
    l.max_headers = 8;
    l.max_head = 512;
    l.max_body = 512;
    l.max_input = 1024;
    l.max_output = 4096;
    l.max_subscriptions = 3;
    l.max_unsettled = 4;
    l.max_unsettled_bytes = 2048;
    l.max_transactions = 2;
    l.max_transaction_frames = 3;
    l.max_transaction_bytes = 768;
    l.max_receipts = 4;
    return l;
}

}  // namespace fuzz

#endif
