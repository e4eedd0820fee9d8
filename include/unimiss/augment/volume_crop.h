#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>

/// Windows of CT volumes, int16 HU [D, H, W].
namespace unimiss::augment {

/// A box of a volume, in its voxels (D, H, W); it may reach outside.
struct VolumeWindow {
  std::array<int64_t, 3> start{};
  std::array<int64_t, 3> extent{};
};

/// The central 80 % of the plane of a volume [D, H, W], a view of it. It is the
/// volume of CropRule::kCentral: what lies outside of it counts as padding.
torch::Tensor central_region(const torch::Tensor& hu);

/// Trilinear resampling of a window of an int16 HU volume to [D, H, W] of
/// HU / 1024, mirrored along the axes of `mirror`; what lies outside of the
/// volume counts as `padding_hu`. Rows must be contiguous. Only the window's
/// voxels are touched.
torch::Tensor resized_crop(const torch::Tensor& hu, const VolumeWindow& window,
                           const std::array<int64_t, 3>& size,
                           const std::array<bool, 3>& mirror,
                           double padding_hu);

}  // namespace unimiss::augment
