#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/eval/statistics.h"
#include "unimiss/report/results.h"

/// summary.json, in nnU-Net's form: read and written here alone.
namespace unimiss::report {

/// A case that cannot be evaluated, and why.
struct BadCase {
  std::string id, problem;
};

/// What an evaluation was made with; empty, in a file of others: not told.
struct EvaluationSettings {
  std::string predictions, references, target;
  eval::BootstrapOptions bootstrap;
  // Of a segmentation.
  std::vector<int64_t> label_values;
  std::optional<double> tolerance;  ///< of the surface Dice, mm
  /// Of images: mm, H and W; empty: distances are in pixels.
  std::optional<std::vector<double>> pixel_spacing;
  std::string missing_rule, missing_text;
  std::vector<int64_t> missing;  ///< of each class: how often it was applied
};

/// Differences from other predictions of the same cases.
struct Comparison {
  std::string with;  ///< the other summary
  int64_t cases = 0;
  std::vector<std::string> only_here, only_there;  ///< ids
  MetricTable<eval::PairedComparison> differences;
};

/// What evaluate_predictions() tells besides results.
struct EvaluationFacts {
  EvaluationSettings settings;
  MetricTable<std::optional<eval::Interval>> intervals;
  std::vector<BadCase> bad;
  std::optional<Comparison> comparison;
};

struct Summary {
  /// Of a training: by what it was made.
  std::map<std::string, std::string> facts;
  Results results;
  std::optional<EvaluationFacts> evaluation;  ///< empty: of a training
};

/// "metric_per_case", "mean" and "foreground_mean", of a classification "AUC",
/// "confusion_matrix" and so on, with the numbers() of the results; before them
/// "run", the facts, or "evaluation". docs/evaluation.md tells all. The file
/// appears whole or not at all. Throws DataError.
void write_summary(const std::string& path, const Summary& summary);

/// Reads such a file, nnU-Net's own too: without ids they are made of the
/// files' names, without names of classes these are their numbers. Intervals,
/// bad cases and comparison are left out. Throws DataError for another file.
Summary read_summary(const std::string& path);

/// The same; nothing where there is no such file.
std::optional<Summary> find_summary(const std::string& path);

}  // namespace unimiss::report
