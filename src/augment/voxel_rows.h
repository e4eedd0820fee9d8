#pragma once

#include <torch/types.h>

#include <algorithm>
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
  RowPlaces(int64_t width, const std::array<int64_t, 3>& case_size)
      : inside(width), size_(case_size), exact_(width) {
    for (auto& axis : low) axis.resize(width);
    for (auto& axis : part) axis.resize(width);
  }

  /// Of the row at (D, H) of the patch.
  void find(const SpatialMap& map, const std::array<int64_t, 2>& at) {
    if (!map.elastic.empty()) moved_ = map.elastic.row(at[0], at[1]);
    for (int axis = 0; axis < 3; ++axis) {
      const auto [md, mh, mw] = map.matrix[axis];
      const double start = map.offset[axis] + md * static_cast<double>(at[0]) +
                           mh * static_cast<double>(at[1]);
      const auto width = static_cast<int32_t>(exact_.size());
      double* exact = exact_.data();
      for (int32_t x = 0; x < width; ++x) exact[x] = start + mw * x;
      for (size_t x = 0; x < moved_.size(); ++x) {
        const auto& [dd, dh, dw] = moved_[x];
        exact[x] += md * dd + mh * dh + mw * dw;
      }
      split(low[axis].data(), part[axis].data());
    }
    find_inside();
  }

 private:
  /// Branchless, so that compilers turn it into vector instructions: this takes
  /// as long as interpolating.
  void split(int32_t* lows, float* parts) const {
    const double* exact = exact_.data();
    const size_t width = exact_.size();
    for (size_t x = 0; x < width; ++x) {
      double at = exact[x];
      at = at < -kFarthest ? -kFarthest : at;
      at = at > kFarthest ? kFarthest : at;
      // Of what is not negative, truncation is the floor. The sum rounds what
      // lies less than 3e-7 below a whole number up to it.
      const auto floor = static_cast<int32_t>(at + kFarthest) -
                         static_cast<int32_t>(kFarthest);
      const double rest = at - floor;
      lows[x] = floor;
      parts[x] = static_cast<float>(rest < 0 ? 0 : rest);
    }
  }

  void find_inside() {
    const bool one = std::all_of(part[0].begin(), part[0].end(),
                                 [](float value) { return value == 0; }) &&
                     std::all_of(low[0].begin(), low[0].end(),
                                 [&](int32_t z) { return z == low[0][0]; });
    slices = one ? Slices::kOne : Slices::kTwo;
    const auto last = [&](int axis) {
      return static_cast<int32_t>(size_[axis]) - 1;
    };
    const int32_t depth = one ? last(0) + 1 : last(0), height = last(1),
                  width = last(2);
    const int32_t *z = low[0].data(), *y = low[1].data(), *x = low[2].data();
    int32_t* to = inside.data();
    const size_t count = inside.size();
    for (size_t i = 0; i < count; ++i) {
      to[i] = (z[i] >= 0) & (z[i] < depth) & (y[i] >= 0) & (y[i] < height) &
              (x[i] >= 0) & (x[i] < width);
    }
  }

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
