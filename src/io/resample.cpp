#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/io/volume.h"

namespace unimiss::io {
namespace {

/// One axis of a separable interpolation: output i blends the inputs first[i]
/// and second[i], the latter with weight[i].
struct Taps {
  std::vector<int64_t> first, second;
  std::vector<float> weight;

  Taps(int64_t input, int64_t output, double step,
       Interpolation interpolation) {
    for (int64_t i = 0; i < output; ++i) {
      double at = std::clamp((static_cast<double>(i) + 0.5) * step - 0.5, 0.0,
                             static_cast<double>(input - 1));
      if (interpolation == Interpolation::kNearest) at = std::floor(at + 0.5);
      first.push_back(static_cast<int64_t>(at));
      second.push_back(std::min(first.back() + 1, input - 1));
      weight.push_back(static_cast<float>(at - std::floor(at)));
    }
  }
  int64_t size() const { return static_cast<int64_t>(first.size()); }
};

/// Interpolates the middle axis of [outer, n, inner].
torch::Tensor interpolate_axis(const torch::Tensor& input, int64_t axis,
                               const Taps& taps) {
  auto sizes = input.sizes().vec();
  const int64_t extent = sizes[axis];
  int64_t outer = 1, inner = 1;
  for (int64_t i = 0; i < axis; ++i) outer *= sizes[i];
  for (int64_t i = axis + 1; i < 3; ++i) inner *= sizes[i];
  sizes[axis] = taps.size();
  auto output = torch::empty(sizes, torch::kFloat32);
  const float* from = input.data_ptr<float>();
  float* to = output.data_ptr<float>();
  for (int64_t o = 0; o < outer; ++o, from += extent * inner) {
    for (int64_t i = 0; i < taps.size(); ++i, to += inner) {
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
    const Taps taps(result.size(axis), sizes[axis], steps[axis], interpolation);
    result = interpolate_axis(result, axis, taps);
  }
  return result;
}

Volume resample(const Volume& volume, const std::array<double, 3>& spacing,
                Interpolation interpolation) {
  constexpr double kTolerance = 0.01;
  constexpr double kMaxVoxels = 1 << 29;  // 2 GiB
  Volume result = volume;
  result.voxels = volume.voxels.contiguous();
  std::array<int64_t, 3> sizes;
  double count = 1;
  for (int axis = 0; axis < 3; ++axis) {
    if (!(spacing[axis] > 0 && std::isfinite(spacing[axis]))) {
      throw ConfigError(fmt::format("spacing: {} mm is not a positive number",
                                    spacing[axis]));
    }
    const double extent = static_cast<double>(volume.voxels.size(axis)) *
                          volume.spacing[axis] / spacing[axis];
    count *= std::max(1.0, extent);
    sizes[axis] = std::max<int64_t>(1, std::llround(std::min(extent, 1e9)));
  }
  if (count > kMaxVoxels) {
    throw Error(fmt::format(
        "resampling {}x{}x{} voxels of {}x{}x{} mm to {}x{}x{} mm would give "
        "{:.3g} voxels (2^29 are allowed); choose a coarser data.spacing, or "
        "correct the file's",
        volume.voxels.size(0), volume.voxels.size(1), volume.voxels.size(2),
        volume.spacing[0], volume.spacing[1], volume.spacing[2], spacing[0],
        spacing[1], spacing[2], count));
  }
  std::array<double, 3> steps{1, 1, 1};
  for (int axis = 0; axis < 3; ++axis) {
    const double step = spacing[axis] / volume.spacing[axis];
    if (std::abs(step - 1) <= kTolerance) {
      sizes[axis] = volume.voxels.size(axis);
      continue;
    }
    steps[axis] = step;
    result.spacing[axis] = spacing[axis];
    // The extent stays, so the first centre moves by half the difference.
    const double shift = (spacing[axis] - volume.spacing[axis]) / 2;
    for (int i = 0; i < 3; ++i) {
      result.origin[i] += shift * volume.axes[axis][i];
    }
  }
  result.voxels = resample_voxels(result.voxels, sizes, steps, interpolation);
  return result;
}

}  // namespace unimiss::io
