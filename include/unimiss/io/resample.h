#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>

#include "unimiss/io/volume.h"

namespace unimiss::io {

/// kLinear for intensities, kNearest for labels.
enum class Interpolation { kLinear, kNearest };

/// Interpolation to another spacing (mm; D, H, W).
///
/// An axis of n voxels at spacing s gets round(n s / t) >= 1 voxels at exactly
/// t, over the same physical extent: the centre of voxel i lies at (i + 1/2) t.
/// Axes within 1 % of the wanted spacing are left alone. There is no low-pass
/// filter, so a strong reduction aliases. Runs on the calling thread.
/// Throws Error for a spacing that is not positive and for a result of more
/// than 2^29 voxels.
Volume resample(const Volume& volume, const std::array<double, 3>& spacing,
                Interpolation interpolation = Interpolation::kLinear);

/// The same of voxels float32 [D, H, W] to any number of them: voxel i of an
/// axis lies at (i + 1/2) step - 1/2 of the old ones, clamped to them.
torch::Tensor resample_voxels(const torch::Tensor& voxels,
                              const std::array<int64_t, 3>& sizes,
                              const std::array<double, 3>& steps,
                              Interpolation interpolation);

/// The grid that resample() arrives at.
struct ResampledGrid {
  std::array<int64_t, 3> sizes;
  std::array<double, 3> steps;  ///< spacing of it by that of the old one
  std::array<double, 3> spacing;
};
/// From a size and spacing to another spacing; all are positive.
ResampledGrid resampled_grid(const std::array<int64_t, 3>& sizes,
                             const std::array<double, 3>& spacing,
                             const std::array<double, 3>& wanted);

}  // namespace unimiss::io
