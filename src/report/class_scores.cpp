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

ClassifiedCases classified_cases(const EvaluationRequest& request,
                                 const EvaluationTask& task) {
  const std::string file = probabilities_file(request.predictions);
  const ProbabilityTable table = read_probabilities(file, task);
  data::CaseListOptions options;
  options.target = task.target;
  options.classes = table.classes;
  options.modalities = request.modalities;
  options.paths = data::ManifestPaths::kFilesAndFolders;
  const std::vector<augment::Case> cases = before_work(
      [&] { return data::read_cases(request.references, options); });
  ClassifiedCases classified;
  classified.bad = table.bad;
  classified.evaluation.target = task.target;
  classified.evaluation.classes = table.classes;
  // In the order of the list, as a run has them.
  std::set<std::string> known;
  for (const BadCase& bad : table.bad) known.insert(bad.id);
  for (const augment::Case& each : cases) {
    const auto found = table.cases.find(each.id);
    if (found == table.cases.end()) {
      if (!known.contains(each.id)) {
        classified.bad.push_back(
            {each.id, fmt::format("has no row in {}", file)});
      }
      continue;
    }
    known.insert(each.id);
    CaseResult& result = classified.evaluation.cases.emplace_back();
    result.id = each.id;
    result.probabilities = found->second;
    result.labels = each.labels;
  }
  for (const auto& row : table.cases) {
    if (known.contains(row.first)) continue;
    classified.bad.push_back(
        {row.first, fmt::format("has no label in {}", request.references)});
  }
  return classified;
}

ClassTable class_table(const Json& summary) {
  ClassTable table;
  table.exclusive = summary.contains("confusion_matrix");
  table.classes = summary.at("classes").get<std::vector<std::string>>();
  for (const Json& of : summary.at("metric_per_case")) {
    table.cases.push_back(of.at("case").get<std::string>());
    table.scores.push_back(of.at("probabilities").get<std::vector<double>>());
    table.labels.push_back(of.at("labels").get<std::vector<int64_t>>());
  }
  return table;
}

std::vector<double> right_probabilities(const ClassTable& table) {
  std::vector<double> right;
  for (size_t i = 0; i < table.cases.size(); ++i) {
    const auto& scores = table.scores[i];
    if (table.exclusive) {
      right.push_back(scores.at(table.labels[i].at(0)));
      continue;
    }
    double sum = 0;
    for (size_t k = 0; k < scores.size(); ++k) {
      sum += has_label(table.labels[i], k) ? scores[k] : 1 - scores[k];
    }
    right.push_back(sum / static_cast<double>(scores.size()));
  }
  return right;
}

std::vector<double> correctness(const ClassTable& table) {
  std::vector<double> correct;
  for (size_t i = 0; i < table.cases.size(); ++i) {
    const auto& scores = table.scores[i];
    const auto decided = eval::decided_classes(
        scores, table.exclusive ? ClassRelation::kExclusive
                                : ClassRelation::kOverlapping);
    if (table.exclusive) {
      correct.push_back(decided.at(0) == table.labels[i].at(0) ? 1 : 0);
      continue;
    }
    double count = 0;
    for (size_t k = 0; k < scores.size(); ++k) {
      count += has_label(decided, k) == has_label(table.labels[i], k) ? 1 : 0;
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

ClassStatistics::ClassStatistics(const ClassTable& table)
    : exclusive_(table.exclusive), correct_(correctness(table)) {
  const auto count = static_cast<int64_t>(table.cases.size());
  for (size_t k = 0; k < table.classes.size(); ++k) {
    torch::Tensor scores = at::empty({count}, torch::kDouble);
    torch::Tensor positive = at::empty({count}, torch::kBool);
    for (int64_t i = 0; i < count; ++i) {
      scores.data_ptr<double>()[i] = table.scores[i].at(k);
      positive.data_ptr<bool>()[i] = has_label(table.labels[i], k);
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
    return exclusive_ && each.size() == 2 ? each[1] : eval::optional_mean(each);
  };
  numbers.auc = one_of(numbers.class_auc);
  numbers.average_precision = one_of(numbers.class_average_precision);
  return numbers;
}

Json named(const std::vector<std::string>& classes,
           const std::vector<Json>& items) {
  const size_t count = classes.size();
  Json json{{"AUC", items.at(0)},
            {"average_precision", items.at(1)},
            {"accuracy", items.at(2)}};
  for (size_t k = 0; k < count; ++k) {
    json["AUC_per_class"][classes[k]] = items.at(3 + k);
    json["average_precision_per_class"][classes[k]] = items.at(3 + count + k);
  }
  return json;
}

Json class_intervals(const ClassTable& table,
                     const eval::BootstrapOptions& options) {
  const ClassStatistics statistics(table);
  std::vector<Json> items;
  for (const auto& interval : eval::bootstrap_all(
           static_cast<int64_t>(table.cases.size()),
           [&](const std::vector<int64_t>& chosen) {
             return statistics.of(chosen).values();
           },
           options)) {
    items.push_back(interval_json(interval));
  }
  return named(table.classes, items);
}

}  // namespace unimiss::report
