#include "unimiss/augment/patch_intensity.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "unimiss/augment/volume_transforms.h"
#include "unimiss/core/error.h"
#include "unimiss/core/problems.h"

namespace unimiss::augment {
namespace {

torch::Tensor random_patch(at::IntArrayRef sizes) {
  Random random({1});
  auto image = torch::empty(sizes);
  float* values = image.data_ptr<float>();
  for (int64_t i = 0; i < image.numel(); ++i) {
    values[i] = static_cast<float>(random.uniform(-2, 3));
  }
  return image;
}

/// All probabilities 1, one change only.
IntensityTransformOptions one_change(PatchChange change) {
  IntensityTransformOptions options;
  options.order = {change};
  options.noise_probability = options.blur_probability = 1;
  options.blur_channel_probability = options.brightness_probability = 1;
  options.contrast_probability = options.low_resolution_probability = 1;
  options.low_resolution_channel_probability = 1;
  options.inverted_gamma_probability = options.gamma_probability = 1;
  return options;
}

torch::Tensor with_changes(const torch::Tensor& image,
                           const IntensityTransformOptions& options,
                           uint64_t seed = 2) {
  Random random({seed});
  auto result = image.clone();
  change_intensities_(result, options, random);
  return result;
}

/// A blur along one axis, by definition.
torch::Tensor blurred_axis(const torch::Tensor& channel, int64_t axis,
                           double sigma) {
  const int64_t n = channel.size(axis);
  const int64_t radius =
      std::min<int64_t>(std::max<int64_t>(1, std::lround(4 * sigma)), n - 1);
  auto result = torch::zeros_like(channel);
  double total = 0;
  for (int64_t k = -radius; k <= radius; ++k) {
    const double weight =
        std::exp(-0.5 * static_cast<double>(k * k) / (sigma * sigma));
    total += weight;
    for (int64_t i = 0; i < n; ++i) {
      int64_t from = i + k;  // mirrored at the outer faces of the voxels
      if (from < 0) from = -1 - from;
      if (from >= n) from = 2 * n - 1 - from;
      result.select(axis, i).add_(channel.select(axis, from), weight);
    }
  }
  return result / total;
}

TEST(PatchIntensity, BlurIsGaussianAlongAllAxes) {
  for (const auto& sizes : std::vector<std::vector<int64_t>>{
           {9, 12, 13}, {2, 3, 2}, {3, 8, 1}, {1, 9, 7}}) {
    for (const double sigma : {0.3, 0.5, 1.0}) {
      const auto image = random_patch(sizes);
      auto result = image.clone();
      blur_channel_(result, sigma);
      auto expected = image.clone();
      for (int axis = 0; axis < 3; ++axis) {
        if (image.size(axis) > 1)
          expected = blurred_axis(expected, axis, sigma);
      }
      EXPECT_TRUE(result.allclose(expected, 1e-4, 1e-5)) << sigma;
    }
  }
}

TEST(PatchIntensity, LowResolutionKeepsTheNearestAndInterpolates) {
  for (const auto& sizes : std::vector<std::vector<int64_t>>{
           {9, 14, 13}, {2, 3, 11}, {1, 16, 12}, {1, 1, 1}}) {
    for (const double share : {1.0, 0.83, 0.5, 0.31, 0.01}) {
      const auto image = random_patch(sizes);
      auto result = image.clone();
      lower_resolution_(result, share);
      std::vector<int64_t> coarse;
      for (const int64_t n : sizes) {
        const auto wanted = std::lround(share * static_cast<double>(n));
        coarse.push_back(std::max<int64_t>(1, wanted));
      }
      const auto batch = image.unsqueeze(0).unsqueeze(0);
      const auto expected = at::upsample_trilinear3d(
          at::_upsample_nearest_exact3d(batch, coarse), sizes, false)[0][0];
      EXPECT_TRUE(result.allclose(expected, 1e-4, 1e-5)) << share;
      EXPECT_TRUE(share < 1 || result.equal(image));
    }
  }
}

TEST(PatchIntensity, NoiseHasTheVarianceThatIsDrawn) {
  auto options = one_change(PatchChange::kNoise);
  options.noise_variance = {0.04, 0.04};
  const auto noise = with_changes(torch::zeros({2, 32, 64, 64}), options);
  EXPECT_NEAR(noise.mean().item<double>(), 0, 0.003);
  EXPECT_NEAR(noise.square().mean().item<double>(), 0.04, 0.001);
  // Each channel has its own.
  EXPECT_NEAR((noise[0] * noise[1]).mean().item<double>(), 0, 0.001);
}

TEST(PatchIntensity, BrightnessScalesEachChannel) {
  const auto image = random_patch({2, 3, 4, 5});
  const auto ratio =
      with_changes(image, one_change(PatchChange::kBrightness)) / image;
  for (int c = 0; c < 2; ++c) {
    EXPECT_TRUE(ratio[c].allclose(ratio[c].mean().expand({3, 4, 5})));
    EXPECT_GE(ratio[c].min().item<float>(), 0.75f - 1e-5f);
    EXPECT_LE(ratio[c].max().item<float>(), 1.25f + 1e-5f);
  }
  EXPECT_NE(ratio[0].mean().item<float>(), ratio[1].mean().item<float>());
}

TEST(PatchIntensity, ContrastStaysInTheRangeOfEachChannel) {
  const auto image = random_patch({2, 3, 4, 5});
  auto options = one_change(PatchChange::kContrast);
  options.contrast = {1.25, 1.25};
  const auto result = with_changes(image, options);
  for (int c = 0; c < 2; ++c) {
    const auto mean = image[c].mean();
    const auto expected = torch::clamp(mean + 1.25 * (image[c] - mean),
                                       image[c].min(), image[c].max());
    EXPECT_TRUE(result[c].allclose(expected, 1e-5, 1e-5));
  }
}

TEST(PatchIntensity, GammaKeepsMeanAndDeviationOfEachChannel) {
  const auto image = random_patch({2, 3, 8, 8});
  auto options = one_change(PatchChange::kGamma);
  options.gamma = {1.4, 1.4};
  const auto result = with_changes(image, options);
  options.order = {PatchChange::kInvertedGamma};
  const auto inverted = with_changes(image, options);
  for (int c = 0; c < 2; ++c) {
    const auto bend = [&](const torch::Tensor& x) {
      const auto low = x.min(), range = x.max() - x.min();
      const auto bent = ((x - low) / range).pow(1.4) * range + low;
      return (bent - bent.mean()) / bent.std() * x.std() + x.mean();
    };
    EXPECT_TRUE(result[c].allclose(bend(image[c]), 1e-4, 1e-4));
    EXPECT_TRUE(inverted[c].allclose(-bend(-image[c]), 1e-4, 1e-4));
    EXPECT_FALSE(result[c].allclose(inverted[c], 1e-2, 1e-2));
  }
}

TEST(PatchIntensity, DoesWhatIsInTheOrderInItsOrder) {
  const auto image = random_patch({1, 2, 6, 6});
  auto options = one_change(PatchChange::kBrightness);
  options.order = {};
  EXPECT_TRUE(with_changes(image, options).equal(image));
  options.brightness = {2, 2};
  options.blur_sigma = {1, 1};
  options.noise_variance = {0.1, 0.1};
  options.order = {PatchChange::kBrightness, PatchChange::kNoise};
  const auto noise_last = with_changes(image, options) - 2 * image;
  options.order = {PatchChange::kNoise, PatchChange::kBrightness};
  const auto noise_first = with_changes(image, options) - 2 * image;
  const double ratio = (noise_first.std() / noise_last.std()).item<double>();
  EXPECT_NEAR(ratio, 2, 0.5);
}

TEST(PatchIntensity, ProbabilityZeroLeavesAll) {
  IntensityTransformOptions options;
  options.noise_probability = options.blur_probability = 0;
  options.brightness_probability = options.contrast_probability = 0;
  options.low_resolution_probability = 0;
  options.inverted_gamma_probability = options.gamma_probability = 0;
  const auto image = random_patch({2, 3, 4, 5});
  EXPECT_TRUE(with_changes(image, options).equal(image));
}

TEST(PatchIntensity, ChangesAreAsProbableAsTold) {
  const IntensityTransformOptions defaults;
  const auto image = random_patch({2, 2, 3, 4});
  constexpr int kPatchDraws = 10000;
  const std::vector<std::tuple<PatchChange, double, double>> changes{
      {PatchChange::kNoise, 0.1, 1},         {PatchChange::kBlur, 0.2, 0.5},
      {PatchChange::kBrightness, 0.15, 1},   {PatchChange::kContrast, 0.15, 1},
      {PatchChange::kInvertedGamma, 0.1, 1}, {PatchChange::kGamma, 0.3, 1}};
  for (const auto& [change, probability, of_channel] : changes) {
    auto options = defaults;
    options.order = {change};
    Random random({3});
    std::array<int, 2> counts{};
    int both = 0;
    for (int i = 0; i < kPatchDraws; ++i) {
      auto result = image.clone();
      change_intensities_(result, options, random);
      const bool first = !result[0].equal(image[0]);
      const bool second = !result[1].equal(image[1]);
      counts[0] += first;
      counts[1] += second;
      both += first && second;
    }
    const double expected = probability * of_channel;
    for (const int count : counts) {
      EXPECT_NEAR(count / static_cast<double>(kPatchDraws), expected, 0.02);
    }
    // Whether, is drawn once for the image.
    EXPECT_NEAR(both / static_cast<double>(kPatchDraws), expected * of_channel,
                0.02);
  }
}

TEST(PatchIntensity, LowResolutionIsAsProbableAsTold) {
  IntensityTransformOptions options;
  options.order = {PatchChange::kLowResolution};
  options.low_resolution = {0.5, 0.5};
  const auto image = random_patch({2, 1, 4, 4});
  Random random({4});
  int count = 0;
  for (int i = 0; i < 10000; ++i) {
    auto result = image.clone();
    change_intensities_(result, options, random);
    count += !result[1].equal(image[1]);
  }
  EXPECT_NEAR(count / 10000.0, 0.125, 0.017);
}

TEST(PatchIntensity, FactorsAreUniform) {
  auto options = one_change(PatchChange::kBrightness);
  Random random({5});
  double sum = 0, squares = 0;
  constexpr int kPatchDraws = 10000;
  for (int i = 0; i < kPatchDraws; ++i) {
    auto one = torch::ones({1, 1, 1, 1});
    change_intensities_(one, options, random);
    const double factor = one.item<double>();
    ASSERT_GE(factor, 0.75);
    ASSERT_LE(factor, 1.25);
    sum += factor;
    squares += factor * factor;
  }
  const double mean = sum / kPatchDraws;
  EXPECT_NEAR(mean, 1, 0.008);
  EXPECT_NEAR(squares / kPatchDraws - mean * mean, 0.25 / 12, 0.001);
}

TEST(PatchIntensity, IsAFunctionOfItsDrawsAndStaysFinite) {
  IntensityTransformOptions options = one_change(PatchChange::kNoise);
  options.order = IntensityTransformOptions{}.order;
  for (const auto& image :
       {random_patch({2, 3, 8, 9}), random_patch({1, 1, 8, 8}),
        torch::full({1, 2, 3, 3}, 0.5), torch::zeros({1, 1, 1, 1})}) {
    const auto result = with_changes(image, options, 7);
    EXPECT_TRUE(result.equal(with_changes(image, options, 7)));
    EXPECT_FALSE(result.equal(with_changes(image, options, 8)));
    EXPECT_TRUE(result.isfinite().all().item<bool>());
  }
}

TEST(PatchIntensity, OptionsThatCannotBeAreFound) {
  validate(IntensityTransformOptions{});
  IntensityTransformOptions options;
  options.order = {PatchChange::kBlur, PatchChange::kBlur};
  options.noise_probability = options.blur_probability = -0.1;
  options.blur_channel_probability = options.brightness_probability = 1.1;
  options.contrast_probability = options.gamma_probability = NAN;
  options.low_resolution_probability = 3;
  options.low_resolution_channel_probability = 3;
  options.inverted_gamma_probability = 3;
  options.noise_variance = {-1, 0};
  options.blur_sigma = {0, 1};
  options.brightness = {1, 0.5};
  options.contrast = {-1, 1};
  options.low_resolution = {0.5, 1.5};
  options.gamma = {0, 1};
  Problems problems;
  options.check(problems);
  EXPECT_EQ(problems.found().size(), 16u);
}

TEST(PatchIntensity, OtherTensorsAreBugs) {
  Random random({6});
  const IntensityTransformOptions options;
  auto flat = torch::zeros({2, 3, 4});
  EXPECT_THROW(change_intensities_(flat, options, random), c10::Error);
  auto whole = torch::zeros({1, 2, 3, 4}, torch::kInt16);
  EXPECT_THROW(change_intensities_(whole, options, random), c10::Error);
  auto turned = torch::zeros({1, 2, 3, 4}).transpose(2, 3);
  EXPECT_THROW(change_intensities_(turned, options, random), c10::Error);
}

}  // namespace
}  // namespace unimiss::augment
