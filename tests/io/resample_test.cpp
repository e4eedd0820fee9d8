#include "unimiss/io/resample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

TEST(Resample, KeepsTheExtentAndInterpolates) {
  const auto ramp = torch::arange(8, torch::kFloat32).view({1, 1, 8});
  const Volume volume{ramp.expand({4, 3, 8}).contiguous(), {3, 1, 2}};
  const Volume finer = resample(volume, {3, 1.005, 1});
  EXPECT_EQ(finer.voxels.sizes(), (torch::IntArrayRef{4, 3, 16}));
  EXPECT_EQ(finer.spacing, (std::array<double, 3>{3, 1, 1}));
  EXPECT_EQ(finer.origin, (std::array<double, 3>{-0.5, 0, 0}));
  // Voxel i of the result is centred at (i + 0.5) mm; the ramp is x / 2 - 0.5.
  const auto expected =
      (torch::arange(16, torch::kFloat32) * 0.5 - 0.25).clamp(0, 7);
  EXPECT_TRUE(finer.voxels[2][1].allclose(expected));
  const auto depth = torch::arange(4, torch::kFloat32).view({4, 1, 1});
  const Volume coarser =
      resample({depth.expand({4, 2, 2}).contiguous(), {1, 1, 1}}, {2, 1, 1});
  EXPECT_TRUE(coarser.voxels.select(1, 0).select(1, 1).allclose(
      torch::tensor({0.5f, 2.5f})));
  const Volume labels = resample(volume, {3, 1, 3}, Interpolation::kNearest);
  EXPECT_TRUE(labels.voxels[0][0].equal(
      torch::tensor({0., 2., 3., 5., 6.}).to(torch::kFloat32)));
  // 400 slices of 500 mm, whose plane shrinks a hundredfold: what lies between
  // would take 38 GiB if the slices were interpolated first.
  const Volume thick =
      resample({torch::zeros({400, 224, 224}), {500, 0.01, 0.01}}, {1, 1, 1});
  EXPECT_EQ(thick.voxels.sizes(), (torch::IntArrayRef{200000, 2, 2}));
  EXPECT_THROW(resample(volume, {1e-6, 1e-6, 1}), Error);
  EXPECT_THROW(resample(volume, {0, 1, 1}), Error);
}

TEST(Resample, VoxelsLieAtTheirSteps) {
  // z + 10 y^2 + 100 x^2, apart along each axis.
  const auto along = [](float unit, float power, int64_t n) {
    return unit * torch::arange(n).to(torch::kFloat).pow(power);
  };
  const std::array<torch::Tensor, 3> parts{along(1, 1, 4), along(10, 2, 7),
                                           along(100, 2, 5)};
  const auto sum = [](const std::array<torch::Tensor, 3>& axes) {
    return axes[0].view({-1, 1, 1}) + axes[1].view({-1, 1}) + axes[2];
  };
  const std::array<int64_t, 3> sizes{9, 3, 5};
  const std::array<double, 3> steps{0.4, 2.5, 1};
  for (const auto kind : {Interpolation::kLinear, Interpolation::kNearest}) {
    std::array<torch::Tensor, 3> wanted;
    for (int axis = 0; axis < 3; ++axis) {
      wanted[axis] = torch::empty({sizes[axis]});
      const int64_t last = parts[axis].size(0) - 1;
      for (int64_t i = 0; i < sizes[axis]; ++i) {
        double at = std::clamp((i + 0.5) * steps[axis] - 0.5, 0.0, 1.0 * last);
        if (kind == Interpolation::kNearest) at = std::floor(at + 0.5);
        const auto low = static_cast<int64_t>(at);
        const auto value = [&](int64_t voxel) {
          return parts[axis][std::min(voxel, last)].item<double>();
        };
        wanted[axis][i] =
            value(low) + (at - std::floor(at)) * (value(low + 1) - value(low));
      }
    }
    const auto voxels = sum(parts).contiguous();
    const auto found = resample_voxels(voxels, sizes, steps, kind);
    ASSERT_EQ(found.sizes(), at::IntArrayRef(sizes));
    EXPECT_LE((found - sum(wanted)).abs().max().item<double>(), 1e-3);
  }
  EXPECT_THROW(resample_voxels(torch::zeros({2, 2}), sizes, steps,
                               Interpolation::kLinear),
               c10::Error);
}

}  // namespace
}  // namespace unimiss::io
