#pragma once

#include <torch/types.h>

#include <array>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss::ssl {

/// How the two cross-view terms of one loss are joined.
enum class CrossViewScale {
  kSum,   ///< paper, Eq. 5 and Eq. 6
  kMean,  ///< the official code: half the paper's value
};

/// The teacher's targets softmax((t − c) / τ) [2B, K], without gradient
/// (paper Eq. 4). teacher_logits [2B, K], center [1, K].
torch::Tensor teacher_probabilities(const torch::Tensor& teacher_logits,
                                    const torch::Tensor& center,
                                    double temperature);

/// The student's log softmax(s / τ) [2B, K] (paper Eq. 3).
torch::Tensor student_log_probabilities(const torch::Tensor& student_logits,
                                        double temperature);

/// The cross-view loss of self-distillation (paper Eq. 5):
///
///   H(P_teacher(view 2), P_student(view 1)) + H(P_teacher(view 1),
///   P_student(view 2)),   H(p, q) = −Σ_k p_k log q_k, averaged over the batch.
///
/// Both [2B, K], the first B rows of view 1, the others of view 2 of the same
/// samples. A scalar.
torch::Tensor dino_loss(const torch::Tensor& student_log_probabilities,
                        const torch::Tensor& teacher_probabilities,
                        CrossViewScale scale);

/// The mean entropy −Σ p log p of rows of probabilities [R, K], in nats: 0 or
/// ln K tell of a collapse.
torch::Tensor mean_entropy(const torch::Tensor& probabilities);

}  // namespace unimiss::ssl

template <>
struct unimiss::EnumNames<unimiss::ssl::CrossViewScale> {
  static constexpr std::array kNames{
      std::pair{unimiss::ssl::CrossViewScale::kSum, "sum"},
      std::pair{unimiss::ssl::CrossViewScale::kMean, "mean"}};
};
