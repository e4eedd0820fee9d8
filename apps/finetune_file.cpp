#include "finetune_file.h"

#include "config_file.h"

namespace unimiss {
namespace {

finetune::FinetuneConfig finetune_defaults(const config::Node& /*root*/) {
  return {};
}

void check_finetune_files(const finetune::FinetuneConfig& config,
                          Problems& problems) {
  finetune::check_files(config, problems);
}

}  // namespace

finetune::FinetuneConfig read_finetune_file(
    const std::string& file, const std::vector<std::string>& overrides) {
  return read_config_file<finetune::FinetuneConfig>(
      file, overrides, finetune_defaults, check_finetune_files);
}

finetune::FinetuneConfig read_finetune_text(const std::string& text,
                                            const std::string& name) {
  return read_config_text<finetune::FinetuneConfig>(text, name,
                                                    finetune_defaults);
}

}  // namespace unimiss
