#include "unimiss/augment/volume_intensity.h"

#include <ATen/ops/special_ndtri.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace unimiss::augment {
namespace {

/// Half of 2^16 equally likely values of a standard normal, the negative ones:
/// a table is twenty times as fast as transforming uniform draws.
const std::vector<float>& normal_quantiles() {
  static const std::vector<float> table = [] {
    constexpr int64_t kHalf = 32768;
    const auto quantiles = at::special_ndtri(
        (torch::arange(kHalf, torch::kFloat64) + 0.5) / (2.0 * kHalf));
    const double* from = quantiles.data_ptr<double>();
    return std::vector<float>(from, from + kHalf);
  }();
  return table;
}

double mean_of(const torch::Tensor& volume) {
  const float* values = volume.data_ptr<float>();
  return std::accumulate(values, values + volume.numel(), 0.0) /
         static_cast<double>(volume.numel());
}

double deviation_of(const torch::Tensor& volume, double mean) {
  const float* values = volume.data_ptr<float>();
  const double sum = std::accumulate(
      values, values + volume.numel(), 0.0, [mean](double total, float value) {
        return total + (value - mean) * (value - mean);
      });
  return std::sqrt(sum / static_cast<double>(volume.numel()));
}

template <class Change>
void for_each_voxel(torch::Tensor& volume, Change change) {
  float* values = volume.data_ptr<float>();
  const int64_t count = volume.numel();
  for (int64_t i = 0; i < count; ++i) values[i] = change(values[i]);
}

}  // namespace

void add_noise_(torch::Tensor& volume, double sigma, Random& random) {
  const float* quantiles = normal_quantiles().data();
  const auto s = static_cast<float>(sigma);
  uint64_t bits = 0;
  int64_t left = 0;
  for_each_voxel(volume, [&](float value) {
    if (left-- == 0) {
      bits = random.bits();
      left = 3;
    }
    // 15 bits choose the magnitude, one the sign.
    const float magnitude = quantiles[bits & 0x7fff];
    const float sign = bits & 0x8000 ? s : -s;
    bits >>= 16;
    return value + sign * magnitude;
  });
}

void blur_slices_(torch::Tensor& volume, double sigma) {
  const int height = static_cast<int>(volume.size(1));
  const int width = static_cast<int>(volume.size(2));
  const int radius = std::max(1, static_cast<int>(std::lround(4 * sigma)));
  const cv::Size kernel(std::min(2 * radius + 1, 2 * width - 1),
                        std::min(2 * radius + 1, 2 * height - 1));
  for (int64_t z = 0; z < volume.size(0); ++z) {
    cv::Mat slice(height, width, CV_32F,
                  volume.data_ptr<float>() + z * height * width);
    cv::GaussianBlur(slice, slice, kernel, sigma, sigma, cv::BORDER_REFLECT);
  }
}

void scale_intensity_(torch::Tensor& volume, double factor) {
  const auto f = static_cast<float>(factor);
  for_each_voxel(volume, [f](float value) { return value * f; });
}

void shift_intensity_(torch::Tensor& volume, double offset) {
  const auto o = static_cast<float>(offset);
  for_each_voxel(volume, [o](float value) { return value + o; });
}

void adjust_contrast_range_(torch::Tensor& volume, double factor) {
  const auto f = static_cast<float>(factor);
  const auto mean = static_cast<float>(mean_of(volume));
  const float* values = volume.data_ptr<float>();
  const auto [low, high] = std::minmax_element(values, values + volume.numel());
  const float least = *low, most = *high;
  for_each_voxel(volume, [=](float value) {
    return std::clamp(mean + f * (value - mean), least, most);
  });
}

void adjust_gamma_(torch::Tensor& volume, double gamma, GammaRule rule) {
  const int64_t count = volume.numel();
  float* values = volume.data_ptr<float>();
  const auto [low, high] = std::minmax_element(values, values + count);
  const float least = *low, range = *high - *low;
  if (range <= 0) return;  // nothing to bend
  const double mean = mean_of(volume), deviation = deviation_of(volume, mean);
  for_each_voxel(volume, [=](float value) { return (value - least) / range; });
  cv::Mat flat(1, static_cast<int>(count), CV_32F, values);
  cv::pow(flat, gamma, flat);
  for_each_voxel(volume, [=](float value) { return value * range + least; });
  const double new_mean = mean_of(volume);
  const double ratio = deviation / (deviation_of(volume, new_mean) + 1e-8);
  const double target = rule == GammaRule::kStd ? mean * ratio : mean;
  for_each_voxel(volume, [=](float value) {
    return static_cast<float>((value - new_mean) * ratio + target);
  });
}

}  // namespace unimiss::augment
