#pragma once

#include <ATen/Functions.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "unimiss/eval/score_slices.h"

/// Scores on one grid, wanted on another.
namespace unimiss::eval {

using Sizes = std::vector<int64_t>;
using Scales = std::vector<double>;

/// Voxel i of a result as a matrix row of weights of the scores' voxels.
inline torch::Tensor interpolation_matrix(int64_t extent, int64_t size,
                                          double scale) {
  torch::Tensor matrix = at::zeros({size, extent}, torch::kDouble);
  for (int64_t i = 0; i < size; ++i) {
    double at = (static_cast<double>(i) + 0.5) * scale - 0.5;
    at = std::min(std::max(at, 0.0), static_cast<double>(extent - 1));
    for (int64_t j = 0; j < extent; ++j) {
      const double distance = std::abs(at - static_cast<double>(j));
      if (distance < 1) matrix[i][j] = 1 - distance;
    }
  }
  return matrix;
}

/// Scores [K, size] by the definition.
inline torch::Tensor interpolated(const torch::Tensor& scores,
                                  const Sizes& size, const Scales& scale) {
  torch::Tensor result = scores.to(torch::kDouble);
  for (size_t i = 0; i < size.size(); ++i) {
    const auto axis = static_cast<int64_t>(i) + 1;
    const torch::Tensor matrix =
        interpolation_matrix(scores.size(axis), size[i], scale[i]);
    result = at::matmul(result.movedim(axis, -1), matrix.t()).movedim(-1, axis);
  }
  return result;
}

struct Grids {
  Sizes scores, size;
  Scales scale;
};

inline std::vector<Grids> score_grids() {
  return {{{5, 7}, {9, 4}, {0.55, 1.75}},
          {{6, 6}, {6, 6}, {1.05, 0.95}},  // equal extents, other spacing
          {{6, 6}, {6, 6}, {1, 1}},
          {{1, 4}, {3, 1}, {0.3, 4}},
          {{4, 5, 6}, {9, 5, 11}, {0.44, 1, 0.5}},
          {{4, 5, 6}, {4, 10, 6}, {1, 0.5, 1}},
          {{8, 8, 8}, {3, 3, 3}, {2.7, 2.7, 2.7}},
          {{3, 3, 3}, {4, 4, 4}, {5, 5, 5}},  // reaches past the scores
          {{1, 1, 1}, {2, 2, 2}, {0.5, 0.5, 0.5}}};
}

inline torch::Tensor random_scores(int64_t classes, const Sizes& size) {
  Sizes shape{classes};
  shape.insert(shape.end(), size.begin(), size.end());
  return at::randn(shape);
}

/// Scores [K, (D,) H, W] on another grid, from slabs of so many slices.
inline torch::Tensor on_grid(const torch::Tensor& scores, const Sizes& size,
                             const Scales& scale, int64_t slab = 100) {
  const bool flat = size.size() == 2;
  const torch::Tensor volumes = flat ? scores.unsqueeze(1) : scores;
  std::array<int64_t, 3> sizes{1, 1, 1};
  std::array<double, 3> scales{1, 1, 1};
  std::copy(size.begin(), size.end(), sizes.end() - size.size());
  std::copy(scale.begin(), scale.end(), scales.end() - scale.size());
  int64_t given = 0;
  const auto next = [&] {
    torch::Tensor slices = volumes.slice(1, given, given + slab);
    given += slab;
    return slices;
  };
  ScoreSlices slices(next, volumes.size(1), sizes, scales);
  std::vector<torch::Tensor> all;
  for (int64_t z = 0; z < sizes[0]; ++z) all.push_back(slices.next());
  return flat ? all.front() : at::stack(all, 1);
}

}  // namespace unimiss::eval
