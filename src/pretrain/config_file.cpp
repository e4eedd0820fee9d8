#include "unimiss/pretrain/config_file.h"

namespace unimiss::pretrain {
namespace {

/// The one key that decides the defaults of all others.
struct PresetOnly {
  Preset preset = Preset::kPaper;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("preset", self.preset, "");
  }
};

/// The preset that is asked for; the first one where there is no such preset,
/// which reading the whole file reports.
Preset chosen_preset(const config::Node& root) {
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

config::FileRules<PretrainConfig> rules() {
  return {.defaults =
              [](const config::Node& root) {
                return PretrainConfig::of(chosen_preset(root));
              },
          .check =
              [](const PretrainConfig& config, Problems& problems) {
                config.check(problems);
                check_lists(config, problems);
              }};
}

}  // namespace

PretrainConfig read_config(const std::string& file,
                           const std::vector<std::string>& overrides,
                           const config::Warn& warn) {
  return config::read_file(file, overrides, rules(), warn);
}

PretrainConfig read_config_text(const std::string& text,
                                const std::string& name) {
  return config::read_text(text, name, rules());
}

}  // namespace unimiss::pretrain
