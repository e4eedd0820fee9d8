#include "report/evaluation_tables.h"

#include <gmock/gmock.h>

#include "report/toy_summary.h"

namespace unimiss::report {
namespace {

using ::testing::HasSubstr;

TEST(EvaluationTables, HaveCasesMeansAndIntervals) {
  Json summary = toy_summary({{"a", {0.5, {}}}, {"b", {1, 0.25}}},
                             {"left, lower", "right"});
  summary["mean"]["1"]["Dice"] = 0.75;
  summary["interval"]["mean"]["1"]["Dice"] = {
      {"low", 0.5}, {"high", 1}, {"cases", 2}};
  const std::string csv = csv_of(summary);
  EXPECT_THAT(csv, HasSubstr("row,case,class,Dice\ncase,a,\"left, lower\",0.5\n"
                             "case,a,right,\ncase,b,"));
  EXPECT_THAT(csv, HasSubstr("mean,,\"left, lower\",0.75\n"
                             "low,,\"left, lower\",0.5\n"
                             "high,,\"left, lower\",1\n"));
  const std::string table = means_table(summary);
  EXPECT_THAT(table, HasSubstr("| left, lower | 0.7500 [0.5000, 1.0000] |"));
  EXPECT_THAT(table, HasSubstr("| **mean** | 0.0000 |"));
}

TEST(EvaluationTables, OfClassesHaveTheConfusion) {
  const Json summary = Json::parse(R"({
    "AUC": 0.75, "AUC_per_class": {"no": 0.75, "yes": 0.75},
    "classes": ["no", "yes"], "confusion_matrix": [[1, 2], [0, 3]],
    "interval": {"AUC": {"low": 0.5, "high": 1, "cases": 6}},
    "metric_per_case": []})");
  const std::string table = means_table(summary);
  EXPECT_THAT(table, HasSubstr("| no | 0.7500 | – |"));
  EXPECT_THAT(table, HasSubstr("| **all** | 0.7500 [0.5000, 1.0000] |"));
  EXPECT_THAT(table, HasSubstr("| no | 1 | 2 |\n| yes | 0 | 3 |"));
  EXPECT_THAT(csv_of(summary), HasSubstr("value,,0.75,,"));
  EXPECT_THAT(csv_of(summary), HasSubstr("low,,0.5,,"));
}

}  // namespace
}  // namespace unimiss::report
