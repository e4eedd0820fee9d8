#include "unimiss/data/normalization.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "testing/error_text.h"
#include "unimiss/core/error.h"
#include "unimiss/core/random.h"

namespace unimiss::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using UnitRange = std::optional<std::array<double, 2>>;

/// Normal values of a mean and deviation, every fifth of them 0.
torch::Tensor intensities(at::IntArrayRef sizes, double mean,
                          double deviation) {
  Random random({3});
  auto image = torch::empty(sizes);
  auto* to = image.data_ptr<float>();
  for (int64_t i = 0; i < image.numel(); ++i) {
    to[i] =
        i % 5 == 0 ? 0 : static_cast<float>(mean + deviation * random.normal());
  }
  return image;
}

torch::Tensor normalized(const torch::Tensor& image,
                         const IntensityOptions& options, int64_t together = 1,
                         const UnitRange& unit_range = {}) {
  torch::Tensor result = image.clone();
  normalize_(result, options, together, unit_range);
  return result;
}

IntensityOptions options_of(IntensityRule value) {
  IntensityOptions options;
  options.rule = value;
  return options;
}

/// ATen's own mean and population deviation.
torch::Tensor z_score_of(const torch::Tensor& values) {
  const torch::Tensor exact = values.to(torch::kDouble);
  return ((exact - exact.mean()) / exact.std(/*unbiased=*/false))
      .to(torch::kFloat);
}

void expect_near(const torch::Tensor& found, const torch::Tensor& wanted,
                 double tolerance = 1e-5) {
  ASSERT_EQ(found.sizes(), wanted.sizes());
  EXPECT_LE((found - wanted).abs().max().item<double>(), tolerance);
}

TEST(Normalization, WindowClipsAndRescales) {
  IntensityOptions options = options_of(IntensityRule::kWindow);
  options.window = {-100, 300};
  options.mean = 100;
  options.deviation = 50;
  const auto image =
      at::tensor({-3000.0f, -100.0f, 0.0f, 125.0f, 300.0f, 301.0f})
          .view({1, 1, 2, 3});
  const auto wanted =
      at::tensor({-4.0f, -4.0f, -2.0f, 0.5f, 4.0f, 4.0f}).view({1, 1, 2, 3});
  expect_near(normalized(image, options), wanted, 0);
}

TEST(Normalization, WindowOfAConstantIsNoZero) {
  IntensityOptions options = options_of(IntensityRule::kWindow);
  options.deviation = 250;
  const auto result = normalized(torch::full({1, 2, 2, 2}, 250.0), options);
  EXPECT_TRUE(result.equal(torch::ones({1, 2, 2, 2})));
}

TEST(Normalization, ZScoreOfEachChannel) {
  auto image = intensities({2, 3, 4, 5}, 900, 70);
  image[1] *= -3;
  const auto result = normalized(image, options_of(IntensityRule::kZScore));
  expect_near(result[0], z_score_of(image[0]));
  expect_near(result[1], z_score_of(image[1]));
}

TEST(Normalization, ZScoreOfColorsTogether) {
  auto image = intensities({6, 1, 4, 5}, 90, 20);
  image.slice(0, 3) *= 2;
  image[1] += 40;
  const auto result = normalized(image, options_of(IntensityRule::kZScore), 3);
  expect_near(result.slice(0, 0, 3), z_score_of(image.slice(0, 0, 3)));
  expect_near(result.slice(0, 3), z_score_of(image.slice(0, 3)));
}

TEST(Normalization, ForegroundLeavesTheBackgroundAlone) {
  const auto image = intensities({1, 3, 4, 5}, 500, 100);
  const auto result =
      normalized(image, options_of(IntensityRule::kZScoreForeground));
  const auto inside = image != 0;
  ASSERT_EQ(inside.sum().item<int64_t>(), 48);
  EXPECT_EQ(result.masked_select(image == 0).abs().max().item<float>(), 0);
  expect_near(result.masked_select(inside),
              z_score_of(image.masked_select(inside)));
}

/// np.percentile(values, percent) of a sorted list, as its manual defines it.
double numpy_percentile(const std::vector<float>& sorted, double percent) {
  const double rank = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(std::floor(rank));
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = rank - static_cast<double>(below);
  return sorted[below] * (1 - part) + sorted[above] * part;
}

TEST(Normalization, PercentilesAreNumpys) {
  const auto image = intensities({1, 3, 7, 11}, 50, 400);
  const float* begin = image.data_ptr<float>();
  std::vector<float> sorted(begin, begin + image.numel());
  std::sort(sorted.begin(), sorted.end());
  for (const auto& range : std::vector<std::array<double, 2>>{
           {0.5, 99.5}, {0, 100}, {10, 37.5}, {99.9, 100}}) {
    IntensityOptions options = options_of(IntensityRule::kPercentiles);
    options.percentiles = range;
    const auto clipped = image.clamp(numpy_percentile(sorted, range[0]),
                                     numpy_percentile(sorted, range[1]));
    expect_near(normalized(image, options), z_score_of(clipped));
  }
  // np.percentile([1, 2, 3, 4, 10], [30, 80]) is [2.2, 5.2].
  IntensityOptions options = options_of(IntensityRule::kPercentiles);
  options.percentiles = {30, 80};
  const auto few = at::tensor({10.0f, 3.0f, 1.0f, 4.0f, 2.0f});
  expect_near(normalized(few.view({1, 1, 1, 5}), options).flatten(),
              z_score_of(at::tensor({5.2f, 3.0f, 2.2f, 4.0f, 2.2f})));
}

TEST(Normalization, UnitIsOfTheGivenRangeOrTheValues) {
  const auto image = at::tensor({10.0f, 61.0f, 112.0f}).view({1, 1, 1, 3});
  const auto options = options_of(IntensityRule::kUnit);
  expect_near(normalized(image, options).flatten(),
              at::tensor({0.0f, 0.5f, 1.0f}), 1e-7);
  expect_near(
      normalized(image, options, 1, std::array<double, 2>{0, 255}).flatten(),
      image.flatten() / 255, 1e-7);
}

TEST(Normalization, WithoutContrastIsZero) {
  // The mean of so many is not quite the constant itself.
  for (const double value : {0.0, 0.1, -1024.3, 3e38}) {
    const auto image = torch::full({1, 10, 100, 100}, value);
    for (const auto kind :
         {IntensityRule::kZScore, IntensityRule::kZScoreForeground,
          IntensityRule::kPercentiles, IntensityRule::kUnit}) {
      EXPECT_EQ(normalized(image, options_of(kind)).abs().max().item<float>(),
                0)
          << value << " " << enum_name(kind);
    }
  }
  IntensityOptions options = options_of(IntensityRule::kPercentiles);
  options.percentiles = {50, 50};
  EXPECT_EQ(normalized(intensities({1, 3, 4, 5}, 9, 2), options)
                .abs()
                .max()
                .item<float>(),
            0);
  // Of an image with a known range a constant is one of its greys.
  EXPECT_EQ(normalized(torch::full({1, 1, 2, 2}, 51.0),
                       options_of(IntensityRule::kUnit), 1,
                       std::array<double, 2>{0, 255})
                .max()
                .item<float>(),
            0.2f);
}

/// E.g. of an apparent diffusion coefficient in m^2/s.
TEST(Normalization, SmallValuesHaveContrastToo) {
  const auto image = intensities({1, 3, 4, 5}, 1e-9, 3e-10);
  for (const auto kind : {IntensityRule::kZScore, IntensityRule::kUnit}) {
    const auto wanted = normalized(image * 1e9, options_of(kind));
    EXPECT_GT(wanted.abs().max().item<float>(), 0.9f);
    expect_near(normalized(image, options_of(kind)), wanted);
  }
  const auto offset = intensities({1, 3, 4, 5}, 0, 1) + 1e5;
  expect_near(normalized(offset, options_of(IntensityRule::kZScore)),
              z_score_of(offset));
}

TEST(Normalization, OptionsThatCannotBe) {
  const auto error = [](const std::function<void(IntensityOptions&)>& change) {
    IntensityOptions options;
    change(options);
    return unimiss::testing::error_text<ConfigError>(
        [&] { validate(options); });
  };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(error([](auto&) {}), "no error");
  EXPECT_THAT(error([](auto& o) { o.window = {5, 5}; }), HasSubstr("window"));
  EXPECT_THAT(error([](auto& o) { o.window[1] = kNan; }),
              HasSubstr("window[1]"));
  EXPECT_THAT(error([](auto& o) { o.mean = kNan; }), HasSubstr("mean"));
  EXPECT_THAT(error([](auto& o) { o.deviation = 0; }), HasSubstr("deviation"));
  EXPECT_THAT(error([](auto& o) {
                o.percentiles = {-1, 99};
              }),
              HasSubstr("percentiles[0]"));
  EXPECT_THAT(error([](auto& o) {
                o.percentiles = {60, 40};
              }),
              HasSubstr("swap them"));
}

TEST(Normalization, AWindowMustFitIntoWhatIsStored) {
  IntensityOptions options = options_of(IntensityRule::kWindow);
  const auto check = [&] { validate(options); };
  EXPECT_THAT(check, ::testing::ThrowsMessage<ConfigError>(
                         AllOf(HasSubstr("deviation: brings the window to 1024 "
                                         "units"),
                               HasSubstr("15.99"))));
  options.mean = 25;
  options.deviation = 65.6;  // 1049 / 65.6 = 15.991
  EXPECT_NO_THROW(check());
  options.deviation = 65.5;
  EXPECT_THROW(check(), ConfigError);
}

TEST(Normalization, OtherShapesAreABug) {
  auto flat = torch::zeros({2, 3, 4});
  EXPECT_THROW(normalize_(flat, {}, 1, {}), c10::Error);
  auto four = torch::zeros({4, 1, 2, 2});
  EXPECT_THROW(normalize_(four, {}, 3, {}), c10::Error);
  auto none = torch::zeros({0, 1, 2, 2});
  EXPECT_THROW(normalize_(none, {}, 1, {}), c10::Error);
}

}  // namespace
}  // namespace unimiss::data
