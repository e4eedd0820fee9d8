#include "unimiss/augment/patch.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <map>

namespace unimiss::augment {
namespace {

using Vector3 = std::array<double, 3>;
using Size3 = std::array<int64_t, 3>;

constexpr auto kNearest = LabelInterpolation::kNearest;
constexpr auto kLinear = LabelInterpolation::kLinear;
constexpr auto kLabelMap = TargetKind::kLabelMap;

torch::Tensor random_int16(at::IntArrayRef sizes, int64_t count, int64_t low) {
  Random random({1, static_cast<uint64_t>(count)});
  auto tensor = torch::empty(sizes, torch::kInt16);
  auto* values = tensor.data_ptr<int16_t>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    values[i] = static_cast<int16_t>(low + random.integer(count));
  }
  return tensor;
}

CaseVoxels random_case(const Size3& size, int64_t channels, int64_t labels) {
  const auto [d, h, w] = size;
  return {.image = random_int16({channels, d, h, w}, 60000, -30000),
          .map = random_int16({d, h, w}, labels, 0)};
}

/// A case whose image is a function of the voxel, in units.
CaseVoxels case_of(const Size3& size,
                   const std::function<double(const Vector3&)>& value) {
  auto image = torch::empty({1, size[0], size[1], size[2]}, torch::kInt16);
  auto* voxels = image.data_ptr<int16_t>();
  for (int64_t i = 0; i < image.numel(); ++i) {
    const int64_t slice = i / size[2] / size[1], row = i / size[2] % size[1],
                  column = i % size[2];
    const Vector3 at{static_cast<double>(slice), static_cast<double>(row),
                     static_cast<double>(column)};
    voxels[i] = static_cast<int16_t>(std::lround(value(at) * kIntensitySteps));
  }
  return {.image = image, .map = {}};
}

SpatialTransformOptions all_changes() {
  SpatialTransformOptions options;
  options.rotation_probability = options.scale_probability = 1;
  options.rotation_degrees = {-180, 180};
  options.elastic_probability = 0.5;
  options.elastic_spacing = {4, 8};
  options.mirror.push_back(Axis::kWidth);
  return options;
}

/// The voxels around a place of the case and their weights, by definition.
std::vector<std::pair<Size3, double>> corners_of(const Vector3& at) {
  std::vector<std::pair<Size3, double>> corners;
  for (int i = 0; i < 8; ++i) {
    Size3 voxel;
    double weight = 1;
    for (int axis = 0; axis < 3; ++axis) {
      const double low = std::floor(at[axis]);
      const bool high = i >> axis & 1;
      voxel[axis] = static_cast<int64_t>(low) + (high ? 1 : 0);
      weight *= high ? at[axis] - low : 1 - (at[axis] - low);
    }
    corners.emplace_back(voxel, weight);
  }
  return corners;
}

/// A voxel of [D, H, W], or what counts outside.
double voxel_or(const torch::Tensor& grid, const Size3& at, double outside) {
  for (int axis = 0; axis < 3; ++axis) {
    if (at[axis] < 0 || at[axis] >= grid.size(axis)) return outside;
  }
  return grid.data_ptr<int16_t>()[at[0] * grid.stride(0) +
                                  at[1] * grid.stride(1) + at[2]];
}

int64_t label_of(const torch::Tensor& grid, const Vector3& at,
                 LabelInterpolation rule, TargetKind target) {
  if (rule == kNearest) {
    Size3 voxel;
    for (int axis = 0; axis < 3; ++axis) {
      voxel[axis] = static_cast<int64_t>(std::floor(at[axis] + 0.5));
    }
    return static_cast<int64_t>(voxel_or(grid, voxel, 0));
  }
  std::map<int64_t, double> shares;  // of classes, or of single structures
  for (const auto& [voxel, weight] : corners_of(at)) {
    const auto label = static_cast<int64_t>(voxel_or(grid, voxel, 0));
    if (target == kLabelMap) shares[label] += weight;
    for (int bit = 0; bit < 15 && target != kLabelMap; ++bit) {
      if (label >> bit & 1) shares[1 << bit] += weight;
    }
  }
  int64_t result = 0;
  for (const auto& [label, share] : shares) {
    if (target != kLabelMap && share >= 0.5) result |= label;
    if (target == kLabelMap && share > shares[result]) result = label;
  }
  return result;
}

void expect_definition(const CaseVoxels& voxels, const SpatialMap& map,
                       const Size3& size, LabelInterpolation rule,
                       TargetKind target) {
  const std::vector<float> padding{-3.25f, 1.5f};
  const auto patch = resample_patch(voxels, map, size, padding, rule, target);
  const auto image = patch.image.accessor<float, 4>();
  const auto labels = patch.map.accessor<int16_t, 3>();
  for (int64_t i = 0; i < size[0] * size[1] * size[2]; ++i) {
    const Size3 voxel{i / size[2] / size[1], i / size[2] % size[1],
                      i % size[2]};
    const auto [z, y, x] = voxel;
    const auto at = map.at(voxel);
    for (int c = 0; c < 2; ++c) {
      double expected = 0;
      for (const auto& [corner, weight] : corners_of(at)) {
        expected += weight * voxel_or(voxels.image[c], corner,
                                      padding[c] * kIntensitySteps);
      }
      ASSERT_NEAR(image[c][z][y][x], expected / kIntensitySteps, 1e-4);
    }
    ASSERT_EQ(labels[z][y][x], label_of(voxels.map, at, rule, target));
  }
}

TEST(Patch, IsInterpolatedByDefinition) {
  Random random({2});
  for (const auto rule : {kNearest, kLinear}) {
    for (const auto target : {kLabelMap, TargetKind::kStructures}) {
      const auto voxels =
          random_case({9, 14, 12}, 2, target == kLabelMap ? 4 : 32768);
      for (int draw = 0; draw < 4; ++draw) {
        const auto map = draw_spatial_map(all_changes(), {6, 10, 12}, {2, 1, 1},
                                          {3, 6, 9}, random);
        expect_definition(voxels, map, {6, 10, 12}, rule, target);
      }
      // In 2D, of a volume, and outside of it.
      for (const double slice : {4.0, -1.0}) {
        const auto map = draw_spatial_map(all_changes(), {1, 15, 13}, {2, 1, 1},
                                          {slice, 6, 5}, random);
        expect_definition(voxels, map, {1, 15, 13}, rule, target);
      }
    }
  }
}

TEST(Patch, ACropIsAnExactCopyAndMirroredAlike) {
  const auto voxels = random_case({5, 7, 9}, 2, 9);
  const std::vector<float> padding{-3, 4};
  for (const Size3& corner : {Size3{1, 2, 3}, Size3{-2, -1, 5}, Size3{4, 5, -3},
                              Size3{0, 0, 40}, Size3{-9, 0, 0}}) {
    for (int bits = 0; bits < 8; ++bits) {
      auto map = SpatialMap::at_corner(corner);
      std::vector<int64_t> axes;
      const Size3 size{3, 4, 6};
      for (int axis = 0; axis < 3; ++axis) {
        if (!(bits >> axis & 1)) continue;
        axes.push_back(axis + 1);
        map.matrix[axis][axis] = -1;
        map.offset[axis] += static_cast<double>(size[axis] - 1);
      }
      const auto patch =
          resample_patch(voxels, map, size, padding, kNearest, kLabelMap);
      // Padded widely, then cut.
      auto image = torch::empty({2, 65, 67, 69});
      for (int c = 0; c < 2; ++c) image[c].fill_(padding[c]);
      auto labels = torch::zeros({1, 65, 67, 69}, torch::kInt16);
      const auto cut = [](const torch::Tensor& grid, const Size3& at,
                          const Size3& extent) {
        return grid.narrow(1, at[0], extent[0])
            .narrow(2, at[1], extent[1])
            .narrow(3, at[2], extent[2]);
      };
      cut(image, {10, 10, 10}, {5, 7, 9})
          .copy_(voxels.image.to(torch::kFloat32) / kIntensitySteps);
      cut(labels, {10, 10, 10}, {5, 7, 9}).copy_(voxels.map.unsqueeze(0));
      const Size3 at{corner[0] + 10, corner[1] + 10, corner[2] + 10};
      EXPECT_TRUE(patch.image.equal(cut(image, at, size).flip(axes)));
      EXPECT_TRUE(patch.map.equal(cut(labels, at, size).flip(axes)[0]));
    }
  }
}

TEST(Patch, ARampIsReproducedInTheInterior) {
  const auto ramp = [](const Vector3& at) {
    return (40 * at[0] - 12 * at[1] + 25 * at[2] - 900) / kIntensitySteps;
  };
  const auto voxels = case_of({60, 60, 60}, ramp);
  Random random({3});
  for (int draw = 0; draw < 5; ++draw) {
    const auto map = draw_spatial_map(all_changes(), {10, 12, 14}, {2, 1, 1.5},
                                      {30, 30, 30}, random);
    const auto image =
        resample_patch(voxels, map, {10, 12, 14}, {0}, kNearest, kLabelMap)
            .image;
    const auto values = image.accessor<float, 4>();
    for (int64_t z = 0; z < 10; ++z) {
      for (int64_t y = 0; y < 12; ++y) {
        for (int64_t x = 0; x < 14; ++x) {
          ASSERT_NEAR(values[0][z][y][x], ramp(map.at({z, y, x})), 1e-6);
        }
      }
    }
  }
}

TEST(Patch, RightAnglesPermuteAnAnisotropicCaseInMillimetres) {
  const Vector3 spacing{4, 1, 2};
  // 0.03 units for a mm along D, 0.2 along W.
  const auto voxels = case_of({41, 41, 41}, [&](const Vector3& at) {
    return 0.03 * (at[0] - 20) * spacing[0] + 0.2 * (at[2] - 20) * spacing[2];
  });
  SpatialTransformOptions options;
  options.rotation_probability = 1;
  options.scale_probability = 0;
  options.rotation_degrees = {90, 90};
  options.mirror = {};
  Random random({4});
  const auto map =
      draw_spatial_map(options, {5, 5, 5}, spacing, {20, 20, 20}, random);
  const auto image =
      resample_patch(voxels, map, {5, 5, 5}, {0}, kNearest, kLabelMap).image;
  const auto values = image.accessor<float, 4>();
  // R_D R_H R_W of right angles takes D to W, H to H and W to -D.
  for (int64_t z = 0; z < 5; ++z) {
    for (int64_t y = 0; y < 5; ++y) {
      for (int64_t x = 0; x < 5; ++x) {
        const double depth_mm = 4.0 * static_cast<double>(z - 2);
        const double width_mm = 2.0 * static_cast<double>(x - 2);
        ASSERT_NEAR(values[0][z][y][x], -0.03 * width_mm + 0.2 * depth_mm,
                    1e-3);
      }
    }
  }
}

TEST(Patch, ImageAndLabelsStayAligned) {
  auto voxels = case_of({20, 30, 30}, [](const Vector3& at) {
    const double z = at[0] - 10, y = at[1] - 15, x = at[2] - 14;
    return 8 - 0.9 * std::sqrt(4 * z * z + y * y + 0.5 * x * x);
  });
  voxels.map = (voxels.image[0] > 0).to(torch::kInt16);
  Random random({5});
  for (const auto rule : {kNearest, kLinear}) {
    for (int draw = 0; draw < 10; ++draw) {
      const auto map = draw_spatial_map(all_changes(), {16, 24, 24}, {2, 1, 1},
                                        {10, 15, 15}, random);
      const auto patch =
          resample_patch(voxels, map, {16, 24, 24}, {-8}, rule, kLabelMap);
      // The image falls by at most 0.9 x 2 + 0.9 + 0.9 x 0.71 over half a voxel
      // along each axis.
      const auto sure = patch.image[0].abs() > 1.7;
      EXPECT_GT(sure.sum().item<int64_t>(), 3000);
      EXPECT_GT(patch.map.sum().item<int64_t>(), 50);
      EXPECT_TRUE(torch::equal((patch.image[0] > 0).masked_select(sure),
                               (patch.map > 0).masked_select(sure)));
    }
  }
}

TEST(Patch, AnImageIsASliceOfAVolumeOfItsCopies) {
  const auto image = random_case({1, 20, 24}, 1, 5);
  CaseVoxels volume{.image = image.image.repeat({1, 6, 1, 1}),
                    .map = image.map.repeat({6, 1, 1})};
  Random random({6});
  for (const auto rule : {kNearest, kLinear}) {
    for (int draw = 0; draw < 10; ++draw) {
      auto map = draw_spatial_map(all_changes(), {1, 16, 18}, {1, 1, 1},
                                  {0, 10, 12}, random);
      const auto plane =
          resample_patch(image, map, {1, 16, 18}, {2}, rule, kLabelMap);
      // Between two slices, so that all of the work in 3D is done.
      map.offset[0] = 2.25;
      const auto inside =
          resample_patch(volume, map, {1, 16, 18}, {2}, rule, kLabelMap);
      EXPECT_TRUE(inside.image.allclose(plane.image, 1e-5, 1e-4));
      EXPECT_TRUE(inside.map.equal(plane.map));
    }
  }
}

TEST(Patch, EqualSharesFallToTheLowerClassAndAllStructures) {
  CaseVoxels voxels{
      .image = torch::zeros({1, 1, 1, 2}, torch::kInt16),
      .map = torch::tensor({5, 3}, torch::kInt16).view({1, 1, 2})};
  auto map = SpatialMap::at_corner({0, 0, 0});
  map.offset[2] = 0.5;
  const auto label = [&](TargetKind target) {
    return resample_patch(voxels, map, {1, 1, 1}, {0}, kLinear, target)
        .map.item<int64_t>();
  };
  EXPECT_EQ(label(kLabelMap), 3);
  EXPECT_EQ(label(TargetKind::kStructures), 7);  // 101 and 011
}

TEST(Patch, OfACaseThatIsCutFromALargerOneIsTheSame) {
  const auto large = random_case({8, 20, 22}, 2, 4);
  const CaseVoxels cut{
      .image = large.image.narrow(1, 1, 6).narrow(2, 3, 15).narrow(3, 2, 18),
      .map = large.map.narrow(0, 1, 6).narrow(1, 3, 15).narrow(2, 2, 18)};
  const CaseVoxels whole{.image = cut.image.contiguous(),
                         .map = cut.map.contiguous()};
  Random random({7});
  for (const auto& options : {all_changes(), SpatialTransformOptions{}}) {
    const auto map =
        draw_spatial_map(options, {7, 9, 9}, {1, 1, 1}, {3, 7, 8}, random);
    const auto resample = [&](const CaseVoxels& voxels) {
      return resample_patch(voxels, map, {7, 9, 9}, {0, 1}, kLinear, kLabelMap);
    };
    EXPECT_TRUE(resample(cut).image.equal(resample(whole).image));
    EXPECT_TRUE(resample(cut).map.equal(resample(whole).map));
  }
}

TEST(Patch, FarOutsideAllIsPadding) {
  const auto voxels = random_case({3, 4, 5}, 1, 3);
  auto map = SpatialMap::at_corner({0, 0, 0});
  for (const double scale : {1.0, 1.7, 1e8}) {
    map.matrix[2][2] = scale;
    map.offset = {0, 0, 1e9};
    const auto patch =
        resample_patch(voxels, map, {2, 3, 40}, {-1.5}, kLinear, kLabelMap);
    EXPECT_TRUE(patch.image.eq(-1.5).all().item<bool>());
    EXPECT_TRUE(patch.map.eq(0).all().item<bool>());
  }
}

TEST(Patch, OfClassificationHasNoMap) {
  auto voxels = random_case({3, 4, 5}, 3, 2);
  voxels.map = torch::Tensor();
  const auto map = SpatialMap::at_corner({0, 0, 0});
  const auto patch = resample_patch(voxels, map, {3, 4, 5}, {0, 0, 0}, kNearest,
                                    TargetKind::kClass);
  EXPECT_FALSE(patch.map.defined());
  EXPECT_TRUE(
      patch.image.equal(voxels.image.to(torch::kFloat32) / kIntensitySteps));
}

TEST(Patch, WhatDoesNotFitIsABug) {
  const auto voxels = random_case({3, 4, 5}, 2, 3);
  const auto map = SpatialMap::at_corner({0, 0, 0});
  const auto resample = [](const CaseVoxels& from, const SpatialMap& how,
                           const std::vector<float>& padding,
                           TargetKind target) {
    return resample_patch(from, how, {2, 2, 2}, padding, kNearest, target);
  };
  EXPECT_NO_THROW(resample(voxels, map, {0, 0}, kLabelMap));
  EXPECT_THROW(resample(voxels, map, {0}, kLabelMap), c10::Error);
  EXPECT_THROW(resample(voxels, map, {0, 0}, TargetKind::kClass), c10::Error);
  auto other = voxels;
  other.map = voxels.map.narrow(0, 0, 2);
  EXPECT_THROW(resample(other, map, {0, 0}, kLabelMap), c10::Error);
  other = voxels;
  other.image = voxels.image.to(torch::kFloat32);
  EXPECT_THROW(resample(other, map, {0, 0}, kLabelMap), c10::Error);
  auto nowhere = map;
  nowhere.matrix[1][2] = NAN;
  EXPECT_THROW(resample(voxels, nowhere, {0, 0}, kLabelMap), c10::Error);
}

}  // namespace
}  // namespace unimiss::augment
