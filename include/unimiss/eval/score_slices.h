#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "unimiss/core/linear_taps.h"

namespace unimiss::eval {

/// From the grid that a network sees to that of the case itself, one slice at a
/// time: the scores of each class, interpolated linearly; voxel i of an axis
/// lies at
///
///   (i + 1/2) * scale - 1/2
///
/// voxels of the scores, clamped to the first and the last of them: the grids'
/// outer borders agree at their start. Where the grids agree a score is taken
/// as it is. Only those slabs of scores are kept that the next slice lies
/// between; rows are interpolated on all of ATen's threads.
class ScoreSlices {
 public:
  /// - next_slab: the next slices of the scores, [K, n, H, W] float32 on the
  ///   CPU, as SlidingWindow::next() gives them.
  /// - depth: how many slices it gives in all.
  /// - size: the result's D, H, W, 1 or more.
  /// - scale: spacing of the result / spacing of the scores, of each axis.
  ScoreSlices(std::function<torch::Tensor()> next_slab, int64_t depth,
              const std::array<int64_t, 3>& size,
              const std::array<double, 3>& scale);

  /// The scores of the next slice, [K, H, W] float32; read it only. There are
  /// size[0] of them.
  torch::Tensor next();

 private:
  struct Slab {
    int64_t first;  ///< its first slice
    torch::Tensor scores;
  };
  torch::Tensor slice_of_slabs(int64_t depth);

  std::function<torch::Tensor()> next_slab_;
  std::array<int64_t, 3> size_;
  std::array<double, 3> scale_;
  LinearTaps slices_;
  std::deque<Slab> slabs_;
  int64_t given_ = 0;  ///< slices of the slabs so far
  int64_t next_ = 0;   ///< of the result
};

}  // namespace unimiss::eval
