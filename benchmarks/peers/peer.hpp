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
#include <string_view>

namespace peer {

inline std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        std::perror(path.c_str());
        std::exit(1);
    }
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Calls `pass` with a fresh copy of the corpus for so many seconds, which do not count the copies, and prints what the
/// best pass took.
template <class Pass>
void measure(const std::string& folder, const char* ending, std::string_view name, double seconds, Pass pass) {
    using clock = std::chrono::steady_clock;
    using nanoseconds = std::chrono::duration<double, std::nano>;
    const std::string octets = read(folder + "/" + std::string(name) + ending);
    nanoseconds best((std::numeric_limits<double>::max)());
    nanoseconds total(0);
    bench::figures found;
    std::string work;
    for (int passes = 0; passes < 3 || total.count() < seconds * 1e9; ++passes) {  // the first one touches new memory
        work = octets;
        const auto begin = clock::now();
        found = pass(work);
        const nanoseconds took = clock::now() - begin;
        best = (std::min)(best, took);
        total += took;
    }
    std::printf("%.*s %.2f %zu %zu %zu %zu\n", static_cast<int>(name.size()), name.data(),
                best.count() / static_cast<double>((std::max)(found.frames, std::size_t{1})), found.frames,
                found.headers, found.value_octets, found.body_octets);
}

/// The corpora that HTTP can carry: with a length on each body.
inline constexpr std::string_view http_corpora[]{"small", "chat", "heavy", "large"};

template <class Pass>
int run_http(int argc, char** argv, Pass pass) {
    if (argc != 3) return 2;
    for (const std::string_view name : http_corpora) measure(argv[1], ".http", name, std::atof(argv[2]), pass);
    return 0;
}

}  // namespace peer

#endif
