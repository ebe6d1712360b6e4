// Every text file of the project has LF line ends, and the last line has one too.
#include "support/catch.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path root = fs::path{STOMP_TEST_DATA}.parent_path();

// Folders that hold octets and no text, or nothing of ours.
bool is_skipped(const fs::path& path) {
    const std::string name = fs::relative(path, root).generic_string();
    return name == ".git" || name == "tests/fuzz/corpus" || name == "tests/fuzz/finds" || name.starts_with("build") ||
           path.filename() == "__pycache__" || path.filename() == "node_modules";
}

bool is_binary(const fs::path& path) {
    return path.extension() == ".png" || path.extension() == ".jar" || path.extension() == ".class";
}

std::string fault(std::string_view text) {
    if (text.find('\r') != std::string_view::npos) return "holds a CR";
    if (!text.empty() && text.back() != '\n') return "has no line end at its end";
    return {};
}

}  // namespace

TEST_CASE("line ends: LF in every text file of the project") {
    std::size_t files = 0;
    for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
        if (it->is_directory() && is_skipped(it->path())) it.disable_recursion_pending();
        if (!it->is_regular_file() || is_binary(it->path())) continue;
        std::ifstream in{it->path(), std::ios::binary};
        const std::string text{std::istreambuf_iterator<char>{in}, {}};
        INFO(it->path().string());
        CHECK(fault(text).empty());
        ++files;
    }
    CHECK(files > 100);
}

TEST_CASE("line ends, the check itself: a CR is found") {
    CHECK(fault("a\r\nb\n") == "holds a CR");
    CHECK(fault("a\nb") == "has no line end at its end");
    CHECK(fault("a\nb\n").empty());
    CHECK(fault("").empty());
}
