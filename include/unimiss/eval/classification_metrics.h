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

/// The area under the precision-recall curve as a sum of steps, not of
/// trapezoids:
///
///   sum over thresholds n of (recall_n - recall_(n-1)) precision_n
///
/// where the thresholds are the distinct scores, the largest first: equal
/// scores are one step. Empty without positive cases (scikit-learn's
/// average_precision_score, whose values these are, warns and gives 0); 1
/// without negative ones. scores [N] double, positive [N] bool.
std::optional<double> average_precision(const torch::Tensor& scores,
                                        const torch::Tensor& positive);

/// The scores of cases, sorted once, for the two numbers above of many
/// resamples of the cases in O(n) each.
class RankedScores {
 public:
  /// scores [N] double, positive [N] bool.
  RankedScores(const torch::Tensor& scores, const torch::Tensor& positive);

  /// counts: how often each case is there, [N]; empty: once.
  std::optional<double> area_under_roc(
      const std::vector<int64_t>& counts = {}) const;
  std::optional<double> average_precision(
      const std::vector<int64_t>& counts = {}) const;

 private:
  template <class Use>
  void for_each_score(const std::vector<int64_t>& counts, const Use& use) const;

  struct RankedCase {
    int64_t number;
    bool positive;
    bool last;  ///< of those with its score
  };
  std::vector<RankedCase> cases_;  ///< the smallest score first
};

/// How far confidence is from the share of what is right (Naeini et al. 2015;
/// Guo et al. 2017):
///
///   sum over bins b of |b| / N * |mean(correct in b) - mean(confidence in b)|
///
/// with bins of equal width over (0, 1], each with its upper edge; what is
/// outside counts in the outermost. Empty without cases. confidence [N] double,
/// probabilities; correct [N] bool; bins >= 1.
std::optional<double> expected_calibration_error(
    const torch::Tensor& confidence, const torch::Tensor& correct,
    int64_t bins = 15);

/// One class a case; what is predicted: see decided_classes().
struct ClassificationMetrics {
  /// Of each class against all others.
  std::vector<std::optional<double>> class_auc;
  /// The one number to compare: of two classes the AUC of class 1, of more the
  /// mean of the classes' AUCs, leaving out those that are empty.
  std::optional<double> auc;
  /// Of each class against all others.
  std::vector<std::optional<double>> class_average_precision;
  /// As of the AUCs.
  std::optional<double> average_precision;
  /// Share of the class's cases that are given it; empty without any.
  std::vector<std::optional<double>> class_sensitivity;
  /// Share of the other cases that are not given it; empty without any.
  std::vector<std::optional<double>> class_specificity;
  std::optional<double> accuracy;  ///< empty without cases
  /// The mean sensitivity of the classes that the reference has; empty without
  /// cases.
  std::optional<double> balanced_accuracy;
  /// Of the probability of the predicted class, 15 bins; empty without cases.
  std::optional<double> calibration_error;
  /// int64 [K, K]: cases of the row's class that were given the column's.
  torch::Tensor confusion;
};

/// probabilities [N, K] double, K >= 2; labels [N] int64 in [0, K), or
/// DataError.
ClassificationMetrics classification_metrics(const torch::Tensor& probabilities,
                                             const torch::Tensor& labels);

/// Any number of classes a case, each by itself; what is predicted: see
/// decided_classes().
struct MultiLabelMetrics {
  std::vector<std::optional<double>> class_auc;
  std::optional<double> auc;  ///< the mean of those that are not empty
  std::vector<std::optional<double>> class_average_precision;
  std::optional<double> average_precision;  ///< as of the AUCs
  /// Share of positive cases that are given the class; empty without any.
  std::vector<std::optional<double>> class_sensitivity;
  /// Share of negative cases that are not given it; empty without any.
  std::vector<std::optional<double>> class_specificity;
  /// Share of cases where that is right.
  std::vector<std::optional<double>> class_accuracy;
  std::optional<double> accuracy;  ///< their mean; empty without cases
  /// Of the class's probability against how often it is there, 15 bins.
  std::vector<std::optional<double>> class_calibration_error;
  std::optional<double> calibration_error;  ///< their mean
};

/// probabilities [N, K] double; reference [N, K] bool or integers, 0 or 1, or
/// DataError.
MultiLabelMetrics multi_label_metrics(const torch::Tensor& probabilities,
                                      const torch::Tensor& reference);

}  // namespace unimiss::eval
