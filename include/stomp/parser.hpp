// Octets to frames.
#ifndef STOMP_PARSER_HPP
#define STOMP_PARSER_HPP

#include <stomp/command.hpp>
#include <stomp/config.hpp>
#include <stomp/detail/escape.hpp>
#include <stomp/detail/scan.hpp>
#include <stomp/detail/undo.hpp>
#include <stomp/detail/utf8.hpp>
#include <stomp/errc.hpp>
#include <stomp/frame.hpp>
#include <stomp/header_names.hpp>
#include <stomp/limits.hpp>
#include <stomp/version.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace stomp::inline v0 {

enum class parse_status : std::uint8_t { need_more, frame, error };

/// How much is forgiven. `standard` is what to ship; `strict` takes the grammar to the letter and adds checks (UTF-8,
/// colons in values, differing content-length entries); `lenient` also takes what broken peers are known to send.
enum class strictness : std::uint8_t { strict, standard, lenient };

namespace detail {

/// What the version and the strictness say of a frame's octets.
struct dialect {
    std::optional<stomp::version> version;
    bool strict = false;
    bool lenient = false;
    bool crlf = true;  // CR LF ends a line as LF does; also before negotiation: a 1.2 client may send its CONNECT so
    bool cr_is_text = false;     // elsewhere a CR is an octet like any other in 1.0 and 1.1, and an error in 1.2
    bool trims_values = false;   // 1.0 peers write a blank after the colon
    bool body_anywhere = false;  // 1.0 says of most frames nothing at all, so a body is just delivered

    constexpr dialect() noexcept = default;
    constexpr dialect(std::optional<stomp::version> v, strictness s) noexcept
        : version(v), strict(s == strictness::strict), lenient(s == strictness::lenient) {
        if (!v || *v == version::v1_2) return;
        const bool v1_0 = *v == version::v1_0;
        crlf = v1_0 ? !strict : lenient;
        cr_is_text = true;
        trims_values = v1_0 && !strict;
        body_anywhere = v1_0;
    }
};

constexpr bool is_blank(char octet) noexcept { return octet == ' ' || octet == '\t'; }

constexpr std::string_view trim_front(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    return text;
}

constexpr std::string_view trim_back(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

/// Where the header entries go: the caller's array, or a vector that grows. Never more than a frame may have.
struct header_storage {
    header* begin;
    header* end;
    std::vector<header>* owner = nullptr;

    constexpr header_storage(std::span<header> entries, std::size_t most) noexcept
        : begin(entries.data()), end(begin + (std::min)(entries.size(), most)) {}
    header_storage(std::vector<header>& entries, std::size_t most) noexcept : header_storage(std::span(entries), most) {
        owner = &entries;
    }

    constexpr std::span<header> first(std::size_t count) const noexcept { return {begin, count}; }

    /// Makes room for more entries, up to `most`; false if there is none to be had.
    STOMP_NOINLINE constexpr bool grow(std::size_t most) {
        const auto size = static_cast<std::size_t>(end - begin);
        if (owner == nullptr || size >= most) return false;
        if (owner->size() == size) owner->resize((std::max)(2 * size, std::size_t{16}));
        *this = header_storage(*owner, most);
        return true;
    }
};

/// Reads one frame out of octets that lie side by side and may not all be there yet. Looks at each octet of the head
/// once, however they arrive, and keeps only offsets from the frame's first octet, so the octets may move between two
/// calls (the caller then moves the entries). The octets are changed only when the whole frame is there and right:
/// that is when escapes are decoded.
///
/// Faults are found in the order of the octets and told by the octet that proves them, so that they do not depend on
/// how the octets arrive. Where a path is rarely taken its function is kept out of the way (STOMP_NOINLINE): that is
/// worth more than anything else here, because the loop over the blocks then keeps its values in registers.
template <class Scan>
class basic_frame_reader {
public:
    constexpr basic_frame_reader() noexcept = default;
    constexpr explicit basic_frame_reader(const dialect& rules) noexcept
        : rules_(rules), adjusts_(rules.strict || rules.trims_values) {}

    /// The same frame and rules, nothing read.
    constexpr void start_over() noexcept { *this = basic_frame_reader(rules_); }

    constexpr parse_status read(char* frame, std::size_t size, const limits& bounds, header_storage& headers) {
        if (head_size_ == 0) {
            if (const auto status = read_head(frame, size, bounds, headers); status != parse_status::frame) {
                return status;
            }
        }
        if (const auto status = read_body(frame, size, bounds); status != parse_status::frame) return status;
        if (first_escape_ != 0) unescape_headers(frame, headers.first(header_count_));
        return parse_status::frame;
    }

    constexpr frame_view view(const char* frame, std::span<const header> entries) const noexcept {
        return {command_, verb(frame), header_list(entries.first(header_count_)),
                std::string_view(frame + head_size_, body_ == body_rule::dropped ? 0 : body_size_)};
    }

    /// Empty until the command line has ended.
    constexpr std::string_view verb(const char* frame) const noexcept { return {frame, verb_size_}; }
    constexpr std::size_t header_count() const noexcept { return header_count_; }
    /// Octets of the frame, NUL included, once it is complete.
    constexpr std::size_t size() const noexcept { return head_size_ + body_size_ + 1; }
    constexpr errc error() const noexcept { return error_; }
    constexpr std::size_t error_offset() const noexcept { return error_offset_; }

private:
    constexpr parse_status fail(errc e, std::size_t offset) noexcept {
        error_ = e;
        error_offset_ = offset;
        return parse_status::error;
    }

    static constexpr std::size_t first_bit(std::uint64_t bits) noexcept {
        return static_cast<std::size_t>(std::countr_zero(bits));
    }

    /// The command line has not ended yet.
    constexpr bool in_command() const noexcept { return line_ == 0; }

    constexpr parse_status read_head(const char* frame, std::size_t size, const limits& bounds,
                                     header_storage& headers) {
        const std::size_t window = (std::min)(size, bounds.max_head);
        if (unsettled_ && scanned_ < window) {
            unsettled_ = false;
            if (!settle(frame[scanned_ - 1], frame[scanned_])) return end_oddly(frame, scanned_ - 1, bounds);
        }
        const place first{scanned_, line_, colon_, header_count_};
        unsigned found = find_lines(frame, window, headers.begin, headers.end);
        if (found > found_stop) found = look_closer(frame, first, window, bounds, headers, found);
        if (first.line == 0 && line_ != 0 && !take_command(frame, bounds)) return parse_status::error;
        // All that has arrived since the open line began is hardly ever longer than one line may be.
        if (scanned_ - first.line > bounds.max_header_line) {
            const auto taken = headers.first(header_count_).subspan(first.headers);
            if (!check_lines(frame, taken, bounds)) return parse_status::error;
        }
        if (found == 0) return end_of_window(frame, window, bounds);
        if (scanned_ != line_ || frame[line_] != '\n') {
            if (end_oddly(frame, scanned_, bounds) == parse_status::error) return parse_status::error;
        } else {
            head_size_ = line_ + 1;
        }
        scanned_ = head_size_;
        return check_head(frame, bounds, headers);
    }

    // What find_lines() has found.
    static constexpr unsigned found_stop = 1;  // an octet where the head ends, or goes wrong
    static constexpr unsigned found_full = 2;  // the end of a line for which there is no entry: that is a stop, too
    static constexpr unsigned found_rare = 4;  // octets that take a closer look

    /// Takes the lines from scanned_ on, up to where it stops. A function of its own so that its loops have the
    /// registers for themselves.
    STOMP_NOINLINE constexpr unsigned find_lines(const char* frame, std::size_t window, header* entries,
                                                 header* last) noexcept {
        std::size_t at = scanned_;
        std::size_t begin = line_;
        std::size_t colon = colon_;
        header* entry = entries + header_count_;
        // One bit, the lowest, if the next block begins a header line, and if it begins before its first colon.
        std::uint64_t starts_line = begin != 0 && begin == at ? 1 : 0;
        std::uint64_t in_name = begin != 0 && colon >= at ? 1 : 0;
        std::uint64_t stops = 0;
        std::uint64_t rare = 0;
        unsigned full = 0;
        while (at < window) {
            const std::size_t octets = window - at;
            const head_marks found =
                octets >= block_size ? Scan::find_marks(frame + at) : Scan::find_marks(frame + at, octets, at);

            // The first colon of each line, or its end: a bit added at the line's first octet carries through all that
            // is neither, and on into the next block. None is added for the command line: it has no name.
            const std::uint64_t marks = found.ends | found.colons;
            const std::uint64_t line_starts = found.ends << 1 | starts_line;
            const std::uint64_t carry = line_starts | in_name;
            const std::uint64_t sum = ~marks + carry;
            const std::uint64_t firsts = sum & marks;

            // Where the head ends, or goes wrong: a line that is empty, has no colon or no name.
            stops = firsts & (found.ends | line_starts);
            const std::uint64_t before = (stops - 1) & ~stops;
            rare |= found.rare & before;

            // What is left: one bit per end of line, one per first colon.
            std::uint64_t lines = found.ends & before;
            std::uint64_t colons = firsts & before;
            starts_line = found.ends >> (block_size - 1);
            in_name = sum < carry ? 1 : 0;
            const auto next_colon = [&] {  // at the end of the block or later: there is none in it
                colon = at + first_bit(colons);
                colons &= colons - 1;
            };
            if (begin == 0 && lines != 0) {
                verb_size_ = at + first_bit(lines);
                begin = verb_size_ + 1;
                lines &= lines - 1;
            }
            if (colon >= at) next_colon();
            for (; lines != 0; lines &= lines - 1) {
                if (entry == last) {
                    stops = lines;
                    full = found_full;
                    break;
                }
                const std::size_t end = at + first_bit(lines);
                const std::string_view name(frame + begin, colon - begin);
                const std::string_view value(frame + colon + 1, end - colon - 1);
                *entry++ = {name, value};
                if (name.size() == header_names::content_length.size() && length_ == 0 &&
                    spells(name.data(), "content-length")) {
                    length_ = static_cast<std::size_t>(entry - entries);
                    body_size_ = few_digits(value);  // at once: where the next frame begins depends on it
                }
                begin = end + 1;
                next_colon();
            }
            if (stops != 0) break;
            at += block_size;
        }
        line_ = begin;
        colon_ = colon;
        header_count_ = static_cast<std::size_t>(entry - entries);
        scanned_ = stops != 0 ? at + first_bit(stops) : window;
        return (stops != 0 ? found_stop : 0) | full | (rare != 0 ? found_rare : 0);
    }

    /// Where the search for lines begins.
    struct place {
        std::size_t scanned;
        std::size_t line;
        std::size_t colon;
        std::size_t headers;
    };

    /// Makes room for more lines and goes on with them, where `found` says so, and looks at the CRs, NULs and backslashes
    /// found since `first`. Returns found_stop or nothing.
    STOMP_NOINLINE constexpr unsigned look_closer(const char* frame, const place& first, std::size_t window,
                                                  const limits& bounds, header_storage& headers, unsigned found) {
        while ((found & found_full) != 0) {
            // Where memory runs out, nothing has been read.
            undo go_back([&] {
                scanned_ = first.scanned;
                line_ = first.line;
                colon_ = first.colon;
                header_count_ = first.headers;
                if (length_ > first.headers) length_ = 0;
                if (in_command()) verb_size_ = 0;
            });
            const bool grown = headers.grow(bounds.max_headers);
            go_back.dismiss();
            if (!grown) break;
            found = (found & found_rare) | find_lines(frame, window, headers.begin, headers.end);
        }
        if ((found & found_rare) != 0) {
            const std::size_t wrong = find_wrong(frame, first.scanned, window);
            if (wrong != scanned_) {
                rewind(frame, wrong, headers);
                return found_stop;
            }
        }
        if ((found & found_full) != 0 && frame[scanned_] != '\0') fault_ = errc::limit_headers;
        return found & found_stop;
    }

    /// Where the first CR, NUL or backslash in [first, scanned_) stands that is wrong, or scanned_.
    constexpr std::size_t find_wrong(const char* frame, std::size_t first, std::size_t window) noexcept {
        if (command_ == command::unknown) command_ = parse_command(line(frame, 0, verb_size_));
        escaping_ = escaping_of(command_, rules_.version);
        for (std::size_t at = first; at < scanned_; at += block_size) {
            const std::size_t octets = scanned_ - at;
            const head_marks found =
                octets >= block_size ? Scan::find_marks(frame + at) : Scan::find_marks(frame + at, octets, at);
            for (std::uint64_t rare = found.rare; rare != 0; rare &= rare - 1) {
                const std::size_t offset = at + first_bit(rare);
                const char octet = frame[offset];
                if (octet == '\\') {
                    if (escaping_ == escaping::none || offset == letter_ || in_command() || offset < verb_size_)
                        continue;
                    letter_ = offset + 1;
                    if (first_escape_ == 0) first_escape_ = offset;
                } else if (octet == '\0') {
                    return offset;
                } else {
                    if (rules_.crlf) has_cr_ = adjusts_ = true;
                    if (rules_.cr_is_text) continue;
                }
                unsettled_ = offset + 1 == window;
                if (!unsettled_ && !settle(octet, frame[offset + 1])) return offset;
            }
        }
        return scanned_;
    }

    /// Takes back the lines from the one with this octet on.
    constexpr void rewind(const char* frame, std::size_t offset, const header_storage& headers) noexcept {
        scanned_ = offset;
        for (; header_count_ != 0; --header_count_) {
            const header& last = headers.begin[header_count_ - 1];
            if (last.value.data() + last.value.size() < frame + offset) return;
            line_ = static_cast<std::size_t>(last.name.data() - frame);
        }
        if (offset <= verb_size_) line_ = verb_size_ = 0;
    }

    /// Whether an octet may follow a CR or a backslash. A NUL may not, but is a fault of its own.
    constexpr bool settle(char octet, char next) noexcept {
        if (next == '\0') return true;
        if (octet == '\r') {
            if (next != '\n') fault_ = errc::bare_cr;
        } else if (escaping_ != escaping::unknown && unescaped(escaping_, next) == '\0') {
            fault_ = errc::bad_escape;
        }
        return fault_ == errc::ok;
    }

    /// A line, or what is there of it, without the CR of its end of line.
    constexpr std::string_view line(const char* frame, std::size_t begin, std::size_t end) const noexcept {
        if (end > begin && frame[end - 1] == '\r' && rules_.crlf) --end;
        return {frame + begin, end - begin};
    }

    /// Whether a line is within its limit so far.
    constexpr bool check_line(const char* frame, std::size_t begin, std::size_t end, const limits& bounds) noexcept {
        const bool command = begin == 0;
        const std::size_t limit = command ? bounds.max_command : bounds.max_header_line;
        if (line(frame, begin, end).size() <= limit) return true;
        fail(command ? errc::limit_command : errc::limit_header_line, begin + limit);
        return false;
    }

    STOMP_NOINLINE constexpr bool check_lines(const char* frame, std::span<const header> entries,
                                              const limits& bounds) noexcept {
        for (const header& h : entries) {
            const auto begin = static_cast<std::size_t>(h.name.data() - frame);
            if (!check_line(frame, begin, begin + h.name.size() + 1 + h.value.size(), bounds)) return false;
        }
        return true;
    }

    constexpr bool take_command(const char* frame, const limits& bounds) noexcept {
        if (adjusts_ || verb_size_ > bounds.max_command) {
            const std::size_t end = std::exchange(verb_size_, 0);
            if (!check_line(frame, 0, end, bounds)) return false;
            verb_size_ = line(frame, 0, end).size();
        }
        command_ = parse_command(verb(frame));
        return command_ != command::unknown || !rules_.cr_is_text || check_verb(frame);
    }

    /// Where a CR is text, it is not that of a command.
    STOMP_NOINLINE constexpr bool check_verb(const char* frame) noexcept {
        const std::size_t cr = verb(frame).find('\r');
        if (cr == std::string_view::npos) return true;
        verb_size_ = 0;
        fail(errc::malformed_command, cr);
        return false;
    }

    /// The head does not stop in what is there.
    STOMP_NOINLINE constexpr parse_status end_of_window(const char* frame, std::size_t window,
                                                        const limits& bounds) noexcept {
        if (!check_line(frame, line_, window, bounds)) return parse_status::error;
        if (window >= bounds.max_head) return fail(errc::limit_head, bounds.max_head);
        return parse_status::need_more;
    }

    /// The head stops otherwise than by LF LF.
    STOMP_NOINLINE constexpr parse_status end_oddly(const char* frame, std::size_t at, const limits& bounds) noexcept {
        const bool unsettled = fault_ == errc::bare_cr || fault_ == errc::bad_escape;
        if (!check_line(frame, line_, unsettled ? at + 1 : at, bounds)) return parse_status::error;
        if (unsettled) return fail(fault_, at);
        if (fault_ == errc::limit_headers) return fail(fault_, line_);
        if (frame[at] == ':') return fail(errc::header_empty_name, at);
        if (frame[at] == '\n') {
            if (!line(frame, line_, at).empty()) return fail(errc::header_no_colon, line_);
            head_size_ = at + 1;
            return parse_status::frame;
        }
        if (in_command()) return fail(errc::malformed_command, at);
        if (at != line_) return fail(errc::nul_in_header, at);
        if (!rules_.lenient) return fail(errc::missing_blank_line, at);
        head_size_ = at;  // the NUL that stands where the blank line should is the frame's last octet
        ends_early_ = true;
        return parse_status::frame;
    }

    /// What can be said only of the head as a whole.
    constexpr parse_status check_head(const char* frame, const limits& bounds, header_storage& headers) {
        const auto entries = headers.first(header_count_);
        if (adjusts_ && !adjust_values(frame, entries)) return parse_status::error;
        if (!body_allowed(command_) && !rules_.body_anywhere) {
            body_ = rules_.lenient ? body_rule::dropped : body_rule::refused;
        }
        if (length_ == 0) return parse_status::frame;
        const bool usual = body_ == body_rule::allowed && !ends_early_ && body_size_ <= bounds.max_body;
        return usual && body_size_ != many_digits ? parse_status::frame
                                                  : check_length(frame, entries[length_ - 1].value, bounds);
    }

    STOMP_NOINLINE constexpr parse_status check_length(const char* frame, std::string_view value,
                                                       const limits& bounds) noexcept {
        const auto offset = static_cast<std::size_t>(value.data() - frame);
        const auto octets = parse_content_length(rules_.lenient ? trim_back(trim_front(value)) : value);
        if (!octets) return fail(errc::bad_content_length, offset);
        if (*octets != 0 && body_ == body_rule::refused) return fail(errc::body_not_allowed, offset);
        if (*octets > bounds.max_body) return fail(errc::limit_body, offset);
        if (*octets != 0 && ends_early_) return fail(errc::missing_blank_line, head_size_);
        body_size_ = static_cast<std::size_t>(*octets);
        return parse_status::frame;
    }

    STOMP_NOINLINE constexpr bool adjust_values(const char* frame, std::span<header> entries) noexcept {
        if (has_cr_) {
            for (header& h : entries) {
                if (h.value.ends_with('\r')) h.value.remove_suffix(1);
            }
        }
        if (rules_.trims_values) {
            for (header& h : entries) h.value = trim_front(h.value);
        }
        return !rules_.strict || check_strictly(frame, entries);
    }

    constexpr bool check_strictly(const char* frame, std::span<const header> entries) noexcept {
        const auto wrong = [&](errc e, std::size_t offset) {
            fail(e, offset);
            return false;
        };
        if (rules_.version != version::v1_0) {
            const std::string_view head(frame, head_size_);
            if (const std::size_t at = find_invalid_utf8(head); at != head.size()) return wrong(errc::invalid_utf8, at);
        }
        const escaping rules = escaping_of(command_, rules_.version);
        for (const header& h : entries) {
            const auto offset = static_cast<std::size_t>(h.value.data() - frame);
            if (rules == escaping::v1_1 || rules == escaping::v1_2) {
                const std::size_t colon = h.value.find(':');
                if (colon != h.value.npos) return wrong(errc::raw_colon_in_value, offset + colon);
            }
            if (h.name == header_names::content_length && h.value != entries[length_ - 1].value) {
                return wrong(errc::content_length_conflict, offset);
            }
        }
        return true;
    }

    static constexpr std::size_t many_digits = SIZE_MAX;

    /// The number that up to eight digits are, all at once; for anything else many_digits. At least eight octets of the
    /// frame lie before the last digit: the header's name.
    static constexpr std::size_t few_digits(std::string_view digits) noexcept {
        if (digits.size() - 1 >= 8) return many_digits;
        // Eight octets that end with the last digit, what is before the first one made zero.
        const std::size_t others = 8 - digits.size();
        std::uint64_t word = load_word(digits.data() - others) ^ 0x3030303030303030u;
        word = word >> (8 * others) << (8 * others);
        if (((word + 0x7676767676767676u) | word) & 0x8080808080808080u) return many_digits;
        word = word * 10 + (word >> 8);  // pairs of digits in every second octet
        return static_cast<std::size_t>(((word & 0x000000ff000000ffu) * 0x000f424000000064u +
                                         (word >> 16 & 0x000000ff000000ffu) * 0x0000271000000001u) >>
                                        32);
    }

    /// One or more digits and nothing else. A number too large for the type becomes the largest.
    static constexpr std::optional<std::uint64_t> parse_content_length(std::string_view digits) noexcept {
        if (digits.empty()) return std::nullopt;
        std::uint64_t number = 0;
        for (const char octet : digits) {
            if (octet < '0' || octet > '9') return std::nullopt;
            const auto digit = static_cast<std::uint64_t>(octet - '0');
            number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
        }
        return number;
    }

    constexpr parse_status read_body(const char* frame, std::size_t size, const limits& bounds) noexcept {
        const std::size_t there = size - head_size_;
        const char* const body = frame + head_size_;
        if (length_ != 0) {
            if (there <= body_size_) return parse_status::need_more;
            if (body[body_size_] != '\0') return fail(errc::missing_terminator, head_size_ + body_size_);
            return parse_status::frame;
        }
        if (there == 0) return parse_status::need_more;
        if (body_ == body_rule::refused && *body != '\0') return fail(errc::body_not_allowed, head_size_);
        const bool too_long = there > bounds.max_body;
        const char* const end = too_long ? body + bounds.max_body + 1 : body + there;
        const char* const terminator = Scan::find(frame + scanned_, end, '\0');
        if (terminator != end) {
            body_size_ = static_cast<std::size_t>(terminator - body);
            return parse_status::frame;
        }
        if (too_long) return fail(errc::limit_body, head_size_ + bounds.max_body);
        scanned_ = size;
        return parse_status::need_more;
    }

    /// Decodes the escapes of names and values in place: decoded text is never longer.
    STOMP_NOINLINE constexpr void unescape_headers(char* frame, std::span<header> entries) noexcept {
        const letter_table& letters = letters_of(escaping_of(command_, rules_.version));
        header* entry = entries.data();
        std::string_view* text = nullptr;  // the one being decoded: [from, end of text) goes to `to`
        char* to = nullptr;
        const char* from = frame;
        const auto finish = [&] {
            if (text == nullptr) return;
            to = copy_text(to, {from, static_cast<std::size_t>(text->data() + text->size() - from)});
            *text = {text->data(), static_cast<std::size_t>(to - text->data())};
        };
        for (std::size_t at = first_escape_; at < head_size_; at += block_size) {
            const std::size_t octets = head_size_ - at;
            std::uint64_t bits =
                octets >= block_size ? Scan::find(frame + at, '\\') : Scan::find(frame + at, octets, at, '\\');
            for (; bits != 0; bits &= bits - 1) {
                char* const escape = frame + at + first_bit(bits);
                if (escape < from) continue;  // a letter
                const char octet = letters[static_cast<unsigned char>(escape[1])];
                if (octet == '\0') continue;  // kept as it is

                if (text == nullptr || escape >= text->data() + text->size()) {
                    finish();
                    while (escape >= entry->value.data() + entry->value.size()) ++entry;
                    text = escape < entry->value.data() ? &entry->name : &entry->value;
                    to = escape;
                    from = escape;
                }
                to = copy_text(to, {from, static_cast<std::size_t>(escape - from)});
                *to++ = octet;
                from = escape + 2;
            }
        }
        finish();
    }

    enum class body_rule : std::uint8_t { allowed, refused, dropped };

    dialect rules_;
    stomp::command command_ = stomp::command::unknown;
    escaping escaping_ = escaping::none;  // for look_closer() only
    errc fault_ = errc::ok;               // of the octet at which the head stops
    errc error_ = errc::ok;
    bool adjusts_ = false;     // the head is not just taken as it is
    bool has_cr_ = false;      // in an end of line
    bool unsettled_ = false;   // the last octet was a CR or a backslash: it depends on the next
    bool ends_early_ = false;  // the head, by a NUL
    body_rule body_ = body_rule::allowed;
    std::size_t scanned_ = 0;  // octets looked at
    std::size_t line_ = 0;     // the first octet of the open line
    std::size_t colon_ = 0;    // its first colon; scanned_ or more: not found yet
    std::size_t verb_size_ = 0;
    std::size_t header_count_ = 0;
    std::size_t length_ = 0;        // which entry is content-length, counted from one; 0: none
    std::size_t first_escape_ = 0;  // 0: there is none
    std::size_t letter_ = 0;        // behind the last backslash that begins an escape
    std::size_t head_size_ = 0;     // 0 until the blank line was found
    std::size_t body_size_ = 0;
    std::size_t error_offset_ = 0;
};

using frame_reader = basic_frame_reader<scan>;

/// What stands between two frames: how many octets to skip, and how many EOLs they are.
struct gap {
    std::size_t octets = 0;
    std::size_t eols = 0;
    bool ends_in_cr = false;  ///< the octet after them is a CR that may yet turn out to begin an EOL
};

constexpr gap skip_gap(std::string_view octets, const dialect& rules) noexcept {
    gap skipped;
    if (!octets.empty() && octets[0] > '\r') return skipped;  // nearly always
    while (skipped.octets < octets.size()) {
        const std::string_view rest = octets.substr(skipped.octets);
        if (rest[0] == '\n') {
            ++skipped.octets;
            ++skipped.eols;
        } else if (rest[0] == '\r' && rules.crlf) {
            if (rest.size() == 1) skipped.ends_in_cr = true;
            if (rest.size() == 1 || rest[1] != '\n') break;
            skipped.octets += 2;
            ++skipped.eols;
        } else if (rest[0] == '\0' && rules.lenient) {
            ++skipped.octets;
        } else {
            break;
        }
    }
    return skipped;
}

}  // namespace detail

struct parse_result {
    parse_status status = parse_status::need_more;
    frame_view frame;          ///< of the octets and the storage given
    std::size_t consumed = 0;  ///< octets done with: EOLs, and the frame if there is one
    std::uint64_t eols = 0;    ///< EOLs before the frame
    errc error = errc::ok;
    std::size_t error_offset = 0;  ///< from the first octet given
};

/// Reads one frame from memory of your own, without keeping any state and without allocating: for one-shot use and
/// for small systems. The octets are changed (escapes are decoded in place) only when a frame is returned; on
/// `need_more` call again with more octets from `consumed` on, which starts all over. A frame with more headers than
/// `storage` holds is `limit_headers`.
constexpr parse_result parse_frame(std::span<char> bytes STOMP_LIFETIMEBOUND,
                                   std::span<header> storage STOMP_LIFETIMEBOUND, std::optional<version> v,
                                   const limits& bounds = {}, strictness s = strictness::standard) {
    const detail::dialect rules{v, s};
    const detail::gap before = detail::skip_gap({bytes.data(), bytes.size()}, rules);
    const std::size_t size = bytes.size() - before.octets;
    if (before.ends_in_cr || size == 0) return {parse_status::need_more, {}, before.octets, before.eols};

    char* const first = bytes.data() + before.octets;
    detail::header_storage headers(storage, bounds.max_headers);
    detail::frame_reader reader(rules);
    switch (reader.read(first, size, bounds, headers)) {
        case parse_status::frame:
            return {parse_status::frame, reader.view(first, storage), before.octets + reader.size(), before.eols};
        case parse_status::error:
            return {parse_status::error, {},
                    before.octets,       before.eols,
                    reader.error(),      before.octets + reader.error_offset()};
        default: return {parse_status::need_more, {}, before.octets, before.eols};
    }
}

/// Reads frames from a stream of octets that arrives in pieces.
///
///     std::span<char> space = parser.input_buffer();          // or parser.feed(chunk)
///     parser.commit_input(read(fd, space.data(), space.size()));
///     while (parser.next() == stomp::parse_status::frame) use(parser.frame());
///     if (parser.error() != stomp::errc::ok) close(fd);
///
/// Views are valid until the next call of `next()`, `input_buffer()`, `feed()` or `reset()`, and until the parser is
/// moved or destroyed. An error is final: what follows it is not looked at. No allocation per frame once the buffer
/// has grown to what the peer sends.
class parser {
public:
    explicit parser(const limits& bounds = {}, strictness s = strictness::standard)
        : bounds_(bounds), strictness_(s), next_rules_(std::nullopt, s) {}
    parser(parser&& other) noexcept : parser(other.bounds_, other.strictness_) { swap(other); }
    parser& operator=(parser&& other) noexcept {
        parser taken(std::move(other));
        swap(taken);
        return *this;
    }
    parser(const parser&) = delete;
    parser& operator=(const parser&) = delete;
    ~parser() = default;

    /// The version whose rules the next frame is read with; nothing: not negotiated yet.
    void set_version(std::optional<version> v) noexcept { next_rules_ = {v, strictness_}; }
    /// For the frame under way, too: what there is of it is then read from its beginning.
    void set_limits(const limits& bounds) noexcept {
        bounds_ = bounds;
        if (state_ == state::inside) reader_.start_over();
    }

    /// Space to write received octets into; say with commit_input() how many, none included. At least `at_least` octets.
    /// Valid until then, next() may be called in between; and until input_buffer(), feed() or reset(). What is far more
    /// than the frames need is given back after each: to read in large pieces, read into memory of your own, and feed().
    std::span<char> input_buffer(std::size_t at_least = 4096) STOMP_LIFETIMEBOUND {
        drop_frame();
        at_least = (std::max)(at_least, std::size_t{1});
        if (capacity() - end_ < at_least) make_room(at_least);
        lent_ = true;
        return {buffer_.data() + end_, capacity() - end_};
    }

    void commit_input(std::size_t n) noexcept {
        STOMP_ASSERT(n <= capacity() - end_);
        lent_ = false;
        if (state_ == state::failed) return;
        end_ += n;
        peak_ = (std::max)(peak_, end_ - begin_);
    }

    /// Copies received octets.
    void feed(std::string_view bytes) {
        if (bytes.empty() || state_ == state::failed) return;
        std::memcpy(input_buffer(bytes.size()).data(), bytes.data(), bytes.size());
        commit_input(bytes.size());
    }

    /// Reads on: at most one frame. EOLs between frames are skipped and counted.
    [[nodiscard]] parse_status next() {
        if (state_ == state::failed) return parse_status::error;
        drop_frame();
        if (state_ == state::between) {
            const detail::gap skipped = detail::skip_gap({buffer_.data() + begin_, end_ - begin_}, next_rules_);
            eols_ += skipped.eols;
            advance(skipped.octets);
            if (begin_ == end_) rest();
            if (begin_ == end_ || skipped.ends_in_cr) return parse_status::need_more;
            ::new (static_cast<void*>(&reader_)) detail::frame_reader(next_rules_);  // in place: no copy
            state_ = state::inside;
        }
        detail::header_storage storage(headers_, bounds_.max_headers);
        const parse_status status = reader_.read(buffer_.data() + begin_, end_ - begin_, bounds_, storage);
        if (status == parse_status::frame) {
            frame_ = reader_.view(buffer_.data() + begin_, headers_);
            state_ = state::delivered;
        } else if (status == parse_status::error) {
            fail(reader_.error(), reader_.error_offset());
        }
        return status;
    }

    /// The frame that next() found.
    const frame_view& frame() const noexcept STOMP_LIFETIMEBOUND { return frame_; }

    /// The stream has ended: `ok`, or `unexpected_eof` (from then on sticky) if it ended inside a frame or an EOL. Call it
    /// when next() has said `need_more`.
    errc finish() noexcept {
        if (state_ == state::failed || buffered() == 0) return error_;
        drop_frame();
        if (state_ == state::between) reader_.start_over();  // there is no frame to tell of
        fail(errc::unexpected_eof, buffered());
        return error_;
    }

    errc error() const noexcept { return error_; }
    /// Where in the stream the error stands, in octets from its beginning.
    std::size_t error_offset() const noexcept { return error_offset_; }
    /// Between frames.
    bool idle() const noexcept { return state_ == state::delivered || (state_ == state::between && begin_ == end_); }
    /// EOLs seen between frames.
    std::uint64_t eols() const noexcept { return eols_; }

    /// The verb of the frame that is being received, as soon as its line has ended, also when the frame turned out to
    /// be wrong later; empty before. Lets a server refuse a first line that is not CONNECT or STOMP.
    std::string_view pending_verb() const noexcept STOMP_LIFETIMEBOUND {
        return state_ == state::between ? std::string_view{} : reader_.verb(buffer_.data() + begin_);
    }

    /// The octets held of the frame that is being received, or that turned out to be wrong.
    std::string_view pending() const noexcept STOMP_LIFETIMEBOUND {
        if (state_ == state::delivered || buffer_.empty()) return {};
        return {buffer_.data() + begin_, end_ - begin_};
    }

    /// Removes the blanks that 1.0 peers write before values from the entries of frame(): for a CONNECT that turned
    /// out to be 1.0, which could not be known when it was read.
    void trim_values() noexcept {
        for (std::size_t i = 0; i < frame_.headers.size(); ++i)
            headers_[i].value = detail::trim_front(headers_[i].value);
    }

    /// Octets held that do not belong to a frame handed out.
    std::size_t buffered() const noexcept { return end_ - begin_ - (state_ == state::delivered ? reader_.size() : 0); }

    /// Forgets everything but the memory, the limits and the strictness: a new stream, no version negotiated.
    void reset() noexcept {
        set_version(std::nullopt);
        state_ = state::between;
        frame_ = {};
        error_ = errc::ok;
        begin_ = end_ = peak_ = error_offset_ = 0;
        consumed_ = eols_ = 0;
    }

private:
    enum class state : std::uint8_t { between, inside, delivered, failed };

    static constexpr std::size_t first_capacity = 512;
    static constexpr std::size_t idle_capacity = 4096;
    static constexpr std::size_t most_idle = 2 * idle_capacity;  // a frame of that size, and input_buffer() behind it
    static constexpr std::size_t kept_capacity = 4 * idle_capacity;

    std::size_t capacity() const noexcept { return buffer_.size(); }

    void advance(std::size_t n) noexcept {
        begin_ += n;
        consumed_ += n;
    }

    void drop_frame() noexcept {
        if (state_ != state::delivered) return;
        advance(reader_.size());
        frame_ = {};
        state_ = state::between;
    }

    void fail(errc e, std::size_t offset) noexcept {
        error_ = e;
        error_offset_ = static_cast<std::size_t>(consumed_) + offset;
        state_ = state::failed;
    }

    /// Nothing is held: give memory back unless it was needed lately. A peer that keeps sending large frames does not
    /// make us allocate for each, and being asked twice does not say that there are no more, unless it is a lot of memory.
    void rest() noexcept {
        if (lent_) return;  // a read into it may be in flight
        begin_ = end_ = 0;
        const bool asked_twice = peak_ == 0 && capacity() <= kept_capacity;
        if (capacity() > most_idle && peak_ <= idle_capacity && !asked_twice) buffer_ = std::vector<char>{};
        peak_ = 0;
    }

    void make_room(std::size_t at_least) {
        const std::size_t held = end_ - begin_;
        const char* const from = buffer_.data() + begin_;
        // Moving fewer octets than were consumed since the last move keeps the work linear.
        if (held <= begin_ && capacity() - held >= at_least) {
            if (held != 0) std::memmove(buffer_.data(), from, held);
            move_headers(from, buffer_.data());
        } else {
            // Growing also where a little is read at a time into a lot of space.
            const std::size_t more = (std::min)(2 * capacity(), held + 2 * at_least);
            std::vector<char> larger((std::max)({first_capacity, 2 * held, held + at_least, more}));
            if (held != 0) std::memcpy(larger.data(), from, held);
            move_headers(from, larger.data());
            buffer_.swap(larger);
        }
        begin_ = 0;
        end_ = held;
    }

    void move_headers(const char* from, const char* to) noexcept {
        if (state_ != state::inside) return;
        const auto moved = [&](std::string_view text) {
            return std::string_view(to + (text.data() - from), text.size());
        };
        for (std::size_t i = 0; i < reader_.header_count(); ++i) {
            headers_[i] = {moved(headers_[i].name), moved(headers_[i].value)};
        }
    }

    void swap(parser& other) noexcept {
        std::swap(bounds_, other.bounds_);
        std::swap(strictness_, other.strictness_);
        std::swap(next_rules_, other.next_rules_);
        std::swap(reader_, other.reader_);
        std::swap(state_, other.state_);
        std::swap(error_, other.error_);
        buffer_.swap(other.buffer_);
        headers_.swap(other.headers_);
        std::swap(frame_, other.frame_);
        std::swap(begin_, other.begin_);
        std::swap(end_, other.end_);
        std::swap(peak_, other.peak_);
        std::swap(error_offset_, other.error_offset_);
        std::swap(consumed_, other.consumed_);
        std::swap(eols_, other.eols_);
        std::swap(lent_, other.lent_);
    }

    static_assert(sizeof(header) <= detail::entry::header);

    limits bounds_;
    stomp::strictness strictness_;
    detail::dialect next_rules_;
    detail::frame_reader reader_;
    state state_ = state::between;
    errc error_ = errc::ok;
    std::vector<char> buffer_;     // [begin_, end_) is held; the frame begins at begin_
    std::vector<header> headers_;  // as many as were ever needed; the first ones are the frame's
    frame_view frame_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t peak_ = 0;  // most octets held since nothing was held
    bool lent_ = false;     // input_buffer() was called, and commit_input() was not
    std::size_t error_offset_ = 0;
    std::uint64_t consumed_ = 0;  // octets of the stream before begin_
    std::uint64_t eols_ = 0;
};

}  // namespace stomp::inline v0

#endif
