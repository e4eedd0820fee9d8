#include "report/evaluation_tables.h"

#include <gmock/gmock.h>

#include "report/toy_results.h"

namespace unimiss::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Summary two_classes() {
  Summary summary = evaluated(toy_results({{"a", {0.5, {}}}, {"b", {1, {}}}},
                                          {"left, lower", "right"}));
  summary.evaluation->intervals = {
      {"Dice",
       MetricScope::kEachClass,
       {eval::Interval{0.75, 0.5, 1, 2, 9}, std::nullopt}}};
  return summary;
}

TEST(EvaluationTables, HaveMeansAndIntervals) {
  const std::string table = means_table(two_classes());
  EXPECT_THAT(table, HasSubstr("| class | Dice |\n|---|---:|\n"));
  EXPECT_THAT(table, HasSubstr("| left, lower | 0.7500 [0.5000, 1.0000] |"));
  EXPECT_THAT(table, HasSubstr("| right | – |"));
  EXPECT_THAT(table, HasSubstr("| **mean** | 0.7500 |"));
}

TEST(EvaluationTables, OfClassesHaveTheConfusion) {
  Summary summary = evaluated(toy_classification());
  summary.evaluation->intervals = {
      {"AUC", MetricScope::kAllClasses, {eval::Interval{0.75, 0.5, 1, 4, 9}}}};
  const std::string table = means_table(summary);
  EXPECT_THAT(table, HasSubstr("| class | AUC | average_precision |"));
  EXPECT_THAT(table, HasSubstr("| normal | 0.7500 | "));
  EXPECT_THAT(table, HasSubstr("| **all** | 0.7500 [0.5000, 1.0000] |"));
  EXPECT_THAT(table, HasSubstr("| normal | 1 | 1 |\n| ill | 0 | 2 |"));
  EXPECT_THAT(
      means_table(evaluated(toy_classification(ClassRelation::kOverlapping))),
      Not(HasSubstr("given the column's")));
}

TEST(EvaluationTables, ForReadingTellHowAndWhatIsMissing) {
  Summary summary = two_classes();
  EvaluationFacts& facts = *summary.evaluation;
  facts.settings.references = "r";
  facts.settings.missing_text = "Others are out";
  facts.settings.missing = {1, 2};
  facts.bad = {{"x", "is no case"}};
  EXPECT_THAT(markdown_of(summary),
              AllOf(HasSubstr("- references: r\n- cases: 2\n- NSD at 1 mm;"),
                    HasSubstr("- Others are out; one of them lacked it 3"),
                    HasSubstr("of 10000 bootstrap resamples"),
                    HasSubstr("- x: is no case\n")));
  facts.settings.pixel_spacing.emplace();
  EXPECT_THAT(markdown_of(summary), HasSubstr("- NSD at 1 pixels;"));
}

TEST(EvaluationTables, CompareClassByClassThenAll) {
  Summary summary = two_classes();
  EXPECT_EQ(comparison_section(summary), "");
  const eval::PairedComparison better{2, eval::Interval{0.5, 0.25, 0.75, 2, 9},
                                      eval::SignedRankTest{0, 0.5}};
  summary.evaluation->comparison =
      Comparison{"o.json",
                 2,
                 {"a"},
                 {},
                 {{"Dice", MetricScope::kEachClass, {better, {}}},
                  {"Dice", MetricScope::kAllClasses, {better}}}};
  EXPECT_THAT(comparison_section(summary),
              AllOf(HasSubstr("Compared with o.json\n\nOver 2 cases of both (1 "
                              "only here, 0 only there)"),
                    HasSubstr("| left, lower | Dice | 0.5000 [0.2500, 0.7500] "
                              "| 0.5 | 2 |\n| right | Dice | – | – | 0 |\n"
                              "| **mean** | Dice | 0.5000 ")));
}

}  // namespace
}  // namespace unimiss::report
