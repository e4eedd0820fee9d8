#pragma once

#include <memory>
#include <string>

#include "unimiss/core/error.h"
#include "unimiss/train/checkpoint.h"
#include "unimiss/train/pretrain_data.h"
#include "unimiss/train/pretrainer.h"
#include "unimiss/train/pretraining_run.h"
#include "unimiss/train/run_folder.h"

namespace unimiss::train {

/// Where a run stands: all that its future follows from besides the state of
/// its Pretrainer.
struct RunPosition {
  int64_t step = 0;                        ///< steps that are done
  int64_t batches_2d = 0, batches_3d = 0;  ///< taken from each stream
  int64_t nonfinite = 0;                   ///< steps skipped for it
};

/// A run before its first step.
struct PreparedRun {
  PretrainData data;
  std::unique_ptr<Schedule> schedule;
  std::unique_ptr<Pretrainer> pretrainer;
  RunPosition position;
};

/// All that can go wrong before a step is taken goes wrong here, and nothing
/// has been written to the folder then. Throws ConfigError.
PreparedRun prepare_run(const PretrainConfig& config, const RunRequest& request,
                        torch::Device device, RunFolder& folder,
                        const CheckpointFolder& checkpoints);

/// The checkpoint of a run, which prepare_run() goes on from.
Checkpoint make_checkpoint(const PreparedRun& run,
                           const std::string& config_text);

/// What was found bad before training is the user's to correct: a DataError of
/// work() becomes a ConfigError.
template <class Work>
auto before_training(const Work& work) {
  try {
    return work();
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
}

}  // namespace unimiss::train
