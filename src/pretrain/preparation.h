#pragma once

#include <memory>
#include <string>

#include "unimiss/pretrain/data.h"
#include "unimiss/pretrain/pretrainer.h"
#include "unimiss/pretrain/run.h"
#include "unimiss/train/run_preparation.h"

namespace unimiss::pretrain {

/// Where a run stands: all that its future follows from besides its step and
/// the state of its Pretrainer.
struct RunPosition {
  int64_t batches_2d = 0, batches_3d = 0;  ///< taken from each stream
  int64_t nonfinite = 0;                   ///< steps skipped for it
};

/// A pretraining before its first step.
struct PreparedPretraining {
  torch::Device device = torch::kCPU;
  int64_t begins_at = 0;  ///< steps that are done
  PretrainData data;
  std::unique_ptr<Schedule> schedule;
  std::unique_ptr<Pretrainer> pretrainer;
  RunPosition position;
};

/// Configuration, data and checkpoint are found good or bad here, before
/// anything is written to the folder. Throws ConfigError.
PreparedPretraining prepare_pretraining(
    const PretrainConfig& config, train::Beginning beginning,
    const train::RunFolder& folder,
    const distributed::Communicator& communicator);

/// The checkpoint of a run after so many steps, which prepare_pretraining()
/// goes on from.
train::Checkpoint make_checkpoint(const PreparedPretraining& run, int64_t step);

/// The schedule for so many samples of each kind, 0: none. Throws ConfigError
/// where the run would end before a kind has had its first step.
Schedule make_schedule(const PretrainConfig& config, int64_t images,
                       int64_t volumes);

PretrainerOptions pretrainer_options(const PretrainConfig& config,
                                     torch::Device device);

}  // namespace unimiss::pretrain
