// unimiss-pretrain: self-supervised pretraining on images and volumes.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "cli.h"
#include "unimiss/config/fields.h"
#include "unimiss/train/pretrain_config.h"
#include "unimiss/train/pretraining_run.h"

namespace {

using unimiss::train::PretrainConfig;

/// The one key that decides the defaults of all others.
struct PresetOnly {
  unimiss::train::Preset preset = unimiss::train::Preset::kPaper;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("preset", self.preset, "");
  }
};

PretrainConfig read_config(const std::string& file,
                           const std::vector<std::string>& overrides) {
  auto node = unimiss::config::load_file(file);
  for (const std::string& assignment : overrides) {
    unimiss::config::apply_override(node, assignment);
  }
  PresetOnly chosen;
  if (const auto* loss = node.find("loss")) {
    if (const auto* preset = loss->find("preset")) {
      unimiss::config::Node only;
      only.kind = unimiss::config::Node::Kind::kMapping;
      only.entries.push_back({"preset", preset->place, *preset});
      unimiss::config::read(only, chosen);
    }
  }
  PretrainConfig config = PretrainConfig::of(chosen.preset);
  unimiss::config::read(node, config);
  return config;
}

}  // namespace

int main(int argc, char** argv) {
  unimiss::tune_allocator();
  CLI::App app(
      "Pretrains a Medical Transformer on unlabelled X-rays and CT volumes by "
      "self-distillation.");
  std::string config_file, output;
  std::vector<std::string> overrides;
  app.add_option("--config", config_file, "YAML file; see configs/pretrain/")
      ->required();
  app.add_option("--output", output, "folder for the run (run.output)");
  app.add_option("overrides", overrides,
                 "key=value, e.g. run.max_steps=200 data.images=list.txt");
  return unimiss::run_app(app, argc, argv, [&] {
    PretrainConfig config = read_config(config_file, overrides);
    if (!output.empty()) config.run.output = output;
    const auto summary =
        unimiss::train::run_pretraining(config, unimiss::config::dump(config));
    std::cout << summary.describe() << std::flush;
  });
}
