#include "unimiss/eval/classification_metrics.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

#include "eval/expect_error.h"
#include "eval/metric_golden.h"
#include "unimiss/core/error.h"

namespace unimiss::eval {
namespace {

torch::Tensor doubles(const std::vector<double>& values) {
  return at::tensor(values, torch::kDouble);
}
torch::Tensor integers(const std::vector<int64_t>& values) {
  return at::tensor(values, torch::kLong);
}

/// By the definition, over all pairs.
double auc_of_pairs(const torch::Tensor& scores,
                    const torch::Tensor& positive) {
  const auto s = scores.contiguous(), p = positive.to(torch::kLong);
  double wins = 0, pairs = 0;
  for (int64_t i = 0; i < s.size(0); ++i) {
    for (int64_t j = 0; j < s.size(0); ++j) {
      if (p[i].item<int64_t>() != 1 || p[j].item<int64_t>() != 0) continue;
      const double a = s[i].item<double>(), b = s[j].item<double>();
      pairs += 1;
      if (a > b) wins += 1;
      if (a == b) wins += 0.5;
    }
  }
  return wins / pairs;
}

TEST(ClassificationMetrics, AucIsTheShareOfPairsInOrder) {
  at::manual_seed(1);
  for (const int64_t levels : {2, 5, 1000}) {  // many ties to nearly none
    for (int repeat = 0; repeat < 3; ++repeat) {
      const torch::Tensor scores =
          at::randint(levels, {60}).to(torch::kDouble) / levels;
      const torch::Tensor positive = at::rand({60}) < 0.3;
      ASSERT_NEAR(area_under_roc(scores, positive).value(),
                  auc_of_pairs(scores, positive), 1e-12);
    }
  }
  const torch::Tensor strided = at::randn({20, 2}, torch::kDouble).select(1, 1);
  const torch::Tensor positive = at::arange(20).remainder(3) == 0;
  EXPECT_NEAR(area_under_roc(strided, positive).value(),
              auc_of_pairs(strided, positive), 1e-12);
}

TEST(ClassificationMetrics, AucOfKnownOrders) {
  const torch::Tensor positive = integers({0, 0, 1, 1}) == 1;
  EXPECT_EQ(area_under_roc(doubles({1, 2, 3, 4}), positive), 1);
  EXPECT_EQ(area_under_roc(doubles({4, 3, 2, 1}), positive), 0);
  EXPECT_EQ(area_under_roc(doubles({7, 7, 7, 7}), positive), 0.5);
  EXPECT_EQ(area_under_roc(doubles({0.1, 0.4, 0.35, 0.8}), positive), 0.75);
  // One of the two kinds is missing.
  EXPECT_FALSE(area_under_roc(doubles({1, 2}), integers({1, 1}) == 1));
  EXPECT_FALSE(area_under_roc(doubles({1, 2}), integers({0, 0}) == 1));
  EXPECT_FALSE(area_under_roc(doubles({}), integers({}) == 1));
}

TEST(ClassificationMetrics, CountsWhatIsPredicted) {
  // Predictions 0, 1, 1 (first of two), 2, 0.
  const torch::Tensor probabilities =
      doubles({0.6, 0.3, 0.1, 0.2, 0.7, 0.1, 0.2, 0.4, 0.4, 0.1, 0.1, 0.8, 0.5,
               0.2, 0.3})
          .view({5, 3});
  const auto metrics =
      classification_metrics(probabilities, integers({0, 1, 2, 2, 2}));
  EXPECT_TRUE(at::equal(metrics.confusion,
                        integers({1, 0, 0, 0, 1, 0, 1, 1, 1}).view({3, 3})));
  EXPECT_DOUBLE_EQ(metrics.accuracy.value(), 3.0 / 5);
  EXPECT_DOUBLE_EQ(metrics.balanced_accuracy.value(), (1 + 1 + 1.0 / 3) / 3);
  double sum = 0;
  for (int64_t k = 0; k < 3; ++k) {
    const double auc = auc_of_pairs(probabilities.select(1, k),
                                    integers({0, 1, 2, 2, 2}) == k);
    EXPECT_NEAR(metrics.class_auc[k].value(), auc, 1e-12);
    sum += auc;
  }
  EXPECT_NEAR(metrics.auc.value(), sum / 3, 1e-12);
}

TEST(ClassificationMetrics, OfTwoClassesTheAucIsThatOfTheSecond) {
  // Not of one sum, so that the classes' AUCs differ.
  const torch::Tensor probabilities =
      doubles({0.9, 0.8, 0.2, 0.1, 0.8, 0.7, 0.3, 0.9}).view({4, 2});
  const torch::Tensor labels = integers({0, 0, 1, 1});
  const auto metrics = classification_metrics(probabilities, labels);
  const double second = auc_of_pairs(probabilities.select(1, 1), labels == 1);
  EXPECT_NEAR(metrics.auc.value(), second, 1e-12);
  EXPECT_NEAR(metrics.class_auc[1].value(), second, 1e-12);
  EXPECT_GT(std::abs(metrics.class_auc[0].value() - second), 0.1);
}

TEST(ClassificationMetrics, ClassesThatAreMissingAreLeftOut) {
  const torch::Tensor probabilities =
      doubles({0.6, 0.3, 0.1, 0.2, 0.7, 0.1}).view({2, 3});
  const auto metrics = classification_metrics(probabilities, integers({0, 1}));
  EXPECT_FALSE(metrics.class_auc[2]);
  EXPECT_EQ(metrics.auc, 1);
  EXPECT_EQ(metrics.balanced_accuracy, 1);
  const auto one = classification_metrics(probabilities, integers({1, 1}));
  EXPECT_FALSE(one.auc);
  EXPECT_EQ(one.balanced_accuracy, 0.5);

  const auto none =
      classification_metrics(at::zeros({0, 3}, torch::kDouble), integers({}));
  EXPECT_FALSE(none.auc || none.accuracy || none.balanced_accuracy ||
               none.average_precision || none.calibration_error);
  EXPECT_FALSE(none.class_sensitivity[0] || none.class_specificity[0]);
  EXPECT_TRUE(at::equal(none.confusion, at::zeros({3, 3}, torch::kLong)));
}

TEST(ClassificationMetrics, LabelsOfOneCaseAreEachTheirOwn) {
  const torch::Tensor probabilities =
      doubles({0.9, 0.5, 0.2, 0.6, 0.4, 0.3, 0.6, 0.7, 0.1}).view({3, 3});
  const torch::Tensor reference =
      integers({1, 1, 0, 0, 0, 0, 1, 1, 0}).view({3, 3});
  const auto metrics = multi_label_metrics(probabilities, reference);
  EXPECT_EQ(metrics.class_auc[0], 0.75);  // 0.9 > 0.6, 0.6 = 0.6
  EXPECT_EQ(metrics.class_auc[1], 1);
  EXPECT_FALSE(metrics.class_auc[2]);
  EXPECT_EQ(metrics.auc, 0.875);
  // A probability of 0.5 is not greater than 0.5.
  EXPECT_DOUBLE_EQ(metrics.class_accuracy[0].value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.class_accuracy[1].value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.class_accuracy[2].value(), 1);
  EXPECT_DOUBLE_EQ(metrics.accuracy.value(), 7.0 / 9);
  EXPECT_EQ(metrics.class_sensitivity[0], 1);
  EXPECT_EQ(metrics.class_specificity[0], 0);
  EXPECT_EQ(metrics.class_sensitivity[1], 0.5);  // 0.5 is not found
  EXPECT_EQ(metrics.class_specificity[1], 1);
  EXPECT_FALSE(metrics.class_sensitivity[2]);
  EXPECT_DOUBLE_EQ(metrics.class_average_precision[0].value(),
                   (1 + 2 * 2.0 / 3 - 2.0 / 3) / 2);
  EXPECT_FALSE(metrics.class_average_precision[2]);
  EXPECT_DOUBLE_EQ(metrics.average_precision.value(),
                   (*metrics.class_average_precision[0] + 1) / 2);
  // Each of the three probabilities 0.2, 0.3 and 0.1 is alone in its bin.
  EXPECT_DOUBLE_EQ(metrics.class_calibration_error[2].value(), 0.2);
  EXPECT_TRUE(metrics.calibration_error);
  const auto of_bools = multi_label_metrics(probabilities, reference == 1);
  EXPECT_EQ(of_bools.class_auc, metrics.class_auc);

  const auto none = multi_label_metrics(at::zeros({0, 2}, torch::kDouble),
                                        at::zeros({0, 2}, torch::kLong));
  EXPECT_FALSE(none.auc || none.accuracy);
}

TEST(ClassificationMetrics, BinaryScoresEqualScikitLearn) {
  int checked = 0;
  const Json all = metric_golden("classification.json");
  for (const auto& [name, golden] : all.items()) {
    if (!name.starts_with("binary")) continue;
    const torch::Tensor scores = doubles(golden["scores"]);
    const torch::Tensor positive = integers(golden["positive"]) == 1;
    expect_golden(area_under_roc(scores, positive), golden["auc"], 1e-12,
                  name + ": AUC");
    // scikit-learn's average precision without positive cases is 0.
    const bool none = !positive.any().item<bool>();
    expect_golden(average_precision(scores, positive),
                  none ? Json() : golden["average_precision"], 1e-12,
                  name + ": average precision");
    const auto error = expected_calibration_error(scores, positive);
    expect_golden(error, golden["calibration_error_15"], 1e-9, name + ": ECE");
    EXPECT_NEAR(error.value(), golden["monai_calibration_error_15"], 1e-6);
    expect_golden(expected_calibration_error(scores, positive, 4),
                  golden["calibration_error_4"], 1e-9, name + ": ECE, 4 bins");
    ++checked;
  }
  EXPECT_EQ(checked, 10);
}

void expect_all_golden(const std::vector<std::optional<double>>& values,
                       const Json& expected, const std::string& what) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t k = 0; k < values.size(); ++k) {
    expect_golden(values[k], expected[k], 1e-12, what);
  }
}

TEST(ClassificationMetrics, ExclusiveClassesEqualScikitLearn) {
  int checked = 0;
  const Json all = metric_golden("classification.json");
  for (const auto& [name, golden] : all.items()) {
    if (!name.starts_with("exclusive")) continue;
    const std::vector<std::vector<double>> rows = golden["probabilities"];
    std::vector<torch::Tensor> tensors;
    tensors.reserve(rows.size());
    for (const auto& row : rows) tensors.push_back(doubles(row));
    const auto metrics =
        classification_metrics(at::stack(tensors), integers(golden["labels"]));
    expect_all_golden(metrics.class_sensitivity, golden["sensitivity"], name);
    expect_all_golden(metrics.class_specificity, golden["specificity"], name);
    Json precision = golden["average_precision"];
    for (size_t k = 0; k < precision.size(); ++k) {
      if (!metrics.class_sensitivity[k]) precision[k] = nullptr;
    }
    expect_all_golden(metrics.class_average_precision, precision, name);
    expect_golden(metrics.accuracy, golden["accuracy"], 1e-12, name);
    expect_golden(metrics.balanced_accuracy, golden["balanced_accuracy"], 1e-12,
                  name);
    expect_golden(metrics.calibration_error, golden["calibration_error"], 1e-9,
                  name);
    const std::vector<std::vector<int64_t>> confusion = golden["confusion"];
    for (size_t k = 0; k < confusion.size(); ++k) {
      EXPECT_TRUE(at::equal(metrics.confusion[static_cast<int64_t>(k)],
                            integers(confusion[k])));
    }
    ++checked;
  }
  EXPECT_EQ(checked, 4);
}

TEST(ClassificationMetrics, AveragePrecisionOfKnownOrders) {
  const torch::Tensor positive = integers({0, 0, 1, 1}) == 1;
  // The third score of a positive case is found with 2 of 3, the second.
  EXPECT_DOUBLE_EQ(
      average_precision(doubles({0.1, 0.4, 0.35, 0.8}), positive).value(),
      (1 + 2.0 / 3) / 2);
  EXPECT_EQ(average_precision(doubles({1, 1, 1, 1}), positive), 0.5);
  EXPECT_EQ(average_precision(doubles({1, 2}), integers({1, 1}) == 1), 1);
  EXPECT_FALSE(average_precision(doubles({1, 2}), integers({0, 0}) == 1));
  EXPECT_FALSE(average_precision(doubles({}), integers({}) == 1));
}

TEST(ClassificationMetrics, CalibrationErrorComparesWithinBins) {
  // Two bins: 0, 0.2 and 0.5; 0.6 and 1.
  const torch::Tensor confidence = doubles({0, 0.2, 0.5, 0.6, 1});
  const torch::Tensor correct = integers({0, 1, 0, 1, 1}) == 1;
  EXPECT_DOUBLE_EQ(expected_calibration_error(confidence, correct, 2).value(),
                   (3 * (1.0 / 3 - 0.7 / 3) + 2 * (1 - 0.8)) / 5);
  EXPECT_DOUBLE_EQ(expected_calibration_error(confidence, correct, 1).value(),
                   0.6 - 2.3 / 5);
  EXPECT_FALSE(expected_calibration_error(doubles({}), integers({}) == 1));
  EXPECT_THROW(expected_calibration_error(confidence, correct, 0), c10::Error);
}

TEST(ClassificationMetrics, RefusesWhatCannotBe) {
  torch::Tensor probabilities = at::full({3, 2}, 0.5, torch::kDouble);
  const torch::Tensor labels = integers({0, 1, 1});
  const torch::Tensor reference = at::zeros({3, 2}, torch::kLong);
  expect_error<DataError>(
      [&] {
        classification_metrics(probabilities, integers({0, 2, 1}));
      },
      "label of case 1: is 2 (classes are 0 to 1)");
  expect_error<DataError>(
      [&] {
        classification_metrics(probabilities, integers({-1, 0, 1}));
      },
      "label of case 0: is -1");
  expect_error<DataError>(
      [&] { multi_label_metrics(probabilities, reference + 2); },
      "reference: has values other than 0 and 1");
  EXPECT_THROW(classification_metrics(probabilities, labels.slice(0, 1)),
               c10::Error);
  EXPECT_THROW(multi_label_metrics(probabilities, reference.slice(1, 1)),
               c10::Error);
  EXPECT_THROW(classification_metrics(probabilities.slice(1, 1), labels),
               c10::Error);

  probabilities[1][1] = std::nan("");
  expect_error<RunError>([&] { classification_metrics(probabilities, labels); },
                         "score of case 1, class 1: is nan");
  expect_error<RunError>([&] { multi_label_metrics(probabilities, reference); },
                         "score of case 1, class 1: is nan");
  expect_error<RunError>(
      [&] { area_under_roc(probabilities.select(1, 1), labels == 1); },
      "score of case 1: is nan");
}

}  // namespace
}  // namespace unimiss::eval
