#include <fmt/format.h>

#include "report/evaluation_tables.h"
#include "report/score_table.h"
#include "unimiss/core/text.h"

namespace unimiss::report {
namespace {

using OptionalInterval = std::optional<eval::Interval>;

std::string exact_number(const std::optional<double>& value) {
  return value ? fmt::format("{:.9g}", *value) : "";
}

/// The rows of a value and of the ends of its interval, a column a metric;
/// `value_row` is the name of the first.
template <class Metrics>
std::string value_rows(const char* value_row, const std::string& columns,
                       const Metrics& metrics,
                       const MetricTable<std::optional<double>>& values,
                       const MetricTable<OptionalInterval>& intervals,
                       MetricScope scope, size_t k = 0) {
  std::string value = value_row + columns, low = "low" + columns,
              high = "high" + columns;
  for (const std::string_view metric : metrics) {
    const OptionalInterval interval = find_value(intervals, metric, scope, k);
    value += "," + exact_number(find_value(values, metric, scope, k));
    low += "," + (interval ? exact_number(interval->low) : "");
    high += "," + (interval ? exact_number(interval->high) : "");
  }
  return value + "\n" + low + "\n" + high + "\n";
}

std::string csv_rows(const SegmentationResults& results,
                     const EvaluationFacts& evaluation) {
  std::string text = "row,case,class";
  std::vector<std::string> metrics;
  for (const ScoreMetric& metric : score_metrics(results)) {
    text += fmt::format(",{}", metric.name);
    metrics.emplace_back(metric.name);
  }
  text += "\n";
  for (const SegmentedCase& each : results.cases) {
    for (size_t k = 0; k < results.classes.size(); ++k) {
      text += fmt::format("case,{},{}", csv_field(each.id),
                          csv_field(results.classes[k].name));
      for (const std::string& metric : metrics) {
        text += "," + exact_number(value_of(each.classes.at(k), metric));
      }
      text += "\n";
    }
  }
  for (size_t k = 0; k < results.classes.size(); ++k) {
    text += value_rows("mean", ",," + csv_field(results.classes[k].name),
                       metrics, results.metrics, evaluation.intervals,
                       MetricScope::kEachClass, k);
  }
  return text + value_rows("mean", ",,", metrics, results.metrics,
                           evaluation.intervals, MetricScope::kAllClasses);
}

std::string csv_rows(const ClassificationResults& results,
                     const EvaluationFacts& evaluation) {
  std::string text = "row,class";
  for (const char* metric : kClassMetrics) text += fmt::format(",{}", metric);
  text += "\n";
  for (size_t k = 0; k < results.classes.size(); ++k) {
    text += value_rows("value", "," + csv_field(results.classes[k]),
                       kClassMetrics, results.metrics, evaluation.intervals,
                       MetricScope::kEachClass, k);
  }
  return text + value_rows("value", ",", kClassMetrics, results.metrics,
                           evaluation.intervals, MetricScope::kAllClasses);
}

}  // namespace

std::string csv_of(const Summary& summary) {
  return std::visit(
      [&](const auto& results) {
        return csv_rows(results, summary.evaluation.value());
      },
      summary.results);
}

}  // namespace unimiss::report
