// What each transform draws, over 10,000 draws, against its definition. Only
// the effect on a known pattern is looked at: one change is left on at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "unimiss/augment/image_transforms.h"
#include "unimiss/augment/volume_transforms.h"

namespace unimiss::augment {
namespace {

constexpr int kDraws = 10000;

/// Four standard deviations of a share of kDraws draws.
double share_tolerance(double share) {
  return 4 * std::sqrt(share * (1 - share) / kDraws) + 1e-9;
}

/// The draws must follow the distribution function: Kolmogorov and Smirnov's
/// statistic, which a true one exceeds once in 20,000 times.
void expect_distribution(std::vector<double> draws,
                         const std::function<double(double)>& distribution) {
  std::sort(draws.begin(), draws.end());
  const auto count = static_cast<double>(draws.size());
  ASSERT_GT(count, 500);
  double largest = 0;
  for (size_t i = 0; i < draws.size(); ++i) {
    const double expected = distribution(draws[i]);
    largest =
        std::max({largest, std::abs(expected - static_cast<double>(i) / count),
                  std::abs(expected - static_cast<double>(i + 1) / count)});
  }
  EXPECT_LT(largest, 2.3 / std::sqrt(count));
}

std::function<double(double)> uniform(double low, double high) {
  return [=](double x) { return std::clamp((x - low) / (high - low), 0., 1.); };
}

/// From [low, 1) and [1, high), equally likely.
double about_one(double x, double low, double high) {
  return x < 1 ? 0.5 * std::clamp((x - low) / (1 - low), 0., 1.)
               : 0.5 + 0.5 * std::clamp((x - 1) / (high - 1), 0., 1.);
}

double normal(double x, double sigma) {
  return 0.5 * std::erfc(-x / (sigma * std::sqrt(2.0)));
}

Sample augment(const torch::Tensor& hu, const VolumeTransformOptions& options,
               Random& random) {
  return map_tensors(augment_volume(hu, options, random),
                     [](const torch::Tensor& view) { return view[0]; });
}
Sample augment(const torch::Tensor& pixels,
               const ImageTransformOptions& options, Random& random) {
  return augment_image(pixels, options, random);
}

/// What `observe` says of the first and of the second view, over all draws.
template <class Options, class Observe>
std::array<std::vector<double>, 2> observed(const torch::Tensor& source,
                                            const Options& options,
                                            const Observe& observe) {
  std::array<std::vector<double>, 2> result;
  for (int i = 0; i < kDraws; ++i) {
    Random random({17, static_cast<uint64_t>(i)});
    const Sample views = augment(source, options, random);
    result[0].push_back(observe(views.images[0]));
    result[1].push_back(observe(views.images[1]));
  }
  return result;
}

/// The variance that a point in the middle of a slice [n, n] spreads to along a
/// row: sigma squared, where sigma is not so small that its kernel is coarse.
double spread(const torch::Tensor& slice) {
  const int64_t n = slice.size(0);
  const auto offsets = torch::arange(n, torch::kFloat32) - (n / 2);
  return (slice.sum(0) * offsets.square()).sum().item<double>();
}

/// Sigma is drawn from 0.1 to 2; those above 1 are looked at.
void expect_blur(const std::vector<double>& spreads, double probability) {
  std::vector<double> wide;
  for (const double variance : spreads) {
    if (variance > 1) wide.push_back(std::sqrt(variance));
  }
  const double expected = probability / 1.9;
  EXPECT_NEAR(static_cast<double>(wide.size()) / kDraws, expected,
              share_tolerance(expected));
  expect_distribution(wide, uniform(1, 2));
}

// --- volumes ---------------------------------------------------------------

/// Views that show a volume as it is, but for one change.
VolumeTransformOptions only(IntensityChange change,
                            std::array<int64_t, 3> size) {
  VolumeTransformOptions options;
  options.order = {change};
  options.volume_size = size;
  options.common_depth = size[0];
  options.common_scale = options.view_scale = {1, 1};
  options.mirror_probability = 0;
  return options;
}

torch::Tensor row_of_hu(std::initializer_list<int16_t> values) {
  return torch::tensor(std::vector<int16_t>(values), torch::kInt16)
      .view({1, 1, static_cast<int64_t>(values.size())});
}

/// The share of draws that changed something, and those draws.
std::vector<double> changed(const std::vector<double>& draws, double unchanged,
                            double probability) {
  std::vector<double> kept;
  for (const double draw : draws) {
    if (std::abs(draw - unchanged) > 1e-6) kept.push_back(draw);
  }
  EXPECT_NEAR(static_cast<double>(kept.size()) / kDraws, probability,
              share_tolerance(probability));
  return kept;
}

double value_at(const torch::Tensor& view, int64_t column) {
  return view[0][0][column].item<double>();
}

TEST(TransformDraws, VolumeBrightness) {
  const auto draws =
      observed(row_of_hu({1024}), only(IntensityChange::kBrightness, {1, 1, 1}),
               [](const auto& view) { return value_at(view, 0); });
  for (int view = 0; view < 2; ++view) {
    expect_distribution(changed(draws[view], 1, view == 0 ? 0.8 : 1),
                        uniform(0.75, 1.25));
  }
}

TEST(TransformDraws, VolumeOffset) {
  const auto draws =
      observed(row_of_hu({0}), only(IntensityChange::kOffset, {1, 1, 1}),
               [](const auto& view) { return value_at(view, 0); });
  for (int view = 0; view < 2; ++view) {
    expect_distribution(changed(draws[view], 0, (view == 0 ? 0.8 : 0.5) * 0.8),
                        [](double x) { return normal(x, 0.4); });
  }
}

TEST(TransformDraws, VolumeContrast) {
  // Mean 512 HU; the voxel in the middle moves about it without clipping.
  const auto draws = observed(
      row_of_hu({0, 0, 256, 1024, 1280}),
      only(IntensityChange::kContrast, {1, 1, 5}),
      [](const auto& view) { return (0.5 - value_at(view, 2)) / 0.25; });
  for (const auto& factors : draws) {
    expect_distribution(factors,
                        [](double x) { return about_one(x, 0.75, 1.25); });
  }
}

TEST(TransformDraws, VolumeGamma) {
  // Whatever is done to mean and deviation, (x1 - x0) / (x2 - x0) = 0.5^gamma.
  auto options = only(IntensityChange::kGamma, {1, 1, 3});
  for (const GammaRule rule : {GammaRule::kMeanAndStd, GammaRule::kStd}) {
    options.gamma_rule = rule;
    const auto draws =
        observed(row_of_hu({0, 512, 1024}), options, [](const auto& view) {
          const double low = value_at(view, 0);
          return std::log2((value_at(view, 2) - low) /
                           (value_at(view, 1) - low));
        });
    for (int view = 0; view < 2; ++view) {
      expect_distribution(changed(draws[view], 1, view == 0 ? 0.8 : 1),
                          [](double x) { return about_one(x, 0.7, 1.5); });
    }
  }
}

TEST(TransformDraws, VolumeNoise) {
  // 256 voxels tell sigma to 4 %: the distribution is smeared that much.
  const auto draws = observed(
      torch::zeros({1, 16, 16}, torch::kInt16),
      only(IntensityChange::kNoise, {1, 16, 16}), [](const auto& view) {
        return view.square().mean().sqrt().template item<double>();
      });
  for (const auto& sigmas : draws) {
    EXPECT_LT(*std::max_element(sigmas.begin(), sigmas.end()), 0.115);
    double mean = 0, square = 0;
    for (const double sigma : sigmas) {
      mean += sigma / kDraws;
      square += sigma * sigma / kDraws;
    }
    EXPECT_NEAR(mean, 0.05, 0.001);
    EXPECT_NEAR(square, 0.01 / 3, 0.0001);
  }
}

TEST(TransformDraws, VolumeBlur) {
  auto hu = torch::zeros({1, 33, 33}, torch::kInt16);
  hu[0][16][16] = 1024;
  const auto draws =
      observed(hu, only(IntensityChange::kBlur, {1, 33, 33}),
               [&](const auto& view) { return spread(view[0]); });
  expect_blur(draws[0], 0.8 * 0.8);
  expect_blur(draws[1], 0.8 * 0.5);
}

TEST(TransformDraws, VolumeMirroring) {
  for (const double probability : {0.5, 0.8}) {
    auto options = only(IntensityChange::kNoise, {2, 2, 2});
    options.order = {};
    options.mirror_probability = probability;
    const auto hu = torch::arange(8, torch::kInt16).view({2, 2, 2});
    const auto corners = observed(hu, options, [](const auto& view) {
      return 1024 * view[0][0][0].template item<double>();
    });
    for (const auto& draws : corners) {
      for (const int axis : {1, 2, 4}) {
        const auto mirrored =
            std::count_if(draws.begin(), draws.end(), [axis](double corner) {
              return (static_cast<int>(std::lround(corner)) & axis) != 0;
            });
        EXPECT_NEAR(static_cast<double>(mirrored) / kDraws, probability,
                    share_tolerance(probability));
      }
    }
  }
}

TEST(TransformDraws, VolumeWindows) {
  for (const auto& options :
       {VolumeTransformOptions{}, VolumeTransformOptions::official()}) {
    std::vector<double> common_extents, view_extents, places, view_places;
    std::array<int, 9> depths{};
    for (int i = 0; i < kDraws; ++i) {
      Random random({3, static_cast<uint64_t>(i)});
      const auto common = draw_common_window({64, 500, 400}, options, random);
      const auto view = draw_view_window(common, options, random);
      // The integer part of a uniform number, made continuous again.
      common_extents.push_back(static_cast<double>(common.extent[1]) +
                               random.uniform());
      view_extents.push_back(static_cast<double>(view.extent[2]) +
                             random.uniform());
      places.push_back(
          (static_cast<double>(common.start[2]) + random.uniform()) /
          static_cast<double>(400 - common.extent[2] + 1));
      view_places.push_back(
          (static_cast<double>(view.start[1] - common.start[1]) +
           random.uniform()) /
          static_cast<double>(common.extent[1] - view.extent[1] + 1));
      ++depths.at(view.start[0] - common.start[0]);
    }
    expect_distribution(common_extents, uniform(1.4 * 96, 1.8 * 96));
    expect_distribution(view_extents, uniform(0.8 * 96, 1.2 * 96));
    expect_distribution(places, uniform(0, 1));
    expect_distribution(view_places, uniform(0, 1));
    for (const int count : depths) {
      EXPECT_NEAR(static_cast<double>(count) / kDraws, 1.0 / 9,
                  share_tolerance(1.0 / 9));
    }
  }
}

// --- images ----------------------------------------------------------------

ImageTransformOptions only(ImageChange change, int64_t size) {
  ImageTransformOptions options;
  options.order = {change};
  options.image_size = size;
  options.crop_scale = {1, 1};
  options.crop_ratio = {1, 1};
  options.flip_probability = 0;
  options.brightness = options.contrast = options.saturation = options.hue = 0;
  return options;
}

torch::Tensor pixel_row(std::initializer_list<uint16_t> values) {
  // 16 bits, so that nothing is rounded; every row is the same.
  auto row = torch::tensor(std::vector<int32_t>(values.begin(), values.end()))
                 .to(torch::kUInt16);
  const auto n = static_cast<int64_t>(values.size());
  auto image = torch::empty({1, n, n}, torch::kUInt16);
  for (int64_t y = 0; y < n; ++y) image[0][y].copy_(row);
  return image;
}

TEST(TransformDraws, ImageBrightness) {
  auto options = only(ImageChange::kJitter, 1);
  options.brightness = 0.4;
  const auto draws =
      observed(pixel_row({32768}), options, [](const auto& view) {
        return view[0][0][0].template item<double>() / (32768.0 / 65535);
      });
  for (const auto& factors : draws) {
    expect_distribution(changed(factors, 1, 0.8), uniform(0.6, 1.4));
  }
}

TEST(TransformDraws, ImageContrast) {
  auto options = only(ImageChange::kJitter, 2);
  options.contrast = 0.4;
  const auto draws =
      observed(pixel_row({20000, 40000}), options, [](const auto& view) {
        return (view[0][0][1] - view[0][0][0]).template item<double>() /
               (20000.0 / 65535);
      });
  for (const auto& factors : draws) {
    expect_distribution(changed(factors, 1, 0.8), uniform(0.6, 1.4));
  }
}

/// A single pixel of this colour.
torch::Tensor color_pixel(uint8_t red, uint8_t green, uint8_t blue) {
  return torch::tensor({static_cast<int>(red), static_cast<int>(green),
                        static_cast<int>(blue)})
      .to(torch::kUInt8)
      .view({3, 1, 1});
}

TEST(TransformDraws, ImageSaturation) {
  auto options = only(ImageChange::kJitter, 1);
  options.saturation = 0.2;
  const auto draws =
      observed(color_pixel(150, 100, 80), options, [](const auto& view) {
        return (view[0] - view[1]).template item<double>() / (50.0 / 255);
      });
  for (const auto& factors : draws) {
    expect_distribution(changed(factors, 1, 0.8), uniform(0.8, 1.2));
  }
}

TEST(TransformDraws, ImageHue) {
  auto options = only(ImageChange::kJitter, 1);
  options.hue = 0.1;
  // Yellowish green: a sixth of a turn per change of the leading channel.
  const auto draws =
      observed(color_pixel(100, 200, 50), options, [](const auto& view) {
        const auto r = view[0].template item<double>();
        const auto g = view[1].template item<double>();
        const auto b = view[2].template item<double>();
        const double low = std::min({r, g, b}), high = std::max({r, g, b});
        const double chroma = high - low;
        const double sixths =
            g == high ? 2 + (b - r) / chroma
                      : (r == high ? (g - b) / chroma : 4 + (r - g) / chroma);
        // The colour itself lies at 2 + (50 - 100) / 150 sixths.
        return (sixths - (2 - 1.0 / 3)) / 6;
      });
  for (const auto& turns : draws) {
    expect_distribution(changed(turns, 0, 0.8), uniform(-0.1, 0.1));
  }
}

TEST(TransformDraws, ImageGrayAndFlip) {
  auto options = only(ImageChange::kGray, 1);
  const auto colors =
      observed(color_pixel(150, 100, 80), options, [](const auto& view) {
        return (view[0] - view[2]).template item<double>();
      });
  changed(colors[0], 70.0 / 255, 0.8);
  changed(colors[1], 70.0 / 255, 0.4);
  options = only(ImageChange::kGray, 2);
  options.flip_probability = 0.5;
  const auto flips = observed(
      pixel_row({0, 65535}), options,
      [](const auto& view) { return view[0][0][0].template item<double>(); });
  changed(flips[0], 0, 0.5);
  changed(flips[1], 0, 0.5);
}

TEST(TransformDraws, ImageBlur) {
  auto pixels = torch::zeros({1, 25, 25}, torch::kUInt8);
  pixels[0][12][12] = 255;
  const auto draws =
      observed(pixels, only(ImageChange::kBlur, 25),
               [&](const auto& view) { return spread(view[0]); });
  expect_blur(draws[0], 0.5);
  expect_blur(draws[1], 1);
}

TEST(TransformDraws, ImageWindows) {
  // Up to half of a square every shape fits: no draw is repeated.
  ImageTransformOptions options;
  options.crop_scale = {0.14, 0.5};
  std::vector<double> shares, ratios, places;
  for (int i = 0; i < kDraws; ++i) {
    Random random({23, static_cast<uint64_t>(i)});
    const auto window = draw_window(4000, 4000, options, random);
    const auto height = static_cast<double>(window.height);
    const auto width = static_cast<double>(window.width);
    shares.push_back(width * height / 16e6);
    ratios.push_back(std::log(width / height));
    places.push_back((static_cast<double>(window.left) + random.uniform()) /
                     (4000 - width + 1));
  }
  expect_distribution(shares, uniform(0.14, 0.5));
  expect_distribution(ratios, uniform(std::log(0.75), std::log(4.0 / 3)));
  expect_distribution(places, uniform(0, 1));
}

}  // namespace
}  // namespace unimiss::augment
