#pragma once

#include <string>
#include <vector>

#include "unimiss/config/config_file.h"
#include "unimiss/finetune/config.h"

namespace unimiss::finetune {

/// A fine-tuning's configuration, by config::read_file(); values, combinations
/// and files are checked.
FinetuneConfig read_config(const std::string& file,
                           const std::vector<std::string>& overrides = {},
                           const config::Warn& warn = log_warning);

/// One that a run saved, by config::read_text().
FinetuneConfig read_config_text(const std::string& text,
                                const std::string& name);

}  // namespace unimiss::finetune
