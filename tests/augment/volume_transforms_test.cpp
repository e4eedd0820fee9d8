#include "unimiss/augment/volume_transforms.h"

#include <gtest/gtest.h>

#include "unimiss/core/error.h"

namespace unimiss::augment {
namespace {

torch::Tensor random_hu(int64_t depth, int64_t height, int64_t width) {
  Random random({3});
  auto hu = torch::empty({depth, height, width}, torch::kInt16);
  int16_t* values = hu.data_ptr<int16_t>();
  for (int64_t i = 0; i < hu.numel(); ++i) {
    values[i] = static_cast<int16_t>(random.integer(2000) - 1000);
  }
  return hu;
}

TEST(VolumeTransforms, WindowsLieInTheCommonOne) {
  Random random({1});
  for (const auto& options :
       {VolumeTransformOptions{}, VolumeTransformOptions::official()}) {
    for (int i = 0; i < 500; ++i) {
      const auto common = draw_common_window({60, 400, 300}, options, random);
      EXPECT_EQ(common.extent[0], 24);
      for (int axis = 0; axis < 3; ++axis) {
        const int64_t size = std::array{60, 400, 300}[axis];
        ASSERT_GE(common.start[axis], 0);
        ASSERT_LE(common.start[axis] + common.extent[axis], size);
      }
      ASSERT_GE(common.extent[1], 134);
      ASSERT_LE(common.extent[1], 172);
      const auto view = draw_view_window(common, options, random);
      EXPECT_EQ(view.extent[0], 16);
      for (int axis = 0; axis < 3; ++axis) {
        ASSERT_GE(view.start[axis], common.start[axis]);
        ASSERT_LE(view.start[axis] + view.extent[axis],
                  common.start[axis] + common.extent[axis]);
      }
      ASSERT_GE(view.extent[2], 76);
      ASSERT_LE(view.extent[2], 115);
    }
  }
  // Small volumes: padded around, or by the official rule at the end.
  const auto around = draw_common_window({4, 40, 40}, {}, random);
  EXPECT_EQ(around.start[0], -10);
  EXPECT_LT(around.start[1], 0);
  const auto end = draw_common_window(
      {4, 40, 40}, VolumeTransformOptions::official(), random);
  EXPECT_EQ(end.start[0], 0);
  EXPECT_GE(end.start[1], 0);
}

TEST(VolumeTransforms, TheCentralCropSeesNothingOutsideOfTheCenter) {
  auto hu = torch::full({24, 200, 300}, 2048, torch::kInt16);
  central_region(hu).fill_(512);
  EXPECT_EQ(central_region(hu).sizes(), (torch::IntArrayRef{24, 160, 240}));
  auto options = VolumeTransformOptions::official();
  options.noise_sigma = options.blur_probability = 0;
  options.brightness_probability = options.offset_probability = {0, 0};
  options.gamma_probability = {0, 0};
  options.contrast = {1, 1};
  Random random({5});
  bool padded = false;
  for (int i = 0; i < 40; ++i) {
    const auto view = augment_volume(hu, options, random).images[0];
    EXPECT_LE(view.max().item<float>(), 0.5f);
    padded |= view.min().item<float>() == 0.0f;
  }
  EXPECT_TRUE(padded);  // 160 rows are fewer than 256
}

TEST(VolumeTransforms, DrawsPerVolumeOrPerSlice) {
  const auto hu = torch::full({40, 200, 200}, 100, torch::kInt16);
  VolumeTransformOptions options;
  options.noise_sigma = 0;
  options.brightness_probability = {1, 1};
  const auto distinct = [&] {
    Random random({9});
    const auto view = augment_volume(hu, options, random).images[0][0];
    const auto means = view.mean(at::IntArrayRef{1, 2});
    return (means.max() - means.min()).item<float>() > 1e-3;
  };
  EXPECT_FALSE(distinct());
  options.draw_rule = DrawRule::kPerSlice;
  EXPECT_TRUE(distinct());
}

TEST(VolumeTransforms, ViewsArePureFunctionsOfTheDraws) {
  for (const auto& options :
       {VolumeTransformOptions{}, VolumeTransformOptions::official()}) {
    for (const auto& hu : {random_hu(30, 200, 190), random_hu(2, 4, 4)}) {
      Random one({1, 2}), same({1, 2});
      const Sample a = augment_volume(hu, options, one);
      const Sample b = augment_volume(hu, options, same);
      EXPECT_EQ(a.images[0].sizes(), (torch::IntArrayRef{1, 16, 96, 96}));
      EXPECT_TRUE(a.images[0].equal(b.images[0]) &&
                  a.images[1].equal(b.images[1]));
      EXPECT_FALSE(a.images[0].equal(a.images[1]));
      EXPECT_TRUE(a.images[0].isfinite().all().item<bool>());
    }
  }
  VolumeTransformOptions bad;
  bad.gamma = {1.1, 1.5};
  EXPECT_THROW(validate(bad), ConfigError);
}

}  // namespace
}  // namespace unimiss::augment
