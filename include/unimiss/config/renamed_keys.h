#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "unimiss/config/field_types.h"
#include "unimiss/config/node.h"
#include "unimiss/config/placed_problems.h"
#include "unimiss/core/fields.h"

/// Keys that had another name once: was() of core/fields.h.
namespace unimiss::config {

/// Gives keys their present names; remembers which ones had earlier ones.
///
/// Do this before nodes are merged: a later file may give the present name of
/// what an earlier one gives by its earlier name.
class RenamedKeys {
 public:
  /// problems: gets the keys that are given by both names.
  explicit RenamedKeys(PlacedProblems& problems) : problems_(problems) {}

  /// In one mapping, whose keys lie in `group`. Places stay what they are.
  void rename(Node& mapping, const std::string& group, std::string_view was,
              std::string_view now);

  /// A line for each key, at the first place where it was met.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  PlacedProblems& problems_;
  std::vector<std::string> seen_, warnings_;
};

/// Gives all keys of a node their present names in options of that type.
template <class T>
void rename_keys(Node& node, const std::string& key, RenamedKeys& renamed) {
  if constexpr (OptionsStruct<T>) {
    if (node.kind != Node::Kind::kMapping) return;
    T options{};
    T::visit_fields(
        options, [&](std::string_view name, auto& field, std::string_view,
                     FieldAttributes attributes = {}) {
          if (!attributes.was.empty()) {
            renamed.rename(node, key, attributes.was, name);
          }
          using Field = std::remove_cvref_t<decltype(field)>;
          if (Node* child = node.find(name)) {
            rename_keys<Field>(*child, detail::join(key, name), renamed);
          }
        });
  } else if constexpr (detail::kIsOptional<T>) {
    rename_keys<typename T::value_type>(node, key, renamed);
  } else if constexpr (detail::kIsVector<T> || detail::kIsArray<T>) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      rename_keys<typename T::value_type>(node.items[i], item_key(key, i),
                                          renamed);
    }
  }
}

}  // namespace unimiss::config
