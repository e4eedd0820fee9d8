#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/evaluation_input.h"
#include "unimiss/eval/classification_metrics.h"
#include "unimiss/eval/statistics.h"
#include "unimiss/report/results.h"

/// The numbers of a classification that are resampled and compared.
namespace unimiss::report {

struct CollectedCases {
  std::vector<std::string> classes;
  std::vector<ClassifiedCase> cases;
  std::vector<BadCase> bad;
};

/// Probabilities and labels of all cases, by id. Throws ConfigError for a file
/// that cannot be used.
CollectedCases collect_cases(const EvaluationRequest& request,
                             const PredictedTask& task);

/// How sure it was of what is right: the probability of the case's class, or
/// the mean over classes of that of being there, or not.
std::vector<double> right_probabilities(const ClassificationResults& results);
/// 1 where what was predicted is right, 0 where it is not; of overlapping
/// classes the share of those that are right.
std::vector<double> correctness(const ClassificationResults& results);

/// AUC, average precision and accuracy of some cases.
struct ClassNumbers {
  std::optional<double> auc, average_precision, accuracy;
  std::vector<std::optional<double>> class_auc, class_average_precision;

  /// All in one order, that of class_table().
  std::vector<std::optional<double>> values() const;
};

/// Those of any cases of results, which are sorted once.
class ClassStatistics {
 public:
  explicit ClassStatistics(const ClassificationResults& results);
  /// A case may be there several times.
  ClassNumbers of(const std::vector<int64_t>& cases) const;

 private:
  ClassRelation relation_;
  std::vector<double> correct_;
  std::vector<eval::RankedScores> classes_;
};

/// A table of items in the order of values(), of so many classes.
template <class Value>
MetricTable<Value> class_table(size_t classes,
                               const std::vector<Value>& items) {
  const auto all = [&](const char* metric, size_t at) {
    return MetricValues<Value>{
        metric, MetricScope::kAllClasses, {items.at(at)}};
  };
  const auto each = [&](const char* metric, size_t at) {
    const auto first = items.begin() + static_cast<std::ptrdiff_t>(at);
    return MetricValues<Value>{
        metric,
        MetricScope::kEachClass,
        {first, first + static_cast<std::ptrdiff_t>(classes)}};
  };
  return {all("AUC", 0), all("average_precision", 1), all("accuracy", 2),
          each("AUC", 3), each("average_precision", 3 + classes)};
}

/// Of all of them, over the cases.
MetricTable<std::optional<eval::Interval>> class_intervals(
    const ClassificationResults& results,
    const eval::BootstrapOptions& options);

}  // namespace unimiss::report
