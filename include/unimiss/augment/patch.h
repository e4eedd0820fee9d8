#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/augment/spatial_transform.h"
#include "unimiss/core/fields.h"

/// What a network is shown of a case. Everything runs on the calling thread.
namespace unimiss::augment {

/// A piece of a case, of the size that a network is trained on; D = 1 in 2D.
struct Patch {
  torch::Tensor image;  ///< float32 [C, D, H, W], units of CaseVoxels::image
  torch::Tensor map;    ///< int16 [D, H, W], as CaseVoxels::map, or undefined
};

/// How labels are resampled. kNearest: those of the nearest voxel. kLinear:
/// each class's indicator, 0 or 1, is interpolated linearly and the largest
/// wins, of equal ones the lower class; of structures, each that reaches 1/2.
enum class LabelInterpolation { kNearest, kLinear };

/// The patch [D, H, W] of `size` that a map shows of a case, image and labels
/// at the same coordinates: the image interpolated linearly along each axis,
/// the labels by their own rule. A map that is_copy() is copied exactly.
///
/// Voxels outside of the case count as `padding` (units, one value a channel)
/// and as no label, also in the interpolation at its border. `target` tells
/// label maps from structures. Only the voxels that are needed are touched: a
/// case may be mapped from a file.
///
/// A mismatch of shapes and kinds is a bug of the caller's.
Patch resample_patch(const CaseVoxels& voxels, const SpatialMap& map,
                     const std::array<int64_t, 3>& size,
                     const std::vector<float>& padding,
                     LabelInterpolation labels, Target target);

}  // namespace unimiss::augment

template <>
struct unimiss::EnumNames<unimiss::augment::LabelInterpolation> {
  static constexpr std::array kNames{
      std::pair{unimiss::augment::LabelInterpolation::kNearest, "nearest"},
      std::pair{unimiss::augment::LabelInterpolation::kLinear, "linear"}};
};
