// unimiss-finetune: segmentation and classification from labelled cases.
#include "cli.h"
#include "run_program.h"
#include "unimiss/finetune/config_file.h"
#include "unimiss/finetune/dry_run.h"
#include "unimiss/finetune/run.h"

namespace unimiss {
namespace {

struct Finetuning {
  using Config = finetune::FinetuneConfig;
  static constexpr const char* kDescription =
      "Trains a Medical Transformer to segment or classify, from pretrained "
      "weights or from scratch.";
  static constexpr const char* kConfigs = "configs/finetune/";
  static constexpr const char* kExamples =
      "init.weights=runs/pretrain data.train=train.txt data.label_ratio=0.2";

  static Config read(const std::string& file,
                     const std::vector<std::string>& overrides,
                     const config::Warn& warn) {
    return finetune::read_config(file, overrides, warn);
  }
  static void check_processes(const Config& config, int64_t count) {
    finetune::check_processes(config, count);
  }
  static std::string dry_run(const Config& config, train::RealSteps steps) {
    return finetune::dry_run(config, steps).describe();
  }
  static std::string run(const Config& config,
                         const train::RunRequest& request) {
    return finetune::run_finetuning(config, request).describe();
  }
};

}  // namespace
}  // namespace unimiss

int main(int argc, char** argv) {
  unimiss::tune_allocator();
  return unimiss::run_main<unimiss::Finetuning>(argc, argv);
}
