// unimiss-pretrain: self-supervised pretraining on images and volumes.
#include "cli.h"
#include "run_program.h"
#include "unimiss/pretrain/config_file.h"
#include "unimiss/pretrain/dry_run.h"
#include "unimiss/pretrain/run.h"

namespace unimiss {
namespace {

struct Pretraining {
  using Config = pretrain::PretrainConfig;
  static constexpr const char* kDescription =
      "Pretrains a Medical Transformer on unlabelled X-rays and CT volumes by "
      "self-distillation.";
  static constexpr const char* kConfigs = "configs/pretrain/";
  static constexpr const char* kExamples =
      "run.max_steps=200 data.images=list.txt 'data.spacing=[3, 1, 1]'";

  static Config read(const std::string& file,
                     const std::vector<std::string>& overrides,
                     const config::Warn& warn) {
    return pretrain::read_config(file, overrides, warn);
  }
  static void check_processes(const Config& config, int64_t count) {
    pretrain::check_processes(config, count);
  }
  static std::string dry_run(const Config& config, train::RealSteps steps) {
    return pretrain::dry_run(config, steps).describe();
  }
  static std::string run(const Config& config,
                         const train::RunRequest& request) {
    return pretrain::run_pretraining(config, request).describe();
  }
};

}  // namespace
}  // namespace unimiss

int main(int argc, char** argv) {
  unimiss::tune_allocator();
  return unimiss::run_main<unimiss::Pretraining>(argc, argv);
}
