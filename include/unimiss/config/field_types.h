#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "unimiss/config/node.h"
#include "unimiss/config/placed_problems.h"
#include "unimiss/core/fields.h"

/// How each type of field is read, written and documented: the templates behind
/// config/fields.h, which is the header to include.
namespace unimiss::config {

struct Difference {
  std::string key;  ///< "group.key"
  std::string left;
  std::string right;
  Change change = Change::kNever;  ///< what the field says of it
  bool operator==(const Difference&) const = default;
};

template <class T>
concept OptionsStruct = requires(T& options) {
  T::visit_fields(options, [](std::string_view, auto&, std::string_view,
                              FieldAttributes = {}) {});
};

namespace detail {

template <class>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class>
inline constexpr bool kIsArray = false;
template <class T, size_t N>
inline constexpr bool kIsArray<std::array<T, N>> = true;

struct Row {
  std::string key;
  std::string value;
  std::string meaning;
};

std::string join(const std::string& group, std::string_view key);
/// False, and a problem, unless the node is of this kind.
bool expect(const Node& node, Node::Kind kind, const std::string& key,
            PlacedProblems& problems);
/// Keys that are no fields, and those written twice.
void report_unknown_keys(const Node& node, const std::string& group,
                         const std::vector<std::string>& known,
                         PlacedProblems& problems);
void report_unknown_name(const Node& node, const std::string& key,
                         const std::vector<std::string>& names,
                         PlacedProblems& problems);
void read_scalar(const Node&, const std::string& key, bool&, PlacedProblems&);
void read_scalar(const Node&, const std::string& key, int64_t&,
                 PlacedProblems&);
void read_scalar(const Node&, const std::string& key, double&, PlacedProblems&);
void read_scalar(const Node&, const std::string& key, std::string&,
                 PlacedProblems&);
Node scalar_node(bool value);
Node scalar_node(int64_t value);
Node scalar_node(double value);
Node scalar_node(const std::string& value);
std::string markdown_table(const std::vector<Row>& rows);
std::vector<Difference> compare_nodes(const Node& left, const Node& right);

template <class Enum>
void read_enum(const Node& node, const std::string& key, Enum& value,
               PlacedProblems& problems) {
  if (!expect(node, Node::Kind::kScalar, key, problems)) return;
  std::vector<std::string> names;
  for (const auto& [candidate, name] : EnumNames<Enum>::kNames) {
    if (node.text == name) {
      value = candidate;
      return;
    }
    names.emplace_back(name);
  }
  report_unknown_name(node, key, names, problems);
}

template <class T>
void read_value(const Node& node, const std::string& key, T& value,
                PlacedProblems& problems);

template <OptionsStruct T>
void read_fields(const Node& node, const std::string& group, T& value,
                 PlacedProblems& problems) {
  // `group:` with every line below it commented out.
  if (node.kind == Node::Kind::kNull) return;
  if (!expect(node, Node::Kind::kMapping, group, problems)) return;
  std::vector<std::string> known;
  T::visit_fields(value, [&](std::string_view name, auto& field,
                             std::string_view, FieldAttributes = {}) {
    known.emplace_back(name);
    const Node* child = node.find(name);
    if (child) read_value(*child, join(group, name), field, problems);
  });
  report_unknown_keys(node, group, known, problems);
}

template <class Sequence>
void read_items(const Node& node, const std::string& key, Sequence& value,
                PlacedProblems& problems) {
  if constexpr (kIsVector<Sequence>) {
    // A single item needs no brackets; null is none, and so is empty text.
    if (node.kind == Node::Kind::kNull ||
        (node.kind == Node::Kind::kScalar && node.text.empty())) {
      value.clear();
      return;
    }
    if (node.kind == Node::Kind::kScalar) {
      value.resize(1);
      read_value(node, key, value[0], problems);
      return;
    }
  }
  if (!expect(node, Node::Kind::kSequence, key, problems)) return;
  if constexpr (kIsVector<Sequence>) {
    // vector<bool> has no bool& to read into.
    static_assert(!std::is_same_v<typename Sequence::value_type, bool>);
    value.assign(node.items.size(), typename Sequence::value_type{});
  } else if (node.items.size() != value.size()) {
    problems.add(node, key,
                 "needs " + std::to_string(value.size()) + " values, has " +
                     std::to_string(node.items.size()));
    return;
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    read_value(node.items[i], item_key(key, i), value[i], problems);
  }
}

template <class T>
void read_value(const Node& node, const std::string& key, T& value,
                PlacedProblems& problems) {
  if constexpr (OptionsStruct<T>) {
    read_fields(node, key, value, problems);
  } else if constexpr (kIsOptional<T>) {
    if (node.kind == Node::Kind::kNull) {
      value.reset();
    } else {
      // What is not named keeps its value, as in a plain field.
      if (!value) value.emplace();
      read_value(node, key, *value, problems);
    }
  } else if constexpr (kIsVector<T> || kIsArray<T>) {
    read_items(node, key, value, problems);
  } else if constexpr (std::is_enum_v<T>) {
    read_enum(node, key, value, problems);
  } else {
    read_scalar(node, key, value, problems);
  }
}

template <class T>
Node value_node(const T& value) {
  if constexpr (OptionsStruct<T>) {
    Node node;
    node.kind = Node::Kind::kMapping;
    T::visit_fields(value, [&](std::string_view name, const auto& field,
                               std::string_view, FieldAttributes = {}) {
      node.entries.push_back({std::string(name), "", value_node(field)});
    });
    return node;
  } else if constexpr (kIsOptional<T>) {
    return value ? value_node(*value) : Node{};
  } else if constexpr (kIsVector<T> || kIsArray<T>) {
    Node node;
    node.kind = Node::Kind::kSequence;
    for (const auto& item : value) node.items.push_back(value_node(item));
    return node;
  } else if constexpr (std::is_enum_v<T>) {
    return scalar_node(std::string(enum_name(value)));
  } else {
    return scalar_node(value);
  }
}

/// Whether a key is that of a field, or lies below it.
bool lies_in(const std::string& key, const std::string& field);

/// What the field of a key says of changes; where it is a group or in one, that
/// of the outermost field which says something.
template <OptionsStruct T>
Change change_of(const T& options, const std::string& group,
                 const std::string& key) {
  Change change = Change::kNever;
  T::visit_fields(
      options, [&](std::string_view name, const auto& field, std::string_view,
                   FieldAttributes attributes = {}) {
        const std::string own = join(group, name);
        if (!lies_in(key, own)) return;
        change = attributes.change;
        if constexpr (OptionsStruct<std::remove_cvref_t<decltype(field)>>) {
          if (change == Change::kNever) change = change_of(field, own, key);
        }
      });
  return change;
}

template <class T>
bool is_empty(const std::optional<T>& value) {
  return !value;
}
template <class T>
bool is_empty(const std::vector<T>& value) {
  return value.empty();
}

/// The choices of an enum field, "" for any other.
template <class T>
std::string choices() {
  if constexpr (std::is_enum_v<T>) {
    return enum_choices<T>();
  } else if constexpr (kIsOptional<T> || kIsVector<T> || kIsArray<T>) {
    return choices<typename T::value_type>();
  } else {
    return "";
  }
}

template <class T>
void document_field(const std::string& key, const T& value,
                    const std::string& meaning, std::vector<Row>& rows);

template <OptionsStruct T>
void document_fields(const std::string& group, const T& value,
                     std::vector<Row>& rows) {
  T::visit_fields(value, [&](std::string_view name, const auto& field,
                             std::string_view meaning, FieldAttributes = {}) {
    document_field(join(group, name), field, std::string(meaning), rows);
  });
}

/// A row for the field, followed by those of the options struct it holds.
template <class T>
void document_field(const std::string& key, const T& value,
                    const std::string& meaning, std::vector<Row>& rows) {
  if constexpr (OptionsStruct<T>) {
    rows.push_back({key, "", meaning});
    document_fields(key, value, rows);
    return;
  } else {
    const std::string names = choices<T>();
    rows.push_back({key, to_yaml(value_node(value)),
                    names.empty() ? meaning : meaning + " (" + names + ")"});
  }
  if constexpr (kIsOptional<T> || kIsVector<T>) {
    using Item = typename T::value_type;
    if constexpr (OptionsStruct<Item>) {
      // A default that holds groups shows in their own rows.
      if (!is_empty(value)) rows.back().value.clear();
      document_fields(kIsVector<T> ? key + "[]" : key, Item{}, rows);
    }
  }
}

}  // namespace detail
}  // namespace unimiss::config
