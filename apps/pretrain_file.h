#pragma once

#include <string>
#include <vector>

#include "unimiss/pretrain/config.h"

namespace unimiss {

/// A pretraining's configuration, by read_config_file() (config_file.h), with
/// the defaults of its preset.
pretrain::PretrainConfig read_pretrain_file(
    const std::string& file, const std::vector<std::string>& overrides);

/// One that a run saved, whose lists may no longer be there; `name` stands for
/// it in messages.
pretrain::PretrainConfig read_pretrain_text(const std::string& text,
                                            const std::string& name);

}  // namespace unimiss
