#include "unimiss/augment/patch.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "augment/voxel_rows.h"
#include "unimiss/augment/stage_times.h"

namespace unimiss::augment {
namespace {

constexpr auto kStepSize = static_cast<float>(1 / kIntensitySteps);

float mix(float a, float b, float part) { return a + part * (b - a); }

/// Between four voxels of a slice.
float mix_slice(const int16_t* first, const int16_t* second, float fy,
                float fx) {
  return mix(mix(first[0], first[1], fx), mix(second[0], second[1], fx), fy);
}

template <Slices kSlices>
void interpolate_row(const VoxelGrid& grid, const RowPlaces& places,
                     float padding, float* to) {
  const auto width = static_cast<int64_t>(places.low[0].size());
  const float outside = padding / kStepSize;
  for (int64_t i = 0; i < width; ++i) {
    const int64_t z = places.low[0][i], y = places.low[1][i],
                  x = places.low[2][i];
    float value = outside;
    if (places.inside[i] != 0) {
      const float fy = places.part[1][i], fx = places.part[2][i];
      const int16_t* voxel = grid.row(z, y) + x;
      value = mix_slice(voxel, voxel + grid.row_stride, fy, fx);
      if constexpr (kSlices == Slices::kTwo) {
        voxel += grid.slice_stride;
        value = mix(value, mix_slice(voxel, voxel + grid.row_stride, fy, fx),
                    places.part[0][i]);
      }
    } else if (grid.touches(z, y, x)) {
      const Corners<kSlices, float> corners(grid, places, i, outside);
      value = 0;
      for (int k = 0; k < corners.kCount; ++k) {
        value += corners.weights[k] * corners.values[k];
      }
    }
    to[i] = value * kStepSize;
  }
}

void nearest_row(const VoxelGrid& grid, const RowPlaces& places, int16_t* to) {
  const auto width = static_cast<int64_t>(places.low[0].size());
  for (int64_t i = 0; i < width; ++i) {
    std::array<int64_t, 3> at;
    for (int axis = 0; axis < 3; ++axis) {
      at[axis] = places.low[axis][i] + (places.part[axis][i] >= 0.5f ? 1 : 0);
    }
    to[i] = grid.holds(at[0], at[1], at[2]) ? grid.row(at[0], at[1])[at[2]]
                                            : int16_t{0};
  }
}

/// The class with the largest sum of weights, of equal ones the lower.
template <class CornerLabels>
int16_t heaviest_class(const CornerLabels& corners) {
  int16_t best = 0;
  float most = -1;
  for (const int16_t label : corners.values) {
    float sum = 0;
    for (int i = 0; i < corners.kCount; ++i) {
      if (corners.values[i] == label) sum += corners.weights[i];
    }
    if (sum > most || (sum == most && label < best)) {
      best = label;
      most = sum;
    }
  }
  return best;
}

/// The structures whose weights sum to a half or more.
template <class CornerLabels>
int16_t heavy_structures(const CornerLabels& corners) {
  int result = 0;
  for (int bit = 0; bit < kMaxStructures; ++bit) {
    float sum = 0;
    for (int i = 0; i < corners.kCount; ++i) {
      if (corners.values[i] >> bit & 1) sum += corners.weights[i];
    }
    if (sum >= 0.5f) result |= 1 << bit;
  }
  return static_cast<int16_t>(result);
}

/// Whether all voxels around a place inside have one label: nearly everywhere.
template <Slices kSlices>
bool all_alike(const VoxelGrid& grid, const RowPlaces& places, int64_t at) {
  const int16_t* first =
      grid.row(places.low[0][at], places.low[1][at]) + places.low[2][at];
  const int16_t label = first[0];
  bool alike = true;
  for (int slice = 0; slice < static_cast<int>(kSlices); ++slice) {
    const int16_t* one = first + slice * grid.slice_stride;
    const int16_t* other = one + grid.row_stride;
    alike &= (one[0] == label) & (one[1] == label) & (other[0] == label) &
             (other[1] == label);
  }
  return alike;
}

template <Slices kSlices>
void vote_row(const VoxelGrid& grid, const RowPlaces& places, Target target,
              int16_t* to) {
  const auto width = static_cast<int64_t>(places.low[0].size());
  for (int64_t i = 0; i < width; ++i) {
    const int64_t z = places.low[0][i], y = places.low[1][i],
                  x = places.low[2][i];
    if (!grid.touches(z, y, x)) {
      to[i] = 0;
    } else if (places.inside[i] != 0 && all_alike<kSlices>(grid, places, i)) {
      to[i] = grid.row(z, y)[x];
    } else {
      const Corners<kSlices, int16_t> corners(grid, places, i, 0);
      to[i] = target.is_exclusive() ? heaviest_class(corners)
                                    : heavy_structures(corners);
    }
  }
}

/// A row of a map that is_copy(); what lies outside becomes `outside`.
template <class Value, class Change>
void copy_row(const VoxelGrid& grid, const SpatialMap& map,
              const std::array<int64_t, 2>& at, Value outside,
              const Change& change, std::pair<Value*, int64_t> to) {
  const auto along = [&](int axis, int64_t i) {
    return static_cast<int64_t>(map.offset[axis] + map.matrix[axis][axis] *
                                                       static_cast<double>(i));
  };
  const auto [row, width] = to;
  const int64_t z = along(0, at[0]), y = along(1, at[1]), start = along(2, 0);
  if (!grid.holds_along(0, z) || !grid.holds_along(1, y)) {
    std::fill_n(row, width, outside);
    return;
  }
  const int16_t* from = grid.row(z, y);
  const int64_t step = map.matrix[2][2] > 0 ? 1 : -1, size = grid.size[2];
  // Voxels [first, last) of the row lie inside.
  const int64_t first =
      std::clamp<int64_t>(step > 0 ? -start : start - size + 1, 0, width);
  const int64_t last =
      std::clamp<int64_t>(step > 0 ? size - start : start + 1, first, width);
  std::fill_n(row, first, outside);
  for (int64_t i = first; i < last; ++i) {
    row[i] = change(from[start + step * i]);
  }
  std::fill(row + last, row + width, outside);
}

/// What is read and what is written.
struct Resampling {
  std::vector<VoxelGrid> channels;
  std::vector<float> padding;  ///< of each
  std::optional<VoxelGrid> map;
  Target target;
  LabelInterpolation interpolation;
  int64_t width;         ///< of a row of the patch
  int64_t image_stride;  ///< between its channels
  float* image;
  int16_t* labels;

  Resampling(const CaseVoxels& voxels, const std::vector<float>& outside,
             LabelInterpolation rule, Target of, const Patch& patch)
      : padding(outside),
        target(of),
        interpolation(rule),
        width(patch.image.size(3)),
        image_stride(patch.image.stride(0)),
        image(patch.image.data_ptr<float>()),
        labels(nullptr) {
    for (int64_t c = 0; c < voxels.image.size(0); ++c) {
      channels.emplace_back(voxels.image.select(0, c));
    }
    if (!voxels.map.defined()) return;
    map.emplace(voxels.map);
    labels = patch.map.data_ptr<int16_t>();
  }

  float* image_row(size_t channel, int64_t row) const {
    return image + static_cast<int64_t>(channel) * image_stride + row * width;
  }
};

void copy_rows(const Resampling& work, const SpatialMap& map, int64_t row,
               const std::array<int64_t, 2>& at) {
  for (size_t c = 0; c < work.channels.size(); ++c) {
    copy_row(
        work.channels[c], map, at, work.padding[c],
        [](int16_t value) { return kStepSize * value; },
        std::pair{work.image_row(c, row), work.width});
  }
  if (!work.map) return;
  copy_row(
      *work.map, map, at, int16_t{0}, [](int16_t value) { return value; },
      std::pair{work.labels + row * work.width, work.width});
}

template <Slices kSlices>
void resample_rows(const Resampling& work, const RowPlaces& places,
                   int64_t row) {
  for (size_t c = 0; c < work.channels.size(); ++c) {
    interpolate_row<kSlices>(work.channels[c], places, work.padding[c],
                             work.image_row(c, row));
  }
  if (!work.map) return;
  int16_t* labels = work.labels + row * work.width;
  if (work.interpolation == LabelInterpolation::kNearest) {
    nearest_row(*work.map, places, labels);
  } else {
    vote_row<kSlices>(*work.map, places, work.target, labels);
  }
}

void check_case(const CaseVoxels& voxels, const SpatialMap& map,
                const std::vector<float>& padding, Target target) {
  const torch::Tensor& image = voxels.image;
  TORCH_CHECK(image.dim() == 4 && image.size(0) > 0 &&
                  image.scalar_type() == torch::kInt16 && image.stride(3) == 1,
              "resample_patch: an image is int16 [C, D, H, W] in whole rows");
  TORCH_CHECK(static_cast<int64_t>(padding.size()) == image.size(0),
              "resample_patch: padding is one value a channel");
  for (int row = 0; row < 3; ++row) {
    bool near = std::abs(map.offset[row]) < kFarthest;
    for (const double value : map.matrix[row]) {
      near &= std::abs(value) < kFarthest;
    }
    TORCH_CHECK(near, "resample_patch: a map must be finite");
  }
  if (!voxels.map.defined()) return;
  TORCH_CHECK(
      target.is_segmentation() && voxels.map.scalar_type() == torch::kInt16 &&
          voxels.map.sizes() == image.sizes().slice(1) &&
          voxels.map.stride(2) == 1,
      "resample_patch: a map is int16 [D, H, W], the image's, in whole rows, "
      "and of segmentation alone");
}

}  // namespace

Patch resample_patch(const CaseVoxels& voxels, const SpatialMap& map,
                     const std::array<int64_t, 3>& size,
                     const std::vector<float>& padding,
                     LabelInterpolation labels, Target target) {
  const StageTimer timer(Stage::kResample);
  check_case(voxels, map, padding, target);
  Patch patch;
  patch.image = torch::empty({voxels.image.size(0), size[0], size[1], size[2]});
  if (voxels.map.defined()) {
    patch.map = torch::empty({size[0], size[1], size[2]}, torch::kInt16);
  }
  const Resampling work(voxels, padding, labels, target, patch);
  const bool copy = map.is_copy();
  RowPlaces places(size[2], work.channels[0].size);
  for (int64_t row = 0; row < size[0] * size[1]; ++row) {
    const std::array<int64_t, 2> at{row / size[1], row % size[1]};
    if (copy) {
      copy_rows(work, map, row, at);
      continue;
    }
    places.find(map, at);
    if (places.slices == Slices::kOne) {
      resample_rows<Slices::kOne>(work, places, row);
    } else {
      resample_rows<Slices::kTwo>(work, places, row);
    }
  }
  return patch;
}

}  // namespace unimiss::augment
