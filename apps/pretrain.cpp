// unimiss-pretrain: self-supervised pretraining on images and volumes.
#include "cli.h"
#include "pretrain_file.h"
#include "run_program.h"
#include "unimiss/pretrain/run.h"

namespace unimiss {
namespace {

using pretrain::PretrainConfig;

RunProgram<PretrainConfig> pretraining() {
  RunProgram<PretrainConfig> program;
  program.description =
      "Pretrains a Medical Transformer on unlabelled X-rays and CT volumes by "
      "self-distillation.";
  program.configs = "configs/pretrain/";
  program.examples =
      "run.max_steps=200 data.images=list.txt 'data.spacing=[3, 1, 1]'";
  program.read_file = read_pretrain_file;
  program.read_text = read_pretrain_text;
  program.fix_paths = [](PretrainConfig& config) {
    for (std::string& list : config.data.images) make_absolute(list);
    for (std::string& list : config.data.volumes) make_absolute(list);
    make_absolute(config.data.cache);
    make_absolute(config.init.weights);
  };
  program.check_processes = [](const PretrainConfig& config, int64_t count) {
    pretrain::check_processes(config, count);
  };
  program.dry_run = [](const PretrainConfig& config, train::RealSteps steps) {
    return pretrain::dry_run(config, steps).describe();
  };
  program.run = [](const PretrainConfig& config,
                   const train::RunRequest& request,
                   const train::CompareConfig<PretrainConfig>& compare) {
    return pretrain::run_pretraining(config, request, compare).describe();
  };
  return program;
}

}  // namespace
}  // namespace unimiss

int main(int argc, char** argv) {
  unimiss::tune_allocator();
  return unimiss::run_main(argc, argv, unimiss::pretraining());
}
