// unimiss-finetune: segmentation and classification from labelled cases.
#include "cli.h"
#include "finetune_file.h"
#include "run_program.h"
#include "unimiss/finetune/dry_run.h"
#include "unimiss/finetune/run.h"

namespace unimiss {
namespace {

using finetune::FinetuneConfig;

RunProgram<FinetuneConfig> finetuning() {
  RunProgram<FinetuneConfig> program;
  program.description =
      "Trains a Medical Transformer to segment or classify, from pretrained "
      "weights or from scratch.";
  program.configs = "configs/finetune/";
  program.examples =
      "init.weights=runs/pretrain data.train=train.txt data.label_ratio=0.2";
  program.read_file = read_finetune_file;
  program.read_text = read_finetune_text;
  program.fix_paths = [](FinetuneConfig& config) {
    auto& data = config.data;
    for (auto* lists : {&data.train, &data.validation_lists, &data.test}) {
      for (std::string& list : *lists) make_absolute(list);
    }
    make_absolute(data.dataset);
    make_absolute(data.splits);
    make_absolute(data.cache);
    make_absolute(config.init.weights);
  };
  program.check_processes = [](const FinetuneConfig& config, int64_t count) {
    finetune::check_processes(config, count);
  };
  program.dry_run = [](const FinetuneConfig& config, train::RealSteps steps) {
    return finetune::dry_run(config, steps).describe();
  };
  program.run = [](const FinetuneConfig& config,
                   const train::RunRequest& request,
                   const train::CompareConfig<FinetuneConfig>& compare) {
    return finetune::run_finetuning(config, request, compare).describe();
  };
  return program;
}

}  // namespace
}  // namespace unimiss

int main(int argc, char** argv) {
  unimiss::tune_allocator();
  return unimiss::run_main(argc, argv, unimiss::finetuning());
}
