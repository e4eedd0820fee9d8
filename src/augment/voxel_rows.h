#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <vector>

#include "unimiss/augment/spatial_transform.h"

/// Rows of voxels, and where those of a patch lie between those of its case:
/// parts of the resampling of patches.
namespace unimiss::augment {

/// What lies further away is outside of any case, and int32 holds it.
inline constexpr double kFarthest = (1 << 30) - 1;

/// A grid of int16 voxels [D, H, W] whose rows are contiguous.
struct VoxelGrid {
  const int16_t* voxels;
  int64_t slice_stride, row_stride;
  std::array<int64_t, 3> size;

  explicit VoxelGrid(const torch::Tensor& tensor)
      : voxels(tensor.const_data_ptr<int16_t>()),
        slice_stride(tensor.stride(0)),
        row_stride(tensor.stride(1)),
        size{tensor.size(0), tensor.size(1), tensor.size(2)} {}

  const int16_t* row(int64_t z, int64_t y) const {
    return voxels + z * slice_stride + y * row_stride;
  }
  bool holds(int64_t z, int64_t y, int64_t x) const {
    return holds_along(0, z) && holds_along(1, y) && holds_along(2, x);
  }
  /// Whether any of the voxels (z, y, x) to (z + 1, y + 1, x + 1) lies inside.
  bool touches(int64_t z, int64_t y, int64_t x) const {
    return z >= -1 && z < size[0] && y >= -1 && y < size[1] && x >= -1 &&
           x < size[2];
  }
  bool holds_along(int axis, int64_t at) const {
    return at >= 0 && at < size[axis];
  }
};

/// How many slices a voxel is interpolated between.
enum class Slices { kOne = 1, kTwo = 2 };

/// Where the voxels of a row of the patch lie between those of the case: behind
/// `low` by `part` of a voxel, along each axis.
struct RowPlaces {
  std::array<std::vector<int32_t>, 3> low;
  std::array<std::vector<float>, 3> part;
  /// kOne where all lie in one and the same slice: nothing lies between slices
  /// in 2D, nor in 3D where a patch is turned about D alone.
  Slices slices = Slices::kTwo;
  /// Whether all voxels to interpolate between lie in the case: 0 or 1.
  std::vector<int32_t> inside;

  /// For rows of a width, of a case of a size.
  RowPlaces(int64_t width, const std::array<int64_t, 3>& case_size);

  /// Of the row at (D, H) of the patch.
  void find(const SpatialMap& map, const std::array<int64_t, 2>& at);

 private:
  void split(int32_t* lows, float* parts) const;
  void find_inside();

  std::array<int64_t, 3> size_;
  std::vector<double> exact_;
  std::vector<std::array<double, 3>> moved_;  ///< empty where nothing is
};

/// The voxels around a place, those outside of the grid having `outside`, and
/// their weights: (z, y, x) in binary, x last.
template <Slices kSlices, class Value>
struct Corners {
  static constexpr int kCount = 4 * static_cast<int>(kSlices);
  std::array<Value, kCount> values;
  std::array<float, kCount> weights;

  Corners(const VoxelGrid& grid, const RowPlaces& places, int64_t at,
          Value outside) {
    const int64_t z = places.low[0][at], y = places.low[1][at],
                  x = places.low[2][at];
    const float fz = places.part[0][at], fy = places.part[1][at],
                fx = places.part[2][at];
    for (int i = 0; i < kCount; ++i) {
      const int dz = i >> 2, dy = i >> 1 & 1, dx = i & 1;
      weights[i] = (dz != 0 ? fz : 1 - fz) * (dy != 0 ? fy : 1 - fy) *
                   (dx != 0 ? fx : 1 - fx);
      values[i] = grid.holds(z + dz, y + dy, x + dx)
                      ? static_cast<Value>(grid.row(z + dz, y + dy)[x + dx])
                      : outside;
    }
  }
};

}  // namespace unimiss::augment
