#include "unimiss/report/result_table.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::report {
namespace {

using ::testing::HasSubstr;

TestResult result(double score, std::map<std::string, double> cases = {}) {
  return {cases.empty() ? "AUC" : "Dice", score, std::move(cases)};
}

TEST(ResultTable, AMeanHasADeviationFromTwoSeedsOn) {
  TableCell cell{"scratch", 1, {}, 3};
  EXPECT_FALSE(mean_deviation(cell));
  cell.results[1] = result(0.8);
  EXPECT_DOUBLE_EQ(mean_deviation(cell)->mean, 0.8);
  EXPECT_FALSE(mean_deviation(cell)->deviation);
  cell.results[2] = result(0.9);
  cell.results[3] = {"AUC", std::nullopt, {}};  // says nothing
  EXPECT_DOUBLE_EQ(mean_deviation(cell)->mean, 0.85);
  EXPECT_DOUBLE_EQ(*mean_deviation(cell)->deviation, 0.1 / std::sqrt(2.0));
}

TEST(ResultTable, DifferencesAreFromTheBaselineOverCasesOrSeeds) {
  // Of each case the mean over seeds; c is of one side only.
  const TableCell better{"ours",
                         1,
                         {{1, result(0, {{"a", 0.7}, {"b", 0.9}, {"c", 0}})},
                          {2, result(0, {{"a", 0.9}, {"b", 0.9}})}},
                         2};
  const TableCell worse{
      "scratch", 1, {{1, result(0, {{"a", 0.6}, {"b", 0.8}})}}, 2};
  const auto over_cases = compare_cells(better, worse);
  EXPECT_EQ(over_cases.cases, 2);
  EXPECT_NEAR(over_cases.difference->estimate, 0.15, 1e-12);
  // Without cases over the seeds of both.
  const TableCell first{
      "ours", 1, {{1, result(0.9)}, {2, result(0.8)}, {4, result(0.1)}}, 3};
  const TableCell second{
      "scratch", 1, {{1, result(0.6)}, {2, result(0.7)}, {3, result(0.9)}}, 3};
  const auto over_seeds = compare_cells(first, second);
  EXPECT_EQ(over_seeds.cases, 2);
  EXPECT_NEAR(over_seeds.difference->estimate, 0.2, 1e-12);
}

TEST(ResultTable, MarkdownHasARowForEachInitialization) {
  const std::vector<TableCell> cells{
      {"scratch", 0.2, {{1, result(0.5)}, {2, result(0.7)}}, 2},
      {"scratch", 1, {{1, result(0.6)}, {2, result(0.8)}}, 2},
      {"ours", 0.2, {{1, result(0.75)}, {2, result(0.85)}}, 2},
      {"ours", 1, {{2, result(0.9)}}, 2}};
  const std::string text = table_markdown("Task", cells);
  EXPECT_THAT(text, HasSubstr("# Task\n\nAUC of the test in percent"));
  EXPECT_THAT(text, HasSubstr("| initialisation | 20 % of labels | 100 % of "
                              "labels |\n|---|---|---|\n"
                              "| scratch | 60.00 ± 14.14 | 70.00 ± 14.14 |\n"
                              "| ours | 80.00 ± 7.07 | 90.00 (1/2) |\n"));
  // One seed of both makes no interval.
  EXPECT_THAT(text, HasSubstr("| ours | +20.00 [+15.00, +25.00], p 0.5 | - |"));
}

TEST(ResultTable, ReadsSummariesOfTests) {
  const unimiss::testing::TemporaryDirectory folder;
  EXPECT_FALSE(read_test_result(folder.file("run")));
  std::filesystem::create_directories(folder.file("run/test"));
  const std::string file = folder.file("run/test/summary.json");
  unimiss::testing::write_bytes(file, R"({"foreground_mean": {"Dice": 0.75},
    "metric_per_case": [
      {"reference_file": "a", "metrics": {"1": {"Dice": 0.5},
                                          "2": {"Dice": 1.0}}},
      {"reference_file": "b", "metrics": {"1": {"Dice": null},
                                          "2": {"Dice": 0.25}}}]})");
  const auto dice = read_test_result(folder.file("run"));
  EXPECT_EQ(dice->metric, "Dice");
  EXPECT_EQ(dice->score, 0.75);
  EXPECT_EQ(dice->cases,
            (std::map<std::string, double>{{"a", 0.75}, {"b", 0.25}}));
  unimiss::testing::write_bytes(
      file, R"({"AUC": 0.875, "classes": [], "metric_per_case": []})");
  const auto auc = read_test_result(folder.file("run"));
  EXPECT_EQ(auc->metric, "AUC");
  EXPECT_EQ(auc->score, 0.875);
  EXPECT_TRUE(auc->cases.empty());
  unimiss::testing::write_bytes(file, "{}");
  EXPECT_THAT(unimiss::testing::error_text<DataError>(
                  [&] { read_test_result(folder.file("run")); }),
              HasSubstr("is no summary of a test"));
}

}  // namespace
}  // namespace unimiss::report
