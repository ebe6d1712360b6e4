// Runs a libFuzzer target over stored inputs: every file named, and every file in the folders named.
// A folder that is missing is empty; no input at all is a failure, so that a lost corpus does not pass as a test.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
    namespace fs = std::filesystem;
    std::vector<fs::path> inputs;
    for (int i = 1; i < argc; ++i) {
        const fs::path path{argv[i]};
        if (fs::is_directory(path)) {
            for (const auto& entry : fs::recursive_directory_iterator(path)) {
                if (entry.is_regular_file()) inputs.push_back(entry.path());
            }
        } else if (fs::exists(path)) {
            inputs.push_back(path);
        }
    }
    for (const auto& path : inputs) {
        std::ifstream in{path, std::ios::binary};
        const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
        // Named before it runs: when the target aborts, this is the last line.
        std::printf("%s (%zu octets)\n", path.string().c_str(), bytes.size());
        std::fflush(stdout);
        // A copy of exactly the size, so that a sanitizer sees a read past the end.
        const std::vector<std::uint8_t> data(bytes.begin(), bytes.end());
        LLVMFuzzerTestOneInput(data.data(), data.size());
    }
    std::printf("%zu inputs replayed\n", inputs.size());
    return inputs.empty() ? 1 : 0;
}
