#pragma once

#include <torch/types.h>

/// From scores to labels, at each place by itself.
///
/// scores: [K, ...] float32 on the CPU, of any strides; the result is int16
/// [...]. Rows are taken on all of ATen's threads.
namespace unimiss::eval {

/// The class of the largest score, the first of several. A score that is NaN is
/// not the largest; without any other the class is 0. K <= 32767.
torch::Tensor exclusive_labels(const torch::Tensor& scores);

/// Structures that may overlap: bit k is set where the score of structure k is
/// greater than the threshold, 0 of a logit. K <= 15.
torch::Tensor structure_bits(const torch::Tensor& scores, float threshold = 0);

}  // namespace unimiss::eval
