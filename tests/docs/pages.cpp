// The pages say what the code says: every error, every limit with its defaults, and no link that leads nowhere.
#include <stomp/errc.hpp>
#include <stomp/limits.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path root = fs::path{STOMP_TEST_DATA}.parent_path();

std::string contents(const fs::path& path) {
    std::ifstream in{path, std::ios::binary};
    INFO(path);
    REQUIRE(in.is_open());
    return {std::istreambuf_iterator<char>{in}, {}};
}

std::string trimmed(std::string_view s) {
    const std::size_t first = s.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return std::string(s.substr(first, s.find_last_not_of(' ') - first + 1));
}

// The cells of all table rows whose first cell is `code`, by that first cell, without the backquotes.
std::vector<std::vector<std::string>> rows_of(const std::string& page) {
    std::vector<std::vector<std::string>> rows;
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind("| `", 0) != 0) continue;
        std::vector<std::string> cells;
        std::istringstream row(line.substr(1));
        for (std::string cell; std::getline(row, cell, '|');) cells.push_back(trimmed(cell));
        REQUIRE(cells[0].size() > 2);
        cells[0] = cells[0].substr(1, cells[0].size() - 2);
        rows.push_back(cells);
    }
    return rows;
}

// "16", "8 KiB", "1,024"; nothing for "-".
std::string amount(std::size_t n) {
    if (n >= 1024 * 1024 && n % (1024 * 1024) == 0) return std::to_string(n / 1024 / 1024) + " MiB";
    if (n >= 1024 && n % 1024 == 0) return std::to_string(n / 1024) + " KiB";
    return std::to_string(n);
}

std::vector<fs::path> all_pages() {
    std::vector<fs::path> pages;
    for (const auto& folder : {root, root / "docs"}) {
        for (const auto& entry : fs::directory_iterator(folder)) {
            if (entry.path().extension() == ".md") pages.push_back(entry.path());
        }
    }
    return pages;
}

// What GitHub makes of a heading: lower case, blanks to hyphens, punctuation dropped.
std::string anchor(std::string_view heading) {
    std::string text;
    for (const char c : heading) {
        if (c >= 'A' && c <= 'Z') text += static_cast<char>(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') text += c;
        if (c == ' ') text += '-';
    }
    return text;
}

std::set<std::string> anchors(const std::string& page) {
    std::set<std::string> found;
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t level = line.find_first_not_of('#');
        if (level == 0 || level == std::string::npos || line[level] != ' ') continue;
        found.insert(anchor(line.substr(level + 1)));
    }
    return found;
}

}  // namespace

TEST_CASE("docs: errors.md has every errc once, in the order of errc.hpp, with all columns filled") {
    std::vector<std::string> expected;
    for (int i = 0; i < 256; ++i) {
        const std::string name(to_string(static_cast<stomp::errc>(i)));
        if (name != "unknown_errc") expected.push_back(name);
    }
    REQUIRE(expected.size() > 60);
    std::vector<std::string> found;
    for (const auto& row : rows_of(contents(root / "docs/errors.md"))) {
        found.push_back(row[0]);
        INFO(row[0]);
        REQUIRE(row.size() == 4);
        CHECK_FALSE(row[2].empty());
        CHECK(
            (row[0] == "ok" || row[1] == "peer" || row[1] == "you" || row[1] == "peer, you" || row[1] == "you, peer"));
    }
    CHECK(found == expected);
}

TEST_CASE("docs: limits.md has every field with its defaults") {
    using stomp::limits;
    struct field {
        const char* name;
        std::size_t limits::*value;
        bool before_login;  // used then
    };
    const std::vector<field> fields{{"max_command", &limits::max_command, true},
                                    {"max_header_line", &limits::max_header_line, true},
                                    {"max_headers", &limits::max_headers, true},
                                    {"max_head", &limits::max_head, true},
                                    {"max_body", &limits::max_body, true},
                                    {"max_input", &limits::max_input, true},
                                    {"max_output", &limits::max_output, false},
                                    {"max_subscriptions", &limits::max_subscriptions, false},
                                    {"max_unsettled", &limits::max_unsettled, false},
                                    {"max_unsettled_bytes", &limits::max_unsettled_bytes, false},
                                    {"max_transactions", &limits::max_transactions, false},
                                    {"max_transaction_frames", &limits::max_transaction_frames, false},
                                    {"max_transaction_bytes", &limits::max_transaction_bytes, false},
                                    {"max_receipts", &limits::max_receipts, false}};
    STATIC_REQUIRE(sizeof(limits) == 14 * sizeof(std::size_t));  // a new field needs a row
    REQUIRE(fields.size() * sizeof(std::size_t) == sizeof(limits));

    const auto counted = [](const std::string& name) {  // in things, not in octets
        return name == "max_headers" || name == "max_subscriptions" || name == "max_unsettled" ||
               name == "max_transactions" || name == "max_transaction_frames" || name == "max_receipts";
    };
    const auto shown = [&](const field& f, const limits& l) {
        const std::size_t n = l.*f.value;
        if (counted(f.name)) return n == 1024 ? std::string("1,024") : std::to_string(n);
        return amount(n);
    };
    const auto rows = rows_of(contents(root / "docs/limits.md"));
    REQUIRE(rows.size() == fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const field& f = fields[i];
        INFO(f.name);
        REQUIRE(rows[i].size() == 6);
        CHECK(rows[i][0] == f.name);
        CHECK(rows[i][1] == (f.before_login ? shown(f, limits::before_login()) : "-"));
        CHECK(rows[i][2] == shown(f, limits::server()));
        CHECK(rows[i][3] == shown(f, limits::client()));
    }
}

TEST_CASE("docs: every link to a file or heading of the tree leads there") {
    std::size_t links = 0;
    for (const fs::path& page : all_pages()) {
        const std::string text = contents(page);
        for (std::size_t at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
            const std::string target = text.substr(at + 2, text.find(')', at) - at - 2);
            if (target.rfind("https://", 0) == 0) continue;
            if (target.find(' ') != std::string::npos || target.find('\n') != std::string::npos) continue;  // code
            ++links;
            INFO(page << ": " << target);
            const std::string file = target.substr(0, target.find('#'));
            const fs::path path = file.empty() ? page : page.parent_path() / file;
            REQUIRE(fs::exists(path));
            const std::size_t hash = target.find('#');
            if (hash != std::string::npos) CHECK(anchors(contents(path)).count(target.substr(hash + 1)) == 1);
        }
    }
    CHECK(links > 30);
}

TEST_CASE("docs: index.md links every page") {
    const std::string index = contents(root / "docs/index.md");
    for (const auto& entry : fs::directory_iterator(root / "docs")) {
        const std::string name = entry.path().filename().string();
        if (entry.path().extension() != ".md" || name == "index.md") continue;
        INFO(name);
        CHECK(index.find("](" + name + ")") != std::string::npos);
    }
}
