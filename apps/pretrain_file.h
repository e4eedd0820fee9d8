#pragma once

#include <string>
#include <vector>

#include "unimiss/train/pretrain_config.h"

namespace unimiss {

/// A pretraining's configuration: the defaults of its preset, the file on top
/// of them, the overrides "group.key=value" on top of that.
/// Throws ConfigError with file, line and column of everything at fault.
train::PretrainConfig read_pretrain_file(
    const std::string& file, const std::vector<std::string>& overrides);

}  // namespace unimiss
