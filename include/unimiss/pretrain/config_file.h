#pragma once

#include <string>
#include <vector>

#include "unimiss/config/config_file.h"
#include "unimiss/pretrain/config.h"

namespace unimiss::pretrain {

/// A pretraining's configuration, by config::read_file(), with the defaults of
/// its preset; values, combinations and files are checked.
PretrainConfig read_config(const std::string& file,
                           const std::vector<std::string>& overrides = {},
                           const config::Warn& warn = log_warning);

/// One that a run saved, by config::read_text().
PretrainConfig read_config_text(const std::string& text,
                                const std::string& name);

}  // namespace unimiss::pretrain
