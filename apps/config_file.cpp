#include "config_file.h"

namespace unimiss {

config::Node load_config(const std::string& file,
                         const std::vector<std::string>& overrides,
                         config::PlacedProblems& problems) {
  config::Node root = config::load_file(file);
  for (const std::string& assignment : overrides) {
    try {
      config::apply_override(root, assignment);
    } catch (const ConfigError& error) {
      problems.add_line(std::string(config::kCommandLine), error.what());
    }
  }
  return root;
}

void add_placed(const Problems& values, const config::Node& root,
                const std::string& file, config::PlacedProblems& problems) {
  for (const Problem& problem : values.found()) {
    const config::KeyPlace key = config::place_of_key(root, problem.key);
    problems.add(key.place.empty() ? file : key.place, problem.key,
                 key.written
                     ? problem.text
                     : problem.text + "; not written, so this is the default");
  }
}

}  // namespace unimiss
