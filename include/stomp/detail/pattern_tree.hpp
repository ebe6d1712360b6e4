// Patterns of destinations, found by what they match.
#ifndef STOMP_DETAIL_PATTERN_TREE_HPP
#define STOMP_DETAIL_PATTERN_TREE_HPP

#include <stomp/config.hpp>
#include <stomp/detail/table.hpp>
#include <stomp/detail/undo.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stomp::inline v0::detail {

/// Segments between slashes: `*` stands for any one, a last `**` for all that are left, none included. A tree with one
/// node per segment, so that patterns which differ from a topic at their beginning cost it nothing. All nodes live in
/// one table, under their parent's index and their segment.
template <class T>
class pattern_tree {
public:
    using index = std::uint32_t;
    static constexpr index none = UINT32_MAX;

    explicit pattern_tree(std::uint64_t seed = 0) noexcept : nodes_(seed) {}

    bool empty() const noexcept { return nodes_.empty(); }
    T& operator[](index i) noexcept { return nodes_[i].value; }

    /// The entry of a pattern, made where there is none. Valid until it is erased.
    index find_or_insert(std::string_view pattern) {
        if (root_ == none) root_ = nodes_.insert({});
        index at = root_;
        undo half_done([&] { prune(at); });
        while (true) {
            const std::size_t slash = pattern.find('/');
            at = child_or_insert(at, pattern.substr(0, slash));
            if (slash == std::string_view::npos) break;
            pattern.remove_prefix(slash + 1);
        }
        half_done.dismiss();
        nodes_[at].used = true;
        return at;
    }

    void erase(index i) noexcept {
        nodes_[i].value = T{};
        nodes_[i].used = false;
        prune(i);
    }

    /// Calls visit(value) for every pattern that a topic, which is no pattern itself, matches. Returns how many nodes it
    /// has looked up, which is what it costs.
    template <class Visit>
    std::size_t match(std::string_view topic, Visit visit) {
        if (root_ == none) return 0;
        std::size_t looked_up = 0;
        const auto child = [&](index i, kind k, std::string_view segment) {
            if (nodes_[i].children[k] == 0) return none;
            ++looked_up;
            return nodes_.find(key_of(i, segment));
        };
        const auto visit_rest = [&](index i) {
            if (const index rest = child(i, all, "**"); rest != none) visit(nodes_[rest].value);
        };
        // Behind `first`: the nodes that the segments so far lead to. A round replaces them by those one segment further on.
        reached_.assign(1, root_);
        std::size_t first = 0;
        while (true) {
            const std::size_t slash = topic.find('/');
            const std::string_view segment = topic.substr(0, slash);
            for (const std::size_t end = reached_.size(); first != end; ++first) {
                const index at = reached_[first];
                visit_rest(at);
                if (const index i = child(at, literal, segment); i != none) reached_.push_back(i);
                if (const index i = child(at, any, "*"); i != none) reached_.push_back(i);
            }
            if (slash == std::string_view::npos) break;
            topic.remove_prefix(slash + 1);
        }
        for (; first != reached_.size(); ++first) {
            if (nodes_[reached_[first]].used) visit(nodes_[reached_[first]].value);
            visit_rest(reached_[first]);
        }
        return looked_up;
    }

private:
    enum kind : std::uint8_t { literal, any, all, kinds };

    struct node {
        T value{};
        index parent = none;
        std::array<std::uint32_t, kinds> children{};  // how many of each kind: what there is none of is not looked up
        kind is = literal;
        bool used = false;  // a pattern ends here
    };

    static kind kind_of(std::string_view segment) noexcept {
        return segment == "*" ? any : segment == "**" ? all : literal;
    }

    std::string_view key_of(index parent, std::string_view segment) {
        key_.resize(sizeof parent);
        for (std::size_t i = 0; i < sizeof parent; ++i) key_[i] = static_cast<char>(parent >> (8 * i));
        key_ += segment;
        return key_;
    }

    index child_or_insert(index parent, std::string_view segment) {
        const std::string_view key = key_of(parent, segment);
        if (const index i = nodes_.find(key); i != none) return i;
        const index i = nodes_.insert(key);
        nodes_[i].parent = parent;
        nodes_[i].is = kind_of(segment);
        ++nodes_[parent].children[nodes_[i].is];
        return i;
    }

    /// Takes out nodes that lead nowhere, from this one upwards.
    void prune(index i) noexcept {
        while (i != none && !nodes_[i].used && nodes_[i].children == decltype(node::children){}) {
            const index parent = nodes_[i].parent;
            if (parent == none) {
                root_ = none;
            } else {
                --nodes_[parent].children[nodes_[i].is];
            }
            nodes_.erase(i);
            i = parent;
        }
    }

    table<node> nodes_;
    index root_ = none;
    std::vector<index> reached_;
    std::string key_;
};

}  // namespace stomp::inline v0::detail

#endif
