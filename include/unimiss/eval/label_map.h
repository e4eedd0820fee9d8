#pragma once

#include <torch/types.h>

#include <vector>

/// From a network's scores to a map on the grid of the case itself.
///
/// Both functions interpolate the scores of each class linearly at the voxels
/// of the result; voxel i of an axis lies at
///
///   (i + 1/2) * scale - 1/2
///
/// voxels of the scores, clamped to the first and the last of them: the grids'
/// outer borders agree at their start. Where the grids agree a score is taken
/// as it is. Little memory is needed beside the scores and the result: rows are
/// interpolated one at a time, on all of ATen's threads.
///
/// - scores: [K, (D,) H, W] float32 on the CPU.
/// - size: 2 or 3 extents of the result.
/// - scale: spacing of the result / spacing of the scores, one an axis.
namespace unimiss::eval {

/// The class of the largest score, the first of several, int16 [size]. A score
/// that is NaN is not the largest; without any other the class is 0.
/// K <= 32767.
torch::Tensor exclusive_label_map(const torch::Tensor& scores,
                                  at::IntArrayRef size,
                                  const std::vector<double>& scale);

/// Structures that may overlap, int16 [size]: bit k is set where the score of
/// structure k, a logit, is greater than 0. K <= 15.
torch::Tensor structure_map(const torch::Tensor& scores, at::IntArrayRef size,
                            const std::vector<double>& scale);

}  // namespace unimiss::eval
