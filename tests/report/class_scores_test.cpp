#include "report/class_scores.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <numeric>

#include "report/toy_results.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"

namespace unimiss::report {
namespace {

/// 40 cases of random probabilities.
ClassificationResults random_results(ClassRelation relation, int64_t classes) {
  at::manual_seed(1);
  std::vector<std::string> names;
  for (int64_t k = 0; k < classes; ++k) {
    names.push_back("c" + std::to_string(k));
  }
  std::vector<ClassifiedCase> cases;
  for (int64_t i = 0; i < 40; ++i) {
    torch::Tensor scores = at::rand({classes}, torch::kDouble);
    const bool exclusive = relation == ClassRelation::kExclusive;
    if (exclusive) scores /= scores.sum();
    const auto* values = scores.const_data_ptr<double>();
    cases.push_back(
        {std::to_string(i), {values, values + classes}, {i % classes}});
    if (!exclusive && i % 3 == 0) cases.back().labels.clear();
  }
  return classification_results(relation, names, cases);
}

ClassNumbers numbers_of_all(const ClassificationResults& results) {
  std::vector<int64_t> all(results.cases.size());
  std::iota(all.begin(), all.end(), 0);
  return ClassStatistics(results).of(all);
}

TEST(ClassScores, ACaseMayBeThereSeveralTimes) {
  const auto results = random_results(ClassRelation::kExclusive, 2);
  const std::vector<int64_t> chosen{3, 3, 7, 8, 8, 8, 12, 20, 21, 33};
  ClassificationResults expanded = results;
  expanded.cases.clear();
  for (const int64_t i : chosen) expanded.cases.push_back(results.cases[i]);
  const ClassNumbers numbers = ClassStatistics(results).of(chosen);
  EXPECT_TRUE(numbers.auc && numbers.average_precision);
  EXPECT_EQ(numbers.values(), numbers_of_all(expanded).values());
}

TEST(ClassScores, OfAllCasesAreThoseOfTheResults) {
  for (const ClassRelation relation :
       {ClassRelation::kExclusive, ClassRelation::kOverlapping}) {
    for (const int64_t classes : {2, 3}) {
      const auto results = random_results(relation, classes);
      const ClassNumbers numbers = numbers_of_all(results);
      EXPECT_EQ(numbers.auc, find_value(results.metrics, "AUC", kAll));
      EXPECT_EQ(numbers.average_precision,
                find_value(results.metrics, "average_precision", kAll));
      EXPECT_NEAR(*numbers.accuracy,
                  *find_value(results.metrics, "accuracy", kAll), 1e-12);
      EXPECT_EQ(numbers.class_auc.at(1),
                find_value(results.metrics, "AUC", kEach, 1));
    }
  }
}

TEST(ClassScores, OfACaseAreWhatItsTruthWasGiven) {
  const auto one = classification_results(ClassRelation::kExclusive, {"a", "b"},
                                          {{"x", {0.3, 0.7}, {0}}});
  EXPECT_EQ(right_probabilities(one), std::vector<double>{0.3});
  EXPECT_EQ(correctness(one), std::vector<double>{0});
  const auto many = classification_results(
      ClassRelation::kOverlapping, {"a", "b"}, {{"x", {0.3, 0.9}, {0}}});
  EXPECT_NEAR(right_probabilities(many)[0], (0.3 + 0.1) / 2, 1e-12);
  EXPECT_EQ(correctness(many), std::vector<double>{0});
}

TEST(ClassScores, HaveIntervalsUnderTheirNames) {
  const auto results = random_results(ClassRelation::kExclusive, 3);
  const auto intervals = class_intervals(results, {.resamples = 200});
  const ClassNumbers numbers = numbers_of_all(results);
  const auto auc = find_value(intervals, "AUC", kAll).value();
  EXPECT_LT(auc.low, *numbers.auc);
  EXPECT_GT(auc.high, *numbers.auc);
  EXPECT_EQ(auc.cases, 40);
  EXPECT_LT(find_value(intervals, "AUC", kEach, 2)->low, *numbers.class_auc[2]);
  EXPECT_LT(find_value(intervals, "average_precision", kEach, 0)->low,
            *numbers.class_average_precision[0]);
}

TEST(ClassScores, CasesAreThoseOfTheListWithARow) {
  const testing::TemporaryDirectory folder;
  for (const char* name : {"a.png", "b.png"}) {
    testing::write_bytes(folder.file(name), "x");
  }
  testing::write_bytes(folder.file("list.txt"), "b.png ill\na.png normal\n");
  testing::write_bytes(folder.file("p.csv"),
                       "case,normal,ill\na,0.75,0.25\nc,0.5,0.5\n");
  EvaluationRequest request;
  request.predictions = folder.file("p.csv");
  request.references = folder.file("list.txt");
  const auto collected = collect_cases(
      request, {augment::TargetKind::kClass, {"normal", "ill"}, {}});
  ASSERT_EQ(collected.cases.size(), 1u);
  EXPECT_EQ(collected.cases[0].id, "a");
  EXPECT_EQ(collected.cases[0].labels, std::vector<int64_t>{0});
  EXPECT_EQ(collected.cases[0].probabilities,
            (std::vector<double>{0.75, 0.25}));
  ASSERT_EQ(collected.bad.size(), 2u);
  EXPECT_THAT(collected.bad[0].problem, ::testing::HasSubstr("has no row in"));
  EXPECT_EQ(collected.bad[1].id, "c");
}

}  // namespace
}  // namespace unimiss::report
