#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/finetune/config.h"
#include "unimiss/train/resume.h"

namespace unimiss::finetune {

/// What a finished fine-tuning did and where it left things.
struct Summary {
  std::string device, precision, model;
  int64_t parameters = 0, trained_parameters = 0;
  int64_t train = 0, validation = 0, test = 0;  ///< cases
  std::vector<std::string> left_out;            ///< cases, and why
  int64_t steps = 0, total_steps = 0;
  bool stopped_early = false;
  double seconds = 0;  ///< of training, without validation
  double samples_per_second = 0, data_wait = 0;
  int64_t peak_memory_mb = 0;
  std::string processes;   ///< how several got on; empty: one
  std::string score_name;  ///< "Dice", "AUC"
  std::optional<double> best_score;
  int64_t best_step = 0;
  std::map<std::string, double> test_numbers;
  std::string output, weights, test_summary, metrics, log, picture;
  std::string programs;  ///< before the name of a program, to run it
  std::string references = "labels";  ///< an example for unimiss-evaluate

  /// A summary for a person, several lines.
  std::string describe() const;
};

/// Runs a fine-tuning to its end and tests it, from where its folder
/// (run.output) says it was. What it writes besides what every run does
/// (RunFolder):
///
///     splits.json          which cases it trains and validates on
///     export/best.safetensors  last.safetensors  last_average.safetensors
///     validation/summary.json  test/summary.json  test/predictions/
///
/// Exact resume, errors and exceptions are those of run_pretraining().
Summary run_finetuning(const FinetuneConfig& config, train::RunRequest request);

/// Throws ConfigError where so many processes cannot share the batches of a run
/// equally.
void check_processes(const FinetuneConfig& config, int64_t processes);

}  // namespace unimiss::finetune
