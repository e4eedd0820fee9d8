#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Configuration text: YAML files that extend each other, and overrides.
///
/// A file may name, under the key `extends`, another file by a path relative to
/// itself. Mappings of the two are merged key by key; every other value,
/// sequences included, is replaced. Files extend files to any depth.
///
/// All functions throw ConfigError with the place "file:line:column".
///
/// What surprises: a key written twice in one mapping is an error, and YAML's
/// merge key `<<` is an ordinary key.
namespace unimiss::config {

/// One YAML value, with the place where it was written.
struct Node {
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  struct Entry;

  Kind kind = Kind::kNull;
  /// "file:line:column" or "command line", for messages.
  std::string place;
  /// The text of a scalar, as written: ${NAME} is not expanded yet.
  std::string text;
  /// A quoted scalar is text, never a number or a boolean.
  bool quoted = false;
  std::vector<Node> items;
  std::vector<Entry> entries;

  /// The value under a key of a mapping, or nullptr.
  const Node* find(std::string_view key) const;
};

struct Node::Entry {
  std::string key;
  std::string place;
  Node value;
};

/// Parses one YAML document; `name` stands for the file in places.
Node parse_yaml(const std::string& text, const std::string& name);

/// Reads a YAML file and all it extends into one mapping.
Node load_file(const std::string& path);

/// Sets one value: `a.b=value`, the value parsed as YAML (`a.b=[1, 2]`).
/// A mapping is merged into what is there; missing groups are created.
void apply_override(Node& root, const std::string& assignment);

/// The YAML text of a node, one key a line, short sequences in one line.
std::string to_yaml(const Node& node);

/// Replaces ${NAME} by the environment variable; $${ stands for a plain ${.
/// Throws ConfigError, without a place, when the variable is not set.
std::string expand_environment(const std::string& text);

/// The opposite: text that expand_environment() turns back into this one.
std::string protect_from_expansion(const std::string& text);

}  // namespace unimiss::config
