#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "unimiss/core/class_relation.h"

/// From scores to classes: the one rule of all predictions and metrics. Of
/// exclusive classes it is that of the largest score, the first of several; of
/// overlapping ones each whose probability is greater than 1/2, which is a
/// logit greater than 0.
namespace unimiss::eval {

enum class ScoreKind { kLogits, kProbabilities };

/// What is at each place, int16 [...]: the class, or the structures, bit k for
/// structure k. scores: [K, ...] float32 on the CPU, of any strides; at most
/// 32767 classes or 15 structures. A score that is NaN decides nothing: without
/// any other the class is 0.
torch::Tensor decided_map(const torch::Tensor& scores, ClassRelation relation,
                          ScoreKind kind);

/// Whether each case has each class: bool [N, K]. probabilities: [N, K] double
/// on the CPU, finite, K >= 1.
torch::Tensor decided_classes(const torch::Tensor& probabilities,
                              ClassRelation relation);

/// The classes of one case, ascending; probabilities: [K].
std::vector<int64_t> decided_classes(const std::vector<double>& probabilities,
                                     ClassRelation relation);

}  // namespace unimiss::eval
