// picohttpparser, as the library of the H2O server brings it: without its header, and compiled for any x86-64.
#include "peer.hpp"

#include <array>
#include <cstddef>

extern "C" {
struct phr_header {
    const char* name;
    std::size_t name_len;
    const char* value;
    std::size_t value_len;
};
int phr_parse_request(const char* buf, std::size_t len, const char** method, std::size_t* method_len, const char** path,
                      std::size_t* path_len, int* minor_version, phr_header* headers, std::size_t* num_headers,
                      std::size_t last_len);
}

namespace {

/// It reads heads only: the body's length is found among the headers, as a server would.
std::size_t content_length(const phr_header& h) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < h.value_len; ++i) n = n * 10 + static_cast<std::size_t>(h.value[i] - '0');
    return n;
}

bench::figures pass(std::string& octets) {
    constexpr std::string_view length_name = "content-length";
    bench::figures f;
    std::size_t at = 0;
    while (at < octets.size()) {
        const char* method = nullptr;
        const char* path = nullptr;
        std::size_t method_size = 0;
        std::size_t path_size = 0;
        int version = 0;
        std::array<phr_header, 64> headers;
        std::size_t count = headers.size();
        const int n = phr_parse_request(octets.data() + at, octets.size() - at, &method, &method_size, &path,
                                        &path_size, &version, headers.data(), &count, 0);
        if (n <= 0) return f;
        at += static_cast<std::size_t>(n);
        ++f.frames;
        f.headers += count;
        std::size_t body = 0;
        for (std::size_t i = 0; i < count; ++i) {
            f.value_octets += headers[i].value_len;
            if (std::string_view(headers[i].name, headers[i].name_len) == length_name)
                body = content_length(headers[i]);
        }
        f.body_octets += body;
        at += body;
    }
    return f;
}

}  // namespace

int main(int argc, char** argv) { return peer::run_http(argc, argv, pass); }
