#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/pretrain/config.h"
#include "unimiss/train/run_cost.h"

namespace unimiss::pretrain {

/// What a configuration would do, before anything is decoded or written.
struct DryRun {
  /// Of a kind that is trained on.
  struct Phase {
    std::string name;  ///< "2d", "3d"
    int64_t files = 0, samples = 0, batch = 0, steps = 0;
    double peak_lr = 0;
    /// Extrapolated from steps with one and two samples; nothing where they
    /// cannot be taken here.
    std::optional<double> seconds_per_step;
    std::optional<int64_t> memory_mb;
  };

  std::string model, precision, device, center_rule, spacing, alternation;
  std::vector<std::pair<std::string, int64_t>> parameters;  ///< by part
  int64_t steps_per_epoch = 0, total_steps = 0;
  double epochs = 0;
  std::vector<Phase> phases;
  int64_t checkpoint_bytes = 0, export_bytes = 0;
  int64_t checkpoints_kept = 0;
  int64_t host_copy_bytes = 0;  ///< held while a checkpoint is written
  int64_t free_bytes = 0;       ///< of the disk of run.output
  std::string output, cache;
  std::string not_measured;  ///< why; empty where it was measured

  /// The part that follows from the configuration and the lists alone.
  std::string describe_plan() const;
  /// All of it, several lines for a person.
  std::string describe() const;
};

/// Reads the lists, makes the networks and takes a few real steps on random
/// views. Throws ConfigError for what is found bad, as a run would.
DryRun dry_run(const PretrainConfig& config, train::RealSteps steps);

}  // namespace unimiss::pretrain
