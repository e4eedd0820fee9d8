#include "unimiss/augment/radiograph.h"

#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "unimiss/core/fields.h"
#include "unimiss/io/resample.h"

namespace unimiss::augment {
namespace {

/// Path integrals up to this (half a millimetre of water) count as air.
constexpr float kFaint = 0.01f;

/// Adds column bilinear(y, x) of [H, W, D], outside of which is air.
void add_column(const float* volume, const std::array<int64_t, 3>& extents,
                double y, double x, std::vector<float>& column) {
  const auto [height, width, depth] = extents;
  const double y0 = std::floor(y), x0 = std::floor(x);
  for (int corner = 0; corner < 4; ++corner) {
    const auto row = static_cast<int64_t>(y0) + (corner >> 1);
    const auto col = static_cast<int64_t>(x0) + (corner & 1);
    if (row < 0 || row >= height || col < 0 || col >= width) continue;
    const double wy = corner & 2 ? y - y0 : 1 - (y - y0);
    const double wx = corner & 1 ? x - x0 : 1 - (x - x0);
    const auto weight = static_cast<float>(wy * wx);
    const float* from = volume + (row * width + col) * depth;
    for (int64_t z = 0; z < depth; ++z) column[z] += weight * from[z];
  }
}

/// line[z] += scale * column[z + shift], linearly; air beyond the ends.
void add_shifted(const std::vector<float>& column, double shift, float scale,
                 std::vector<float>& line) {
  const auto depth = static_cast<int64_t>(column.size());
  const auto whole = static_cast<int64_t>(std::floor(shift));
  const auto second = static_cast<float>(shift - std::floor(shift));
  const auto add = [&](int64_t offset, float weight) {
    const int64_t begin = std::max<int64_t>(0, -offset);
    const int64_t end = std::min(depth, depth - offset);
    for (int64_t z = begin; z < end; ++z) {
      line[z] += weight * column[z + offset];
    }
  };
  add(whole, scale * (1 - second));
  if (second > 0) add(whole + 1, scale * second);
}

/// 0 where there are no values.
float percentile(std::vector<float>& values, double percent) {
  if (values.empty()) return 0;
  const auto at = static_cast<int64_t>(percent / 100 *
                                       static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[at];
}

}  // namespace

void RadiographOptions::check(Problems& problems) const {
  problems.in_range(voxel_mm, greater_than(0), "voxel_mm");
  problems.in_range(water_per_cm, greater_than(0), "water_per_cm");
  problems.in_range(bone_gain, at_least(1), "bone_gain");
  problems.all_in_range(window, between(0, 100), "window");
  problems.require(window[0] < window[1], "window",
                   "must be two increasing percentiles");
}

Radiograph::Radiograph(const io::Volume& volume,
                       const RadiographOptions& options)
    : options_(options) {
  validate(options);
  const double mm = options.voxel_mm;
  const auto hu = io::resample(volume, {mm, mm, mm}).voxels;
  const int64_t depth = hu.size(0), columns = hu.size(1) * hu.size(2);
  attenuation_ = torch::empty({hu.size(1), hu.size(2), depth});
  const float* from = hu.data_ptr<float>();
  float* to = attenuation_.data_ptr<float>();
  for (int64_t z = 0; z < depth; ++z) {
    for (int64_t i = 0; i < columns; ++i) {
      const double value = *from++;
      const double bone = std::max(0.0, value - options.bone_hu);
      const double density =
          1 + (value + (options.bone_gain - 1) * bone) / 1000;
      to[i * depth + z] = static_cast<float>(std::max(0.0, density) *
                                             options.water_per_cm / 10);
    }
  }
}

torch::Tensor Radiograph::path_integral(double turn, double tilt) const {
  require(std::abs(tilt) <= 60, "tilt", "must lie within +-60 degrees");
  constexpr double kDegree = std::numbers::pi / 180;
  const double c = std::cos(turn * kDegree), s = std::sin(turn * kDegree);
  const double slope = std::tan(tilt * kDegree);
  const int64_t height = attenuation_.size(0), width = attenuation_.size(1);
  const int64_t depth = attenuation_.size(2);
  const std::array<int64_t, 3> extents{height, width, depth};
  const double middle_y = 0.5 * static_cast<double>(height - 1);
  const double middle_x = 0.5 * static_cast<double>(width - 1);
  // Wide enough for every turn: all films of a volume have one size.
  const auto span = static_cast<int64_t>(std::ceil(
      std::hypot(static_cast<double>(height), static_cast<double>(width))));
  const double middle = 0.5 * static_cast<double>(span - 1);
  // Of a beam that is inclined, one voxel in plane holds this many mm.
  const auto length =
      static_cast<float>(options_.voxel_mm / std::cos(tilt * kDegree));

  auto film = torch::empty({depth, span});
  float* pixels = film.data_ptr<float>();
  std::vector<float> column(depth), line(depth);
  for (int64_t u = 0; u < span; ++u) {
    std::fill(line.begin(), line.end(), 0.0f);
    const double across = static_cast<double>(u) - middle;
    for (int64_t t = 0; t < span; ++t) {
      const double along = static_cast<double>(t) - middle;
      const double y = middle_y + along * c - across * s;
      const double x = middle_x + along * s + across * c;
      if (y <= -1 || x <= -1 || y >= static_cast<double>(height) ||
          x >= static_cast<double>(width)) {
        continue;
      }
      std::fill(column.begin(), column.end(), 0.0f);
      add_column(attenuation_.data_ptr<float>(), extents, y, x, column);
      add_shifted(column, along * slope, length, line);
    }
    for (int64_t z = 0; z < depth; ++z) {
      pixels[(depth - 1 - z) * span + u] = line[z];
    }
  }
  return film;
}

torch::Tensor Radiograph::film(double turn, double tilt, int64_t size) const {
  require(size >= 1, "size", "must be at least 1 pixel");
  const auto integral = path_integral(turn, tilt);
  const cv::Mat beams(static_cast<int>(integral.size(0)),
                      static_cast<int>(integral.size(1)), CV_32F,
                      integral.data_ptr());
  // The beams that meet the patient decide frame and window, not the air.
  const cv::Mat met = beams > kFaint;
  cv::Rect frame = cv::boundingRect(met);
  if (frame.empty()) frame = cv::Rect(0, 0, beams.cols, beams.rows);
  std::vector<float> levels;
  for (int y = 0; y < beams.rows; ++y) {
    std::copy_if(beams.ptr<float>(y), beams.ptr<float>(y) + beams.cols,
                 std::back_inserter(levels),
                 [](float level) { return level > kFaint; });
  }
  const float black = percentile(levels, options_.window[0]);
  const float white = percentile(levels, options_.window[1]);

  const double tall = frame.height * std::cos(tilt * std::numbers::pi / 180);
  const double zoom =
      static_cast<double>(size) / std::max<double>(tall, frame.width);
  const auto fit = [&](double extent) {
    return std::clamp(static_cast<int>(std::lround(extent * zoom)), 1,
                      static_cast<int>(size));
  };
  const cv::Size fitted(fit(frame.width), fit(tall));
  cv::Mat scaled;
  cv::resize(beams(frame), scaled, fitted, 0, 0,
             zoom < 1 ? cv::INTER_AREA : cv::INTER_CUBIC);
  auto film = torch::zeros({size, size}, torch::kUInt16);
  auto* picture = film.data_ptr<uint16_t>();
  const int64_t top = (size - fitted.height) / 2;
  const int64_t left = (size - fitted.width) / 2;
  const float range = std::max(white - black, 1e-6f);
  for (int y = 0; y < fitted.height; ++y) {
    for (int x = 0; x < fitted.width; ++x) {
      const float level =
          std::clamp((scaled.at<float>(y, x) - black) / range, 0.0f, 1.0f);
      picture[(top + y) * size + left + x] =
          static_cast<uint16_t>(std::lround(65535 * level));
    }
  }
  return film;
}

}  // namespace unimiss::augment
