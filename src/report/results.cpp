#include "unimiss/report/results.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>

#include "unimiss/eval/classification_metrics.h"
#include "unimiss/eval/optional_mean.h"

namespace unimiss::report {
namespace {

using OptionalValues = std::vector<std::optional<double>>;
using Metrics = MetricTable<std::optional<double>>;

void add_all(Metrics& metrics, const char* name,
             const std::optional<double>& value) {
  metrics.push_back({name, MetricScope::kAllClasses, {value}});
}

void add_each(Metrics& metrics, const char* name,
              const OptionalValues& values) {
  metrics.push_back({name, MetricScope::kEachClass, values});
}

torch::Tensor probabilities_of(const std::vector<ClassifiedCase>& cases) {
  std::vector<torch::Tensor> rows;
  for (const ClassifiedCase& each : cases) {
    rows.push_back(at::tensor(each.probabilities, torch::kDouble));
  }
  return at::stack(rows);
}

bool has_label(const ClassifiedCase& of, size_t k) {
  return std::find(of.labels.begin(), of.labels.end(),
                   static_cast<int64_t>(k)) != of.labels.end();
}

std::vector<std::vector<int64_t>> rows_of(const torch::Tensor& matrix) {
  std::vector<std::vector<int64_t>> rows;
  for (int64_t i = 0; i < matrix.size(0); ++i) {
    const torch::Tensor row = matrix[i].contiguous();
    const auto* values = row.const_data_ptr<int64_t>();
    rows.emplace_back(values, values + row.numel());
  }
  return rows;
}

/// What both kinds of classification have.
template <class Found>
Metrics shared_metrics(const Found& found) {
  Metrics metrics;
  add_all(metrics, "AUC", found.auc);
  add_all(metrics, "average_precision", found.average_precision);
  add_all(metrics, "accuracy", found.accuracy);
  add_all(metrics, "calibration_error", found.calibration_error);
  add_each(metrics, "AUC", found.class_auc);
  add_each(metrics, "average_precision", found.class_average_precision);
  add_each(metrics, "sensitivity", found.class_sensitivity);
  add_each(metrics, "specificity", found.class_specificity);
  return metrics;
}

void measure_exclusive(ClassificationResults& results) {
  std::vector<int64_t> labels;
  for (const ClassifiedCase& each : results.cases) {
    labels.push_back(each.labels.at(0));
  }
  const auto found = eval::classification_metrics(
      probabilities_of(results.cases), at::tensor(labels, torch::kLong));
  results.metrics = shared_metrics(found);
  add_all(results.metrics, "balanced_accuracy", found.balanced_accuracy);
  results.confusion = rows_of(found.confusion);
}

void measure_overlapping(ClassificationResults& results) {
  const torch::Tensor probabilities = probabilities_of(results.cases);
  torch::Tensor reference = at::zeros_like(probabilities, torch::kLong);
  for (size_t i = 0; i < results.cases.size(); ++i) {
    for (const int64_t label : results.cases[i].labels) {
      reference[static_cast<int64_t>(i)][label] = 1;
    }
  }
  const auto found = eval::multi_label_metrics(probabilities, reference);
  results.metrics = shared_metrics(found);
  add_each(results.metrics, "accuracy", found.class_accuracy);
  add_each(results.metrics, "calibration_error", found.class_calibration_error);
}

double surprise(double probability) {
  return -std::log(std::max(probability, 1e-12));
}

/// The mean cross-entropy of the probabilities.
double log_loss(const ClassificationResults& results) {
  double sum = 0;
  for (const ClassifiedCase& each : results.cases) {
    const auto& p = each.probabilities;
    if (results.relation == ClassRelation::kExclusive) {
      sum += surprise(p.at(each.labels.at(0)));
      continue;
    }
    double of_case = 0;
    for (size_t k = 0; k < p.size(); ++k) {
      of_case += surprise(has_label(each, k) ? p[k] : 1 - p[k]);
    }
    sum += of_case / static_cast<double>(p.size());
  }
  return sum / static_cast<double>(results.cases.size());
}

template <class Case>
std::vector<Case> cases_of(std::vector<CaseResult> results) {
  std::vector<Case> cases;
  cases.reserve(results.size());
  for (CaseResult& each : results) {
    cases.push_back(std::get<Case>(std::move(each)));
  }
  return cases;
}

void add_number(std::map<std::string, double>& numbers, const std::string& name,
                const std::optional<double>& value) {
  if (value) numbers[name] = *value;
}

std::map<std::string, double> numbers_of(const SegmentationResults& results) {
  std::map<std::string, double> numbers;
  add_number(numbers, "dice",
             find_value(results.metrics, "Dice", MetricScope::kAllClasses));
  for (size_t k = 0; k < results.classes.size(); ++k) {
    add_number(numbers, "dice_" + results.classes[k].name,
               find_value(results.metrics, "Dice", MetricScope::kEachClass, k));
  }
  return numbers;
}

std::map<std::string, double> numbers_of(const ClassificationResults& results) {
  std::map<std::string, double> numbers;
  if (results.cases.empty()) return numbers;
  for (const auto& [name, metric] :
       {std::pair{"auc", "AUC"}, std::pair{"accuracy", "accuracy"}}) {
    add_number(numbers, name,
               find_value(results.metrics, metric, MetricScope::kAllClasses));
  }
  numbers["loss"] = log_loss(results);
  return numbers;
}

}  // namespace

std::optional<double> value_of(const NamedValues& values,
                               std::string_view name) {
  for (const auto& [each, value] : values) {
    if (each == name) return value;
  }
  return std::nullopt;
}

std::vector<NumberedClass> foreground_classes(
    ClassRelation relation, const std::vector<std::string>& classes) {
  std::vector<NumberedClass> foreground;
  const size_t first = relation == ClassRelation::kExclusive ? 1 : 0;
  for (size_t k = first; k < classes.size(); ++k) {
    foreground.push_back({std::to_string(k), classes[k]});
  }
  return foreground;
}

NamedValues overlap_values(const eval::OverlapCounts& counts) {
  const auto voxels = [](int64_t count) { return static_cast<double>(count); };
  return {{"Dice", eval::dice(counts)},
          {"IoU", eval::iou(counts)},
          {"FN", voxels(counts.false_negative)},
          {"FP", voxels(counts.false_positive)},
          {"TN", voxels(counts.true_negative)},
          {"TP", voxels(counts.true_positive)},
          {"n_pred", voxels(counts.n_pred())},
          {"n_ref", voxels(counts.n_ref())}};
}

OptionalValues case_values(const SegmentationResults& results,
                           std::string_view metric, size_t k) {
  OptionalValues values;
  values.reserve(results.cases.size());
  for (const SegmentedCase& each : results.cases) {
    values.push_back(value_of(each.classes.at(k), metric));
  }
  return values;
}

SegmentationResults segmentation_results(std::vector<NumberedClass> classes,
                                         std::vector<SegmentedCase> cases) {
  SegmentationResults results{std::move(classes), std::move(cases), {}};
  if (results.cases.empty() || results.classes.empty()) return results;
  for (const auto& [name, ignored] : results.cases.front().classes.at(0)) {
    OptionalValues means;
    for (size_t k = 0; k < results.classes.size(); ++k) {
      means.push_back(eval::optional_mean(case_values(results, name, k)));
    }
    add_all(results.metrics, name.c_str(), eval::optional_mean(means));
    add_each(results.metrics, name.c_str(), means);
  }
  return results;
}

ClassificationResults classification_results(
    ClassRelation relation, std::vector<std::string> classes,
    std::vector<ClassifiedCase> cases) {
  ClassificationResults results{
      relation, std::move(classes), std::move(cases), {}, {}};
  if (results.cases.empty()) return results;
  if (relation == ClassRelation::kExclusive) {
    measure_exclusive(results);
  } else {
    measure_overlapping(results);
  }
  return results;
}

Results results_of(augment::Target target,
                   const std::vector<std::string>& classes,
                   std::vector<CaseResult> cases) {
  if (target.is_segmentation()) {
    return segmentation_results(foreground_classes(target.relation(), classes),
                                cases_of<SegmentedCase>(std::move(cases)));
  }
  return classification_results(target.relation(), classes,
                                cases_of<ClassifiedCase>(std::move(cases)));
}

std::optional<double> score(const Results& results) {
  return std::visit(
      [&](const auto& each) {
        return find_value(each.metrics, score_name(results),
                          MetricScope::kAllClasses);
      },
      results);
}

const char* score_name(const Results& results) {
  return std::holds_alternative<SegmentationResults>(results) ? "Dice" : "AUC";
}

std::map<std::string, double> numbers(const Results& results) {
  return std::visit([](const auto& each) { return numbers_of(each); }, results);
}

int64_t case_count(const Results& results) {
  return std::visit(
      [](const auto& each) { return static_cast<int64_t>(each.cases.size()); },
      results);
}

}  // namespace unimiss::report
