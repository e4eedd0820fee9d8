#include "unimiss/config/config_file.h"

#include "unimiss/config/override.h"
#include "unimiss/core/error.h"

namespace unimiss::config::detail {
namespace {

/// Finds the keys that the overrides give by both names: alone, each would
/// replace the one before it.
void rename_together(const std::vector<std::string>& overrides,
                     const Rename& rename, RenamedKeys& renamed) {
  Node given;
  for (const std::string& assignment : overrides) {
    try {
      apply_override(given, assignment);
    } catch (const ConfigError&) {
      continue;  // load_layers() tells
    }
  }
  rename(given, renamed);
}

}  // namespace

Node load_layers(const std::string& file,
                 const std::vector<std::string>& overrides,
                 const Rename& rename, RenamedKeys& renamed,
                 PlacedProblems& problems) {
  Node root = load_file(file, [&](Node& node) { rename(node, renamed); });
  rename_together(overrides, rename, renamed);
  PlacedProblems told_together;
  RenamedKeys one_by_one(told_together);
  for (const std::string& assignment : overrides) {
    try {
      apply_override(root, assignment,
                     [&](Node& node) { rename(node, one_by_one); });
    } catch (const ConfigError& error) {
      problems.add_line(std::string(kCommandLine), error.what());
    }
  }
  return root;
}

void add_placed(const Problems& values, const Node& root,
                const std::string& file, PlacedProblems& problems) {
  for (const Problem& problem : values.found()) {
    const KeyPlace key = place_of_key(root, problem.key);
    problems.add(key.place.empty() ? file : key.place, problem.key,
                 key.written
                     ? problem.text
                     : problem.text + "; not written, so this is the default");
  }
}

}  // namespace unimiss::config::detail
