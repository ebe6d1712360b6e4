#include "peer.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <cstdint>
#include <limits>

namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

/// Takes every callback and keeps nothing but sums.
class counter : public http::basic_parser<true> {
public:
    explicit counter(bench::figures& f) : f_(f) {
        eager(true);
        body_limit((std::numeric_limits<std::uint64_t>::max)());  // in 1.74 `none` forbids all bodies
        header_limit(1 << 20);
    }

private:
    void on_request_impl(http::verb, string_view, string_view, int, error_code& ec) override { ec = {}; }
    void on_response_impl(int, string_view, int, error_code& ec) override { ec = {}; }
    void on_field_impl(http::field, string_view, string_view value, error_code& ec) override {
        ++f_.headers;
        f_.value_octets += value.size();
        ec = {};
    }
    void on_header_impl(error_code& ec) override { ec = {}; }
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code& ec) override { ec = {}; }
    std::size_t on_body_impl(string_view body, error_code& ec) override {
        f_.body_octets += body.size();
        ec = {};
        return body.size();
    }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code& ec) override { ec = {}; }
    std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& ec) override {
        ec = {};
        return body.size();
    }
    void on_finish_impl(error_code& ec) override {
        ++f_.frames;
        ec = {};
    }

    bench::figures& f_;
};

bench::figures pass(std::string& octets) {
    bench::figures f;
    std::size_t at = 0;
    while (at < octets.size()) {
        counter parser(f);
        while (!parser.is_done() && at < octets.size()) {
            error_code ec;
            at += parser.put(boost::asio::buffer(octets.data() + at, octets.size() - at), ec);
            if (ec && ec != http::error::need_more) return f;
        }
    }
    return f;
}

}  // namespace

int main(int argc, char** argv) { return peer::run_http(argc, argv, pass); }
