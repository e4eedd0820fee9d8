#include "unimiss/io/resample.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/core/linear_taps.h"

namespace unimiss::io {
namespace {

LinearTaps taps_of(int64_t input, int64_t output, double step,
                   Interpolation interpolation) {
  LinearTaps taps(input, output, step);
  if (interpolation == Interpolation::kLinear) return taps;
  for (int64_t i = 0; i < output; ++i) {
    taps.first[i] =
        static_cast<int64_t>(std::floor(cell_place(i, step, input) + 0.5));
    taps.weight[i] = 0;
  }
  return taps;
}

/// Interpolates the middle axis of [outer, n, inner].
torch::Tensor interpolate_axis(const torch::Tensor& input, int64_t axis,
                               const LinearTaps& taps) {
  auto sizes = input.sizes().vec();
  const int64_t extent = sizes[axis];
  int64_t outer = 1, inner = 1;
  for (int64_t i = 0; i < axis; ++i) outer *= sizes[i];
  for (int64_t i = axis + 1; i < 3; ++i) inner *= sizes[i];
  const auto size = static_cast<int64_t>(taps.first.size());
  sizes[axis] = size;
  auto output = torch::empty(sizes, torch::kFloat32);
  const float* from = input.data_ptr<float>();
  float* to = output.data_ptr<float>();
  for (int64_t o = 0; o < outer; ++o, from += extent * inner) {
    for (int64_t i = 0; i < size; ++i, to += inner) {
      const float* a = from + taps.first[i] * inner;
      const float* b = from + taps.second[i] * inner;
      const float w = taps.weight[i];
      for (int64_t k = 0; k < inner; ++k) to[k] = a[k] + w * (b[k] - a[k]);
    }
  }
  return output;
}

}  // namespace

torch::Tensor resample_voxels(const torch::Tensor& voxels,
                              const std::array<int64_t, 3>& sizes,
                              const std::array<double, 3>& steps,
                              Interpolation interpolation) {
  TORCH_CHECK(voxels.dim() == 3 && voxels.is_contiguous() &&
                  voxels.scalar_type() == torch::kFloat32,
              "resample_voxels: voxels are float32 [D, H, W] and contiguous");
  // Axes that shrink come first: nothing between is larger than both ends.
  std::array<int, 3> order{0, 1, 2};
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return steps[a] > steps[b]; });
  torch::Tensor result = voxels;
  for (const int axis : order) {
    if (steps[axis] == 1 && sizes[axis] == result.size(axis)) continue;
    result = interpolate_axis(
        result, axis,
        taps_of(result.size(axis), sizes[axis], steps[axis], interpolation));
  }
  return result;
}

ResampledGrid resampled_grid(const std::array<int64_t, 3>& sizes,
                             const std::array<double, 3>& spacing,
                             const std::array<double, 3>& wanted) {
  constexpr double kTolerance = 0.01;
  ResampledGrid grid{sizes, {1, 1, 1}, spacing};
  for (int axis = 0; axis < 3; ++axis) {
    const double step = wanted[axis] / spacing[axis];
    if (std::abs(step - 1) <= kTolerance) continue;
    const double extent =
        static_cast<double>(sizes[axis]) * spacing[axis] / wanted[axis];
    grid.sizes[axis] =
        std::max<int64_t>(1, std::llround(std::min(extent, 1e9)));
    grid.steps[axis] = step;
    grid.spacing[axis] = wanted[axis];
  }
  return grid;
}

Volume resample(const Volume& volume, const std::array<double, 3>& spacing,
                Interpolation interpolation) {
  constexpr double kMaxVoxels = 1 << 29;  // 2 GiB
  Volume result = volume;
  result.file.reset();
  result.voxels = volume.voxels.contiguous();
  double count = 1;
  for (int axis = 0; axis < 3; ++axis) {
    if (!(spacing[axis] > 0 && std::isfinite(spacing[axis]))) {
      throw ConfigError(fmt::format("spacing: {} mm is not a positive number",
                                    spacing[axis]));
    }
    const double extent = static_cast<double>(volume.voxels.size(axis)) *
                          volume.spacing[axis] / spacing[axis];
    count *= std::max(1.0, extent);
  }
  if (count > kMaxVoxels) {
    throw Error(fmt::format(
        "resampling {}x{}x{} voxels of {}x{}x{} mm to {}x{}x{} mm would give "
        "{:.3g} voxels (2^29 are allowed); choose a coarser spacing, or "
        "correct the file's",
        volume.voxels.size(0), volume.voxels.size(1), volume.voxels.size(2),
        volume.spacing[0], volume.spacing[1], volume.spacing[2], spacing[0],
        spacing[1], spacing[2], count));
  }
  const ResampledGrid grid = resampled_grid(
      {volume.voxels.size(0), volume.voxels.size(1), volume.voxels.size(2)},
      volume.spacing, spacing);
  for (int axis = 0; axis < 3; ++axis) {
    // The extent stays, so the first centre moves by half the difference.
    const double shift = (grid.spacing[axis] - volume.spacing[axis]) / 2;
    for (int i = 0; i < 3; ++i) {
      result.origin[i] += shift * volume.axes[axis][i];
    }
  }
  result.spacing = grid.spacing;
  result.voxels =
      resample_voxels(result.voxels, grid.sizes, grid.steps, interpolation);
  return result;
}

}  // namespace unimiss::io
