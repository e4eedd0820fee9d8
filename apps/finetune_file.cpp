#include "finetune_file.h"

#include "config_file.h"

namespace unimiss {
namespace {

train::FinetuneConfig finetune_defaults(const config::Node& /*root*/) {
  return {};
}

void check_finetune_files(const train::FinetuneConfig& config,
                          Problems& problems) {
  train::check_files(config, problems);
}

}  // namespace

train::FinetuneConfig read_finetune_file(
    const std::string& file, const std::vector<std::string>& overrides) {
  return read_config_file<train::FinetuneConfig>(
      file, overrides, finetune_defaults, check_finetune_files);
}

train::FinetuneConfig read_finetune_text(const std::string& text,
                                         const std::string& name) {
  return read_config_text<train::FinetuneConfig>(text, name, finetune_defaults);
}

}  // namespace unimiss
