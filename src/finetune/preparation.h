#pragma once

#include <limits>
#include <map>
#include <memory>
#include <string>

#include "finetune/data.h"
#include "unimiss/data/loader.h"
#include "unimiss/distributed/communicator.h"
#include "unimiss/finetune/finetuner.h"
#include "unimiss/finetune/run.h"
#include "unimiss/finetune/schedule.h"
#include "unimiss/train/run_preparation.h"

namespace unimiss::finetune {

/// Where a fine-tuning stands: all that its future follows from besides its
/// step and the state of its Finetuner.
struct FinetunePosition {
  int64_t nonfinite = 0;   ///< steps skipped for it
  int64_t validated = 0;   ///< the step of the newest validation
  int64_t best_step = 0;   ///< 0: none yet
  int64_t since_best = 0;  ///< validations after it
  double best_score = -std::numeric_limits<double>::infinity();
};

/// The weights of the best validation: a part of the state, or a run that goes
/// on from an earlier step could test those of a later one.
struct BestWeights {
  std::map<std::string, torch::Tensor> weights;  ///< official names, CPU
  std::string of;                                ///< "network" or "average"
};

/// A fine-tuning before its first step.
struct PreparedFinetuning {
  torch::Device device = torch::kCPU;
  int64_t begins_at = 0;  ///< steps that are done
  FinetuneCases cases;
  FinetuneData data;
  std::unique_ptr<Schedule> schedule;
  std::unique_ptr<Finetuner> finetuner;
  FinetunePosition position;
  BestWeights best;
  /// The configuration as the checkpoint has it, where it says the same as the
  /// present one in other words: results may be known by that text.
  std::string earlier_text;

  /// Of the files, and of which cases can be trained on.
  std::string fingerprint() const;
};

/// Configuration, data, weights and checkpoint are found good or bad here,
/// before anything is written to the folder. Throws ConfigError.
PreparedFinetuning prepare_finetuning(
    const FinetuneConfig& config, train::Beginning beginning,
    const train::RunFolder& folder,
    const distributed::Communicator& communicator);

/// The checkpoint of a run after so many steps, which prepare_finetuning() goes
/// on from.
train::Checkpoint make_checkpoint(const PreparedFinetuning& run, int64_t step);

/// The schedule for so many training cases.
Schedule make_schedule(const FinetuneConfig& config, int64_t cases);

/// What of a configuration a Finetuner follows.
FinetunerOptions finetuner_options(const FinetuneConfig& config,
                                   const std::vector<std::string>& classes,
                                   torch::Device device);

/// A network with random weights, those of the seed.
std::unique_ptr<Finetuner> make_finetuner(
    const FinetuneConfig& config, const std::vector<std::string>& classes,
    torch::Device device,
    const distributed::Communicator* communicator = nullptr);

/// Takes over what init.* says. Throws ConfigError.
void start_from_weights(const FinetuneConfig& config, Finetuner& finetuner);

/// The stream of batches, of several processes the shares of this one.
std::unique_ptr<data::Loader> make_loader(const FinetuneConfig& config,
                                          const FinetuneData& data,
                                          torch::Device device,
                                          const distributed::World& world);

}  // namespace unimiss::finetune
