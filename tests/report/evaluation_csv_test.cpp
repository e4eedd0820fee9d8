#include <gmock/gmock.h>

#include "report/evaluation_tables.h"
#include "report/toy_results.h"

namespace unimiss::report {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(EvaluationCsv, HasCasesMeansAndIntervals) {
  Summary summary = evaluated(toy_results({{"a", {0.5, {}}}, {"b", {1, 0.25}}},
                                          {"left, lower", "right"}));
  summary.evaluation->intervals = {
      {"Dice",
       MetricScope::kEachClass,
       {eval::Interval{0.75, 0.5, 1, 2, 9}, std::nullopt}}};
  EXPECT_EQ(csv_of(summary),
            "row,case,class,Dice\n"
            "case,a,\"left, lower\",0.5\ncase,a,right,\n"
            "case,b,\"left, lower\",1\ncase,b,right,0.25\n"
            "mean,,\"left, lower\",0.75\nlow,,\"left, lower\",0.5\n"
            "high,,\"left, lower\",1\n"
            "mean,,right,0.25\nlow,,right,\nhigh,,right,\n"
            "mean,,,0.5\nlow,,,\nhigh,,,\n");
}

TEST(EvaluationCsv, OfAClassificationHasItsNumbers) {
  Summary summary = evaluated(toy_classification());
  summary.evaluation->intervals = {
      {"AUC", MetricScope::kAllClasses, {eval::Interval{0.75, 0.5, 1, 4, 9}}}};
  const std::string csv = csv_of(summary);
  EXPECT_THAT(csv, StartsWith("row,class,AUC,average_precision,sensitivity,"
                              "specificity,accuracy,balanced_accuracy,"
                              "calibration_error\nvalue,normal,0.75,"));
  EXPECT_THAT(csv, HasSubstr("value,ill,0.75,"));
  EXPECT_THAT(csv, HasSubstr("value,,0.75,"));
  EXPECT_THAT(csv, HasSubstr("low,,0.5,,,,,,\nhigh,,1,,,,,,\n"));
}

}  // namespace
}  // namespace unimiss::report
