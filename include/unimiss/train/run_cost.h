#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "unimiss/train/run_options.h"

/// What a dry run measures.
namespace unimiss::train {

/// Whether steps are really taken, to measure them.
enum class RealSteps { kTaken, kNone };

/// Of one step.
struct StepCost {
  double seconds = 0;
  int64_t memory_mb = 0;  ///< at its peak
};

/// A line through steps with one and two samples, at a batch. take_step(n)
/// takes one with n samples and waits for the device; the faster of two counts,
/// after a first one, which allocates.
StepCost extrapolate_cost(const std::function<void(int64_t)>& take_step,
                          int64_t batch, torch::Device device);

/// Free on the disk of a folder that may not be there yet; 0: unknown.
int64_t free_bytes_of(const std::string& folder);

/// Of a run of so many steps.
int64_t checkpoints_kept(const RunOptions& options, int64_t total_steps);
/// The line of a dry run on the disk of a run's folder.
std::string disk_line(const std::string& folder, int64_t checkpoints,
                      int64_t checkpoint_bytes, int64_t export_bytes,
                      int64_t free_bytes);

/// Bytes as MiB.
double mebibytes(int64_t bytes);

}  // namespace unimiss::train
