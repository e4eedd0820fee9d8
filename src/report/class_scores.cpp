#include "report/class_scores.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "unimiss/data/case_list.h"
#include "unimiss/eval/decision.h"
#include "unimiss/eval/optional_mean.h"

namespace unimiss::report {
namespace {

bool has_label(const std::vector<int64_t>& labels, size_t of_class) {
  return std::find(labels.begin(), labels.end(),
                   static_cast<int64_t>(of_class)) != labels.end();
}

}  // namespace

CollectedCases collect_cases(const EvaluationRequest& request,
                             const PredictedTask& task) {
  const std::string file = probabilities_file(request.predictions);
  const ProbabilityTable table = read_probabilities(file, task);
  data::CaseListOptions options;
  options.target = task.target;
  options.classes = table.classes;
  options.modalities = request.modalities;
  options.paths = data::ManifestPaths::kFilesAndFolders;
  const std::vector<augment::Case> cases = before_work(
      [&] { return data::read_cases(request.references, options); });
  CollectedCases collected{table.classes, {}, table.bad};
  // In the order of the list, as a run has them.
  std::set<std::string> known;
  for (const BadCase& bad : table.bad) known.insert(bad.id);
  for (const augment::Case& each : cases) {
    const auto found = table.cases.find(each.id);
    if (found == table.cases.end()) {
      if (!known.contains(each.id)) {
        collected.bad.push_back(
            {each.id, fmt::format("has no row in {}", file)});
      }
      continue;
    }
    known.insert(each.id);
    collected.cases.push_back({each.id, found->second, each.labels});
  }
  for (const auto& row : table.cases) {
    if (known.contains(row.first)) continue;
    collected.bad.push_back(
        {row.first, fmt::format("has no label in {}", request.references)});
  }
  return collected;
}

std::vector<double> right_probabilities(const ClassificationResults& results) {
  std::vector<double> right;
  for (const ClassifiedCase& each : results.cases) {
    const auto& scores = each.probabilities;
    if (results.relation == ClassRelation::kExclusive) {
      right.push_back(scores.at(each.labels.at(0)));
      continue;
    }
    double sum = 0;
    for (size_t k = 0; k < scores.size(); ++k) {
      sum += has_label(each.labels, k) ? scores[k] : 1 - scores[k];
    }
    right.push_back(sum / static_cast<double>(scores.size()));
  }
  return right;
}

std::vector<double> correctness(const ClassificationResults& results) {
  std::vector<double> correct;
  for (const ClassifiedCase& each : results.cases) {
    const auto& scores = each.probabilities;
    const auto decided = eval::decided_classes(scores, results.relation);
    if (results.relation == ClassRelation::kExclusive) {
      correct.push_back(decided.at(0) == each.labels.at(0) ? 1 : 0);
      continue;
    }
    double count = 0;
    for (size_t k = 0; k < scores.size(); ++k) {
      count += has_label(decided, k) == has_label(each.labels, k) ? 1 : 0;
    }
    correct.push_back(count / static_cast<double>(scores.size()));
  }
  return correct;
}

std::vector<std::optional<double>> ClassNumbers::values() const {
  std::vector<std::optional<double>> all{auc, average_precision, accuracy};
  all.insert(all.end(), class_auc.begin(), class_auc.end());
  all.insert(all.end(), class_average_precision.begin(),
             class_average_precision.end());
  return all;
}

ClassStatistics::ClassStatistics(const ClassificationResults& results)
    : relation_(results.relation), correct_(correctness(results)) {
  const auto count = static_cast<int64_t>(results.cases.size());
  for (size_t k = 0; k < results.classes.size(); ++k) {
    torch::Tensor scores = at::empty({count}, torch::kDouble);
    torch::Tensor positive = at::empty({count}, torch::kBool);
    for (int64_t i = 0; i < count; ++i) {
      const ClassifiedCase& each = results.cases[i];
      scores.data_ptr<double>()[i] = each.probabilities.at(k);
      positive.data_ptr<bool>()[i] = has_label(each.labels, k);
    }
    classes_.emplace_back(scores, positive);
  }
}

ClassNumbers ClassStatistics::of(const std::vector<int64_t>& cases) const {
  ClassNumbers numbers;
  std::vector<int64_t> counts(correct_.size(), 0);
  double sum = 0;
  for (const int64_t i : cases) {
    ++counts[i];
    sum += correct_[i];
  }
  if (!cases.empty()) {
    numbers.accuracy = sum / static_cast<double>(cases.size());
  }
  for (const eval::RankedScores& each : classes_) {
    numbers.class_auc.push_back(each.area_under_roc(counts));
    numbers.class_average_precision.push_back(each.average_precision(counts));
  }
  // As ClassificationMetrics::auc.
  const auto one_of = [&](const std::vector<std::optional<double>>& each) {
    return relation_ == ClassRelation::kExclusive && each.size() == 2
               ? each[1]
               : eval::optional_mean(each);
  };
  numbers.auc = one_of(numbers.class_auc);
  numbers.average_precision = one_of(numbers.class_average_precision);
  return numbers;
}

MetricTable<std::optional<eval::Interval>> class_intervals(
    const ClassificationResults& results,
    const eval::BootstrapOptions& options) {
  const ClassStatistics statistics(results);
  return class_table(results.classes.size(),
                     eval::bootstrap_all(
                         static_cast<int64_t>(results.cases.size()),
                         [&](const std::vector<int64_t>& chosen) {
                           return statistics.of(chosen).values();
                         },
                         options));
}

}  // namespace unimiss::report
