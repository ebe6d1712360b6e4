// Reads tests/transcripts: what real peers put on the wire, in the pieces in which it came (format: the README there).
#ifndef STOMP_TESTS_SUPPORT_TRANSCRIPTS_HPP
#define STOMP_TESTS_SUPPORT_TRANSCRIPTS_HPP

#include <stomp/heart_beat.hpp>

#include "support/give_up.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifndef STOMP_TEST_DATA
#error "STOMP_TEST_DATA must name the folder of the tests' sources"
#endif

namespace transcripts {

struct chunk {
    stomp::milliseconds at{0};
    bool from_client = false;
    std::string octets;
};

struct connection {
    std::string file;   // "rabbitmq/1.2-basic.txt"
    std::string title;  // the note before it, where it has one
    std::vector<chunk> chunks;

    std::string octets(bool from_client) const {
        std::string all;
        for (const chunk& c : chunks) {
            if (c.from_client == from_client) all += c.octets;
        }
        return all;
    }
};

inline std::string unquote(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        const char c = text.at(++i);
        switch (c) {
            case 'n': out += '\n'; break;
            case 'r': out += '\r'; break;
            case 't': out += '\t'; break;
            case '\\':
            case '"': out += c; break;
            default: out += static_cast<char>(std::strtoul(std::string(text.substr(i, 3)).c_str(), nullptr, 8)); i += 2;
        }
    }
    return out;
}

/// All connections of one file. A WebSocket's upgrade and its close messages are left out, and so are connections whose
/// messages are compressed.
inline std::vector<connection> read(const std::filesystem::path& path, const std::string& name) {
    std::ifstream in(path);
    if (!in) give_up("cannot read " + path.string());
    std::vector<connection> done;
    std::map<std::string, connection> open;  // by tag
    std::map<std::string, bool> control;     // "C1": the next chunk is no data
    std::string title;
    const auto finish = [&](const std::string& tag) {
        const auto i = open.find(tag);
        if (i == open.end()) return;
        connection& c = i->second;
        const auto upgrades = [](const chunk& first) {
            return first.octets.find("Upgrade: websocket") != std::string::npos;
        };
        if (!c.chunks.empty() && upgrades(c.chunks.front())) {
            for (const bool from_client : {true, false}) {
                const auto first = std::find_if(c.chunks.begin(), c.chunks.end(),
                                                [&](const chunk& x) { return x.from_client == from_client; });
                if (first == c.chunks.end()) continue;
                const bool compressed = !from_client && first->octets.find("permessage-deflate") != std::string::npos;
                c.chunks.erase(first);
                if (compressed) c.chunks.clear();
            }
        }
        if (!c.chunks.empty()) done.push_back(std::move(c));
        open.erase(i);
    };
    chunk* current = nullptr;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("# --- ")) {
            title = line.substr(6);
            current = nullptr;
        } else if (line.starts_with("! ")) {
            const std::string event = line.substr(line.find(' ', 2) + 1);
            const auto tag_after = [&](std::size_t at) {
                while (at < event.size() && (event[at] == ' ' || event[at] == '#')) ++at;
                const std::size_t end = event.find(' ', at);
                const std::string word = event.substr((std::min)(at, event.size()), end == event.npos ? end : end - at);
                const bool number = !word.empty() && std::all_of(word.begin(), word.end(),
                                                                 [](unsigned char c) { return std::isdigit(c); });
                return number ? word : std::string();
            };
            if (event.starts_with("CONNECT ")) finish(tag_after(8));
            if (event.starts_with("ACCEPT")) finish(tag_after(6));
            if (event.starts_with("TCP")) finish(tag_after(3));
            if (event.starts_with("WS ")) {
                const std::string who = event.substr(3, event.find(' ', 3) - 3);
                control[who] = event.find(" op=8 ") != event.npos || event.find(" op=9 ") != event.npos;
            }
            current = nullptr;
        } else if (!line.empty() && std::string_view("CScs").find(line[0]) != std::string_view::npos) {
            const std::size_t open_quote = line.find('"');
            const std::string octets =
                unquote(std::string_view(line).substr(open_quote + 1, line.rfind('"') - open_quote - 1));
            if (line[0] == 'c' || line[0] == 's') {
                if (current != nullptr) current->octets += octets;
                continue;
            }
            const std::string who = line.substr(0, line.find(' '));
            current = nullptr;
            if (std::exchange(control[who], false)) continue;
            connection& c = open[who.substr(1)];
            c.file = name;
            c.title = title;
            const double seconds = std::strtod(line.c_str() + line.find('+') + 1, nullptr);
            c.chunks.push_back(
                {stomp::milliseconds(static_cast<stomp::milliseconds::rep>(seconds * 1000)), line[0] == 'C', octets});
            current = &c.chunks.back();
        }
    }
    while (!open.empty()) finish(open.begin()->first);
    return done;
}

inline std::vector<connection> read_all() {
    namespace fs = std::filesystem;
    const fs::path root = fs::path(STOMP_TEST_DATA) / "transcripts";
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        if (entry.path().extension() == ".txt") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<connection> all;
    for (const fs::path& path : files) {
        const std::string name = path.parent_path().filename().string() + "/" + path.filename().string();
        for (connection& c : read(path, name)) all.push_back(std::move(c));
    }
    return all;
}

}  // namespace transcripts

#endif
