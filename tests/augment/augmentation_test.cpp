// Both pipelines against statistics of an independent implementation of their
// definitions (tests/golden/augmentation.json, made by
// scripts/make_augmentation_golden.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "testing/files.h"
#include "unimiss/augment/image_transforms.h"
#include "unimiss/augment/volume_transforms.h"

namespace unimiss::augment {
namespace {

using Json = nlohmann::json;
using Summaries = std::map<std::string, double>;

const Json& golden() {
  static const Json json = Json::parse(
      std::ifstream(unimiss::testing::golden_file("augmentation.json")));
  return json;
}

double sum_of(const torch::Tensor& values) {
  return values.to(torch::kInt64).sum().item<double>();
}

torch::Tensor synthetic_volume(const std::string& name) {
  const Json& input = golden()["inputs"][name];
  const std::vector<int64_t> shape = input["shape"];
  auto hu = torch::empty(shape, torch::kInt16);
  auto* to = hu.data_ptr<int16_t>();
  for (int64_t iz = 0; iz < shape[0]; ++iz) {
    for (int64_t iy = 0; iy < shape[1]; ++iy) {
      for (int64_t ix = 0; ix < shape[2]; ++ix) {
        const auto x = static_cast<double>(ix), y = static_cast<double>(iy),
                   z = static_cast<double>(iz);
        *to++ = static_cast<int16_t>(std::floor(
            0.5 + 400 * std::sin(0.21 * z + 0.9) * std::cos(0.053 * y) +
            300 * std::sin(0.071 * x + 0.3 * z) +
            150 * std::sin(0.8 * x + 0.5 * y) + 9 * z + 1.5 * y - 2 * x - 350));
      }
    }
  }
  EXPECT_EQ(sum_of(hu), input["sum"].get<double>());
  return hu;
}

torch::Tensor synthetic_image(const std::string& name) {
  const Json& input = golden()["inputs"][name];
  const std::vector<int64_t> shape = input["shape"];
  auto pixels = torch::empty(shape, torch::kUInt8);
  auto* to = pixels.data_ptr<uint8_t>();
  for (int64_t ic = 0; ic < shape[0]; ++ic) {
    for (int64_t iy = 0; iy < shape[1]; ++iy) {
      for (int64_t ix = 0; ix < shape[2]; ++ix) {
        const auto x = static_cast<double>(ix), y = static_cast<double>(iy),
                   c = static_cast<double>(ic);
        *to++ = static_cast<uint8_t>(
            std::floor(0.5 + 95 +
                       45 * std::sin(0.045 * x + 1.1 * c + 0.6) *
                           std::cos(0.031 * y - 0.7 * c) +
                       25 * std::sin(0.5 * x + 0.3 * y + c) + 0.12 * x +
                       0.07 * y + 9 * c));
      }
    }
  }
  EXPECT_EQ(sum_of(pixels), input["sum"].get<double>());
  return pixels;
}

/// Linear between order statistics; reorders the values.
double quantile(std::vector<float>& values, double share) {
  const double at = share * static_cast<double>(values.size() - 1);
  const auto low = values.begin() + static_cast<std::ptrdiff_t>(at);
  std::nth_element(values.begin(), low, values.end());
  const double below = *low;
  const double above = *std::min_element(low + 1, values.end());
  return below + (at - std::floor(at)) * (above - below);
}

/// What the golden file's "summaries" define, of a view [1 or 3, ...].
Summaries summarize(const torch::Tensor& view) {
  const auto x = view.to(torch::kFloat64);
  Summaries out;
  const double mean = out["mean"] = x.mean().item<double>();
  const double std = out["std"] = x.std(false).item<double>();
  const auto centerd = x - mean;
  out["skewness"] =
      (centerd * centerd * centerd).mean().item<double>() / (std * std * std);
  out["min"] = x.min().item<double>();
  out["max"] = x.max().item<double>();
  const float* begin = view.data_ptr<float>();
  std::vector<float> values(begin, begin + view.numel());
  for (const auto& [name, share] : Summaries{{"q05", 0.05},
                                             {"q25", 0.25},
                                             {"q50", 0.5},
                                             {"q75", 0.75},
                                             {"q95", 0.95}}) {
    out[name] = quantile(values, share);
  }
  const std::string axes = view.dim() == 4 ? "dhw" : "hw";
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<int64_t>(i) + 1;
    const int64_t n = x.size(axis);
    const double difference = x.diff(1, axis).abs().mean().item<double>();
    out[std::string("diff_") + axes[i]] = difference;
    out[std::string("detail_") + axes[i]] = difference / std;
    std::vector<int64_t> shape(x.dim(), 1);
    shape[axis] = n;
    const auto ramp =
        ((2 * torch::arange(n, torch::kFloat64) + 1) / static_cast<double>(n) -
         1)
            .view(shape);
    out[std::string("trend_") + axes[i]] = (x * ramp).mean().item<double>();
  }
  if (view.dim() == 4) {
    const auto slices = x[0].flatten(1);
    out["slice_mean_std"] = slices.mean(1).std(false).item<double>();
    const auto deviations = slices.std(1, /*unbiased=*/false);
    out["slice_std_mean"] = deviations.mean().item<double>();
    out["slice_std_std"] = deviations.std(false).item<double>();
    return out;
  }
  for (int64_t channel = 0; channel < 3; ++channel) {
    out["mean_" + std::to_string(channel)] = x[channel].mean().item<double>();
  }
  out["chroma"] = (x.amax(0) - x.amin(0)).mean().item<double>();
  return out;
}

struct Moments {
  double sum = 0, squares = 0;
  int64_t count = 0;
  void add(double value) {
    sum += value;
    squares += value * value;
    ++count;
  }
  double mean() const { return sum / static_cast<double>(count); }
  double deviation() const {
    const double variance =
        squares / static_cast<double>(count) - mean() * mean();
    return std::sqrt(std::max(0.0, variance));
  }
};

/// Every recorded summary must have the recorded mean and spread, within five
/// standard errors of each.
void expect_same_statistics(const std::string& name,
                            const std::function<Sample(Random&)>& augment) {
  constexpr int64_t kSamples = 200;
  std::map<std::string, Moments> moments;
  for (int64_t i = 0; i < kSamples; ++i) {
    Random random({2022, static_cast<uint64_t>(i)});
    const Sample views = augment(random);
    const Summaries first = summarize(views.images[0]);
    const Summaries second = summarize(views.images[1]);
    for (const auto& [key, value] : first) moments["view1/" + key].add(value);
    for (const auto& [key, value] : second) moments["view2/" + key].add(value);
    moments["pair/mean_difference"].add(first.at("mean") - second.at("mean"));
  }
  const Json& expected = golden()["statistics"][name];
  const double recorded = expected["samples"];
  int compared = 0;
  for (const char* part : {"view1", "view2", "pair"}) {
    for (const auto& [key, statistic] : expected[part].items()) {
      const auto found = moments.find(std::string(part) + "/" + key);
      ASSERT_NE(found, moments.end()) << name << " " << part << " " << key;
      const Moments& ours = found->second;
      const double mean = statistic["mean"], std = statistic["std"];
      // Of a constant there is none.
      const double kurtosis = std > 0 ? statistic["kurtosis"].get<double>() : 1;
      const double share = 1.0 / static_cast<double>(kSamples) + 1.0 / recorded;
      const double error = std * std::sqrt(share);
      const double std_error =
          error * std::sqrt(std::max(0.0, kurtosis - 1) / 4);
      EXPECT_LE(std::abs(ours.mean() - mean), 5 * error + 1e-5)
          << name << " " << part << " " << key << ": " << ours.mean()
          << " instead of " << mean << " +- " << error;
      EXPECT_NEAR(ours.deviation(), std, 5 * std_error + 1e-5)
          << name << " " << part << " " << key;
      ++compared;
    }
  }
  EXPECT_GT(compared, 20);
}

TEST(Augmentation, PaperVolumes) {
  for (const char* size : {"large", "small"}) {
    const auto hu = synthetic_volume(std::string("volume_") + size);
    expect_same_statistics(std::string("paper_") + size, [&](Random& random) {
      return augment_volume(hu, {}, random);
    });
  }
}

TEST(Augmentation, OfficialVolumes) {
  const auto official = VolumeTransformOptions::official();
  for (const char* size : {"large", "small"}) {
    const auto hu = synthetic_volume(std::string("volume_") + size);
    expect_same_statistics(
        std::string("official_") + size,
        [&](Random& random) { return augment_volume(hu, official, random); });
  }
}

/// One change with fixed arguments; the recorded values have six digits.
void expect_same_summary(const char* kind, const std::string& name,
                         const torch::Tensor& view) {
  const Summaries found = summarize(view);
  const Json& expected = golden()["operations"][kind][name];
  ASSERT_GT(expected.size(), 15u) << name;
  for (const auto& [key, value] : expected.items()) {
    EXPECT_NEAR(found.at(key), value.get<double>(), 2e-4) << name << " " << key;
  }
}

TEST(Augmentation, EachVolumeChangeAlone) {
  const auto large = synthetic_volume("volume_large");
  const auto small = synthetic_volume("volume_small");
  const std::array<int64_t, 3> size{16, 96, 96};
  const auto view = resized_crop(large, {{12, 90, 70}, {16, 81, 109}}, size,
                                 {true, false, true}, -1024);
  const auto expect = [](const std::string& name, const torch::Tensor& volume) {
    expect_same_summary("volume", name, volume.unsqueeze(0));
  };
  expect("crop_inside", view);
  expect("crop_central",
         resized_crop(central_region(small), {{4, 50, 30}, {16, 100, 90}}, size,
                      {}, 0));
  expect("crop_outside", resized_crop(small, {{-2, -20, 60}, {24, 110, 100}},
                                      size, {false, true, false}, -1024));
  const auto changed = [&](const std::string& name, const auto& change) {
    auto volume = view.clone();
    change(volume);
    expect(name, volume);
  };
  changed("blur_1.3", [](auto& volume) { blur_slices_(volume, 1.3); });
  changed("contrast_0.8",
          [](auto& volume) { adjust_contrast_range_(volume, 0.8); });
  changed("contrast_1.2",
          [](auto& volume) { adjust_contrast_range_(volume, 1.2); });
  for (const auto& [text, gamma] :
       {std::pair{"0.75", 0.75}, std::pair{"1.4", 1.4}}) {
    changed(std::string("gamma_") + text + "_mean_and_std", [&](auto& volume) {
      adjust_gamma_(volume, gamma, GammaRule::kMeanAndStd);
    });
    changed(std::string("gamma_") + text + "_std", [&](auto& volume) {
      adjust_gamma_(volume, gamma, GammaRule::kStd);
    });
  }
}

TEST(Augmentation, EachImageChangeAlone) {
  const auto pixels = synthetic_image("image_rgb");
  const auto view =
      resized_crop(pixels, {10, 20, 280, 230}, 224, Flip::kLeftRight);
  expect_same_summary("image", "shrunk", view);
  expect_same_summary(
      "image", "enlarged",
      resized_crop(pixels, {70, 60, 80, 110}, 224, Flip::kNone));
  const auto changed = [&](const std::string& name, const auto& change) {
    auto image = view.clone();
    change(image);
    expect_same_summary("image", name, image);
  };
  changed("brightness_1.3", [](auto& x) { adjust_brightness_(x, 1.3); });
  changed("contrast_0.7", [](auto& x) { adjust_contrast_(x, 0.7); });
  changed("saturation_1.2", [](auto& x) { adjust_saturation_(x, 1.2); });
  changed("saturation_0.8", [](auto& x) { adjust_saturation_(x, 0.8); });
  changed("hue_-0.1", [](auto& x) { shift_hue_(x, -0.1); });
  changed("hue_0.08", [](auto& x) { shift_hue_(x, 0.08); });
  changed("grey", [](auto& x) { remove_color_(x); });
  changed("blur_0.3", [](auto& x) { blur_image_(x, 0.3); });
  changed("blur_1.3", [](auto& x) { blur_image_(x, 1.3); });
  changed("blur_2.0", [](auto& x) { blur_image_(x, 2.0); });
}

TEST(Augmentation, Images) {
  for (const char* name : {"image_grey", "image_rgb"}) {
    const auto pixels = synthetic_image(name);
    expect_same_statistics(name, [&](Random& random) {
      return augment_image(pixels, {}, random);
    });
  }
}

}  // namespace
}  // namespace unimiss::augment
