#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "unimiss/train/pretrain_config.h"

namespace unimiss::train {

/// How a quantity went: means over the first and last tenth of its steps.
struct Course {
  std::string name;
  double first = 0, last = 0;
};

/// What a finished run did and where it left things.
struct PretrainingSummary {
  std::string device, precision, model;
  int64_t parameters = 0;
  int64_t images = 0, volumes = 0;    ///< files
  std::vector<std::string> left_out;  ///< files that cannot be used, and why
  int64_t steps = 0, samples_2d = 0, samples_3d = 0;
  double seconds = 0;
  double samples_per_second_2d = 0, samples_per_second_3d = 0;
  double data_wait = 0;  ///< share of the time spent waiting for batches
  int64_t peak_memory_mb = 0;
  std::vector<Course> terms;      ///< of the loss
  std::vector<Course> entropies;  ///< of the teacher's targets, 2d and 3d; nats
  double largest_entropy = 0;     ///< ln K
  std::string output;             ///< holds the files below
  std::string checkpoint, student_weights, teacher_weights, metrics, log,
      picture;

  /// A summary for a person, several lines.
  std::string describe() const;
};

/// Runs a pretraining to its end and writes its folder (run.output):
/// config.yaml (the text given), metrics.jsonl, log.txt, checkpoints/, export/
/// (student and teacher under the released weights' names), progress.png.
///
/// Throws ConfigError for a configuration that cannot be run and for a folder
/// that holds a run already; DataError for lists and files at fault; RunError
/// when training cannot go on.
PretrainingSummary run_pretraining(const PretrainConfig& config,
                                   const std::string& resolved_config);

}  // namespace unimiss::train
