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

torch::Tensor random_view() {
  return random_hu(4, 20, 22).to(torch::kFloat32) / 1024;
}

TEST(VolumeTransforms, CropOfTheSameSizeCopiesAndMirrors) {
  const auto hu = random_hu(6, 9, 11);
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

TEST(VolumeTransforms, CropInterpolatesLinearly) {
  const auto hu = random_hu(5, 20, 24);
  const auto view =
      resized_crop(hu, {{0, 2, 3}, {5, 15, 18}}, {8, 12, 30}, {}, 0);
  const auto crop = hu.slice(1, 2, 17).slice(2, 3, 21).to(torch::kFloat32);
  const auto expected = at::upsample_trilinear3d(
      crop.unsqueeze(0).unsqueeze(0) / 1024, {8, 12, 30}, false);
  EXPECT_TRUE(view.allclose(expected[0][0], 0, 1e-5));
}

TEST(VolumeTransforms, OutsideOfTheVolumeIsPadding) {
  const auto hu = torch::full({2, 4, 4}, 512, torch::kInt16);
  const auto view =
      resized_crop(hu, {{-1, -2, 0}, {4, 8, 4}}, {4, 8, 4}, {}, -1024);
  auto expected = torch::full({4, 8, 4}, -1.0);
  expected.slice(0, 1, 3).slice(1, 2, 6).fill_(0.5);
  EXPECT_TRUE(view.allclose(expected));
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

TEST(VolumeTransforms, NoiseIsNormal) {
  auto noise = torch::zeros({64, 64, 64});
  Random random({5});
  add_noise_(noise, 0.5, random);
  noise /= 0.5;
  EXPECT_NEAR(noise.mean().item<double>(), 0, 0.01);
  EXPECT_NEAR(noise.square().mean().item<double>(), 1, 0.01);
  EXPECT_NEAR(noise.pow(4).mean().item<double>(), 3, 0.1);
  EXPECT_NEAR((noise < 1).to(torch::kFloat32).mean().item<double>(), 0.8413,
              0.003);
  // Neighbours share 64 random bits but no value.
  const auto flat = noise.flatten();
  EXPECT_NEAR((flat.slice(0, 1) * flat.slice(0, 0, -1)).mean().item<double>(),
              0, 0.01);
}

TEST(VolumeTransforms, BlurStaysInItsSlice) {
  auto volume = torch::zeros({3, 31, 31});
  volume[1][15][15] = 1;
  blur_slices_(volume, 2);
  EXPECT_EQ(volume[0].abs().sum().item<float>(), 0);
  EXPECT_EQ(volume[2].abs().sum().item<float>(), 0);
  EXPECT_NEAR(volume[1].sum().item<double>(), 1, 1e-5);
  const auto offsets = torch::arange(-15, 16, torch::kFloat32);
  const auto variance = (volume[1].sum(0) * offsets.square()).sum();
  EXPECT_NEAR(variance.item<double>(), 4, 0.05);
}

TEST(VolumeTransforms, Intensities) {
  const auto volume = random_view();
  auto changed = volume.clone();
  scale_intensity_(changed, 1.25);
  shift_intensity_(changed, 0.5);
  EXPECT_TRUE(changed.allclose(volume * 1.25 + 0.5));
  changed = volume.clone();
  adjust_contrast_range_(changed, 1.25);
  const auto mean = volume.mean();
  EXPECT_TRUE(changed.allclose(
      (mean + 1.25 * (volume - mean)).clamp(volume.min(), volume.max()), 1e-5,
      1e-5));
}

TEST(VolumeTransforms, GammaKeepsWhatItsRuleSays) {
  const auto volume = random_view() + 2;
  const auto least = volume.min(), range = volume.max() - least;
  const auto bent = ((volume - least) / range).pow(1.4) * range + least;
  const auto ratio = volume.std(false) / bent.std(false);
  auto changed = volume.clone();
  adjust_gamma_(changed, 1.4, GammaRule::kMeanAndStd);
  EXPECT_TRUE(changed.allclose((bent - bent.mean()) * ratio + volume.mean(),
                               1e-4, 1e-4));
  changed = volume.clone();
  adjust_gamma_(changed, 1.4, GammaRule::kStd);
  EXPECT_TRUE(changed.allclose((bent - bent.mean() + volume.mean()) * ratio,
                               1e-4, 1e-4));
  auto constant = torch::full({2, 3, 4}, 0.25);
  adjust_gamma_(constant, 1.4, GammaRule::kStd);
  EXPECT_TRUE(constant.equal(torch::full({2, 3, 4}, 0.25)));
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
