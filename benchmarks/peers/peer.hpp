// What the C++ peers share: reading a corpus, timing passes, printing a line.
#ifndef STOMP_BENCHMARKS_PEER_HPP
#define STOMP_BENCHMARKS_PEER_HPP

#include "../corpus.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

namespace peer {

inline std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        std::perror(path.c_str());
        std::exit(1);
    }
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Calls `pass` with a fresh copy of the corpus until a second has gone by; the copies are not timed.
template <class Pass>
void measure(const std::string& folder, const char* ending, std::string_view name, Pass pass) {
    using clock = std::chrono::steady_clock;
    const std::string octets = read(folder + "/" + std::string(name) + ending);
    double best = std::numeric_limits<double>::max();
    bench::figures found;
    std::string work;
    const auto until = clock::now() + std::chrono::milliseconds(300);
    for (int passes = 0; passes < 5 || clock::now() < until; ++passes) {
        work = octets;
        const auto begin = clock::now();
        found = pass(work);
        const std::chrono::duration<double, std::nano> took = clock::now() - begin;
        best = (std::min)(best, took.count());
    }
    std::printf("%.*s %.1f %zu %zu %zu %zu\n", static_cast<int>(name.size()), name.data(),
                best / static_cast<double>((std::max)(found.frames, std::size_t{1})), found.frames, found.headers,
                found.value_octets, found.body_octets);
}

}  // namespace peer

#endif
