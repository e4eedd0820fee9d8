#pragma once

#include <torch/types.h>

#include <map>
#include <string>

#include "unimiss/model/mit_options.h"
#include "unimiss/model/weight_transfer.h"

/// Files of weights: safetensors, with facts as their metadata.
namespace unimiss::train {

/// Writes tensors as safetensors, with facts as their metadata. A DurableFile.
/// Throws DataError.
void save_weights(const std::string& file,
                  const std::map<std::string, torch::Tensor>& tensors,
                  const std::map<std::string, std::string>& facts);

/// The sizes of its input, as facts for export_weights(), and read back from a
/// file of weights: those of the released weights where it does not tell.
/// Throws DataError for a file that cannot be read.
std::map<std::string, std::string> size_facts(const model::MitOptions& model);
model::PretrainedSizes pretrained_sizes(const std::string& file);

}  // namespace unimiss::train
