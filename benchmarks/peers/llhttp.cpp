#include "peer.hpp"

#include <llhttp/llhttp.h>

namespace {

bench::figures pass(std::string& octets) {
    bench::figures f;
    llhttp_settings_t calls;
    llhttp_settings_init(&calls);
    calls.on_header_value = [](llhttp_t* p, const char*, std::size_t n) {
        static_cast<bench::figures*>(p->data)->value_octets += n;
        return 0;
    };
    calls.on_header_value_complete = [](llhttp_t* p) {
        ++static_cast<bench::figures*>(p->data)->headers;
        return 0;
    };
    calls.on_body = [](llhttp_t* p, const char*, std::size_t n) {
        static_cast<bench::figures*>(p->data)->body_octets += n;
        return 0;
    };
    calls.on_message_complete = [](llhttp_t* p) {
        ++static_cast<bench::figures*>(p->data)->frames;
        return 0;
    };
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &calls);
    parser.data = &f;
    llhttp_execute(&parser, octets.data(), octets.size());
    return f;
}

}  // namespace

int main(int argc, char** argv) { return peer::run_http(argc, argv, pass); }
