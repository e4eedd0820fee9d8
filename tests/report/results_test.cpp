#include "unimiss/report/results.h"

#include <gmock/gmock.h>

#include <cmath>

#include "report/toy_results.h"

namespace unimiss::report {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;

SegmentationResults segmentation() {
  std::vector<SegmentedCase> cases(2);
  cases[0] = {"a",
              "",
              "",
              {overlap_values({3, 1, 2, 10}),    // Dice 2/3
               overlap_values({0, 0, 0, 16})}};  // none
  cases[1] = {"b",
              "",
              "",
              {overlap_values({4, 0, 0, 12}),    // 1
               overlap_values({1, 2, 0, 13})}};  // 1/2
  cases[0].classes[0].emplace_back("HD", 2);
  cases[0].classes[1].emplace_back("HD", std::nullopt);
  cases[1].classes[0].emplace_back("HD", 4);
  cases[1].classes[1].emplace_back("HD", 7);
  return segmentation_results({{"1", "left"}, {"2", "right"}}, cases);
}

TEST(Results, MeansAreOverCasesThenClassesWithoutWhatIsNowhere) {
  const Results results = segmentation();
  const double left = (2.0 / 3 + 1) / 2, right = 0.5;
  EXPECT_DOUBLE_EQ(*score(results), (left + right) / 2);
  EXPECT_STREQ(score_name(results), "Dice");
  EXPECT_EQ(case_count(results), 2);
  const auto all = numbers(results);
  EXPECT_THAT(all,
              ElementsAre(Key("dice"), Key("dice_left"), Key("dice_right")));
  EXPECT_DOUBLE_EQ(all.at("dice"), (left + right) / 2);
  EXPECT_DOUBLE_EQ(all.at("dice_left"), left);
  EXPECT_DOUBLE_EQ(all.at("dice_right"), right);
}

TEST(Results, HaveMeansOfEveryNumber) {
  const SegmentationResults results = segmentation();
  EXPECT_EQ(find_value(results.metrics, "HD", kEach, 0), 3);
  EXPECT_EQ(find_value(results.metrics, "HD", kEach, 1), 7);
  EXPECT_EQ(find_value(results.metrics, "HD", kAll), 5);
  EXPECT_EQ(find_value(results.metrics, "n_pred", kEach, 1), 1.5);
  EXPECT_FALSE(find_value(results.metrics, "NSD", kAll));
  EXPECT_FALSE(find_value(results.metrics, "HD", kEach, 2));
  EXPECT_THAT(case_values(results, "HD", 1), ElementsAre(std::nullopt, 7));
}

TEST(Results, OverlapsAreNamedAsByNnUNet) {
  const NamedValues values = overlap_values({3, 1, 2, 10});
  EXPECT_EQ(value_of(values, "FN"), 2);
  EXPECT_EQ(value_of(values, "FP"), 1);
  EXPECT_EQ(value_of(values, "n_pred"), 4);
  EXPECT_EQ(value_of(values, "n_ref"), 5);
  EXPECT_FALSE(value_of(values, "HD"));
}

TEST(Results, ClassesAreRankedAndCounted) {
  const ClassificationResults found = toy_classification();
  const Results results = found;
  EXPECT_DOUBLE_EQ(*score(results), 0.75);  // 3 of 4 pairs
  EXPECT_STREQ(score_name(results), "AUC");
  EXPECT_THAT(found.confusion, ElementsAre(ElementsAre(1, 1),  //
                                           ElementsAre(0, 2)));
  EXPECT_EQ(find_value(found.metrics, "accuracy", kAll), 0.75);
  EXPECT_EQ(find_value(found.metrics, "balanced_accuracy", kAll), 0.75);
  EXPECT_EQ(find_value(found.metrics, "sensitivity", kEach, 1), 1);
  EXPECT_EQ(find_value(found.metrics, "specificity", kEach, 1), 0.5);
  EXPECT_NEAR(
      numbers(results).at("loss"),
      -(std::log(0.8) + std::log(0.9) + std::log(0.4) + std::log(0.55)) / 4,
      1e-9);
}

TEST(Results, OverlappingClassesAreEachRightOrWrong) {
  const auto found = toy_classification(ClassRelation::kOverlapping);
  EXPECT_TRUE(found.confusion.empty());
  EXPECT_EQ(find_value(found.metrics, "accuracy", kEach, 0), 0.75);
  EXPECT_EQ(find_value(found.metrics, "accuracy", kAll), 0.75);
  EXPECT_FALSE(find_value(found.metrics, "balanced_accuracy", kAll));
  EXPECT_EQ(numbers(found).at("accuracy"), 0.75);
}

TEST(Results, AreOfTheKindOfTheirTarget) {
  using augment::TargetKind;
  const std::vector<std::string> classes{"a", "b"};
  const auto map = std::get<SegmentationResults>(results_of(
      TargetKind::kLabelMap, classes, {SegmentedCase{"x", "", "", {{}}}}));
  ASSERT_EQ(map.classes.size(), 1u);  // without the background
  EXPECT_EQ(map.classes[0].number, "1");
  EXPECT_EQ(map.classes[0].name, "b");
  EXPECT_EQ(map.cases[0].id, "x");
  const Results structures = results_of(TargetKind::kStructures, classes, {});
  EXPECT_EQ(std::get<SegmentationResults>(structures).classes.size(), 2u);
  EXPECT_FALSE(score(structures));
  EXPECT_TRUE(numbers(structures).empty());
  const Results labels = results_of(TargetKind::kClasses, classes, {});
  EXPECT_EQ(std::get<ClassificationResults>(labels).relation,
            ClassRelation::kOverlapping);
  EXPECT_TRUE(numbers(labels).empty());
}

}  // namespace
}  // namespace unimiss::report
