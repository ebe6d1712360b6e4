// The layering rule. A header includes only headers of the library that are of a strictly lower level, and only such
// parts of the standard library as its level may cost a user's compile time. `throw`, run-time types and macros have
// no place in it. The rules are data; a rule that finds nothing in a bad header is itself a failure.
#include "support/catch.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using names = std::set<std::string, std::less<>>;

// The level of every header. `optional` headers are leaves above all: only the listed ones may include one.
constexpr int optional_level = 100;
const std::map<std::string, int, std::less<>> levels{
    {"stomp/config.hpp", 0},
    {"stomp/ack_mode.hpp", 1},
    {"stomp/errc.hpp", 1},
    {"stomp/detail/undo.hpp", 1},
    {"stomp/header_names.hpp", 1},
    {"stomp/limits.hpp", 1},
    {"stomp/version.hpp", 1},
    {"stomp/command.hpp", 2},
    {"stomp/detail/keyed_hash.hpp", 2},
    {"stomp/detail/ring.hpp", 2},
    {"stomp/detail/scan.hpp", 2},
    {"stomp/detail/shared_bytes.hpp", 2},
    {"stomp/detail/escape.hpp", 3},
    {"stomp/detail/table.hpp", 3},  // uses the hash
    {"stomp/detail/utf8.hpp", 3},   // uses the scan
    {"stomp/frame.hpp", 3},
    {"stomp/detail/fields.hpp", 4},
    {"stomp/detail/outbox.hpp", 4},
    {"stomp/detail/pattern_tree.hpp", 4},
    {"stomp/detail/session_table.hpp", 4},
    {"stomp/encode.hpp", 4},
    {"stomp/heart_beat.hpp", 4},
    {"stomp/parser.hpp", 4},
    {"stomp/backoff.hpp", 5},
    {"stomp/detail/awaited.hpp", 5},
    {"stomp/detail/connection.hpp", 5},
    {"stomp/websocket.hpp", 5},
    {"stomp/client.hpp", 6},
    {"stomp/server.hpp", 6},
    {"stomp/broker.hpp", 7},
    {"stomp/stomp.hpp", 99},
    {"stomp/error_code.hpp", optional_level},
    {"stomp/fmt.hpp", optional_level},
    {"stomp/fmt_session.hpp", optional_level + 1},
};

// What each level may take from the standard library, besides all that the levels below may.
// <utility> and its like come with <string_view> anyway.
const std::vector<std::pair<int, names>> standard_headers{
    {1,
     {"array", "compare", "concepts", "cstddef", "cstdint", "iterator", "limits", "optional", "string_view",
      "type_traits", "utility"}},
    {2, {"atomic", "bit", "cstring", "initializer_list", "new", "span", "string", "vector"}},
    {4, {"algorithm"}},
    {5, {"chrono"}},
    {7, {"deque", "functional", "list", "map", "memory", "set", "unordered_map", "unordered_set"}},
    {optional_level, {"system_error", "fmt/format.h", "fmt/core.h", "fmt/base.h"}},
};

// Exceptions to the table above, each with its reason.
const std::map<std::string, names, std::less<>> also_allowed{
    {"stomp/heart_beat.hpp", {"chrono"}},                                                 // it defines the time types
    {"stomp/detail/scan.hpp", {"immintrin.h", "emmintrin.h", "arm_neon.h", "intrin.h"}},  // it is the vector code
};

const names banned_words{"throw", "try", "catch", "virtual", "typeid", "dynamic_cast", "thread_local"};

// Comments, string and character literals blanked out; line structure kept.
std::string code_only(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const std::string_view rest = text.substr(i);
        std::size_t skip = 0;
        if (rest.starts_with("//")) {
            skip = (std::min)(rest.find('\n'), rest.size());
        } else if (rest.starts_with("/*")) {
            skip = (std::min)(rest.find("*/", 2), rest.size() - 2) + 2;
        } else if (rest.front() == '"' ||
                   (rest.front() == '\'' && (i == 0 || std::isalnum(static_cast<unsigned char>(text[i - 1])) == 0))) {
            // Between digits (1'000) an apostrophe is no literal.
            std::size_t end = 1;
            while (end < rest.size() && rest[end] != rest.front() && rest[end] != '\n')
                end += rest[end] == '\\' ? 2U : 1U;
            skip = (std::min)(end + 1, rest.size());
        }
        if (skip == 0) {
            out += rest.front();
            ++i;
            continue;
        }
        for (const char c : rest.substr(0, skip)) out += c == '\n' ? '\n' : ' ';
        i += skip;
    }
    return out;
}

std::string trimmed(std::string_view s) {
    const std::size_t first = s.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return std::string(s.substr(first, s.find_last_not_of(" \t\r") - first + 1));
}

bool may_include_standard(const std::string& header, int level, std::string_view name) {
    const auto extra = also_allowed.find(header);
    if (extra != also_allowed.end() && extra->second.contains(name)) return true;
    return std::ranges::any_of(standard_headers,
                               [&](const auto& row) { return row.first <= level && row.second.contains(name); });
}

// All that is wrong with one header, one line each; empty when it is fine.
std::vector<std::string> faults(const std::string& header, std::string_view text) {
    std::vector<std::string> found;
    const auto level = levels.find(header);
    if (level == levels.end()) return {header + ": has no level yet: give it one in tests/project/layering.cpp"};

    const std::string code = code_only(text);
    std::istringstream raw_lines{std::string(text)};
    std::istringstream code_lines{code};
    std::string raw;
    std::string line;
    for (int number = 1; std::getline(raw_lines, raw) && std::getline(code_lines, line); ++number) {
        const auto fault = [&](const std::string& what) {
            found.push_back(header + ":" + std::to_string(number) + ": " + what);
        };
        const std::string directive = trimmed(line);
        if (directive.starts_with('#')) {
            const std::string word = trimmed(std::string_view(directive).substr(1));
            if (word.starts_with("include")) {
                // Read from the raw line: a quoted name was blanked out as a string.
                const std::string target = trimmed(std::string_view(raw).substr(raw.find("include") + 7));
                const std::string name = target.substr(1, target.find_first_of(">\"", 1) - 1);
                if (!target.starts_with('<')) {
                    fault("include with <>, so that it is the same file from everywhere: " + target);
                } else if (name.starts_with("stomp/")) {
                    const auto other = levels.find(name);
                    if (other == levels.end()) {
                        fault(name + " has no level");
                    } else if (other->second >= level->second) {
                        fault(name + " is of level " + std::to_string(other->second) + ", this header of level " +
                              std::to_string(level->second));
                    }
                } else if (!may_include_standard(header, level->second, name)) {
                    fault("<" + name + "> is not for level " + std::to_string(level->second));
                }
            } else if (word.starts_with("define") && header != "stomp/config.hpp") {
                // An include guard is no macro in this sense.
                const std::string name = trimmed(std::string_view(word).substr(6));
                if (!name.starts_with("STOMP_") || !name.ends_with("_HPP")) fault("macro outside config.hpp: " + name);
            }
            continue;
        }
        std::string word;
        for (const char c : line + " ") {
            if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
                word += c;
                continue;
            }
            if (banned_words.contains(word)) fault("'" + word + "' has no place in the library");
            word.clear();
        }
    }
    return found;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) out += line + "\n";
    return out;
}

std::string contents(const fs::path& path) {
    std::ifstream in{path, std::ios::binary};
    REQUIRE(in.is_open());
    return {std::istreambuf_iterator<char>{in}, {}};
}

const fs::path root = fs::path{STOMP_TEST_DATA}.parent_path();

std::map<std::string, std::string> all_headers() {
    std::map<std::string, std::string> result;
    for (const auto& entry : fs::recursive_directory_iterator(root / "include")) {
        if (entry.path().extension() == ".hpp") {
            result[fs::relative(entry.path(), root / "include").generic_string()] = contents(entry.path());
        }
    }
    return result;
}

bool finds(const std::string& header, std::string_view text, std::string_view what) {
    const std::string report = joined(faults(header, text));
    INFO(report);
    return report.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("layering: every header obeys") {
    const auto headers = all_headers();
    REQUIRE(headers.size() > 20);
    for (const auto& [name, text] : headers) {
        INFO(joined(faults(name, text)));
        CHECK(faults(name, text).empty());
    }
}

TEST_CASE("layering: the table names no header that is gone") {
    const auto headers = all_headers();
    for (const auto& [name, level] : levels) {
        INFO(name);
        CHECK(headers.contains(name));
    }
}

TEST_CASE("layering: stomp.hpp includes every header that is not optional, and no other") {
    const std::string umbrella = contents(root / "include/stomp/stomp.hpp");
    for (const auto& [name, level] : levels) {
        if (name.find("/detail/") != std::string::npos || name == "stomp/stomp.hpp") continue;
        INFO(name);
        CHECK((umbrella.find("#include <" + name + ">") != std::string::npos) == (level < optional_level));
    }
}

TEST_CASE("layering: CMakeLists.txt installs every header") {
    const std::string cmake = contents(root / "CMakeLists.txt");
    for (const auto& [name, text] : all_headers()) {
        INFO(name);
        CHECK(cmake.find(" include/" + name + "\n") != std::string::npos);
    }
}

TEST_CASE("layering, the check itself: a bad header is found, a good one is not") {
    CHECK(finds("stomp/frame.hpp", "#include <stomp/parser.hpp>\n", "frame.hpp:1: stomp/parser.hpp is of level 4"));
    CHECK(finds("stomp/client.hpp", "\n#include <stomp/server.hpp>\n", "client.hpp:2: stomp/server.hpp is of level 6"));
    CHECK(finds("stomp/client.hpp", "#include <stomp/fmt.hpp>\n", "is of level 100"));
    CHECK(finds("stomp/client.hpp", "#include <stomp/nowhere.hpp>\n", "nowhere.hpp has no level"));
    CHECK(finds("stomp/nowhere.hpp", "", "has no level yet"));
    CHECK(finds("stomp/frame.hpp", "#include \"stomp/errc.hpp\"\n", "include with <>"));
    CHECK(finds("stomp/config.hpp", "#include <cstddef>\n", "<cstddef> is not for level 0"));
    CHECK(finds("stomp/errc.hpp", "#include <string>\n", "<string> is not for level 1"));
    CHECK(finds("stomp/parser.hpp", "#  include <chrono>\n", "<chrono> is not for level 4"));
    CHECK(finds("stomp/server.hpp", "#include <iostream>\n", "<iostream> is not for level 6"));
    CHECK(finds("stomp/server.hpp", "#include <memory>\n", "<memory> is not for level 6"));
    CHECK(finds("stomp/server.hpp", "#include <sys/socket.h>\n", "<sys/socket.h> is not for level 6"));
    CHECK(finds("stomp/parser.hpp", "void f() { throw 1; }\n", "'throw' has no place"));
    CHECK(finds("stomp/parser.hpp", "struct a { virtual ~a(); };\n", "'virtual' has no place"));
    CHECK(finds("stomp/parser.hpp", "auto x = dynamic_cast<a*>(b);\n", "'dynamic_cast' has no place"));
    CHECK(finds("stomp/parser.hpp", "auto& x = typeid(b);\n", "'typeid' has no place"));
    CHECK(finds("stomp/parser.hpp", "char c = '\"'; void f() { throw 1; }  // \"\n", "'throw' has no place"));
    CHECK(finds("stomp/parser.hpp", "int n = 1'000; void f() { throw 1; } int m = 1'0;\n", "'throw' has no place"));
    CHECK(finds("stomp/parser.hpp", "#define FOO 1\n", "macro outside config.hpp: FOO"));
    CHECK(finds("stomp/parser.hpp", "# define STOMP_FOO 1\n", "macro outside config.hpp"));

    CHECK(faults("stomp/parser.hpp",
                 "#ifndef STOMP_PARSER_HPP\n#define STOMP_PARSER_HPP\n#include <stomp/frame.hpp>\n"
                 "#include <algorithm>\n// never throw\n/* virtual\n throw */ int thrown;\n"
                 "auto s = \"throw \\\" virtual\";\n#endif\n")
              .empty());
    CHECK(faults("stomp/config.hpp", "#define STOMP_ASSERT(x)\n").empty());
    CHECK(faults("stomp/heart_beat.hpp", "#include <chrono>\n").empty());
}
