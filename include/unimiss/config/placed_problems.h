#pragma once

#include <string>
#include <vector>

#include "unimiss/config/node.h"

namespace unimiss::config {

/// Where a key was written.
struct KeyPlace {
  std::string place;     ///< of the key, or of the innermost group around it;
                         ///< empty where there is neither
  bool written = false;  ///< the key itself, or the list it is an item of
};
/// Looks up "group.key" or "group.key[1]".
KeyPlace place_of_key(const Node& root, const std::string& key);

/// What keys are that no field has: a mistake, or passed over.
enum class UnknownKeys { kProblem, kIgnored };

/// What is wrong with a configuration, each with the place where it was
/// written.
class PlacedProblems {
 public:
  explicit PlacedProblems(UnknownKeys unknown_keys = UnknownKeys::kProblem)
      : unknown_keys_(unknown_keys) {}
  UnknownKeys unknown_keys() const { return unknown_keys_; }

  /// The line "<place>: <key>: <problem>"; without a key that part is left out.
  void add(const std::string& place, const std::string& key,
           const std::string& problem);
  /// The same at the place of a node.
  void add(const Node& node, const std::string& key,
           const std::string& problem) {
    add(node.place, key, problem);
  }

  /// A line that names its place and key itself.
  void add_line(const std::string& place, const std::string& line) {
    items_.push_back({place, "", line});
  }

  /// The keys at fault, "group.key[1]", in the order they were added.
  std::vector<std::string> keys() const;

  /// Throws one ConfigError with all lines in the order of their places: those
  /// of `file`, those of the files it extends, the command line.
  void throw_if_any(const std::string& file = "") const;

 private:
  struct Item {
    std::string place, key, line;
  };
  UnknownKeys unknown_keys_;
  std::vector<Item> items_;
};

}  // namespace unimiss::config
