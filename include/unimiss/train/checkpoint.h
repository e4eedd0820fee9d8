#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace unimiss::train {

/// The name of the text that is a run's configuration.
inline constexpr const char* kCheckpointConfig = "config";

/// All that a run continues from. Tensors are on the CPU.
struct Checkpoint {
  int64_t step = 0;  ///< optimizer steps that are done
  /// Where the run stood otherwise, by name (batches taken from each stream).
  std::map<std::string, int64_t> counters;
  /// What the run was made of (its configuration, its data), by name.
  std::map<std::string, std::string> texts;
  std::map<std::string, torch::Tensor> tensors;
};

/// Which checkpoints stay.
struct Retention {
  int64_t last = 3;         ///< so many of the newest
  int64_t every_steps = 0;  ///< and those at multiples of it; 0: no others
};

/// The checkpoints of a run: for each a `step_00000042.safetensors` (tensors,
/// and the rest as its metadata) and, written last, a `step_00000042.json` with
/// size and checksum of the first. Without the second there is no checkpoint;
/// both are DurableFiles, so there never is half of one.
///
/// For one thread at a time.
class CheckpointFolder {
 public:
  CheckpointFolder(std::string folder, Retention retention)
      : folder_(std::move(folder)), retention_(retention) {}

  /// Writes a checkpoint, then deletes the earlier ones that retention does not
  /// keep: never the newest one whose values are all finite, and no file that
  /// is not a checkpoint's.
  /// Throws DataError where the disk has no room (known before anything is
  /// written) or cannot be written to; the earlier checkpoints are then intact.
  void save(const Checkpoint& checkpoint) const;

  /// The steps of which there is a checkpoint, valid or not, ascending. Throws
  /// DataError for a folder that is there and cannot be listed.
  std::vector<int64_t> steps() const;
  /// Those of which there are tensors without a seal.
  std::vector<int64_t> incomplete() const;

  struct Newest {
    std::optional<Checkpoint> checkpoint;
    std::string file;                      ///< of its tensors
    std::vector<std::string> passed_over;  ///< newer ones, each with the reason
  };
  /// The newest checkpoint that is valid and finite.
  Newest newest() const;

  /// The file of a step's tensors.
  std::string file_of(int64_t step) const;

 private:
  std::vector<int64_t> steps_of(const char* ending) const;
  void remove_others(int64_t written) const;

  std::string folder_;
  Retention retention_;
};

/// Reads the checkpoint of a tensor file and checks it against its checksum.
/// Throws DataError that names the file and what is wrong with it.
Checkpoint load_checkpoint(const std::string& file);

/// Bytes that a checkpoint of these tensors takes on the disk, within 1 %.
int64_t checkpoint_bytes(const std::map<std::string, torch::Tensor>& tensors);

/// Throws DataError when the disk of a folder has less free space than that.
void require_space(const std::string& folder, int64_t bytes);

}  // namespace unimiss::train
