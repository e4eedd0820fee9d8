#include "report/class_scores.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <numeric>

#include "unimiss/eval/classification_metrics.h"

namespace unimiss::report {
namespace {

/// 40 cases of random probabilities.
ClassTable random_table(bool exclusive, int64_t classes) {
  at::manual_seed(1);
  ClassTable table;
  table.exclusive = exclusive;
  for (int64_t k = 0; k < classes; ++k) {
    table.classes.push_back("c" + std::to_string(k));
  }
  for (int64_t i = 0; i < 40; ++i) {
    torch::Tensor scores = at::rand({classes}, torch::kDouble);
    if (exclusive) scores /= scores.sum();
    const auto* values = scores.const_data_ptr<double>();
    table.cases.push_back(std::to_string(i));
    table.scores.emplace_back(values, values + classes);
    table.labels.push_back({i % classes});
    if (!exclusive && i % 3 == 0) table.labels.back().clear();
  }
  return table;
}

torch::Tensor scores_of(const ClassTable& table) {
  std::vector<torch::Tensor> rows;
  for (const auto& row : table.scores) {
    rows.push_back(at::tensor(row, torch::kDouble));
  }
  return at::stack(rows);
}

ClassNumbers numbers_of_all(const ClassTable& table) {
  std::vector<int64_t> all(table.cases.size());
  std::iota(all.begin(), all.end(), 0);
  return ClassStatistics(table).of(all);
}

TEST(ClassScores, ACaseMayBeThereSeveralTimes) {
  const ClassTable table = random_table(true, 2);
  const std::vector<int64_t> chosen{3, 3, 7, 8, 8, 8, 12, 20, 21, 33};
  ClassTable expanded{true, table.classes, {}, {}, {}};
  for (const int64_t i : chosen) {
    expanded.cases.push_back(std::to_string(expanded.cases.size()));
    expanded.scores.push_back(table.scores[i]);
    expanded.labels.push_back(table.labels[i]);
  }
  const ClassNumbers numbers = ClassStatistics(table).of(chosen);
  const ClassNumbers expected = numbers_of_all(expanded);
  EXPECT_TRUE(numbers.auc && numbers.average_precision);
  EXPECT_EQ(numbers.values(), expected.values());
}

TEST(ClassScores, AreThoseOfAllCases) {
  for (const int64_t classes : {2, 3}) {
    const ClassTable table = random_table(true, classes);
    std::vector<int64_t> labels;
    for (const auto& each : table.labels) labels.push_back(each.front());
    const auto expected = eval::classification_metrics(
        scores_of(table), at::tensor(labels, torch::kLong));
    const ClassNumbers numbers = numbers_of_all(table);
    EXPECT_EQ(numbers.auc, expected.auc);
    EXPECT_EQ(numbers.average_precision, expected.average_precision);
    EXPECT_EQ(numbers.accuracy, expected.accuracy);
    EXPECT_EQ(numbers.class_auc, expected.class_auc);
  }
}

TEST(ClassScores, AreThoseOfAnyNumberOfLabels) {
  const ClassTable table = random_table(false, 3);
  torch::Tensor labels = at::zeros({40, 3}, torch::kLong);
  for (int64_t i = 0; i < 40; ++i) {
    for (const int64_t label : table.labels[i]) labels[i][label] = 1;
  }
  const auto expected = eval::multi_label_metrics(scores_of(table), labels);
  const ClassNumbers numbers = numbers_of_all(table);
  EXPECT_EQ(numbers.auc, expected.auc);
  EXPECT_EQ(numbers.average_precision, expected.average_precision);
  EXPECT_NEAR(*numbers.accuracy, *expected.accuracy, 1e-12);
}

TEST(ClassScores, OfACaseAreWhatItsTruthWasGiven) {
  ClassTable one{true, {"a", "b"}, {"x"}, {{0.3, 0.7}}, {{0}}};
  EXPECT_EQ(right_probabilities(one), std::vector<double>{0.3});
  EXPECT_EQ(correctness(one), std::vector<double>{0});
  ClassTable many{false, {"a", "b"}, {"x"}, {{0.3, 0.9}}, {{0}}};
  EXPECT_NEAR(right_probabilities(many)[0], (0.3 + 0.1) / 2, 1e-12);
  EXPECT_EQ(correctness(many), std::vector<double>{0});
}

TEST(ClassScores, HaveIntervalsUnderTheirNames) {
  const ClassTable table = random_table(true, 3);
  const Json intervals = class_intervals(table, {.resamples = 200});
  const ClassNumbers numbers = numbers_of_all(table);
  EXPECT_LT(intervals["AUC"]["low"], *numbers.auc);
  EXPECT_GT(intervals["AUC"]["high"], *numbers.auc);
  EXPECT_EQ(intervals["AUC"]["cases"], 40);
  EXPECT_LT(intervals["AUC_per_class"]["c2"]["low"], *numbers.class_auc[2]);
  EXPECT_LT(intervals["average_precision_per_class"]["c0"]["low"],
            *numbers.class_average_precision[0]);
}

}  // namespace
}  // namespace unimiss::report
