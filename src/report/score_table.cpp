#include "report/score_table.h"

#include <algorithm>

#include "unimiss/eval/optional_mean.h"

namespace unimiss::report {

std::vector<ScoreMetric> score_metrics(const SegmentationResults& results) {
  std::vector<ScoreMetric> metrics;
  for (const ScoreMetric& metric : kScoreMetrics) {
    const bool known = std::any_of(
        results.metrics.begin(), results.metrics.end(),
        [&](const auto& each) { return each.metric == metric.name; });
    if (known) metrics.push_back(metric);
  }
  return metrics;
}

MetricTable<std::optional<eval::Interval>> score_intervals(
    const SegmentationResults& results, const eval::BootstrapOptions& options) {
  MetricTable<std::optional<eval::Interval>> table;
  const auto metrics = score_metrics(results);
  std::vector<std::vector<eval::CaseValues>> values(metrics.size());
  for (size_t m = 0; m < metrics.size(); ++m) {
    auto& each = table.emplace_back();
    each.metric = metrics[m].name;
    each.scope = MetricScope::kEachClass;
    for (size_t k = 0; k < results.classes.size(); ++k) {
      values[m].push_back(case_values(results, metrics[m].name, k));
      each.values.push_back(eval::bootstrap_mean(values[m].back(), options));
    }
  }
  // As nnU-Net's number: over cases first, then over classes.
  const auto means = [&](const std::vector<int64_t>& chosen) {
    std::vector<std::optional<double>> of_metrics;
    for (const auto& classes : values) {
      std::vector<std::optional<double>> of_classes;
      for (const eval::CaseValues& of_class : classes) {
        eval::CaseValues resample;
        resample.reserve(chosen.size());
        for (const int64_t i : chosen) resample.push_back(of_class[i]);
        of_classes.push_back(eval::optional_mean(resample));
      }
      of_metrics.push_back(eval::optional_mean(of_classes));
    }
    return of_metrics;
  };
  const auto intervals = eval::bootstrap_all(
      static_cast<int64_t>(results.cases.size()), means, options);
  for (size_t m = 0; m < intervals.size(); ++m) {
    table.push_back(
        {metrics[m].name, MetricScope::kAllClasses, {intervals[m]}});
  }
  return table;
}

}  // namespace unimiss::report
