#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// Configuration text: YAML files that extend each other.
///
/// A file may name, under the key `extends`, another file by a path relative to
/// itself. Mappings of the two are merged key by key; every other value,
/// sequences included, is replaced. Files extend files to any depth.
///
/// All functions throw ConfigError with the place "file:line:column".
///
/// Text is UTF-8, at most 1 MiB and 32 levels deep, also once every alias
/// stands for what it names.
///
/// What surprises: of a key written twice in one mapping the first value counts
/// and read() (config/fields.h) reports the others; YAML's merge key `<<` is an
/// ordinary key.
namespace unimiss::config {

/// One YAML value, with the place where it was written.
struct Node {
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  struct Entry;
  struct Repeated {
    std::string key, place;
  };

  Kind kind = Kind::kNull;
  /// "file:line:column" or "command line", for messages.
  std::string place;
  /// The text of a scalar, as written: ${NAME} is not expanded yet.
  std::string text;
  /// A quoted scalar is text, never a number or a boolean.
  bool quoted = false;
  std::vector<Node> items;
  std::vector<Entry> entries;
  /// Keys of a mapping that were written before, with the place of the second.
  std::vector<Repeated> repeated;

  /// The value under a key of a mapping, or nullptr.
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
};

/// The place of what was given on the command line.
inline constexpr std::string_view kCommandLine = "command line";

struct Node::Entry {
  std::string key;
  std::string place;
  Node value;
};

/// Parses one YAML document; `name` stands for the file in places.
Node parse_yaml(const std::string& text, const std::string& name);

/// Changes what one file or override says before it is merged with others.
using Amend = std::function<void(Node&)>;

/// Reads a YAML file and all it extends into one mapping.
Node load_file(const std::string& path, const Amend& amend = nullptr);

/// Lays `over` on top of `base`: mappings key by key, everything else replaces
/// what was there.
void merge(Node& base, Node over);

/// The YAML text of a node, one key a line, short sequences in one line.
std::string to_yaml(const Node& node);

}  // namespace unimiss::config
