#pragma once

#include <map>
#include <string>

#include "unimiss/model/weight_transfer.h"
#include "unimiss/train/pretrainer.h"

namespace unimiss::train {

/// Writes tensors as safetensors, with facts as their metadata. A DurableFile.
/// Throws DataError.
void save_weights(const std::string& file,
                  const std::map<std::string, torch::Tensor>& tensors,
                  const std::map<std::string, std::string>& facts);

/// The files of a run's export/, safetensors under the names of the released
/// weights, with metadata that tell what they are of.
struct ExportedFiles {
  std::string student, teacher;  ///< backbones: "backbone.*"
  /// "student.*" and "teacher.*", heads included, and "center": what another
  /// pretraining can go on from.
  std::string full;
};

/// Writes them; each is a DurableFile. Throws DataError.
ExportedFiles export_weights(const std::string& folder, Pretrainer& pretrainer,
                             const std::map<std::string, std::string>& facts);

/// The sizes of its input, as facts for export_weights(), and read back from a
/// file of weights: those of the released weights where it does not tell.
/// Throws DataError for a file that cannot be read.
std::map<std::string, std::string> size_facts(const model::MitOptions& model);
model::PretrainedSizes pretrained_sizes(const std::string& file);

/// Bytes of these files.
int64_t export_bytes(Pretrainer& pretrainer);

/// Takes over student, teacher and center of a full.safetensors, or of the run
/// in a folder. Throws DataError that names every tensor that is missing, too
/// much, or of another shape; nothing has changed then.
void load_exported_weights(const std::string& path, Pretrainer& pretrainer);

}  // namespace unimiss::train
