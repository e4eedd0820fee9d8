#pragma once

#include <string>
#include <vector>

#include "unimiss/finetune/config.h"

namespace unimiss {

/// A fine-tuning's configuration, by read_config_file() (config_file.h).
finetune::FinetuneConfig read_finetune_file(
    const std::string& file, const std::vector<std::string>& overrides);

/// One that a run saved, whose files may no longer be there; `name` stands for
/// it in messages.
finetune::FinetuneConfig read_finetune_text(const std::string& text,
                                            const std::string& name);

}  // namespace unimiss
