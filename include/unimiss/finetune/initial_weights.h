#pragma once

#include <string>

#include "unimiss/finetune/config.h"
#include "unimiss/task/task_network.h"

namespace unimiss::finetune {

/// The file that init.weights means: itself, or of a folder that of
/// init.network. Throws DataError where that is missing.
std::string initial_weights_file(const InitOptions& init);

/// Takes the pretrained backbone of init.weights over and says what became of
/// it: how much in the log, each tensor in the log file.
///
/// Throws DataError naming the file where it cannot be read, is of another
/// network, or holds less of the backbone than init.min_coverage.
void load_initial_weights(const FinetuneConfig& config,
                          task::TaskNetwork& network);

/// Takes over a file of the network's official_parameters(). Throws DataError
/// where it does not fit.
void load_network(const std::string& file, task::TaskNetwork& network);

}  // namespace unimiss::finetune
