#include "unimiss/report/result_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "unimiss/core/error.h"
#include "unimiss/draw/curves.h"
#include "unimiss/eval/optional_mean.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/image.h"
#include "unimiss/report/summary_file.h"

namespace unimiss::report {
namespace {

/// The mean Dice coefficient over the classes of each case.
std::map<std::string, double> case_dice(const Results& results) {
  std::map<std::string, double> dice;
  const auto* segmentation = std::get_if<SegmentationResults>(&results);
  if (!segmentation) return dice;
  for (const SegmentedCase& each : segmentation->cases) {
    std::vector<std::optional<double>> classes;
    for (const NamedValues& of_class : each.classes) {
      classes.push_back(value_of(of_class, "Dice"));
    }
    if (const auto mean = eval::optional_mean(classes)) {
      dice[each.reference] = *mean;
    }
  }
  return dice;
}

/// Of each case the mean over the runs that tell of it.
std::map<std::string, double> mean_cases(const TableCell& cell) {
  std::map<std::string, std::vector<std::optional<double>>> values;
  for (const auto& [seed, result] : cell.results) {
    for (const auto& [name, value] : result.cases) {
      values[name].emplace_back(value);
    }
  }
  std::map<std::string, double> means;
  for (const auto& [name, each] : values) {
    means[name] = eval::optional_mean(each).value();
  }
  return means;
}

std::vector<std::string> initializations_of(
    const std::vector<TableCell>& cells) {
  std::vector<std::string> names;
  for (const TableCell& cell : cells) {
    if (std::find(names.begin(), names.end(), cell.initialization) ==
        names.end()) {
      names.push_back(cell.initialization);
    }
  }
  return names;
}

std::vector<double> ratios_of(const std::vector<TableCell>& cells) {
  std::vector<double> ratios;
  ratios.reserve(cells.size());
  for (const TableCell& cell : cells) ratios.push_back(cell.label_ratio);
  std::sort(ratios.begin(), ratios.end());
  ratios.erase(std::unique(ratios.begin(), ratios.end()), ratios.end());
  return ratios;
}

const TableCell* find_cell(const std::vector<TableCell>& cells,
                           const std::string& initialization, double ratio) {
  for (const TableCell& cell : cells) {
    if (cell.initialization == initialization && cell.label_ratio == ratio) {
      return &cell;
    }
  }
  return nullptr;
}

std::string cell_text(const TableCell* cell) {
  const auto value = cell ? mean_deviation(*cell) : std::nullopt;
  if (!value) return "-";
  const auto found = static_cast<int64_t>(cell->results.size());
  std::string text = fmt::format("{:.2f}", 100 * value->mean);
  if (value->deviation)
    text += fmt::format(" ± {:.2f}", 100 * *value->deviation);
  if (found < cell->seeds) text += fmt::format(" ({}/{})", found, cell->seeds);
  return text;
}

std::string difference_text(const TableCell* cell, const TableCell* baseline) {
  if (!cell || !baseline) return "-";
  const eval::PairedComparison compared = compare_cells(*cell, *baseline);
  if (!compared.difference) return "-";
  const eval::Interval& interval = *compared.difference;
  std::string text =
      fmt::format("{:+.2f} [{:+.2f}, {:+.2f}]", 100 * interval.estimate,
                  100 * interval.low, 100 * interval.high);
  if (compared.test) text += fmt::format(", p {:.3g}", compared.test->p_value);
  return text;
}

/// A table whose cells are text(initialisation, ratio).
template <class Text>
std::string markdown(const std::vector<std::string>& rows,
                     const std::vector<double>& ratios, const Text& text) {
  std::string table = "| initialisation |";
  for (const double ratio : ratios) {
    table += fmt::format(" {:g} % of labels |", 100 * ratio);
  }
  table += "\n|---|";
  for (size_t i = 0; i < ratios.size(); ++i) table += "---|";
  table += "\n";
  for (const std::string& row : rows) {
    table += "| " + row + " |";
    for (const double ratio : ratios) table += " " + text(row, ratio) + " |";
    table += "\n";
  }
  return table;
}

std::string metric_of(const std::vector<TableCell>& cells) {
  for (const TableCell& cell : cells) {
    if (!cell.results.empty()) return cell.results.begin()->second.metric;
  }
  return "score";
}

}  // namespace

std::optional<TestResult> read_test_result(const std::string& run) {
  const std::string name = run + "/test/summary.json";
  std::error_code ignored;
  if (!std::filesystem::exists(name, ignored)) return std::nullopt;
  try {
    const Results results = read_summary(name).results;
    return TestResult{score_name(results), score(results), case_dice(results)};
  } catch (const DataError& error) {
    throw DataError(name, fmt::format("is no summary of a test ({}); remove "
                                      "it, and the run makes it again",
                                      error.what()));
  }
}

std::optional<MeanDeviation> mean_deviation(const TableCell& cell) {
  std::vector<std::optional<double>> scores;
  for (const auto& [seed, result] : cell.results) {
    scores.push_back(result.score);
  }
  const auto mean = eval::optional_mean(scores);
  if (!mean) return std::nullopt;
  double squares = 0, count = 0;
  for (const auto& score : scores) {
    if (!score) continue;
    squares += (*score - *mean) * (*score - *mean);
    count += 1;
  }
  MeanDeviation result{*mean, std::nullopt};
  if (count > 1) result.deviation = std::sqrt(squares / (count - 1));
  return result;
}

eval::PairedComparison compare_cells(const TableCell& cell,
                                     const TableCell& baseline) {
  eval::CaseValues first, second;
  const auto cases = mean_cases(cell), others = mean_cases(baseline);
  for (const auto& [name, value] : cases) {
    const auto other = others.find(name);
    if (other == others.end()) continue;
    first.emplace_back(value);
    second.emplace_back(other->second);
  }
  if (first.empty()) {
    for (const auto& [seed, result] : cell.results) {
      const auto other = baseline.results.find(seed);
      if (other == baseline.results.end()) continue;
      first.push_back(result.score);
      second.push_back(other->second.score);
    }
  }
  return eval::compare_paired(first, second);
}

std::string table_markdown(const std::string& title,
                           const std::vector<TableCell>& cells) {
  const auto rows = initializations_of(cells);
  const auto ratios = ratios_of(cells);
  const std::string metric = metric_of(cells);
  std::string text = fmt::format(
      "# {}\n\n{} of the test in percent, mean ± standard deviation over "
      "seeds.\n\n",
      title, metric);
  text += markdown(rows, ratios, [&](const std::string& row, double ratio) {
    return cell_text(find_cell(cells, row, ratio));
  });
  if (rows.size() < 2) return text;
  const std::vector<std::string> compared(rows.begin() + 1, rows.end());
  text += fmt::format(
      "\nDifference from `{}` in percentage points, its 95 % interval "
      "(bootstrap) and the p value of Wilcoxon's signed-rank test, over "
      "{}.\n\n",
      rows.front(),
      metric == "Dice" ? "the test cases (each its mean over seeds)"
                       : "the seeds (of fewer than six both say little: a "
                         "resample of so few "
                         "is no sample, and the least p value is above 0.05)");
  return text +
         markdown(compared, ratios, [&](const std::string& row, double ratio) {
           return difference_text(find_cell(cells, row, ratio),
                                  find_cell(cells, rows.front(), ratio));
         });
}

void draw_table(const std::string& file, const std::string& title,
                const std::vector<TableCell>& cells) {
  std::vector<draw::Series> curves;
  for (const std::string& name : initializations_of(cells)) {
    draw::Series& curve = curves.emplace_back();
    curve.name = name;
    for (const double ratio : ratios_of(cells)) {
      const TableCell* cell = find_cell(cells, name, ratio);
      const auto value = cell ? mean_deviation(*cell) : std::nullopt;
      if (!value) continue;
      curve.x.push_back(100 * ratio);
      curve.y.push_back(100 * value->mean);
      curve.deviations.push_back(100 * value->deviation.value_or(0));
    }
  }
  draw::ChartOptions chart;
  chart.title = title + ": " + metric_of(cells) + ", percent";
  chart.x_label = "percent of the labels";
  io::write_durably(file, io::encode_png(draw::draw_curves(curves, chart)));
}

}  // namespace unimiss::report
