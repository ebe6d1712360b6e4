#include "peer.hpp"

#include <http_parser.h>

namespace {

bench::figures pass(std::string& octets) {
    bench::figures f;
    http_parser_settings calls;
    http_parser_settings_init(&calls);
    calls.on_header_value = [](http_parser* p, const char*, std::size_t n) {
        auto& sum = *static_cast<bench::figures*>(p->data);
        ++sum.headers;
        sum.value_octets += n;
        return 0;
    };
    calls.on_body = [](http_parser* p, const char*, std::size_t n) {
        static_cast<bench::figures*>(p->data)->body_octets += n;
        return 0;
    };
    calls.on_message_complete = [](http_parser* p) {
        ++static_cast<bench::figures*>(p->data)->frames;
        return 0;
    };
    http_parser parser;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &f;
    http_parser_execute(&parser, &calls, octets.data(), octets.size());
    return f;
}

}  // namespace

int main(int argc, char** argv) { return peer::run_http(argc, argv, pass); }
