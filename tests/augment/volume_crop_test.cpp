#include "unimiss/augment/volume_crop.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <vector>

namespace unimiss::augment {
namespace {

torch::Tensor crop_source(int64_t depth, int64_t height, int64_t width) {
  return at::randint(-1000, 1000, {depth, height, width}, torch::kInt16);
}

TEST(VolumeCrop, OfTheSameSizeCopiesAndMirrors) {
  const auto hu = crop_source(6, 9, 11);
  const VolumeWindow window{{1, 2, 3}, {4, 5, 6}};
  const auto expected =
      hu.slice(0, 1, 5).slice(1, 2, 7).slice(2, 3, 9) / 1024.0;
  for (int bits = 0; bits < 8; ++bits) {
    std::vector<int64_t> axes;
    std::array<bool, 3> mirror{};
    for (int axis = 0; axis < 3; ++axis) {
      mirror[axis] = bits >> axis & 1;
      if (mirror[axis]) axes.push_back(axis);
    }
    EXPECT_TRUE(resized_crop(hu, window, {4, 5, 6}, mirror, -1024)
                    .allclose(expected.flip(axes).to(torch::kFloat32)));
  }
}

TEST(VolumeCrop, InterpolatesLinearly) {
  const auto hu = crop_source(5, 20, 24);
  const auto view =
      resized_crop(hu, {{0, 2, 3}, {5, 15, 18}}, {8, 12, 30}, {}, 0);
  const auto crop = hu.slice(1, 2, 17).slice(2, 3, 21).to(torch::kFloat32);
  const auto expected = at::upsample_trilinear3d(
      crop.unsqueeze(0).unsqueeze(0) / 1024, {8, 12, 30}, false);
  EXPECT_TRUE(view.allclose(expected[0][0], 0, 1e-5));
}

TEST(VolumeCrop, OutsideOfTheVolumeIsPadding) {
  const auto hu = torch::full({2, 4, 4}, 512, torch::kInt16);
  const auto view =
      resized_crop(hu, {{-1, -2, 0}, {4, 8, 4}}, {4, 8, 4}, {}, -1024);
  auto expected = torch::full({4, 8, 4}, -1.0);
  expected.slice(0, 1, 3).slice(1, 2, 6).fill_(0.5);
  EXPECT_TRUE(view.allclose(expected));
}

TEST(VolumeCrop, TheCentralRegionIsAViewOfTheMiddle) {
  const auto hu = crop_source(2, 40, 30);
  const auto region = central_region(hu);
  EXPECT_EQ(region.sizes(), (torch::IntArrayRef{2, 32, 24}));
  EXPECT_TRUE(region.equal(hu.slice(1, 4, 36).slice(2, 3, 27)));
  EXPECT_TRUE(region.is_alias_of(hu));
}

}  // namespace
}  // namespace unimiss::augment
