#include "pretrain_file.h"

#include "unimiss/config/fields.h"

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

}  // namespace

train::PretrainConfig read_pretrain_file(
    const std::string& file, const std::vector<std::string>& overrides) {
  auto node = config::load_file(file);
  for (const std::string& assignment : overrides) {
    config::apply_override(node, assignment);
  }
  PresetOnly chosen;
  if (const auto* loss = node.find("loss")) {
    if (const auto* preset = loss->find("preset")) {
      config::Node only;
      only.kind = config::Node::Kind::kMapping;
      only.entries.push_back({"preset", preset->place, *preset});
      config::read(only, chosen);
    }
  }
  auto config = train::PretrainConfig::of(chosen.preset);
  config::read(node, config);
  return config;
}

}  // namespace unimiss
