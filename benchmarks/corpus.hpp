// The frames that the benchmarks read and write: made here, the same on every machine, and by code that shares nothing
// with the library, so that its figures (frames, headers, octets of values and bodies) can be held against any parser's.
#ifndef STOMP_BENCHMARKS_CORPUS_HPP
#define STOMP_BENCHMARKS_CORPUS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

struct figures {
    std::size_t frames = 0;
    std::size_t headers = 0;
    std::size_t value_octets = 0;  // decoded
    std::size_t body_octets = 0;

    friend bool operator==(const figures&, const figures&) = default;
};

/// A frame as an application would have it, before it is encoded.
struct plain_frame {
    std::string verb;
    std::vector<std::pair<std::string, std::string>> headers;  // without content-length
    std::string body;
};

struct corpus {
    std::string name;
    std::string wire;  // STOMP 1.2
    std::string http;  // requests with the same headers and bodies, for HTTP parsers
    figures expected;
    std::size_t http_value_octets = 0;  // escaped as on the wire
    std::vector<plain_frame> frames;
};

inline constexpr std::array<std::string_view, 6> corpus_names{"small", "chat", "heavy", "large", "nolen", "mixed"};

class generator {
public:
    /// At least `octets` of one of corpus_names.
    static corpus make(std::string_view name, std::size_t octets) {
        generator g;
        corpus c;
        c.name = name;
        while (c.wire.size() < octets) {
            if (name == "small") g.small(c);
            if (name == "chat") g.chat(c);
            if (name == "heavy") g.heavy(c);
            if (name == "large") g.large(c);
            if (name == "nolen") g.nolen(c);
            if (name == "mixed") g.mixed(c);
        }
        return c;
    }

private:
    struct style {
        bool counted = true;
        bool crlf = false;
        bool lf_after = false;
    };

    // splitmix64: a few lines, and the same everywhere.
    std::uint64_t random() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random() % n); }
    std::string number(std::size_t n) { return std::to_string(below(n)); }

    std::string word(std::size_t n) {
        constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEF0123456789";
        std::string s(n, ' ');
        for (char& c : s) c = letters[below(letters.size())];
        return s;
    }

    /// In braces the pieces are made from left to right by every compiler, which the operands of + are not.
    static std::string text(std::initializer_list<std::string> pieces) {
        std::string all;
        for (const std::string& piece : pieces) all += piece;
        return all;
    }

    std::string json(std::size_t n) {
        std::string s =
            text({"{\"id\":", number(10'000), ",\"price\":", number(1'000), ".", number(100), ",\"sym\":\""});
        if (s.size() + 2 < n) s += word(n - 2 - s.size());
        return s + "\"}";
    }

    static std::string escaped(std::string_view text) {
        std::string out;
        for (const char c : text) {
            switch (c) {
                case '\n': out += "\\n"; break;
                case '\r': out += "\\r"; break;
                case ':': out += "\\c"; break;
                case '\\': out += "\\\\"; break;
                default: out += c;
            }
        }
        return out;
    }

    static void add(corpus& c, plain_frame f, style how) {
        const std::string_view eol = how.crlf ? "\r\n" : "\n";
        auto headers = f.headers;
        if (how.counted) headers.emplace_back("content-length", std::to_string(f.body.size()));
        c.wire += f.verb;
        c.wire += eol;
        c.http += "POST /q HTTP/1.1\r\n";
        for (const auto& [name, value] : headers) {
            const std::string on_wire = escaped(value);
            c.wire += escaped(name) + ":" + on_wire;
            c.wire += eol;
            c.http += name + ": " + on_wire + "\r\n";
            ++c.expected.headers;
            c.expected.value_octets += value.size();
            c.http_value_octets += on_wire.size();
        }
        c.wire += eol;
        c.wire += f.body;
        c.wire += '\0';
        if (how.lf_after) c.wire += '\n';
        c.http += "\r\n" + f.body;
        ++c.expected.frames;
        c.expected.body_octets += f.body.size();
        c.frames.push_back(std::move(f));
    }

    // What RabbitMQ sends for a stock price: about 250 octets.
    void small(corpus& c) {
        add(c,
            {"MESSAGE",
             {{"subscription", "sub-" + number(10)},
              {"destination", "/topic/price.stock." + word(4)},
              {"message-id", text({"T_sub-0@@session-", word(22), "@@", number(10'000)})},
              {"redelivered", "false"},
              {"content-type", "application/json"}},
             json(60)},
            {});
    }

    // What stompjs sends for a chat line: about 140 octets.
    void chat(corpus& c) {
        add(c, {"SEND", {{"destination", "/app/chat." + word(8)}, {"content-type", "application/json"}}, json(48)}, {});
    }

    // 25 headers, some of them with escapes: about 1,350 octets.
    void heavy(corpus& c) {
        plain_frame f{"MESSAGE", {}, json(130)};
        f.headers.emplace_back("destination", "/queue/orders." + word(6));
        f.headers.emplace_back("message-id", text({"ID:", word(10), "-", number(65'536), "-2:1:1:1:", number(100)}));
        for (std::size_t i = 0; i < 22; ++i) {
            std::string value = word(14 + below(28));
            if (i % 4 == 0) value += text({":", word(5)});
            if (i % 7 == 0) value += text({"\n", word(6), "\\"});
            // Names differ in their first letter: a parser that keeps headers in a map has as many of them.
            const auto letter = static_cast<char>('a' + i);
            f.headers.emplace_back(text({"x-header-", std::string(1, letter), word(1 + below(10))}), std::move(value));
        }
        add(c, std::move(f), {});
    }

    void large(corpus& c) {
        std::string body(64 * 1024, 'x');
        for (std::size_t i = 0; i < body.size(); i += 97) body[i] = static_cast<char>(below(256));
        add(c,
            {"MESSAGE",
             {{"subscription", "sub-0"},
              {"destination", "/topic/large"},
              {"message-id", word(20)},
              {"content-type", "application/octet-stream"}},
             std::move(body)},
            {});
    }

    void nolen(corpus& c) {
        add(c,
            {"MESSAGE",
             {{"subscription", "sub-0"}, {"destination", "/topic/text." + word(4)}, {"message-id", word(20)}},
             json(1'024)},
            {.counted = false});
    }

    void mixed(corpus& c) {
        const style bare{.counted = false};
        switch (below(16)) {
            case 0:
            case 1:
            case 2:
            case 3: return small(c);
            case 4:
            case 5:
            case 6: return chat(c);
            case 7: return heavy(c);
            case 8: return nolen(c);
            case 9: c.wire += '\n'; return;  // a heart-beat
            case 10:
            case 11: return add(c, {"RECEIPT", {{"receipt-id", "message-" + number(100'000)}}, ""}, bare);
            case 12:
                return add(c, {"SEND", {{"destination", "/queue/" + word(5)}, {"receipt", word(4)}}, json(60)},
                           {.crlf = true});
            case 13:
                return add(
                    c,
                    {"SUBSCRIBE", {{"id", number(100)}, {"destination", "/topic/" + word(8)}, {"ack", "client"}}, ""},
                    bare);
            case 14: return add(c, {"ACK", {{"id", word(16)}}, ""}, bare);
            default:
                return add(c,
                           {"MESSAGE",
                            {{"subscription", "1"}, {"destination", "/topic/" + word(5)}, {"message-id", word(18)}},
                            json(200 + below(300))},
                           {.lf_after = true});
        }
    }

    std::uint64_t state_ = 42;
};

}  // namespace bench

#endif
