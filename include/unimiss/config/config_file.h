#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "unimiss/config/field_attributes.h"
#include "unimiss/config/fields.h"
#include "unimiss/config/placed_problems.h"
#include "unimiss/config/renamed_keys.h"
#include "unimiss/core/log.h"
#include "unimiss/core/problems.h"

/// The configuration of a run from its file, whatever it trains.
namespace unimiss::config {

/// Takes a warning.
using Warn = std::function<void(std::string_view)>;

/// What a configuration adds to its list of fields.
template <class Config>
struct FileRules {
  /// Those that go with what the file says.
  std::function<Config(const Node&)> defaults = [](const Node&) {
    return Config{};
  };
  /// Finds what is wrong with values, and with the files they name.
  std::function<void(const Config&, Problems&)> check = [](const Config&,
                                                           Problems&) {};
};

namespace detail {

using Rename = std::function<void(Node&, RenamedKeys&)>;

/// What the lines of a file and the overrides say, merged, with the present
/// names of keys. Overrides that cannot be taken apart are added to the
/// problems.
Node load_layers(const std::string& file,
                 const std::vector<std::string>& overrides,
                 const Rename& rename, RenamedKeys& renamed,
                 PlacedProblems& problems);

/// Adds what is wrong with values, each at the place where its key was written.
void add_placed(const Problems& values, const Node& root,
                const std::string& file, PlacedProblems& problems);

}  // namespace detail

/// Defaults, the file on top of them, the overrides "group.key=value" on top of
/// that.
///
/// One ConfigError lists everything that is wrong, in the order of the file,
/// each as "file:line:column: key: problem": keys that do not exist, values of
/// the wrong type or out of range, combinations that cannot be, files that are
/// missing. What follows from another mistake is left out. Only text that
/// cannot be taken apart (YAML, `extends`) ends the search at once.
///
/// warn: gets a line for each key that is given by an earlier name.
template <OptionsStruct Config>
Config read_file(const std::string& file,
                 const std::vector<std::string>& overrides,
                 const FileRules<Config>& rules = {},
                 const Warn& warn = log_warning) {
  PlacedProblems problems;
  RenamedKeys renamed(problems);
  const Node root = detail::load_layers(
      file, overrides,
      [](Node& node, RenamedKeys& keys) {
        rename_keys<Config>(node, "", keys);
      },
      renamed, problems);
  Config config = rules.defaults(root);
  read(root, config, problems);
  Problems values;
  for (const std::string& key : problems.keys()) values.distrust(key);
  rules.check(config, values);
  detail::add_placed(values, root, file, problems);
  problems.throw_if_any(file);
  for (const std::string& line : renamed.warnings()) warn(line);
  return config;
}

/// One that a run saved, whose files may no longer be there; `name` stands for
/// it in messages. Of earlier names it says nothing: nobody is to change it.
template <OptionsStruct Config>
Config read_text(const std::string& text, const std::string& name,
                 const FileRules<Config>& rules = {}) {
  const Node root = parse_yaml(text, name);
  Config config = rules.defaults(root);
  read(root, config);
  return config;
}

/// The text of a run's own configuration: all values, and paths that are the
/// same from everywhere.
template <OptionsStruct Config>
std::string saved_text(Config config) {
  make_paths_absolute(config);
  return dump(config);
}

}  // namespace unimiss::config
