#include "unimiss/finetune/config_file.h"

namespace unimiss::finetune {
namespace {

config::FileRules<FinetuneConfig> rules() {
  return {.check = [](const FinetuneConfig& config, Problems& problems) {
    config.check(problems);
    check_files(config, problems);
  }};
}

}  // namespace

FinetuneConfig read_config(const std::string& file,
                           const std::vector<std::string>& overrides,
                           const config::Warn& warn) {
  return config::read_file(file, overrides, rules(), warn);
}

FinetuneConfig read_config_text(const std::string& text,
                                const std::string& name) {
  return config::read_text(text, name, rules());
}

}  // namespace unimiss::finetune
