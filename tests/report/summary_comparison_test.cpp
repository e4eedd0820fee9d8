#include "report/summary_comparison.h"

#include <gmock/gmock.h>

#include "report/toy_results.h"
#include "testing/error_text.h"

namespace unimiss::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string> kClasses{"left", "right"};

Summary of_training(const std::vector<ToyCase>& cases,
                    const std::vector<std::string>& classes = kClasses) {
  return {{}, toy_results(cases, classes), {}};
}

Comparison compare(const Summary& here, const Summary& there) {
  return compare_summaries(here, there, "other.json", {.resamples = 500});
}

double difference(const Comparison& comparison, const char* metric,
                  MetricScope scope, size_t k = 0) {
  return find_value(comparison.differences, metric, scope, k)
      .difference.value()
      .estimate;
}

TEST(SummaryComparison, IsOverTheCasesOfBoth) {
  const Comparison compared = compare(
      of_training({{"a", {0.9, {}}}, {"b", {0.8, 0.5}}, {"c", {0.7, 0.5}}}),
      of_training({{"d", {0, 0}}, {"c", {0.5, 0.4}}, {"b", {0.7, 0.6}}}));
  EXPECT_EQ(compared.with, "other.json");
  EXPECT_EQ(compared.cases, 2);
  EXPECT_THAT(compared.only_here, ElementsAre("a"));
  EXPECT_THAT(compared.only_there, ElementsAre("d"));
  const auto left = find_value(compared.differences, "Dice", kEach, 0);
  EXPECT_NEAR(left.difference->estimate, 0.15, 1e-12);  // 0.1 and 0.2
  EXPECT_NEAR(left.difference->low, 0.1, 1e-12);
  EXPECT_NEAR(left.difference->high, 0.2, 1e-12);
  EXPECT_DOUBLE_EQ(left.test->p_value, 0.5);  // the least of two cases
  EXPECT_EQ(left.cases, 2);
  // Means of both classes: 0.65 - 0.65 and 0.6 - 0.45.
  EXPECT_NEAR(difference(compared, "Dice", kAll), 0.075, 1e-12);
}

TEST(SummaryComparison, FindsClassesByName) {
  const Comparison compared = compare(
      of_training({{"a", {0.9, 0.5}}, {"b", {1, 0.5}}}),
      of_training({{"a", {0.5, 0.8}}, {"b", {0.5, 0.8}}}, {"right", "left"}));
  EXPECT_NEAR(difference(compared, "Dice", kEach, 0), 0.15, 1e-12);
  EXPECT_NEAR(difference(compared, "Dice", kEach, 1), 0, 1e-12);
  EXPECT_EQ(
      find_value(compared.differences, "Dice", kEach, 1).test.value().p_value,
      1);
}

TEST(SummaryComparison, WithoutNamesAClassIsItsValueInTheFiles) {
  Summary here =
      evaluated(toy_results({{"a", {0.9, 0.5}}, {"b", {1, 0.5}}}, kClasses));
  here.evaluation->settings.label_values = {0, 2, 1};
  const Summary there =
      of_training({{"a", {0.5, 0.8}}, {"b", {0.5, 0.8}}}, {"1", "2"});
  const Comparison compared = compare(here, there);
  // left is 2 in the files, right is 1.
  EXPECT_NEAR(difference(compared, "Dice", kEach, 0), 0.15, 1e-12);
  EXPECT_NEAR(difference(compared, "Dice", kEach, 1), 0, 1e-12);
}

Summary classification(double first, double second) {
  return {{},
          classification_results(ClassRelation::kExclusive, {"a", "b"},
                                 {{"x", {0.9, 0.1}, {0}},
                                  {"y", {first, second}, {1}},
                                  {"z", {0.2, 0.8}, {1}}}),
          {}};
}

TEST(SummaryComparison, OfClassesResamplesTheSameCases) {
  const Comparison compared =
      compare(classification(0.4, 0.6), classification(0.95, 0.05));
  EXPECT_NEAR(difference(compared, "AUC", kAll), 0.5, 1e-12);
  const auto auc = find_value(compared.differences, "AUC", kAll);
  EXPECT_GE(auc.difference->low, 0);
  EXPECT_FALSE(auc.test);
  EXPECT_EQ(auc.cases, 3);
  EXPECT_NEAR(difference(compared, "accuracy", kAll), 1.0 / 3, 1e-12);
  EXPECT_TRUE(find_value(compared.differences, "accuracy", kAll).test);
  EXPECT_NEAR(difference(compared, "right_probability", kAll), 0.55 / 3, 1e-12);
  EXPECT_NEAR(difference(compared, "AUC", kEach, 0), 0.5, 1e-12);
}

TEST(SummaryComparison, RefusesWhatIsNotComparable) {
  const auto refuses = [](const Summary& here, const Summary& there,
                          const char* text) {
    EXPECT_THAT(testing::error_text<ConfigError>([&] { compare(here, there); }),
                HasSubstr(text));
  };
  const Summary here = of_training({{"a", {0.9, 0.5}}});
  refuses(here, of_training({{"b", {0.9, 0.5}}}), "none of these");
  refuses(here, of_training({{"a", {0.9, 0.5}}}, {"left", "liver"}),
          "none is called right");
  refuses(here, classification(0, 1), "another kind");
  Summary labels = classification(0, 1);
  std::get<ClassificationResults>(labels.results).cases[1].labels = {0};
  refuses(classification(0, 1), labels, "other labels of the same cases");
  std::get<ClassificationResults>(labels.results).classes = {"a", "c"};
  refuses(classification(0, 1), labels, "other classes");

  const Summary measured = evaluated(here.results);
  Summary otherwise = measured;
  otherwise.evaluation->settings.tolerance = 2;
  refuses(measured, otherwise, "another tolerance_mm");
  otherwise = measured;
  otherwise.evaluation->settings.pixel_spacing = {0.5, 0.5};
  refuses(measured, otherwise, "another pixel_spacing_mm");
  otherwise = measured;
  otherwise.evaluation->settings.missing_rule = "exclude";
  refuses(measured, otherwise, "another --missing");
  EXPECT_EQ(compare(measured, here).cases, 1);  // does not tell
}

}  // namespace
}  // namespace unimiss::report
