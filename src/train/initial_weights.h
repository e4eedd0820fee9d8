#pragma once

#include <map>
#include <string>

#include "unimiss/train/finetune_config.h"
#include "unimiss/train/task_network.h"

namespace unimiss::train {

/// Takes the pretrained backbone of init.weights over and says what became of
/// it: how much in the log, each tensor in the log file.
///
/// Throws DataError naming the file where it cannot be read, is of another
/// network, or holds less of the backbone than init.min_coverage.
void load_initial_weights(const FinetuneConfig& config, TaskNetwork& network);

/// Writes the network's weights under official names, with the facts as its
/// metadata. A DurableFile. Throws DataError.
void save_network(const std::string& file, const TaskNetwork& network,
                  const std::map<std::string, std::string>& facts);
/// The same of weights that are copies of a network's official_parameters().
void save_weights(const std::string& file,
                  const std::map<std::string, torch::Tensor>& weights,
                  const std::map<std::string, std::string>& facts);
/// Takes over what save_network() wrote. Throws DataError where it does not
/// fit.
void load_network(const std::string& file, TaskNetwork& network);

}  // namespace unimiss::train
