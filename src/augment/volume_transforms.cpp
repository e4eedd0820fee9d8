#include "unimiss/augment/volume_transforms.h"

#include <ATen/ops/special_ndtri.h>

#include <cmath>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "unimiss/augment/stage_times.h"
#include "unimiss/core/linear_taps.h"

namespace unimiss::augment {
namespace {

constexpr float kHuUnit = 1024;

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

/// One axis of a linear resampling. An index outside of the volume is -1.
struct LinearAxis {
  std::vector<int64_t> first, second;
  std::vector<float> weight;  ///< of the second

  LinearAxis(int64_t start, int64_t extent, int64_t size, int64_t volume,
             bool mirrored)
      : first(size), second(size), weight(size) {
    const LinearTaps taps(
        extent, size, static_cast<double>(extent) / static_cast<double>(size));
    const auto inside = [&](int64_t at) {
      at += start;
      return at >= 0 && at < volume ? at : -1;
    };
    for (int64_t i = 0; i < size; ++i) {
      const int64_t row = mirrored ? size - 1 - i : i;
      first[row] = inside(taps.first[i]);
      second[row] = inside(taps.second[i]);
      weight[row] = taps.weight[i];
    }
  }
};

/// A row of the window, resampled along W.
void resample_row(const int16_t* row, const LinearAxis& columns, float padding,
                  float scale, float* to) {
  const auto at = [&](int64_t x) {
    return x < 0 ? padding : static_cast<float>(row[x]);
  };
  for (size_t x = 0; x < columns.first.size(); ++x) {
    const float a = at(columns.first[x]), b = at(columns.second[x]);
    to[x] += scale * (a + columns.weight[x] * (b - a));
  }
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

/// From [low, 1) or [1, high), equally likely.
double draw_about_one(const std::array<double, 2>& range, Random& random) {
  return random.chance(0.5) ? random.uniform(range[0], 1)
                            : random.uniform(1, range[1]);
}

/// What is drawn once for a view: whether and how strongly its parts may
/// change.
struct ViewDraws {
  double noise_sigma;
  bool blur, brightness, offset, gamma;

  ViewDraws(int number, const VolumeTransformOptions& options, Random& random)
      : noise_sigma(random.uniform(0, options.noise_sigma)),
        blur(random.chance(options.blur_probability)),
        brightness(random.chance(options.brightness_probability[number])),
        offset(random.chance(options.offset_probability[number])),
        gamma(random.chance(options.gamma_probability[number])) {}
};

void apply_(IntensityChange change, torch::Tensor& part, int number,
            const ViewDraws& draws, const VolumeTransformOptions& options,
            Random& random) {
  switch (change) {
    case IntensityChange::kNoise: {
      const StageTimer timer(Stage::kNoise);
      return add_noise_(part, draws.noise_sigma, random);
    }
    case IntensityChange::kBlur: {
      const StageTimer timer(Stage::kBlur);
      if (draws.blur && random.chance(options.blur_draw_probability[number])) {
        blur_slices_(
            part, random.uniform(options.blur_sigma[0], options.blur_sigma[1]));
      }
      return;
    }
    case IntensityChange::kBrightness: {
      const StageTimer timer(Stage::kIntensity);
      if (draws.brightness) {
        scale_intensity_(
            part, random.uniform(options.brightness[0], options.brightness[1]));
      }
      return;
    }
    case IntensityChange::kOffset: {
      const StageTimer timer(Stage::kIntensity);
      if (draws.offset && random.chance(options.offset_draw_probability)) {
        shift_intensity_(part, options.offset_sigma * random.normal());
      }
      return;
    }
    case IntensityChange::kContrast: {
      const StageTimer timer(Stage::kIntensity);
      return adjust_contrast_range_(part,
                                    draw_about_one(options.contrast, random));
    }
    case IntensityChange::kGamma: {
      const StageTimer timer(Stage::kIntensity);
      if (draws.gamma) {
        adjust_gamma_(part, draw_about_one(options.gamma, random),
                      options.gamma_rule);
      }
      return;
    }
  }
}

/// The changes in their order, drawn once for each of the parts: the whole
/// volume, or its slices.
void change_intensities_(torch::Tensor& volume, int number,
                         const VolumeTransformOptions& options,
                         Random& random) {
  const ViewDraws draws(number, options, random);
  const bool slices = options.draw_rule == DrawRule::kPerSlice;
  const int64_t thickness = slices ? 1 : volume.size(0);
  for (int64_t z = 0; z < volume.size(0); z += thickness) {
    auto part = volume.narrow(0, z, thickness);
    for (const IntensityChange change : options.order) {
      apply_(change, part, number, draws, options, random);
    }
  }
}

}  // namespace

VolumeTransformOptions VolumeTransformOptions::official() {
  VolumeTransformOptions options;
  options.crop_rule = CropRule::kCentral;
  options.padding_hu = 0;
  options.mirror_probability = 0.8;
  options.draw_rule = DrawRule::kPerSlice;
  options.gamma_rule = GammaRule::kStd;
  return options;
}

void VolumeTransformOptions::check(Problems& problems) const {
  const Range probability = between(0, 1);
  const auto around_one = [&](const std::array<double, 2>& range,
                              const std::string& key) {
    problems.in_range(range[0], from_above(0, 1), item_key(key, 0));
    problems.in_range(range[1], at_least(1), item_key(key, 1));
  };
  problems.all_in_range(volume_size, at_least(1), "volume_size");
  problems.distinct(order, "order");
  problems.require(common_depth >= volume_size[0], "common_depth",
                   "must be at least " + number_text(volume_size[0]) +
                       ", the depth of a view (is " +
                       number_text(common_depth) + ")",
                   {"volume_size"});
  problems.ordered(common_scale, greater_than(0), "common_scale");
  problems.ordered(view_scale, greater_than(0), "view_scale");
  problems.in_range(padding_hu, between(-32767, 32767), "padding_hu");
  problems.in_range(mirror_probability, probability, "mirror_probability");
  problems.in_range(noise_sigma, at_least(0), "noise_sigma");
  problems.in_range(blur_probability, probability, "blur_probability");
  problems.all_in_range(blur_draw_probability, probability,
                        "blur_draw_probability");
  problems.ordered(blur_sigma, greater_than(0), "blur_sigma");
  problems.all_in_range(brightness_probability, probability,
                        "brightness_probability");
  problems.ordered(brightness, greater_than(0), "brightness");
  problems.all_in_range(offset_probability, probability, "offset_probability");
  problems.in_range(offset_draw_probability, probability,
                    "offset_draw_probability");
  problems.in_range(offset_sigma, at_least(0), "offset_sigma");
  around_one(contrast, "contrast");
  problems.all_in_range(gamma_probability, probability, "gamma_probability");
  around_one(gamma, "gamma");
}

torch::Tensor central_region(const torch::Tensor& hu) {
  const int64_t rows = hu.size(1) / 10, columns = hu.size(2) / 10;
  return hu.narrow(1, rows, hu.size(1) - 2 * rows)
      .narrow(2, columns, hu.size(2) - 2 * columns);
}

VolumeWindow draw_common_window(const std::array<int64_t, 3>& volume,
                                const VolumeTransformOptions& options,
                                Random& random) {
  constexpr int64_t kPaddedExtent = 256;
  const bool central = options.crop_rule == CropRule::kCentral;
  VolumeWindow window;
  for (int axis = 0; axis < 3; ++axis) {
    int64_t extent = volume[axis];
    int64_t wanted = options.common_depth;
    if (axis > 0) {
      const auto size = static_cast<double>(options.volume_size[axis]);
      wanted =
          static_cast<int64_t>(size * random.uniform(options.common_scale[0],
                                                     options.common_scale[1]));
      if (central) {
        extent = std::max(extent, kPaddedExtent);
        if (wanted > extent) wanted = options.volume_size[axis];
      }
    }
    const int64_t room = extent - wanted;
    window.extent[axis] = wanted;
    if (room >= 0) {
      window.start[axis] = random.integer(room + 1);
    } else {
      // Too large: padding on both sides, or at the end.
      window.start[axis] = central ? 0 : room / 2;
    }
  }
  return window;
}

VolumeWindow draw_view_window(const VolumeWindow& common,
                              const VolumeTransformOptions& options,
                              Random& random) {
  VolumeWindow window;
  for (int axis = 0; axis < 3; ++axis) {
    int64_t extent = options.volume_size[axis];
    if (axis > 0) {
      extent = static_cast<int64_t>(
          static_cast<double>(extent) *
          random.uniform(options.view_scale[0], options.view_scale[1]));
    }
    extent = std::clamp<int64_t>(extent, 1, common.extent[axis]);
    window.extent[axis] = extent;
    window.start[axis] =
        common.start[axis] + random.integer(common.extent[axis] - extent + 1);
  }
  return window;
}

torch::Tensor resized_crop(const torch::Tensor& hu, const VolumeWindow& window,
                           const std::array<int64_t, 3>& size,
                           const std::array<bool, 3>& mirror,
                           double padding_hu) {
  const StageTimer timer(Stage::kResample);
  const auto axis = [&](int i) {
    return LinearAxis(window.start[i], window.extent[i], size[i], hu.size(i),
                      mirror[i]);
  };
  const LinearAxis slices = axis(0), rows = axis(1), columns = axis(2);
  const auto padding = static_cast<float>(padding_hu);
  const int64_t row_stride = hu.stride(1), slice_stride = hu.stride(0);
  const int16_t* voxels = hu.data_ptr<int16_t>();
  auto view = torch::empty({size[0], size[1], size[2]});
  float* to = view.data_ptr<float>();
  // torch::zeros would start LibTorch's threads.
  std::fill_n(to, view.numel(), 0.0f);
  for (int64_t z = 0; z < size[0]; ++z) {
    for (int64_t y = 0; y < size[1]; ++y, to += size[2]) {
      for (int corner = 0; corner < 4; ++corner) {
        const float wz = corner & 2 ? slices.weight[z] : 1 - slices.weight[z];
        const float wy = corner & 1 ? rows.weight[y] : 1 - rows.weight[y];
        const float scale = wz * wy / kHuUnit;
        if (scale == 0) continue;
        const int64_t slice = corner & 2 ? slices.second[z] : slices.first[z];
        const int64_t row = corner & 1 ? rows.second[y] : rows.first[y];
        if (slice < 0 || row < 0) {
          for (int64_t x = 0; x < size[2]; ++x) to[x] += scale * padding;
        } else {
          resample_row(voxels + slice * slice_stride + row * row_stride,
                       columns, padding, scale, to);
        }
      }
    }
  }
  return view;
}

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

Sample augment_volume(const torch::Tensor& hu,
                      const VolumeTransformOptions& options, Random& random) {
  TORCH_CHECK(
      hu.dim() == 3 && hu.is_contiguous() && hu.scalar_type() == torch::kInt16,
      "augment_volume: a volume is int16 [D, H, W] and contiguous");
  const torch::Tensor region =
      options.crop_rule == CropRule::kCentral ? central_region(hu) : hu;
  const VolumeWindow common = draw_common_window(
      {region.size(0), region.size(1), region.size(2)}, options, random);
  const auto view = [&](int number) {
    Random own = random.fork(number + 1);
    const VolumeWindow window = draw_view_window(common, options, own);
    std::array<bool, 3> mirror;
    for (bool& axis : mirror) axis = own.chance(options.mirror_probability);
    auto volume = resized_crop(region, window, options.volume_size, mirror,
                               options.padding_hu);
    change_intensities_(volume, number, options, own);
    return volume.unsqueeze(0);
  };
  auto first = view(0);
  auto second = view(1);
  return {{std::move(first), std::move(second)}, {}};
}

}  // namespace unimiss::augment
