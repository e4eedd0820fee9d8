#pragma once

#include <torch/types.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/eval/segmentation_metrics.h"

namespace unimiss::report {

/// Numbers by name, in their order; empty: says nothing.
using NamedValues = std::vector<std::pair<std::string, std::optional<double>>>;

/// What a network said of a case, and what it should have said.
struct CaseResult {
  std::string id;
  std::string reference;   ///< file of the label map, or of the first mask
  std::string prediction;  ///< (first) file that was written; empty: none
  /// Segmentation: of each class but the background, or of each structure.
  std::vector<eval::OverlapCounts> counts;
  /// As many, or none: what else was measured of each.
  std::vector<NamedValues> further;
  /// Classification.
  std::vector<double> probabilities;
  std::vector<int64_t> labels;
};

/// Where the classes begin that are measured: structures are all foreground, of
/// a label map the first class is not.
size_t first_class(augment::TargetKind target);

/// The overlap of a case's maps, int16, by their kind: eval::class_overlap() or
/// eval::structure_overlap().
std::vector<eval::OverlapCounts> overlap_of(augment::TargetKind target,
                                            const torch::Tensor& prediction,
                                            const torch::Tensor& reference,
                                            int64_t classes);

/// The results of several cases, and what follows from them.
struct Evaluation {
  augment::TargetKind target = augment::TargetKind::kLabelMap;
  std::vector<std::string> classes;
  std::vector<CaseResult> cases;

  /// What is compared between networks, larger is better. Segmentation: the
  /// mean Dice coefficient of the foreground, mean over classes of the mean
  /// over cases; a class that is neither in a case nor predicted there does not
  /// count. Classification: the area under the ROC curve (of two classes that
  /// of the second, else the mean over classes, one against the rest). Nothing
  /// where it is not defined.
  std::optional<double> score() const;
  /// "Dice" or "AUC".
  const char* score_name() const;
  /// All numbers by name, for metrics.jsonl: "dice", "dice_liver", "auc",
  /// "accuracy", "loss".
  std::map<std::string, double> numbers() const;
  /// summary.json in nnU-Net's form: "metric_per_case", "mean",
  /// "foreground_mean"; of a classification "AUC", "accuracy",
  /// "confusion_matrix" and so on. The facts come first, as text.
  std::string summary_json(
      const std::map<std::string, std::string>& facts) const;
};

/// The facts of a file of summary_json(); none where there is no such file.
std::map<std::string, std::string> summary_facts(const std::string& file);
/// Its numbers(), likewise.
std::map<std::string, double> summary_numbers(const std::string& file);

}  // namespace unimiss::report
