#pragma once

#include <string>
#include <utility>
#include <vector>

#include "unimiss/config/field_types.h"
#include "unimiss/config/node.h"
#include "unimiss/config/placed_problems.h"
#include "unimiss/config/renamed_keys.h"

/// Options structs (core/fields.h) to and from YAML, through their one list of
/// fields. A field is a bool, int64_t, double, std::string, an enum with
/// EnumNames, another options struct, or a std::optional (null), std::vector
/// (where one item needs no brackets) or std::array of these.
///
/// What surprises: a key that is absent keeps the value the struct has, so the
/// defaults are those of its members. Numbers are strict: an integer is written
/// in digits (`1000`, not `1e3`), a boolean is `true` or `false`, and quoted
/// text is neither. ${NAME} is expanded in text, not in numbers. Keys may have
/// their earlier names (was() of core/fields.h); only the present ones are
/// written.
namespace unimiss::config {

/// Reads a mapping into options, as far as it can be read: a field at fault
/// keeps its value (of a list, the items at fault are empty or 0) and is added
/// to the problems. Does not check the values.
template <OptionsStruct Options>
void read(const Node& node, Options& options, PlacedProblems& problems) {
  Node renamed = node;
  RenamedKeys keys(problems);
  rename_keys<Options>(renamed, "", keys);
  detail::read_fields(renamed, "", options, problems);
}

/// The same, but all problems end in one ConfigError that lists them, each as
/// "file:line:column: key: problem"; the options are then left as they were.
template <OptionsStruct Options>
void read(const Node& node, Options& options) {
  Options result = options;
  PlacedProblems problems;
  read(node, result, problems);
  problems.throw_if_any();
  options = std::move(result);
}

/// The same of options that are a part of what the mapping holds: keys that are
/// no fields are passed over, in all groups.
template <OptionsStruct Options>
void read_known(const Node& node, Options& options) {
  Options result = options;
  PlacedProblems problems(UnknownKeys::kIgnored);
  read(node, result, problems);
  problems.throw_if_any();
  options = std::move(result);
}

/// YAML text that reads back to equal options.
template <OptionsStruct Options>
std::string dump(const Options& options) {
  return to_yaml(detail::value_node(options));
}

/// A Markdown table of key, default and meaning, these options being the
/// defaults; all keys lie in the group where one is named.
template <OptionsStruct Options>
std::string document(const Options& options, const std::string& group = "") {
  std::vector<detail::Row> rows;
  detail::document_fields(group, options, rows);
  return detail::markdown_table(rows);
}

/// The keys whose values differ, in the order of the fields; a list counts as
/// one value.
template <OptionsStruct Options>
std::vector<Difference> compare(const Options& left, const Options& right) {
  std::vector<Difference> differences = detail::compare_nodes(
      detail::value_node(left), detail::value_node(right));
  for (Difference& difference : differences) {
    difference.change = detail::change_of(left, "", difference.key);
  }
  return differences;
}

}  // namespace unimiss::config
