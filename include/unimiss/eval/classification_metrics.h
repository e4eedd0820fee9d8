#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

/// How good probabilities are. All functions take tensors on the CPU and throw
/// RunError where a score is not finite.
namespace unimiss::eval {

/// The area under the receiver operating characteristic (Hanley, McNeil 1982):
/// the probability that a positive case has a larger score than a negative one,
/// where equal scores count half, which is the Mann-Whitney statistic
///
///   U / (P N) = (#{s+ > s-} + #{s+ = s-} / 2) / (P N)
///
/// of P positive and N negative cases; O(n log n). Empty where there are no
/// positive or no negative cases. scores [N] double, positive [N] bool.
std::optional<double> area_under_roc(const torch::Tensor& scores,
                                     const torch::Tensor& positive);

/// One class a case. Of the classes, the one of the largest probability is
/// predicted, the first of several.
struct ClassificationMetrics {
  /// Of each class against all others.
  std::vector<std::optional<double>> class_auc;
  /// The one number to compare: of two classes the AUC of class 1, of more the
  /// mean of the classes' AUCs, leaving out those that are empty.
  std::optional<double> auc;
  std::optional<double> accuracy;  ///< empty without cases
  /// The mean share found of the classes that the reference has; empty without
  /// cases.
  std::optional<double> balanced_accuracy;
  /// int64 [K, K]: cases of the row's class that were given the column's.
  torch::Tensor confusion;
};

/// probabilities [N, K] double, K >= 2; labels [N] int64 in [0, K), or
/// DataError.
ClassificationMetrics classification_metrics(const torch::Tensor& probabilities,
                                             const torch::Tensor& labels);

/// Any number of classes a case, each by itself.
struct MultiLabelMetrics {
  std::vector<std::optional<double>> class_auc;
  std::optional<double> auc;  ///< the mean of those that are not empty
  /// Share of cases where probability > 0.5 tells right.
  std::vector<std::optional<double>> class_accuracy;
  std::optional<double> accuracy;  ///< their mean; empty without cases
};

/// probabilities [N, K] double; reference [N, K] bool or integers, 0 or 1, or
/// DataError.
MultiLabelMetrics multi_label_metrics(const torch::Tensor& probabilities,
                                      const torch::Tensor& reference);

}  // namespace unimiss::eval
