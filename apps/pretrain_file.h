#pragma once

#include <string>
#include <vector>

#include "unimiss/train/pretrain_config.h"

namespace unimiss {

/// A pretraining's configuration: the defaults of its preset, the file on top
/// of them, the overrides "group.key=value" on top of that.
///
/// One ConfigError lists everything that is wrong, in the order of the file,
/// each as "file:line:column: key: problem": keys that do not exist, values of
/// the wrong type or out of range, combinations that cannot be, lists that are
/// missing. What follows from another mistake is left out. Only text that
/// cannot be taken apart (YAML, `extends`) ends the search at once.
train::PretrainConfig read_pretrain_file(
    const std::string& file, const std::vector<std::string>& overrides);

/// One that a run saved, whose lists may no longer be there; `name` stands for
/// it in messages.
train::PretrainConfig read_pretrain_text(const std::string& text,
                                         const std::string& name);

}  // namespace unimiss
