#include "unimiss/eval/classification_metrics.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "unimiss/core/error.h"
#include "unimiss/eval/decision.h"
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

using OptionalValues = std::vector<std::optional<double>>;

/// metric(scores, positive) of each class.
template <class Metric>
OptionalValues of_columns(const torch::Tensor& probabilities,
                          const torch::Tensor& positive, const Metric& metric) {
  OptionalValues values;
  for (int64_t k = 0; k < probabilities.size(1); ++k) {
    values.push_back(metric(probabilities.select(1, k), positive.select(1, k)));
  }
  return values;
}

/// The share of the chosen columns' cases where a bool matrix is true.
OptionalValues shares_of_columns(const torch::Tensor& values,
                                 const torch::Tensor& chosen) {
  OptionalValues shares;
  for (int64_t k = 0; k < values.size(1); ++k) {
    const auto count = chosen.select(1, k).sum().item<int64_t>();
    if (count == 0) {
      shares.push_back(std::nullopt);
      continue;
    }
    const torch::Tensor both = values.select(1, k) & chosen.select(1, k);
    shares.push_back(both.sum().item<double>() / static_cast<double>(count));
  }
  return shares;
}

std::optional<double> mean_of(const torch::Tensor& values) {
  if (values.numel() == 0) return std::nullopt;
  return values.to(torch::kDouble).mean().item<double>();
}

void require_known_labels(const torch::Tensor& labels, int64_t classes) {
  const auto label = labels.accessor<int64_t, 1>();
  for (int64_t i = 0; i < label.size(0); ++i) {
    if (label[i] >= 0 && label[i] < classes) continue;
    throw DataError("label of case " + std::to_string(i) + ": is " +
                    std::to_string(label[i]) + " (classes are 0 to " +
                    std::to_string(classes - 1) +
                    "); correct the label or the list of classes");
  }
}

}  // namespace

RankedScores::RankedScores(const torch::Tensor& scores,
                           const torch::Tensor& positive) {
  TORCH_CHECK(scores.dim() == 1 && positive.sizes() == scores.sizes() &&
                  positive.scalar_type() == torch::kBool && positive.is_cpu(),
              "scores ", scores.sizes(), " and ", positive.toString(), " ",
              positive.sizes());
  require_finite(scores);
  const auto score = scores.accessor<double, 1>();
  const auto is_positive = positive.accessor<bool, 1>();
  std::vector<int64_t> order(scores.size(0));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return score[a] < score[b]; });
  cases_.reserve(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const bool last =
        i + 1 == order.size() || score[order[i]] != score[order[i + 1]];
    cases_.push_back({order[i], is_positive[order[i]], last});
  }
}

/// From the smallest to the largest, equal ones as one step: use(positives,
/// negatives) of each.
template <class Use>
void RankedScores::for_each_score(const std::vector<int64_t>& counts,
                                  const Use& use) const {
  TORCH_CHECK(counts.empty() || counts.size() == cases_.size(), counts.size(),
              " counts of ", cases_.size(), " cases");
  int64_t positives = 0, negatives = 0;
  for (const RankedCase& each : cases_) {
    (each.positive ? positives : negatives) +=
        counts.empty() ? 1 : counts[each.number];
    if (!each.last) continue;
    use(positives, negatives);
    positives = negatives = 0;
  }
}

std::optional<double> RankedScores::area_under_roc(
    const std::vector<int64_t>& counts) const {
  int64_t positives = 0, negatives = 0;  // of smaller scores
  int64_t twice_u = 0;
  for_each_score(counts, [&](int64_t tied_positives, int64_t tied_negatives) {
    twice_u += tied_positives * (2 * negatives + tied_negatives);
    positives += tied_positives;
    negatives += tied_negatives;
  });
  if (positives == 0 || negatives == 0) return std::nullopt;
  return static_cast<double>(twice_u) / 2 / static_cast<double>(positives) /
         static_cast<double>(negatives);
}

std::optional<double> RankedScores::average_precision(
    const std::vector<int64_t>& counts) const {
  // Of the scores that are at least as large.
  int64_t positives = 0, all = 0;
  for (const RankedCase& each : cases_) {
    const int64_t count = counts.empty() ? 1 : counts[each.number];
    all += count;
    if (each.positive) positives += count;
  }
  const auto total = static_cast<double>(positives);
  double sum = 0;
  for_each_score(counts, [&](int64_t tied_positives, int64_t tied_negatives) {
    if (tied_positives > 0) {
      const double precision =
          static_cast<double>(positives) / static_cast<double>(all);
      sum += static_cast<double>(tied_positives) * precision;
    }
    positives -= tied_positives;
    all -= tied_positives + tied_negatives;
  });
  if (total == 0) return std::nullopt;
  return sum / total;
}

std::optional<double> area_under_roc(const torch::Tensor& scores,
                                     const torch::Tensor& positive) {
  return RankedScores(scores, positive).area_under_roc();
}

std::optional<double> average_precision(const torch::Tensor& scores,
                                        const torch::Tensor& positive) {
  return RankedScores(scores, positive).average_precision();
}

std::optional<double> expected_calibration_error(
    const torch::Tensor& confidence, const torch::Tensor& correct,
    int64_t bins) {
  TORCH_CHECK(confidence.dim() == 1 && correct.sizes() == confidence.sizes() &&
                  correct.scalar_type() == torch::kBool && correct.is_cpu() &&
                  bins >= 1,
              "confidence ", confidence.sizes(), ", ", correct.toString(), " ",
              correct.sizes(), " and ", bins, " bins");
  require_finite(confidence);
  const int64_t cases = confidence.size(0);
  if (cases == 0) return std::nullopt;
  std::vector<double> inner_edges;
  for (int64_t i = 1; i < bins; ++i) {
    inner_edges.push_back(static_cast<double>(i) / static_cast<double>(bins));
  }
  const auto value = confidence.accessor<double, 1>();
  const auto is_correct = correct.accessor<bool, 1>();
  // Of each bin |b| times the difference of its means.
  std::vector<double> difference(bins, 0.0);
  for (int64_t i = 0; i < cases; ++i) {
    const auto edge =
        std::lower_bound(inner_edges.begin(), inner_edges.end(), value[i]);
    difference[edge - inner_edges.begin()] +=
        (is_correct[i] ? 1 : 0) - value[i];
  }
  double sum = 0;
  for (const double of_bin : difference) sum += std::abs(of_bin);
  return sum / static_cast<double>(cases);
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
  require_known_labels(labels, classes);
  const torch::Tensor each_class = at::arange(classes);
  const torch::Tensor given =
      decided_classes(probabilities, ClassRelation::kExclusive);
  const torch::Tensor predicted = given.mul(each_class).sum(1);
  const torch::Tensor has = labels.unsqueeze(1) == each_class;
  const torch::Tensor correct = predicted == labels;

  ClassificationMetrics metrics;
  const auto of_all = [classes](const OptionalValues& values) {
    return classes == 2 ? values[1] : optional_mean(values);
  };
  metrics.class_auc = of_columns(probabilities, has, area_under_roc);
  metrics.auc = of_all(metrics.class_auc);
  metrics.class_average_precision =
      of_columns(probabilities, has, average_precision);
  metrics.average_precision = of_all(metrics.class_average_precision);
  metrics.class_sensitivity = shares_of_columns(given, has);
  metrics.class_specificity = shares_of_columns(~given, ~has);
  metrics.accuracy = mean_of(correct);
  metrics.balanced_accuracy = optional_mean(metrics.class_sensitivity);
  metrics.calibration_error =
      expected_calibration_error(std::get<0>(probabilities.max(1)), correct);
  metrics.confusion = at::zeros({classes, classes}, torch::kLong);
  metrics.confusion.index_put_({labels, predicted},
                               at::ones({cases}, torch::kLong),
                               /*accumulate=*/true);
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
  metrics.class_auc = of_columns(probabilities, positive, area_under_roc);
  metrics.auc = optional_mean(metrics.class_auc);
  metrics.class_average_precision =
      of_columns(probabilities, positive, average_precision);
  metrics.average_precision = optional_mean(metrics.class_average_precision);
  const torch::Tensor given =
      decided_classes(probabilities, ClassRelation::kOverlapping);
  metrics.class_sensitivity = shares_of_columns(given, positive);
  metrics.class_specificity = shares_of_columns(~given, ~positive);
  metrics.class_accuracy =
      shares_of_columns(given == positive, at::ones_like(positive));
  metrics.accuracy = optional_mean(metrics.class_accuracy);
  metrics.class_calibration_error = of_columns(
      probabilities, positive,
      [](const torch::Tensor& probability, const torch::Tensor& has) {
        return expected_calibration_error(probability, has);
      });
  metrics.calibration_error = optional_mean(metrics.class_calibration_error);
  return metrics;
}

}  // namespace unimiss::eval
