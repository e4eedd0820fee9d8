#include "report/evaluation_tables.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "report/score_table.h"

namespace unimiss::report {
namespace {

using OptionalInterval = std::optional<eval::Interval>;

/// Above 100, as mm³ are, digits behind the point say nothing.
std::string short_number(double number) {
  return fmt::format("{:.{}f}", number,
                     std::abs(number) < 10    ? 4
                     : std::abs(number) < 100 ? 2
                                              : 1);
}

/// "0.9000 [0.8000, 0.9500]"
std::string with_interval(const std::optional<double>& value,
                          const OptionalInterval& interval) {
  if (!value) return "–";
  if (!interval) return short_number(*value);
  return fmt::format("{} [{}, {}]", short_number(*value),
                     short_number(interval->low), short_number(interval->high));
}

std::string rule_of_columns(size_t count) {
  std::string rule = "|---|";
  for (size_t i = 0; i < count; ++i) rule += "---:|";
  return rule + "\n";
}

/// Of images without a pixel spacing distances are in pixels.
std::string in_units(std::string text, const EvaluationFacts& evaluation) {
  const auto& spacing = evaluation.settings.pixel_spacing;
  if (!spacing || !spacing->empty()) return text;
  for (size_t at = 0; (at = text.find("mm", at)) != std::string::npos;) {
    text.replace(at, 2, "pixels");
  }
  return text;
}

/// A row of numbers with their intervals, of all classes or of class k.
template <class Metrics>
std::string means_row(const std::string& name, const Metrics& metrics,
                      const MetricTable<std::optional<double>>& values,
                      const MetricTable<OptionalInterval>& intervals,
                      MetricScope scope, size_t k = 0) {
  std::string text = fmt::format("| {} |", name);
  for (const auto& metric : metrics) {
    text += fmt::format(" {} |",
                        with_interval(find_value(values, metric, scope, k),
                                      find_value(intervals, metric, scope, k)));
  }
  return text + "\n";
}

std::string means_of(const SegmentationResults& results,
                     const EvaluationFacts& evaluation) {
  std::string text = "| class |";
  std::vector<std::string> metrics;
  for (const ScoreMetric& metric : score_metrics(results)) {
    text += fmt::format(" {} |", in_units(metric.title, evaluation));
    metrics.emplace_back(metric.name);
  }
  text += "\n" + rule_of_columns(metrics.size());
  for (size_t k = 0; k < results.classes.size(); ++k) {
    text += means_row(results.classes[k].name, metrics, results.metrics,
                      evaluation.intervals, MetricScope::kEachClass, k);
  }
  return text + means_row("**mean**", metrics, results.metrics,
                          evaluation.intervals, MetricScope::kAllClasses);
}

std::string confusion_table(const ClassificationResults& results) {
  std::string text =
      "\nCases of the row's class that were given the column's:\n\n| |";
  for (const std::string& name : results.classes) {
    text += fmt::format(" {} |", name);
  }
  text += "\n" + rule_of_columns(results.classes.size());
  for (size_t k = 0; k < results.classes.size(); ++k) {
    text += fmt::format("| {} |", results.classes[k]);
    for (const int64_t count : results.confusion.at(k)) {
      text += fmt::format(" {} |", count);
    }
    text += "\n";
  }
  return text;
}

std::string means_of(const ClassificationResults& results,
                     const EvaluationFacts& evaluation) {
  std::string text = "| class |";
  for (const char* metric : kClassMetrics) {
    text += fmt::format(" {} |", metric);
  }
  text += "\n" + rule_of_columns(kClassMetrics.size());
  for (size_t k = 0; k < results.classes.size(); ++k) {
    text += means_row(results.classes[k], kClassMetrics, results.metrics,
                      evaluation.intervals, MetricScope::kEachClass, k);
  }
  text += means_row("**all**", kClassMetrics, results.metrics,
                    evaluation.intervals, MetricScope::kAllClasses);
  return results.relation == ClassRelation::kExclusive
             ? text + confusion_table(results)
             : text;
}

std::string difference_row(const std::string& name, const std::string& metric,
                           const eval::PairedComparison& compared) {
  const auto& difference = compared.difference;
  return fmt::format(
      "| {} | {} | {} | {} | {} |\n", name, metric,
      with_interval(
          difference ? std::optional(difference->estimate) : std::nullopt,
          difference),
      compared.test ? fmt::format("{:.4g}", compared.test->p_value) : "–",
      compared.cases);
}

/// Class by class, then all of them.
std::string difference_rows(
    const SegmentationResults& results,
    const MetricTable<eval::PairedComparison>& differences) {
  std::string text;
  for (size_t k = 0; k < results.classes.size(); ++k) {
    for (const auto& each : differences) {
      if (each.scope == MetricScope::kAllClasses) continue;
      text += difference_row(results.classes[k].name, each.metric,
                             each.values.at(k));
    }
  }
  for (const auto& each : differences) {
    if (each.scope == MetricScope::kEachClass) continue;
    text += difference_row("**mean**", each.metric, each.values.at(0));
  }
  return text;
}

std::string difference_rows(
    const ClassificationResults& results,
    const MetricTable<eval::PairedComparison>& differences) {
  std::string text;
  for (const auto& each : differences) {
    for (size_t k = 0; k < each.values.size(); ++k) {
      text += difference_row(each.scope == MetricScope::kAllClasses
                                 ? "**all**"
                                 : results.classes.at(k),
                             each.metric, each.values[k]);
    }
  }
  return text;
}

std::string bad_section(const std::vector<BadCase>& bad) {
  if (bad.empty()) return "";
  std::string text = "\n## Cases that were left out\n\n";
  for (const BadCase& each : bad) {
    text += fmt::format("- {}: {}\n", each.id, each.problem);
  }
  return text;
}

/// How distances and missing classes were dealt with.
std::string rules_text(const EvaluationFacts& evaluation) {
  const EvaluationSettings& settings = evaluation.settings;
  if (!settings.tolerance) return "";
  return in_units(
      fmt::format("- NSD at {:g} mm; a volume difference is prediction minus "
                  "reference, in mm³ (of images mm²)\n- {}; one of them "
                  "lacked it {} times\n",
                  *settings.tolerance, settings.missing_text,
                  std::accumulate(settings.missing.begin(),
                                  settings.missing.end(), int64_t{0})),
      evaluation);
}

}  // namespace

std::string comparison_section(const Summary& summary) {
  const auto& comparison = summary.evaluation.value().comparison;
  if (!comparison) return "";
  return fmt::format(
      "\n## Compared with {}\n\nOver {} cases of both ({} only here, {} only "
      "there). The difference is this one minus the other, with its 95 % "
      "interval; p is of Wilcoxon's signed-rank test, not corrected for the "
      "number of rows.\n\n| class | metric | difference | p | cases |\n"
      "|---|---|---:|---:|---:|\n{}",
      comparison->with, comparison->cases, comparison->only_here.size(),
      comparison->only_there.size(),
      std::visit(
          [&](const auto& results) {
            return difference_rows(results, comparison->differences);
          },
          summary.results));
}

std::string means_table(const Summary& summary) {
  return std::visit(
      [&](const auto& results) {
        return means_of(results, summary.evaluation.value());
      },
      summary.results);
}

std::string markdown_of(const Summary& summary) {
  const EvaluationFacts& evaluation = summary.evaluation.value();
  const EvaluationSettings& settings = evaluation.settings;
  std::string text = fmt::format(
      "# Evaluation\n\n- predictions: {}\n- references: {}\n- cases: {}\n",
      settings.predictions, settings.references, case_count(summary.results));
  text += rules_text(evaluation);
  text += fmt::format(
      "\n## Means\n\nWith 95 % intervals of {} bootstrap resamples of the "
      "cases.\n\n{}",
      settings.bootstrap.resamples, means_table(summary));
  return text + comparison_section(summary) + bad_section(evaluation.bad);
}

}  // namespace unimiss::report
