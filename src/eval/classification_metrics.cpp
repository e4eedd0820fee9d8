#include "unimiss/eval/classification_metrics.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "unimiss/core/error.h"
#include "unimiss/eval/optional_mean.h"

namespace unimiss::eval {
namespace {

void require_finite(const torch::Tensor& scores) {
  TORCH_CHECK(scores.is_cpu() && scores.scalar_type() == torch::kDouble,
              "expected double scores on the CPU, got ", scores.toString());
  const torch::Tensor bad =
      at::isfinite(scores).logical_not().flatten().nonzero();
  if (bad.numel() == 0) return;
  const auto at = bad[0].item<int64_t>();
  const int64_t classes = scores.dim() == 2 ? scores.size(1) : 1;
  std::string place = "score of case " + std::to_string(at / classes);
  if (scores.dim() == 2) place += ", class " + std::to_string(at % classes);
  throw RunError(place + ": is " +
                 std::to_string(scores.flatten()[at].item<double>()) +
                 " (it cannot be compared with others); look for numbers that "
                 "are not finite in the network's weights or the case's image");
}

std::vector<std::optional<double>> auc_of_columns(
    const torch::Tensor& probabilities, const torch::Tensor& positive) {
  std::vector<std::optional<double>> auc;
  for (int64_t k = 0; k < probabilities.size(1); ++k) {
    auc.push_back(
        area_under_roc(probabilities.select(1, k), positive.select(1, k)));
  }
  return auc;
}

std::optional<double> mean_of(const torch::Tensor& values) {
  if (values.numel() == 0) return std::nullopt;
  return values.to(torch::kDouble).mean().item<double>();
}

}  // namespace

std::optional<double> area_under_roc(const torch::Tensor& scores,
                                     const torch::Tensor& positive) {
  TORCH_CHECK(scores.dim() == 1 && positive.sizes() == scores.sizes() &&
                  positive.scalar_type() == torch::kBool && positive.is_cpu(),
              "scores ", scores.sizes(), " and ", positive.toString(), " ",
              positive.sizes());
  require_finite(scores);
  const torch::Tensor score_row = scores.contiguous();
  const torch::Tensor positive_row = positive.contiguous();
  const auto* score = score_row.const_data_ptr<double>();
  const auto* is_positive = positive_row.const_data_ptr<bool>();
  std::vector<int64_t> order(scores.size(0));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return score[a] < score[b]; });

  int64_t positives = 0, negatives = 0;  // of smaller scores
  int64_t twice_u = 0;
  for (size_t i = 0; i < order.size();) {
    const double tied = score[order[i]];
    int64_t tied_positives = 0, tied_negatives = 0;
    for (; i < order.size() && score[order[i]] == tied; ++i) {
      ++(is_positive[order[i]] ? tied_positives : tied_negatives);
    }
    twice_u += tied_positives * (2 * negatives + tied_negatives);
    positives += tied_positives;
    negatives += tied_negatives;
  }
  if (positives == 0 || negatives == 0) return std::nullopt;
  return static_cast<double>(twice_u) / 2 / static_cast<double>(positives) /
         static_cast<double>(negatives);
}

ClassificationMetrics classification_metrics(const torch::Tensor& probabilities,
                                             const torch::Tensor& labels) {
  TORCH_CHECK(probabilities.dim() == 2 && probabilities.size(1) >= 2 &&
                  labels.dim() == 1 &&
                  labels.size(0) == probabilities.size(0) &&
                  labels.scalar_type() == torch::kLong && labels.is_cpu(),
              "probabilities ", probabilities.sizes(), " and ",
              labels.toString(), " ", labels.sizes());
  require_finite(probabilities);
  const int64_t cases = probabilities.size(0), classes = probabilities.size(1);
  ClassificationMetrics metrics;
  metrics.confusion = at::zeros({classes, classes}, torch::kLong);
  auto confusion = metrics.confusion.accessor<int64_t, 2>();
  const auto probability = probabilities.accessor<double, 2>();
  const auto label = labels.accessor<int64_t, 1>();
  for (int64_t i = 0; i < cases; ++i) {
    if (label[i] < 0 || label[i] >= classes) {
      throw DataError("label of case " + std::to_string(i) + ": is " +
                      std::to_string(label[i]) + " (classes are 0 to " +
                      std::to_string(classes - 1) +
                      "); correct the label or the list of classes");
    }
    int64_t predicted = 0;
    for (int64_t k = 1; k < classes; ++k) {
      if (probability[i][k] > probability[i][predicted]) predicted = k;
    }
    ++confusion[label[i]][predicted];
  }
  metrics.class_auc =
      auc_of_columns(probabilities, labels.unsqueeze(1) == at::arange(classes));
  metrics.auc =
      classes == 2 ? metrics.class_auc[1] : optional_mean(metrics.class_auc);
  const torch::Tensor correct = metrics.confusion.diagonal();
  if (cases > 0) {
    metrics.accuracy =
        correct.sum().item<double>() / static_cast<double>(cases);
  }
  const torch::Tensor of_class = metrics.confusion.sum(1);
  metrics.balanced_accuracy = mean_of(
      (correct.to(torch::kDouble) / of_class).masked_select(of_class > 0));
  return metrics;
}

MultiLabelMetrics multi_label_metrics(const torch::Tensor& probabilities,
                                      const torch::Tensor& reference) {
  TORCH_CHECK(probabilities.dim() == 2 && probabilities.size(1) >= 1 &&
                  reference.sizes() == probabilities.sizes() &&
                  reference.is_cpu() && !reference.is_floating_point(),
              "probabilities ", probabilities.sizes(), " and ",
              reference.toString(), " ", reference.sizes());
  require_finite(probabilities);
  const torch::Tensor positive = reference == 1;
  if (!positive.logical_or(reference == 0).all().item<bool>()) {
    throw DataError(
        "reference: has values other than 0 and 1 (each tells whether a case "
        "has a class); correct the labels");
  }
  MultiLabelMetrics metrics;
  metrics.class_auc = auc_of_columns(probabilities, positive);
  metrics.auc = optional_mean(metrics.class_auc);
  const torch::Tensor correct = (probabilities > 0.5) == positive;
  for (int64_t k = 0; k < correct.size(1); ++k) {
    metrics.class_accuracy.push_back(mean_of(correct.select(1, k)));
  }
  metrics.accuracy = optional_mean(metrics.class_accuracy);
  return metrics;
}

}  // namespace unimiss::eval
