#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/finetune/config.h"
#include "unimiss/train/run_cost.h"

namespace unimiss::finetune {

/// What a fine-tuning would do, before its data is decoded or its folder
/// written.
struct DryRun {
  std::string model, precision, device, task, patch, grid, rate, weights;
  std::vector<std::pair<std::string, int64_t>> parameters;  ///< by part
  int64_t trained_parameters = 0;
  int64_t listed = 0, train = 0, validation = 0, test = 0;  ///< cases
  int64_t batch = 0, steps_per_epoch = 0, total_steps = 0;
  double epochs = 0;
  int64_t checkpoint_bytes = 0, export_bytes = 0, checkpoints_kept = 0;
  int64_t free_bytes = 0;  ///< of the disk of run.output
  /// Extrapolated from steps with one and two samples.
  std::optional<double> seconds_per_step;
  std::optional<int64_t> memory_mb;
  std::string not_measured;  ///< why; empty where it was measured
  std::string output, cache;
  std::string picture;  ///< of two augmented batches

  /// The part that follows from the configuration and the lists alone.
  std::string describe_plan() const;
  /// All of it, several lines for a person.
  std::string describe() const;
};

/// Reads lists and weights, decodes as many cases as two batches hold, draws
/// these, `<run.output>-dry-run.png`, and takes a few real steps. Throws
/// ConfigError for what is found bad, as a run would.
DryRun dry_run(const FinetuneConfig& config, train::RealSteps steps);

}  // namespace unimiss::finetune
