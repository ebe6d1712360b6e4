#include <stomp/encode.hpp>

#include "support/catch.hpp"
#include "support/counting_new.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::string_view_literals;
using stomp::command;
using stomp::content_length_policy;
using stomp::encode_options;
using stomp::errc;
using stomp::frame_view;
using stomp::header;
using stomp::version;

namespace {

std::string encoded(const frame_view& f, version v, encode_options options = {}) {
    std::string out;
    CHECK(stomp::encode(out, f, v, options) == errc::ok);
    return out;
}

/// Why a frame is refused. Checks that nothing is written then, by none of the functions.
errc refusal(const frame_view& f, version v, encode_options options = {}) {
    std::string out = "x";
    const errc e = stomp::encode(out, f, v, options);
    const errc head = stomp::encode_head(out, f, v, options);
    CHECK(head == e);
    CHECK(e != errc::ok);
    CHECK(out == "x");
    CHECK(stomp::encoded_size(f, v, options) == 0);
    return e;
}

frame_view send_with(const header& h, std::string_view body = {}) {
    return {command::send, {}, std::span<const header>(&h, 1), body};
}

}  // namespace

TEST_CASE("a frame is appended behind what is there") {
    std::string out = "before";
    CHECK(stomp::encode(out, command::send, {{"destination", "/q"}}, "hi", version::v1_2) == errc::ok);
    CHECK(out == "beforeSEND\ndestination:/q\ncontent-length:2\n\nhi\0"sv);
    CHECK(stomp::encoded_size(command::send, {{"destination", "/q"}}, "hi", version::v1_2) == out.size() - 6);
}

TEST_CASE("head, body and NUL make up the frame") {
    const std::string body(100000, '\0');
    std::string head;
    CHECK(stomp::encode_head(head, command::send, {{"destination", "/q"}}, body, version::v1_2) == errc::ok);
    CHECK(head == "SEND\ndestination:/q\ncontent-length:100000\n\n");
    CHECK(stomp::encoded_size(command::send, {{"destination", "/q"}}, body, version::v1_2) ==
          head.size() + body.size() + 1);
}

TEST_CASE("an empty verb is the command's; a contradicting one is refused") {
    CHECK(encoded({command::begin, {}, {}, {}}, version::v1_2) == "BEGIN\n\n\0"sv);
    CHECK(encoded({command::begin, "BEGIN", {}, {}}, version::v1_2) == "BEGIN\n\n\0"sv);
    CHECK(encoded({command::unknown, "FROB", {}, "x"}, version::v1_2) == "FROB\ncontent-length:1\n\nx\0"sv);
    for (const auto verb : {"COMMIT"sv, "begin"sv, "BEGIN\n"sv, "X"sv}) {
        CHECK(refusal({command::begin, verb, {}, {}}, version::v1_2) == errc::malformed_command);
    }
    for (const auto verb : {""sv, "SEND"sv, "A\nB"sv, "A\rB"sv, "A\0B"sv, "\n"sv}) {
        CHECK(refusal({command::unknown, verb, {}, {}}, version::v1_2) == errc::malformed_command);
    }
}

TEST_CASE("content-length policies") {
    const encode_options automatic;
    const encode_options if_needed{content_length_policy::if_needed};
    const encode_options never{content_length_policy::never};
    const frame_view text{command::send, {}, {}, "abc"};
    const frame_view binary{command::send, {}, {}, "a\0c"sv};
    const frame_view empty{command::send, {}, {}, {}};
    for (const version v : stomp::all_versions) {
        CHECK(encoded(text, v, automatic) == "SEND\ncontent-length:3\n\nabc\0"sv);
        CHECK(encoded(text, v, if_needed) == "SEND\n\nabc\0"sv);
        CHECK(encoded(text, v, never) == "SEND\n\nabc\0"sv);
        CHECK(encoded(binary, v, automatic) == "SEND\ncontent-length:3\n\na\0c\0"sv);
        CHECK(encoded(binary, v, if_needed) == "SEND\ncontent-length:3\n\na\0c\0"sv);
        CHECK(refusal(binary, v, never) == errc::needs_content_length);
        for (const auto& options : {automatic, if_needed, never}) CHECK(encoded(empty, v, options) == "SEND\n\n\0"sv);
    }
}

TEST_CASE("B-14: a caller's own content-length must agree, and is written where it stands") {
    const encode_options never{content_length_policy::never};
    const std::array around{header{"a", "1"}, header{"content-length", "3"}, header{"b", "2"}};
    const frame_view f{command::send, {}, around, "a\0c"sv};
    CHECK(encoded(f, version::v1_2) == "SEND\na:1\ncontent-length:3\nb:2\n\na\0c\0"sv);
    CHECK(encoded(f, version::v1_2, never) == "SEND\na:1\ncontent-length:3\nb:2\n\na\0c\0"sv);
    CHECK(encoded(send_with({"content-length", "003"}, "abc"), version::v1_2) == "SEND\ncontent-length:003\n\nabc\0"sv);
    CHECK(encoded(send_with({"content-length", "0"}), version::v1_2) == "SEND\ncontent-length:0\n\n\0"sv);
    for (const auto value : {"2"sv, "4"sv, "0"sv, "30"sv, "18446744073709551619"sv, "99999999999999999999999999"sv}) {
        CHECK(refusal(send_with({"content-length", value}, "abc"), version::v1_2) == errc::content_length_conflict);
    }
    for (const auto value : {""sv, " 3"sv, "3 "sv, "+3"sv, "0x3"sv, "three"sv, "3,3"sv}) {
        CHECK(refusal(send_with({"content-length", value}, "abc"), version::v1_2) == errc::bad_content_length);
    }
    const std::array twice{header{"content-length", "3"}, header{"content-length", "4"}};
    CHECK(refusal({command::send, {}, twice, "abc"}, version::v1_2) == errc::content_length_conflict);
}

TEST_CASE("B-07: no body on a frame that has none, in any version") {
    for (const version v : stomp::all_versions) {
        for (const command c :
             {command::connect, command::subscribe, command::ack, command::receipt, command::disconnect}) {
            CHECK(refusal({c, {}, {}, "x"}, v) == errc::body_not_allowed);
        }
        for (const command c : {command::send, command::message, command::error}) {
            CHECK_FALSE(encoded({c, {}, {}, "x"}, v).empty());
        }
    }
}

TEST_CASE("abuse 35, 36: every octet in a name and in a value, in every version") {
    for (const version v : stomp::all_versions) {
        for (const command c : {command::send, command::connect}) {
            for (int i = 0; i < 256; ++i) {
                const char octet = static_cast<char>(i);
                const std::string text{'a', octet, 'b'};
                const bool literal = v == version::v1_0 || c == command::connect;
                for (const bool in_name : {true, false}) {
                    INFO("version " << stomp::to_string(v) << ", octet " << i << (in_name ? ", name" : ", value"));
                    const header h = in_name ? header{text, "v"} : header{"n", text};
                    const frame_view f{c, {}, std::span<const header>(&h, 1), {}};
                    const auto line = [&](std::string_view escaped) {
                        return std::string(to_string(c)) + '\n' + (in_name ? "" : "n:") + "a" + std::string(escaped) +
                               "b" + (in_name ? ":v" : "") + "\n\n" + '\0';
                    };
                    if (octet == '\0') {
                        CHECK(refusal(f, v) == errc::nul_in_header);
                    } else if (octet == '\r' && !(v == version::v1_2 && !literal)) {
                        CHECK(refusal(f, v) == errc::not_representable);
                    } else if (octet == '\n' && literal) {
                        CHECK(refusal(f, v) == errc::not_representable);
                    } else if (octet == ':' && literal && in_name) {
                        CHECK(refusal(f, v) == errc::not_representable);
                    } else if (literal) {
                        CHECK(encoded(f, v) == line({&octet, 1}));
                    } else {
                        CHECK(encoded(f, v) == line(octet == '\n'   ? "\\n"sv
                                                    : octet == '\r' ? "\\r"sv
                                                    : octet == ':'  ? "\\c"sv
                                                    : octet == '\\' ? "\\\\"sv
                                                                    : std::string_view(&octet, 1)));
                    }
                }
            }
        }
    }
    const header empty_name{"", "v"};
    for (const version v : stomp::all_versions) CHECK(refusal(send_with(empty_name), v) == errc::header_empty_name);
}

TEST_CASE("Q-06: escape_connect escapes the handshake as the version's other frames") {
    encode_options options;
    options.escape_connect = true;
    const header passcode{"passcode", "p\\w:"};
    for (const command c : {command::connect, command::stomp, command::connected}) {
        const frame_view f{c, {}, std::span<const header>(&passcode, 1), {}};
        const std::string verb(to_string(c));
        CHECK(encoded(f, version::v1_2, options) == verb + "\npasscode:p\\\\w\\c\n\n" + '\0');
        CHECK(encoded(f, version::v1_0, options) == verb + "\npasscode:p\\w:\n\n" + '\0');
        CHECK(encoded(f, version::v1_2) == verb + "\npasscode:p\\w:\n\n" + '\0');
    }
}

TEST_CASE("escapes at each place of texts of every length") {
    for (std::size_t size = 1; size < 140; ++size) {
        const std::string plain(size, 'x');
        CHECK(encoded(send_with({plain, plain}), version::v1_2) == "SEND\n" + plain + ":" + plain + "\n\n" + '\0');
        for (std::size_t at = 0; at < size; ++at) {
            std::string text = plain;
            text[at] = ':';
            std::string escaped = plain;
            escaped.replace(at, 1, "\\c");
            REQUIRE(encoded(send_with({"n", text}), version::v1_2) == "SEND\nn:" + escaped + "\n\n" + '\0');
            REQUIRE(encoded(send_with({text, "v"}), version::v1_2) == "SEND\n" + escaped + ":v\n\n" + '\0');
            text[at] = '\0';
            REQUIRE(refusal(send_with({"n", text}), version::v1_2) == errc::nul_in_header);
        }
        const std::string all(size, '\n');
        std::string escaped;
        for (std::size_t i = 0; i < size; ++i) escaped += "\\n";
        CHECK(encoded(send_with({all, all}), version::v1_1) == "SEND\n" + escaped + ":" + escaped + "\n\n" + '\0');
    }
}

TEST_CASE("numbers of every length") {
    std::array<char, 20> text{};
    for (std::uint64_t number :
         {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10}, std::uint64_t{12345}, UINT64_MAX}) {
        const std::string expected = std::to_string(number);
        CHECK(stomp::detail::count_digits(number) == expected.size());
        const char* const end = stomp::detail::write_number(text.data(), number);
        CHECK(std::string(text.data(), static_cast<std::size_t>(end - text.data())) == expected);
    }
    std::uint64_t power = 1;
    for (std::size_t digits = 1; digits < 20; ++digits, power *= 10) {
        CHECK(stomp::detail::count_digits(power) == digits);
        CHECK(stomp::detail::count_digits(power * 10 - 1) == digits);
    }
}

TEST_CASE("what measure() says is what write() writes, to the octet") {
    const std::array headers{header{"a:b", "c\nd"}, header{"plain", "value"}};
    for (const auto body : {""sv, "x"sv, "a\0b"sv}) {
        const frame_view f{command::send, {}, headers, body};
        stomp::detail::frame_plan plan;
        REQUIRE(stomp::detail::measure(f, version::v1_2, {}, plan) == errc::ok);
        std::vector<char> exact(plan.size);  // so that the sanitizers see one octet too many
        REQUIRE(stomp::detail::write(f, version::v1_2, {}, plan, exact.data()) == exact.data() + plan.size);
        CHECK(std::string_view(exact.data(), plan.size) == encoded(f, version::v1_2));
    }
}

namespace {

/// A text as it stands on the wire, octet by octet; nothing if these rules cannot express it.
std::optional<std::string> plainly_written(stomp::detail::escaping rules, std::string_view text, bool is_name) {
    using stomp::detail::escaping;
    std::string out;
    for (const char octet : text) {
        const bool literal = rules == escaping::none;
        switch (octet) {
            case '\0': return std::nullopt;
            case '\r':
                if (rules != escaping::v1_2) return std::nullopt;
                out += "\\r";
                break;
            case '\n':
                if (literal) return std::nullopt;
                out += "\\n";
                break;
            case ':':
                if (literal && is_name) return std::nullopt;
                out += literal ? ":" : "\\c";
                break;
            case '\\': out += literal ? "\\" : "\\\\"; break;
            default: out += octet;
        }
    }
    return out;
}

/// Measures and writes a text that lies in memory of exactly its size.
void check_text(std::string_view text) {
    using stomp::detail::escaping;
    const std::vector<char> exact(text.begin(), text.end());
    const std::string_view input(exact.data(), exact.size());
    for (const escaping rules : {escaping::none, escaping::v1_1, escaping::v1_2}) {
        for (const bool is_name : {false, true}) {
            const auto expected = plainly_written(rules, text, is_name);
            std::size_t size = 0;
            const errc measured = stomp::detail::measure_text(rules, input, is_name, size);
            std::vector<char> room(expected == text ? text.size() : 2 * text.size());
            errc fault = errc::ok;
            const char* const end = stomp::detail::write_text(rules, input, is_name, room.data(), fault);
            REQUIRE(measured == fault);
            REQUIRE((fault == errc::ok) == expected.has_value());
            if (!expected) continue;
            REQUIRE(size == expected->size());
            REQUIRE(std::string_view(room.data(), static_cast<std::size_t>(end - room.data())) == *expected);
        }
    }
}

}  // namespace

TEST_CASE("H-08: each special octet at every place of texts of every size") {
    for (std::size_t size = 0; size <= 70; ++size) {
        std::string text(size, 'a');
        for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(' ' + (i * 7 + 3) % 24);  // below ':'
        check_text(text);
        for (std::size_t at = 0; at < size; ++at) {
            const char kept = text[at];
            // The special ones, then their neighbours and what has the eighth bit set, which are ordinary.
            for (const char octet : {'\0', '\n', '\r', ':', '\\', '\x01', '\x09', '\x0b', '\x0c', '\x0e', '9', ';', '[',
                                     ']', '\x80', '\x8a', '\xba', '\xdc', '\xff'}) {
                text[at] = octet;
                check_text(text);
            }
            text[at] = kept;
        }
    }
    for (std::size_t size = 1; size < 300; size += 7) {  // and nothing but special ones
        for (const char octet : {'\n', '\r', ':', '\\'}) check_text(std::string(size, octet));
    }
}

TEST_CASE("H-08: a refused header leaves the string as it was, whatever was written before it") {
    std::string out = "before";
    const std::string long_value(1000, ':');
    const std::array headers{header{"a", long_value}, header{"b", "x\0y"sv}};
    CHECK(stomp::encode(out, command::send, headers, "body", version::v1_2) == errc::nul_in_header);
    CHECK(out == "before");
    CHECK(stomp::encode_head(out, command::send, headers, "body", version::v1_2) == errc::nul_in_header);
    CHECK(out == "before");
}

TEST_CASE("measure_header adds to the size, and leaves it alone when it refuses") {
    using stomp::detail::escaping;
    std::size_t size = 100;
    CHECK(stomp::detail::measure_header(escaping::v1_2, {"a", "b:"}, size) == errc::ok);
    CHECK(size == 106);
    CHECK(stomp::detail::measure_header(escaping::v1_1, {"a", "b\r"}, size) == errc::not_representable);
    CHECK(size == 106);
}

TEST_CASE("encoding into a string with room allocates nothing") {
    std::string out;
    out.reserve(1000);
    const std::string body(300, 'b');
    const std::array headers{header{"destination", "/topic/a:b"}, header{"content-type", "text/plain"}};
    const counting_new::heap_watch heap;
    for (int i = 0; i < 10; ++i) {
        out.clear();
        REQUIRE(stomp::encode(out, command::send, headers, body, version::v1_2) == errc::ok);
    }
    CHECK(heap.allocations() == 0);
}

static_assert(stomp::encoded_size(command::disconnect, {}, {}, version::v1_2) == 13);

TEST_CASE("of two faults in a line the first one is told, whichever way the frame goes") {
    const std::string_view nul("x\0y", 3);
    const std::array<stomp::header, 1> line{{{"a:b", nul}}};
    const stomp::frame_view f{stomp::command::send, {}, line, {}};
    std::string out = "as it was";
    CHECK(stomp::encode(out, f, stomp::version::v1_0) == stomp::errc::not_representable);
    CHECK(out == "as it was");
    std::size_t size = 0;
    CHECK(stomp::detail::measure(f, stomp::version::v1_0, {}, size) == stomp::errc::not_representable);
}
