#include <stomp/error_code.hpp>

#include "support/catch.hpp"

#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using stomp::errc;
using stomp::error_group;

namespace {

// Every errc there is, `ok` included: their names tell where they end.
std::vector<errc> all_errors() {
    std::vector<errc> all;
    for (int i = 0; i < 256; ++i) {
        const auto e = static_cast<errc>(i);
        if (to_string(e) != "unknown_errc") all.push_back(e);
    }
    return all;
}

}  // namespace

TEST_CASE("error_code: an errc converts, and ok is no error") {
    const std::error_code ok = errc::ok;
    CHECK_FALSE(ok);
    CHECK(ok.category() == stomp::errc_category());

    const std::error_code code = errc::limit_body;
    CHECK(code);
    CHECK(code == errc::limit_body);
    CHECK(code != errc::limit_head);
    CHECK(code != ok);
    CHECK(std::string(code.category().name()) == "stomp");
    CHECK(code.message() == explain(errc::limit_body));
    CHECK(code == make_error_code(errc::limit_body));
}

TEST_CASE("error_code: every errc has a message of its own and keeps its value") {
    const auto all = all_errors();
    REQUIRE(all.size() > 60);
    std::set<std::string> messages;
    for (const errc e : all) {
        const std::error_code code = e;
        CHECK(code.value() == static_cast<int>(e));
        CHECK(messages.insert(code.message()).second);
    }
}

TEST_CASE("error_code: each belongs to exactly one group, as errc.hpp orders them") {
    const auto group = [](errc e) {
        const std::error_code code = e;
        std::string name;
        for (const error_group g : {error_group::grammar, error_group::limit, error_group::session,
                                    error_group::connection, error_group::caller}) {
            if (code != g) continue;
            CHECK(name.empty());
            name = to_string(g);
        }
        return name;
    };
    CHECK(group(errc::ok).empty());
    for (const errc e : all_errors()) {
        if (e != errc::ok) CHECK_FALSE(group(e).empty());
        CHECK((group(e) == "limit") == is_limit(e));
    }
    CHECK(group(errc::malformed_command) == "grammar");
    CHECK(group(errc::unexpected_eof) == "grammar");
    CHECK(group(errc::limit_command) == "limit");
    CHECK(group(errc::limit_receipts) == "limit");
    CHECK(group(errc::not_connected) == "session");
    CHECK(group(errc::server_error) == "session");
    CHECK(group(errc::closed_by_application) == "session");
    CHECK(group(errc::connection_lost) == "connection");
    CHECK(group(errc::tls_on_plain_port) == "connection");
    CHECK(group(errc::not_representable) == "caller");
    CHECK(group(errc::not_authorized) == "caller");
    CHECK(std::error_condition(error_group::limit).message() == "limit");
    CHECK(std::string(std::error_condition(error_group::limit).category().name()) == "stomp group");
}

TEST_CASE("error_code: generic code understands the common ones") {
    const auto is = [](errc e, std::errc condition) { return std::error_code(e) == condition; };
    CHECK(is(errc::not_connected, std::errc::not_connected));
    CHECK(is(errc::already_connected, std::errc::already_connected));
    CHECK(is(errc::connection_lost, std::errc::connection_reset));
    CHECK(is(errc::connect_rejected, std::errc::connection_refused));
    CHECK(is(errc::no_common_version, std::errc::protocol_not_supported));
    CHECK(is(errc::closed_by_application, std::errc::connection_aborted));
    for (const errc e : all_errors()) {
        const bool late = to_string(e).find("timeout") != std::string_view::npos;
        CHECK(is(e, std::errc::timed_out) == late);
    }
    CHECK(is(errc::output_full, std::errc::operation_would_block));
    CHECK(is(errc::frame_too_large, std::errc::message_size));
    CHECK(is(errc::not_authorized, std::errc::permission_denied));
    CHECK_FALSE(is(errc::bad_escape, std::errc::invalid_argument));
}

TEST_CASE("error_code: codes of other categories and of no errc are nobody's") {
    const std::error_code other = std::make_error_code(std::errc::timed_out);
    CHECK(other != error_group::connection);
    CHECK(other != errc::connect_timeout);
    const std::error_code wild(100'000, stomp::errc_category());
    CHECK(wild.message() == "unknown error");
    CHECK(wild.default_error_condition().value() == 100'000);
    CHECK(std::error_code(256, stomp::errc_category()).message() == "unknown error");
    const std::error_code negative(-1, stomp::errc_category());
    CHECK(negative.message() == "unknown error");
}
