#include "report/score_table.h"

#include <filesystem>

#include "unimiss/eval/optional_mean.h"
#include "unimiss/io/formats.h"

namespace unimiss::report {
namespace {

std::string id_of_case(const Json& of) {
  if (of.contains("case")) return of.at("case").get<std::string>();
  const std::filesystem::path file =
      of.at("prediction_file").get<std::string>();
  return io::without_ending(file.filename().string());
}

}  // namespace

std::optional<double> number_of(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<double>();
}

ScoreTable score_table(const Json& summary) {
  ScoreTable table;
  const Json& cases = summary.at("metric_per_case");
  const Json names = summary.value("classes", Json::object());
  const Json values = summary.value("evaluation", Json::object())
                          .value("label_values", Json::array());
  for (const auto& [label, numbers] : summary.at("mean").items()) {
    table.labels.push_back(label);
    table.names.push_back(names.value(label, label));
    table.stored.push_back(
        values.empty()
            ? label
            : std::to_string(values.at(std::stoul(label)).get<int64_t>()));
    if (!table.metrics.empty()) continue;
    for (const SummaryMetric& metric : kSummaryMetrics) {
      if (numbers.contains(metric.name)) table.metrics.push_back(metric);
    }
  }
  table.values.resize(table.labels.size());
  for (auto& of_class : table.values) of_class.resize(table.metrics.size());
  for (const Json& of : cases) {
    table.cases.push_back(id_of_case(of));
    for (size_t k = 0; k < table.labels.size(); ++k) {
      const Json& numbers = of.at("metrics").at(table.labels[k]);
      for (size_t m = 0; m < table.metrics.size(); ++m) {
        table.values[k][m].push_back(
            number_of(numbers.at(table.metrics[m].name)));
      }
    }
  }
  return table;
}

Json interval_json(const std::optional<eval::Interval>& interval) {
  if (!interval) return nullptr;
  return {{"low", interval->low},
          {"high", interval->high},
          {"cases", interval->cases}};
}

Json score_intervals(const ScoreTable& table,
                     const eval::BootstrapOptions& options) {
  Json mean = Json::object(), foreground = Json::object();
  for (size_t k = 0; k < table.labels.size(); ++k) {
    for (size_t m = 0; m < table.metrics.size(); ++m) {
      mean[table.labels[k]][table.metrics[m].name] =
          interval_json(eval::bootstrap_mean(table.values[k][m], options));
    }
  }
  // As nnU-Net's number: over cases first, then over classes.
  const auto means = [&](const std::vector<int64_t>& chosen) {
    std::vector<std::optional<double>> each;
    for (size_t m = 0; m < table.metrics.size(); ++m) {
      std::vector<std::optional<double>> classes;
      for (const auto& of_class : table.values) {
        std::vector<std::optional<double>> values;
        values.reserve(chosen.size());
        for (const int64_t i : chosen) values.push_back(of_class[m][i]);
        classes.push_back(eval::optional_mean(values));
      }
      each.push_back(eval::optional_mean(classes));
    }
    return each;
  };
  const auto intervals = eval::bootstrap_all(
      static_cast<int64_t>(table.cases.size()), means, options);
  for (size_t m = 0; m < intervals.size(); ++m) {
    foreground[table.metrics[m].name] = interval_json(intervals[m]);
  }
  return {{"foreground_mean", foreground}, {"mean", mean}};
}

}  // namespace unimiss::report
