#pragma once

#include <map>
#include <string>

#include "unimiss/model/weight_transfer.h"
#include "unimiss/pretrain/pretrainer.h"

namespace unimiss::pretrain {

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

/// Bytes of these files.
int64_t export_bytes(Pretrainer& pretrainer);

/// Takes over student, teacher and center of a full.safetensors, or of the run
/// in a folder. Throws DataError that names every tensor that is missing, too
/// much, or of another shape; nothing has changed then.
void load_exported_weights(const std::string& path, Pretrainer& pretrainer);

}  // namespace unimiss::pretrain
