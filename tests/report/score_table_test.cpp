#include "report/score_table.h"

#include <gtest/gtest.h>

#include "report/toy_results.h"

namespace unimiss::report {
namespace {

TEST(ScoreTable, HasTheMetricsThatWereMeasured) {
  SegmentationResults results = toy_results({{"a", {0.5}}}, {"left"});
  ASSERT_EQ(score_metrics(results).size(), 1u);
  EXPECT_STREQ(score_metrics(results)[0].name, "Dice");
  results.cases[0].classes[0] = {
      {"TP", 3}, {"HD", 2}, {"IoU", 0.4}, {"Dice", 0.5}};
  results = segmentation_results(results.classes, results.cases);
  const auto metrics = score_metrics(results);
  ASSERT_EQ(metrics.size(), 3u);
  EXPECT_STREQ(metrics[1].name, "IoU");
  EXPECT_STREQ(metrics[2].title, "HD (mm)");
}

TEST(ScoreTable, IntervalsAreOverTheCasesThatHaveAValue) {
  const SegmentationResults results =
      toy_results({{"a", {0.5, {}}}, {"b", {1, 0.25}}, {"c", {0.75, {}}}},
                  {"left", "right"});
  const auto intervals = score_intervals(results, {.resamples = 2000});
  const auto left = find_value(intervals, "Dice", MetricScope::kEachClass, 0);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->cases, 3);
  EXPECT_DOUBLE_EQ(left->low, 0.5);
  EXPECT_DOUBLE_EQ(left->high, 1);
  // One case.
  EXPECT_FALSE(find_value(intervals, "Dice", MetricScope::kEachClass, 1));
  // Of (mean left + mean right) / 2, or of left alone without case b.
  const auto all = find_value(intervals, "Dice", MetricScope::kAllClasses);
  ASSERT_TRUE(all);
  EXPECT_GE(all->low, (0.5 + 0.25) / 2);
  EXPECT_LE(all->high, 0.75);
  EXPECT_LT(all->low, all->high);
}

}  // namespace
}  // namespace unimiss::report
