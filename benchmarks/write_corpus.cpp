// Writes every corpus and its figures into a folder, for parsers that are not C++.
#include "corpus.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

void write(const std::string& path, const std::string& octets) {
    std::FILE* f = std::fopen(path.c_str(), "wb");
    if (f == nullptr || std::fwrite(octets.data(), 1, octets.size(), f) != octets.size() || std::fclose(f) != 0) {
        std::perror(path.c_str());
        std::exit(1);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: bench_corpus FOLDER\n", stderr);
        return 2;
    }
    const std::string folder = std::string(argv[1]) + "/";
    std::string figures;
    for (const std::string_view name : bench::corpus_names) {
        const bench::corpus c = bench::generator::make(name, name == "large" ? 4U << 20U : 1U << 20U);
        write(folder + c.name + ".stomp", c.wire);
        write(folder + c.name + ".http", c.http);
        figures += c.name + " " + std::to_string(c.expected.frames) + " " + std::to_string(c.expected.headers) + " " +
                   std::to_string(c.expected.value_octets) + " " + std::to_string(c.http_value_octets) + " " +
                   std::to_string(c.expected.body_octets) + "\n";
    }
    write(folder + "figures.txt", figures);
    return 0;
}
