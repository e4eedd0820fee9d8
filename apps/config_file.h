#pragma once

#include <functional>
#include <string>
#include <vector>

#include "unimiss/config/fields.h"
#include "unimiss/config/placed_problems.h"
#include "unimiss/core/problems.h"

/// The configuration of a run from its file, whatever it trains.
namespace unimiss {

/// What the lines of a file and the overrides say, merged; overrides that
/// cannot be taken apart are added to the problems.
config::Node load_config(const std::string& file,
                         const std::vector<std::string>& overrides,
                         config::PlacedProblems& problems);

/// Adds what is wrong with values, each at the place where its key was written.
void add_placed(const Problems& values, const config::Node& root,
                const std::string& file, config::PlacedProblems& problems);

/// Defaults, the file on top of them, the overrides "group.key=value" on top of
/// that.
///
/// One ConfigError lists everything that is wrong, in the order of the file,
/// each as "file:line:column: key: problem": keys that do not exist, values of
/// the wrong type or out of range, combinations that cannot be, files that are
/// missing. What follows from another mistake is left out. Only text that
/// cannot be taken apart (YAML, `extends`) ends the search at once.
///
/// defaults: those that go with what the file says. check_files: see
/// pretrain::check_lists().
template <class Config, class Defaults, class CheckFiles>
Config read_config_file(const std::string& file,
                        const std::vector<std::string>& overrides,
                        const Defaults& defaults,
                        const CheckFiles& check_files) {
  config::PlacedProblems problems;
  const config::Node root = load_config(file, overrides, problems);
  Config config = defaults(root);
  config::read(root, config, problems);
  Problems values;
  for (const std::string& key : problems.keys()) values.distrust(key);
  config.check(values);
  check_files(config, values);
  add_placed(values, root, file, problems);
  problems.throw_if_any(file);
  return config;
}

/// One that a run saved, whose files may no longer be there; `name` stands for
/// it in messages.
template <class Config, class Defaults>
Config read_config_text(const std::string& text, const std::string& name,
                        const Defaults& defaults) {
  const config::Node root = config::parse_yaml(text, name);
  Config config = defaults(root);
  config::read(root, config);
  return config;
}

}  // namespace unimiss
