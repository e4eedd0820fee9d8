#pragma once

#include <torch/nn/module.h>

#include <string>

#include "unimiss/finetune/config.h"

namespace unimiss::finetune {

/// The file that init.weights means: itself, or of a folder that of
/// init.network. Throws DataError where that is missing.
std::string initial_weights_file(const InitOptions& init);

/// Takes the pretrained backbone of init.weights over and says what became of
/// it: how much in the log, each tensor in the log file.
///
/// Throws DataError naming the file where it cannot be read, is of another
/// network, or holds less of the backbone than init.min_coverage.
void load_initial_weights(const InitOptions& init, torch::nn::Module& network);

}  // namespace unimiss::finetune
