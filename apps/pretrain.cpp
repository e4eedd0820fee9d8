// unimiss-pretrain: self-supervised pretraining on images and volumes.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "cli.h"
#include "pretrain_file.h"
#include "unimiss/config/fields.h"
#include "unimiss/train/pretraining_run.h"

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
    auto config = unimiss::read_pretrain_file(config_file, overrides);
    if (!output.empty()) config.run.output = output;
    const auto summary =
        unimiss::train::run_pretraining(config, unimiss::config::dump(config));
    std::cout << summary.describe() << std::flush;
  });
}
