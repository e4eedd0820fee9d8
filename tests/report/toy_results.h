#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/report/summary_file.h"

namespace unimiss::report {

inline constexpr auto kAll = MetricScope::kAllClasses;
inline constexpr auto kEach = MetricScope::kEachClass;

/// The Dice coefficients of a case, of classes 1, 2, ...
using ToyCase = std::pair<std::string, std::vector<std::optional<double>>>;

/// A segmentation whose cases have Dice coefficients alone.
inline SegmentationResults toy_results(
    const std::vector<ToyCase>& cases,
    const std::vector<std::string>& classes) {
  std::vector<NumberedClass> numbered;
  for (size_t k = 0; k < classes.size(); ++k) {
    numbered.push_back({std::to_string(k + 1), classes[k]});
  }
  std::vector<SegmentedCase> measured;
  for (const auto& [id, values] : cases) {
    SegmentedCase& each = measured.emplace_back();
    each.id = id;
    each.reference = "r/" + id + ".nii.gz";
    for (const auto& value : values) each.classes.push_back({{"Dice", value}});
  }
  return segmentation_results(numbered, measured);
}

/// A classification of exclusive classes "normal" and "ill" with AUC 0.75, or
/// of as many that overlap.
inline ClassificationResults toy_classification(
    ClassRelation relation = ClassRelation::kExclusive) {
  std::vector<ClassifiedCase> cases;
  for (const auto& [label, p] :
       {std::pair<int64_t, double>{0, 0.2}, {1, 0.9}, {0, 0.6}, {1, 0.55}}) {
    cases.push_back({"c" + std::to_string(cases.size()), {1 - p, p}, {label}});
  }
  return classification_results(relation, {"normal", "ill"}, cases);
}

/// Of an evaluation.
inline Summary evaluated(Results results) {
  Summary summary{{}, std::move(results), EvaluationFacts()};
  if (const auto* of = std::get_if<SegmentationResults>(&summary.results)) {
    summary.evaluation->settings.tolerance = 1;
    summary.evaluation->settings.missing.assign(of->classes.size(), 0);
  }
  return summary;
}

}  // namespace unimiss::report
