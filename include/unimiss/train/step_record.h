#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unimiss/train/metric_log.h"
#include "unimiss/train/step_outcome.h"

namespace unimiss::train {

// Why a step changed nothing.
inline constexpr const char* kSkippedOverflow = "overflow";  ///< fp16
inline constexpr const char* kSkippedNonFinite = "nonfinite";
inline constexpr const char* kSkippedSpike = "spike";

/// How the processes of a step differ.
struct ProcessSpread {
  double wait_seconds = 0;       ///< for each other, mean over the processes
  double most_wait_seconds = 0;  ///< of one process
  double most_data_seconds = 0;  ///< waiting for its batch, of one process
  /// Samples a second while not waiting for others, of the slowest and of the
  /// fastest process.
  double least_rate = 0, most_rate = 0;
  int64_t slowest = 0;  ///< that process
};

using NamedNumbers = std::vector<std::pair<std::string, double>>;

/// What a run remembers of a step: one record of metrics.jsonl, and back.
struct StepRecord {
  int64_t step = 0;    ///< from 1
  std::string phase;   ///< "2d" or "3d"
  double loss = 0;     ///< NaN where it was not finite
  NamedNumbers terms;  ///< of the loss, "loss/NAME" in the record
  double lr = 0, weight_decay = 0;
  double grad_norm = 0;
  NamedNumbers diagnostics;  ///< what else the method tells, by its own names
  int64_t samples = 0;
  double seconds = 0;       ///< of the whole step
  double wait_seconds = 0;  ///< of these, waiting for the batch
  int64_t queue_depth = 0;  ///< batches that were ready
  int64_t peak_memory_mb = 0;
  std::optional<ProcessSpread> processes;  ///< of several
  std::string skipped;  ///< kSkipped...; empty: the step was taken

  /// A diagnostic that is there.
  std::optional<double> diagnostic(std::string_view name) const;

  Metrics metrics() const;
  /// Nothing where the record is not one of a step. Records of 0.1 hold the
  /// bare names of the terms between "loss" and "lr".
  static std::optional<StepRecord> of(const Metrics& metrics);
};

/// A step that was taken, and what it tells of itself: number, batch, times and
/// memory are the loop's to add.
struct TakenStep {
  StepRecord record;
  StepOutcome outcome = StepOutcome::kUpdated;
};

}  // namespace unimiss::train
