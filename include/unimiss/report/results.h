#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/eval/segmentation_metrics.h"

/// What was found of predictions: by case, by class, and in all.
namespace unimiss::report {

/// Numbers by name, in their order; empty: says nothing.
using NamedValues = std::vector<std::pair<std::string, std::optional<double>>>;

/// The value under a name, or nothing.
std::optional<double> value_of(const NamedValues& values,
                               std::string_view name);

/// What the values of a metric are of: all classes together, or each of them.
enum class MetricScope { kAllClasses, kEachClass };

/// The value of a metric of all classes, or those of each class in their order.
template <class Value>
struct MetricValues {
  std::string metric;
  MetricScope scope = MetricScope::kAllClasses;
  std::vector<Value> values;
};
template <class Value>
using MetricTable = std::vector<MetricValues<Value>>;

/// The value of a metric, of all classes or of class k; Value() without one.
template <class Value>
Value find_value(const MetricTable<Value>& table, std::string_view metric,
                 MetricScope scope, size_t k = 0) {
  for (const MetricValues<Value>& each : table) {
    if (each.metric == metric && each.scope == scope && k < each.values.size())
      return each.values[k];
  }
  return Value();
}

/// A class that is measured, by its number as nnU-Net writes it and by name.
struct NumberedClass {
  std::string number, name;
};

/// Those of a segmentation: all but the background of exclusive classes, or all
/// structures.
std::vector<NumberedClass> foreground_classes(
    ClassRelation relation, const std::vector<std::string>& classes);

/// What was measured of a segmented case.
struct SegmentedCase {
  std::string id;
  std::string reference;   ///< file of the label map, or of the first mask
  std::string prediction;  ///< (first) file that was written; empty: none
  /// Of each class the same numbers: overlap_values(), and what else there is.
  std::vector<NamedValues> classes;
};

/// "Dice", "IoU" and the counts of voxels, as nnU-Net calls them.
NamedValues overlap_values(const eval::OverlapCounts& counts);

struct SegmentationResults {
  std::vector<NumberedClass> classes;
  std::vector<SegmentedCase> cases;
  /// Of every number the mean over the cases that have it, of each class, and
  /// of all classes the mean of these.
  MetricTable<std::optional<double>> metrics;
};

/// With the means of the cases.
SegmentationResults segmentation_results(std::vector<NumberedClass> classes,
                                         std::vector<SegmentedCase> cases);

/// The number of a metric in every case, of class k.
std::vector<std::optional<double>> case_values(
    const SegmentationResults& results, std::string_view metric, size_t k);

/// What was said of a classified case, and what is true.
struct ClassifiedCase {
  std::string id;
  std::vector<double> probabilities;  ///< of each class
  std::vector<int64_t> labels;        ///< ascending; of exclusive classes one
};

struct ClassificationResults {
  ClassRelation relation = ClassRelation::kExclusive;
  std::vector<std::string> classes;
  std::vector<ClassifiedCase> cases;
  /// "AUC", "average_precision" and so on: see eval::ClassificationMetrics and
  /// eval::MultiLabelMetrics.
  MetricTable<std::optional<double>> metrics;
  /// Of exclusive classes: cases of the row's class that were given the
  /// column's.
  std::vector<std::vector<int64_t>> confusion;
};

/// With the metrics of the cases.
ClassificationResults classification_results(ClassRelation relation,
                                             std::vector<std::string> classes,
                                             std::vector<ClassifiedCase> cases);

using CaseResult = std::variant<SegmentedCase, ClassifiedCase>;
using Results = std::variant<SegmentationResults, ClassificationResults>;

/// Those of a target, whose cases are all of its kind.
Results results_of(augment::Target target,
                   const std::vector<std::string>& classes,
                   std::vector<CaseResult> cases);

/// What is compared between networks, larger is better: of a segmentation the
/// mean Dice coefficient of the foreground, mean over classes of the mean over
/// cases, where a class that is neither in a case nor predicted there does not
/// count; of a classification the area under the ROC curve (of two exclusive
/// classes that of the second, else the mean over classes, one against the
/// rest). Nothing where it is not defined.
std::optional<double> score(const Results& results);
/// "Dice" or "AUC".
const char* score_name(const Results& results);
/// All numbers by name, for metrics.jsonl: "dice", "dice_liver", "auc",
/// "accuracy", "loss".
std::map<std::string, double> numbers(const Results& results);
int64_t case_count(const Results& results);

}  // namespace unimiss::report
