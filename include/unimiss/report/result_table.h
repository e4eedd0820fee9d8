#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/eval/statistics.h"

/// Tables of fine-tunings: initialisations against shares of labels, over seeds
/// (the shape of the paper's Tables 2, 4 and 7).
namespace unimiss::report {

/// What a finished run found in its test.
struct TestResult {
  std::string metric;  ///< "Dice" or "AUC"
  std::optional<double> score;
  /// Of a segmentation: the mean Dice coefficient over the classes of each
  /// case, by the case's reference.
  std::map<std::string, double> cases;
};

/// Reads `<run>/test/summary.json`; nothing where it is not there. Throws
/// DataError where it is no summary of a test.
std::optional<TestResult> read_test_result(const std::string& run);

/// The runs of one cell, of one initialisation and one share of labels.
struct TableCell {
  std::string initialization;
  double label_ratio = 1;
  std::map<int64_t, TestResult> results;  ///< by seed
  int64_t seeds = 0;                      ///< that there should be
};

/// A mean over seeds and its (sample) standard deviation.
struct MeanDeviation {
  double mean = 0;
  std::optional<double> deviation;  ///< none of a single seed
};
std::optional<MeanDeviation> mean_deviation(const TableCell& cell);

/// How a cell differs from the first initialisation with as many labels. Of a
/// segmentation over cases, each case's mean over the seeds; else over seeds.
eval::PairedComparison compare_cells(const TableCell& cell,
                                     const TableCell& baseline);

/// Markdown: a row for each initialisation, a column for each share of labels;
/// below it the differences from the first row with their 95 % intervals and
/// the p values of Wilcoxon's signed-rank test.
std::string table_markdown(const std::string& title,
                           const std::vector<TableCell>& cells);

/// The scores over the shares of labels, a curve for each initialisation; PNG.
void draw_table(const std::string& file, const std::string& title,
                const std::vector<TableCell>& cells);

}  // namespace unimiss::report
