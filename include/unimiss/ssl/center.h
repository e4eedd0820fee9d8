#pragma once

#include <torch/types.h>

#include <array>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"

namespace unimiss::ssl {

/// When the center follows the teacher's outputs.
enum class CenterRule {
  /// Once a step, from the mean over all the step's teacher outputs (paper).
  kPerStep,
  /// After each loss term, in order; later terms see the moved center (the
  /// released weights' training).
  kPerTerm,
};

/// The centers of one step. Committing `next` is the caller's business, so that
/// a step that is given up leaves no trace.
struct CenterPlan {
  std::vector<torch::Tensor> per_term;  ///< [1, K] each, one per loss term
  torch::Tensor next;                   ///< [1, K]
};

/// Plans a step: c ← ω c + (1 − ω) m with ω the momentum and m the mean of
/// teacher logits (paper Sec. 3.2, Eq. 4's centering).
///
/// center [1, K]; term_means: for each loss term, in the order of their
/// evaluation, the mean [1, K] of the teacher logits it uses (over all
/// processes). Terms carry equal weight: 3D has two volume and two slice terms
/// of 2B rows each, so their mean is the mean over the step's 4B rows.
CenterPlan plan_centers(const torch::Tensor& center,
                        const std::vector<torch::Tensor>& term_means,
                        CenterRule rule, double momentum);

}  // namespace unimiss::ssl

template <>
struct unimiss::EnumNames<unimiss::ssl::CenterRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::ssl::CenterRule::kPerStep, "per_step"},
      std::pair{unimiss::ssl::CenterRule::kPerTerm, "per_term"}};
};
