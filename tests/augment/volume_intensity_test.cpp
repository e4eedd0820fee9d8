#include "unimiss/augment/volume_intensity.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::augment {
namespace {

torch::Tensor random_view() { return 2 * at::rand({4, 20, 22}) - 1; }

TEST(VolumeIntensity, NoiseIsNormal) {
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

TEST(VolumeIntensity, BlurStaysInItsSlice) {
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

TEST(VolumeIntensity, Intensities) {
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

TEST(VolumeIntensity, GammaKeepsWhatItsRuleSays) {
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

}  // namespace
}  // namespace unimiss::augment
