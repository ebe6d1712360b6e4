#include <stomp/fmt.hpp>
#include <stomp/parser.hpp>

#include "support/catch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

using namespace std::string_view_literals;
using stomp::command;
using stomp::header;

namespace {

std::string line(command c, stomp::header_list headers, std::string_view body = {}) {
    return fmt::format("{}", stomp::frame_view{c, {}, headers, body});
}

}  // namespace

TEST_CASE("fmt: enumerations by name, with width and alignment") {
    CHECK(fmt::format("{}", stomp::errc::limit_body) == "limit_body");
    CHECK(fmt::format("[{:>12}]", stomp::errc::limit_body) == "[  limit_body]");
    CHECK(fmt::format("[{:*<6}]", command::send) == "[SEND**]");
    CHECK(fmt::format("{}", command::unknown) == "unknown");
    CHECK(fmt::format("{}", stomp::version::v1_1) == "1.1");
    CHECK(fmt::format("{}", stomp::ack_mode::client_individual) == "client-individual");
}

TEST_CASE("fmt: a frame is one line") {
    CHECK(line(command::send, {{"destination", "/queue/a"}, {"receipt", "r1"}}, "hello") ==
          R"(SEND destination=/queue/a receipt=r1 [5 octets "hello"])");
    CHECK(line(command::receipt, {{"receipt-id", "r1"}}) == "RECEIPT receipt-id=r1");
    CHECK(line(command::disconnect, {}) == "DISCONNECT");
    CHECK(line(command::send, {}, "x") == R"(SEND [1 octet "x"])");
    CHECK(fmt::format("{}", stomp::frame_view{command::unknown, "PING", {}, {}}) == "PING");
    CHECK(fmt::format("{}", stomp::frame_view{}) == R"("")");
}

TEST_CASE("fmt: a header alone, and a frame that owns its text") {
    CHECK(fmt::format("{}", header{"destination", "/queue/a"}) == "destination=/queue/a");
    CHECK(fmt::format("{}", header{"passcode", "x"}) == "passcode=***");
    const std::vector<header> headers{{"destination", "/q"}, {"login", "me"}};
    const stomp::frame frame{stomp::frame_view{command::send, {}, headers, "hello"}};
    CHECK(fmt::format("{}", frame) == R"(SEND destination=/q login=me [5 octets "hello"])");
    CHECK(fmt::format("{:.2l}", frame) == R"(SEND destination=/q login=*** [5 octets "he"...])");
}

TEST_CASE("fmt: what could be misread stands in quotes") {
    const auto value = [](std::string_view text) { return fmt::format("{}", header{"k", text}); };
    CHECK(value("") == R"(k="")");
    CHECK(value("two words") == R"(k="two words")");
    CHECK(value(" padded ") == R"(k=" padded ")");
    CHECK(value("a=b") == R"(k="a=b")");
    CHECK(value("say \"hi\"") == R"(k="say \"hi\"")");
    CHECK(value("back\\slash") == R"(k="back\\slash")");
    CHECK(value("[5 octets]") == R"(k="[5 octets]")");
    CHECK(value("[5") == R"(k="[5")");
    CHECK(value("***") == R"(k="***")");  // not a masked one
    CHECK(value("a:b/c,d;e*.f[0]{1}") == "k=a:b/c,d;e*.f[0]{1}");
    CHECK(fmt::format("{}", header{"a=b", "c"}) == R"("a=b"=c)");
    CHECK(fmt::format("{}", header{"a b", "c"}) == R"("a b"=c)");
    CHECK(fmt::format("{}", header{"", "c"}) == R"(""=c)");
    CHECK(fmt::format("{}", stomp::frame_view{command::unknown, "TWO WORDS", {}, {}}) == R"("TWO WORDS")");
}

TEST_CASE("fmt: every octet outside 0x20 to 0x7e is escaped, in names, values, verbs and bodies") {
    CHECK(line(command::send, {{"n\n", "v\r\n\t\0\x1b[31m"sv}}, "\xff\x7f\x80z"sv) ==
          R"(SEND "n\n"="v\r\n\t\x00\x1b[31m" [4 octets "\xff\x7f\x80z"])");
    std::string every;
    for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
    const header h{every, every};
    for (const std::string& text :
         {fmt::format("{}", h), fmt::format("{:.256}", stomp::frame_view{command::unknown, every, {h}, every})}) {
        for (const char c : text) REQUIRE((c >= 0x20 && c <= 0x7e));
    }
    // A quoted text can be read back: each octet is shown in exactly one way.
    std::vector<std::string> shown;
    for (int i = 0; i < 256; ++i) {
        const char octet = static_cast<char>(i);
        shown.push_back(fmt::format("{}", header{"k", std::string_view(&octet, 1)}));
    }
    std::sort(shown.begin(), shown.end());
    CHECK(std::adjacent_find(shown.begin(), shown.end()) == shown.end());
}

TEST_CASE("fmt: long bodies and values are cut, and their length is told") {
    const std::string x100(100, 'x');
    const std::string x64(64, 'x');
    CHECK(line(command::send, {}, x64) == "SEND [64 octets \"" + x64 + "\"]");
    CHECK(line(command::send, {}, x100) == "SEND [100 octets \"" + x64 + "\"...]");

    const stomp::frame_view frame{command::send, {}, {}, x100};
    CHECK(fmt::format("{:.0}", frame) == "SEND [100 octets]");
    CHECK(fmt::format("{:.3}", frame) == R"(SEND [100 octets "xxx"...])");
    CHECK(fmt::format("{:.100}", frame) == "SEND [100 octets \"" + x100 + "\"]");
    CHECK(fmt::format("{:.18446744073709551617}", frame) == "SEND [100 octets \"" + x100 + "\"]");

    const std::string x256(256, 'x');
    CHECK(fmt::format("{}", header{"k", x256}) == "k=" + x256);
    CHECK(fmt::format("{}", header{"k", x256 + "y"}) == "k=[257 octets \"" + x256 + "\"...]");
    CHECK(fmt::format("{}", header{x256 + "y", "v"}) == "[257 octets \"" + x256 + "\"...]=v");
    CHECK(line(command::send, {{"k", std::string(1'000'000, 'x')}}).size() < 300);
}

TEST_CASE("fmt, SC51, E-13: secrets never print, wherever they stand") {
    const std::string_view secret = "hunter2";
    const auto hidden = [&](const std::string& text) {
        INFO(text);
        return text.find(secret) == std::string::npos && text.find("***") != std::string::npos;
    };
    for (const std::string_view name : std::initializer_list<std::string_view>{
             "passcode", "PASSCODE", "Passcode", " passcode", "passcode ", "x-passcode", "passcode\n", "\0passcode"sv,
             "Authorization", "authorization", "AUTHORIZATION", "Proxy-Authorization", "password", "X-Password",
             "access_token", "X-CSRF-TOKEN", "client-secret"}) {
        CHECK(hidden(fmt::format("{}", header{name, secret})));
        CHECK(hidden(fmt::format("{:l}", header{name, secret})));
        for (const command c : {command::connect, command::stomp, command::send, command::error, command::unknown}) {
            const header first{name, secret};
            CHECK(hidden(fmt::format("{}", stomp::frame_view{c, "VERB", {first}, {}})));
            const header twice[] = {{"host", "h"}, {name, secret}, {"passcode", secret}, {name, secret}, {"k", "v"}};
            CHECK(hidden(fmt::format("{:.500}", stomp::frame_view{c, {}, twice, {}})));
            CHECK(hidden(fmt::format("{}", stomp::frame(stomp::frame_view{c, {}, twice, {}}))));
        }
    }
    // A long name is cut when it is printed, and still known for what it is.
    CHECK(hidden(fmt::format("{}", header{std::string(300, 'x') + "passcode", secret})));
    // Neither does its length.
    CHECK(fmt::format("{}", header{"passcode", ""}) == fmt::format("{}", header{"passcode", std::string(500, 'x')}));
    // What is not one stays readable.
    CHECK(fmt::format("{}", header{"passcod", "v"}) == "passcod=v");
    CHECK(fmt::format("{}", header{"pass", "code"}) == "pass=code");
    CHECK(fmt::format("{}", header{"k", "passcode"}) == "k=passcode");
}

TEST_CASE("fmt, SC51: login is masked where the format asks for it") {
    const header login{"login", "guest"};
    CHECK(fmt::format("{}", login) == "login=guest");
    CHECK(fmt::format("{:l}", login) == "login=***");
    CHECK(fmt::format("{:l}", header{"X-Login", "guest"}) == "X-Login=***");
    const std::vector<header> headers{login};
    const stomp::frame_view frame{command::connect, {}, headers, {}};
    CHECK(fmt::format("{}", frame) == "CONNECT login=guest");
    CHECK(fmt::format("{:.9l}", frame) == "CONNECT login=***");
}

TEST_CASE("fmt: a format option that does not exist is left for {fmt} to refuse") {
    const auto left = [](std::string_view options) {
        const std::string text = std::string(options) + "}";
        fmt::format_parse_context ctx(text);
        fmt::formatter<stomp::frame_view> formatter;
        return std::string(formatter.parse(ctx), text.data() + text.size());
    };
    for (const char* options : {"", "l", ".0", ".7l", ".70000"}) {
        INFO(options);
        CHECK(left(options) == "}");
    }
    CHECK(left("x") == "x}");
    CHECK(left("l.7") == ".7}");
    CHECK(left(".") == ".}");
    CHECK(left(".l") == ".l}");
    CHECK(left("ll") == "l}");
    CHECK(left(">9") == ">9}");
}

TEST_CASE("fmt: what the parser hands out is printed as it is, decoded") {
    stomp::parser parser;
    parser.set_version(stomp::version::v1_2);
    parser.feed("MESSAGE\ndestination:/topic/a\\cb\nk:1\nk:2\ncontent-length:3\n\na\0b\0"sv);
    REQUIRE(parser.next() == stomp::parse_status::frame);
    CHECK(fmt::format("{}", parser.frame()) ==
          R"(MESSAGE destination=/topic/a:b k=1 k=2 content-length=3 [3 octets "a\x00b"])");
}
