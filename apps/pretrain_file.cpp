#include "pretrain_file.h"

#include "unimiss/config/fields.h"
#include "unimiss/config/placed_problems.h"

namespace unimiss {
namespace {

/// The one key that decides the defaults of all others.
struct PresetOnly {
  train::Preset preset = train::Preset::kPaper;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("preset", self.preset, "");
  }
};

/// The preset that is asked for; the first one where there is no such preset,
/// which reading the whole file reports.
train::Preset chosen_preset(const config::Node& root) {
  PresetOnly chosen;
  const config::Node* loss = root.find("loss");
  const config::Node* preset = loss ? loss->find("preset") : nullptr;
  if (preset) {
    config::Node only;
    only.kind = config::Node::Kind::kMapping;
    only.entries.push_back({"preset", preset->place, *preset});
    config::PlacedProblems reported_later;
    config::read(only, chosen, reported_later);
  }
  return chosen.preset;
}

config::Node load(const std::string& file,
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

/// Adds a problem of the values at the place where its key was written.
void add_placed(const Problem& problem, const config::Node& root,
                const std::string& file, config::PlacedProblems& problems) {
  const config::KeyPlace key = config::place_of_key(root, problem.key);
  problems.add(key.place.empty() ? file : key.place, problem.key,
               key.written
                   ? problem.text
                   : problem.text + "; not written, so this is the default");
}

}  // namespace

train::PretrainConfig read_pretrain_file(
    const std::string& file, const std::vector<std::string>& overrides) {
  config::PlacedProblems problems;
  const config::Node root = load(file, overrides, problems);
  auto config = train::PretrainConfig::of(chosen_preset(root));
  config::read(root, config, problems);

  Problems values;
  for (const std::string& key : problems.keys()) values.distrust(key);
  config.check(values);
  train::check_lists(config, values);
  for (const Problem& problem : values.found()) {
    add_placed(problem, root, file, problems);
  }
  problems.throw_if_any(file);
  return config;
}

train::PretrainConfig read_pretrain_text(const std::string& text,
                                         const std::string& name) {
  const config::Node root = config::parse_yaml(text, name);
  auto config = train::PretrainConfig::of(chosen_preset(root));
  config::read(root, config);
  return config;
}

}  // namespace unimiss
