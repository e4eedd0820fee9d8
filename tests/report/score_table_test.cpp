#include "report/score_table.h"

#include <gtest/gtest.h>

#include "report/toy_summary.h"

namespace unimiss::report {
namespace {

TEST(ScoreTable, HasTheValuesOfCasesByClassAndMetric) {
  const ScoreTable table = score_table(
      toy_summary({{"a", {0.5, {}}}, {"b", {1, 0.25}}}, {"left", "right"}));
  EXPECT_EQ(table.cases, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(table.labels, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(table.names, (std::vector<std::string>{"left", "right"}));
  ASSERT_EQ(table.metrics.size(), 1u);
  EXPECT_STREQ(table.metrics[0].name, "Dice");
  EXPECT_EQ(table.values[0][0], (eval::CaseValues{0.5, 1}));
  EXPECT_EQ(table.values[1][0], (eval::CaseValues{{}, 0.25}));
}

TEST(ScoreTable, ReadsWhatNnUNetWrites) {
  const ScoreTable table = score_table(Json::parse(R"({
    "foreground_mean": {"Dice": 0.5},
    "mean": {"1": {"Dice": 0.5, "IoU": 0.4, "TP": 3.0}},
    "metric_per_case": [{"metrics": {"1": {"Dice": 0.5, "IoU": 0.4, "TP": 3}},
      "prediction_file": "/p/liver_1.nii.gz", "reference_file": "/r/x.nii.gz"}]
  })"));
  EXPECT_EQ(table.cases, std::vector<std::string>{"liver_1"});
  EXPECT_EQ(table.names, std::vector<std::string>{"1"});
  EXPECT_EQ(table.metrics.size(), 2u);
}

TEST(ScoreTable, IntervalsAreOverTheCasesThatHaveAValue) {
  const ScoreTable table = score_table(
      toy_summary({{"a", {0.5, {}}}, {"b", {1, 0.25}}, {"c", {0.75, {}}}},
                  {"left", "right"}));
  const Json intervals = score_intervals(table, {.resamples = 2000});
  const Json& left = intervals["mean"]["1"]["Dice"];
  EXPECT_EQ(left["cases"], 3);
  EXPECT_DOUBLE_EQ(left["low"], 0.5);
  EXPECT_DOUBLE_EQ(left["high"], 1);
  EXPECT_TRUE(intervals["mean"]["2"]["Dice"].is_null());  // one case
  // Of (mean left + mean right) / 2, or of left alone without case b.
  const Json& foreground = intervals["foreground_mean"]["Dice"];
  EXPECT_GE(foreground["low"], (0.5 + 0.25) / 2);
  EXPECT_LE(foreground["high"], 0.75);
  EXPECT_LT(foreground["low"], foreground["high"]);
}

}  // namespace
}  // namespace unimiss::report
