#include "pretrain_file.h"

#include "config_file.h"

namespace unimiss {
namespace {

/// The one key that decides the defaults of all others.
struct PresetOnly {
  pretrain::Preset preset = pretrain::Preset::kPaper;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("preset", self.preset, "");
  }
};

/// The preset that is asked for; the first one where there is no such preset,
/// which reading the whole file reports.
pretrain::Preset chosen_preset(const config::Node& root) {
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

pretrain::PretrainConfig defaults_of(const config::Node& root) {
  return pretrain::PretrainConfig::of(chosen_preset(root));
}

}  // namespace

pretrain::PretrainConfig read_pretrain_file(
    const std::string& file, const std::vector<std::string>& overrides) {
  return read_config_file<pretrain::PretrainConfig>(
      file, overrides, defaults_of, pretrain::check_lists);
}

pretrain::PretrainConfig read_pretrain_text(const std::string& text,
                                            const std::string& name) {
  return read_config_text<pretrain::PretrainConfig>(text, name, defaults_of);
}

}  // namespace unimiss
