#include "unimiss/augment/patch_intensity.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "unimiss/augment/stage_times.h"
#include "unimiss/augment/volume_transforms.h"
#include "unimiss/core/linear_taps.h"
#include "unimiss/core/problems.h"

namespace unimiss::augment {
namespace {

/// An axis of n voxels at a lower resolution: which voxels are kept, and
/// between which of the kept ones each lies.
struct CoarseAxis {
  std::vector<int64_t> kept;
  LinearTaps taps;

  CoarseAxis(int64_t n, double share)
      : kept(std::clamp<int64_t>(std::lround(share * static_cast<double>(n)), 1,
                                 n)),
        taps(count(), n,
             static_cast<double>(count()) / static_cast<double>(n)) {
    const double ratio = static_cast<double>(n) / static_cast<double>(count());
    for (int64_t i = 0; i < count(); ++i) {
      const auto center =
          static_cast<int64_t>((static_cast<double>(i) + 0.5) * ratio);
      kept[i] = std::min(center, n - 1);
    }
  }

 private:
  int64_t count() const { return static_cast<int64_t>(kept.size()); }
};

/// The kept voxels of a channel.
std::vector<float> keep_voxels(const torch::Tensor& channel,
                               const std::array<CoarseAxis, 3>& axes) {
  const float* voxels = channel.const_data_ptr<float>();
  const int64_t height = channel.size(1), width = channel.size(2);
  std::vector<float> coarse;
  coarse.reserve(axes[0].kept.size() * axes[1].kept.size() *
                 axes[2].kept.size());
  for (const int64_t z : axes[0].kept) {
    for (const int64_t y : axes[1].kept) {
      const float* row = voxels + (z * height + y) * width;
      for (const int64_t x : axes[2].kept) coarse.push_back(row[x]);
    }
  }
  return coarse;
}

double draw_from_range(const std::array<double, 2>& range, Random& random) {
  return random.uniform(range[0], range[1]);
}

/// Does a change to each channel that is drawn, with a strength of its own.
template <class Change>
void change_channels_(torch::Tensor& image, double probability,
                      const std::array<double, 2>& range, Random& random,
                      const Change& change) {
  for (int64_t c = 0; c < image.size(0); ++c) {
    if (!random.chance(probability)) continue;
    auto channel = image.select(0, c);
    change(channel, draw_from_range(range, random));
  }
}

double probability_of(PatchChange change,
                      const IntensityTransformOptions& options) {
  switch (change) {
    case PatchChange::kNoise:
      return options.noise_probability;
    case PatchChange::kBlur:
      return options.blur_probability;
    case PatchChange::kBrightness:
      return options.brightness_probability;
    case PatchChange::kContrast:
      return options.contrast_probability;
    case PatchChange::kLowResolution:
      return options.low_resolution_probability;
    case PatchChange::kInvertedGamma:
      return options.inverted_gamma_probability;
    case PatchChange::kGamma:
      return options.gamma_probability;
  }
  return 0;
}

Stage stage_of(PatchChange change) {
  switch (change) {
    case PatchChange::kNoise:
      return Stage::kNoise;
    case PatchChange::kBlur:
    case PatchChange::kLowResolution:
      return Stage::kBlur;
    default:
      return Stage::kIntensity;
  }
}

void bend_inverted_(torch::Tensor& channel, double gamma) {
  scale_intensity_(channel, -1);
  adjust_gamma_(channel, gamma, GammaRule::kMeanAndStd);
  scale_intensity_(channel, -1);
}

void bend_(torch::Tensor& channel, double gamma) {
  adjust_gamma_(channel, gamma, GammaRule::kMeanAndStd);
}

void change_patch_(PatchChange change, torch::Tensor& image,
                   const IntensityTransformOptions& options, Random& random) {
  switch (change) {
    case PatchChange::kNoise: {
      const double variance = draw_from_range(options.noise_variance, random);
      return add_noise_(image, std::sqrt(variance), random);
    }
    case PatchChange::kBlur:
      return change_channels_(image, options.blur_channel_probability,
                              options.blur_sigma, random, blur_channel_);
    case PatchChange::kBrightness:
      return change_channels_(image, 1, options.brightness, random,
                              scale_intensity_);
    case PatchChange::kContrast:
      return change_channels_(image, 1, options.contrast, random,
                              adjust_contrast_range_);
    case PatchChange::kLowResolution:
      return change_channels_(image, options.low_resolution_channel_probability,
                              options.low_resolution, random,
                              lower_resolution_);
    case PatchChange::kInvertedGamma:
      return change_channels_(image, 1, options.gamma, random, bend_inverted_);
    case PatchChange::kGamma:
      return change_channels_(image, 1, options.gamma, random, bend_);
  }
}

}  // namespace

void IntensityTransformOptions::check(Problems& problems) const {
  const Range probability = between(0, 1);
  problems.distinct(order, "order");
  problems.in_range(noise_probability, probability, "noise_probability");
  problems.ordered(noise_variance, at_least(0), "noise_variance");
  problems.in_range(blur_probability, probability, "blur_probability");
  problems.in_range(blur_channel_probability, probability,
                    "blur_channel_probability");
  problems.ordered(blur_sigma, greater_than(0), "blur_sigma");
  problems.in_range(brightness_probability, probability,
                    "brightness_probability");
  problems.ordered(brightness, greater_than(0), "brightness");
  problems.in_range(contrast_probability, probability, "contrast_probability");
  problems.ordered(contrast, greater_than(0), "contrast");
  problems.in_range(low_resolution_probability, probability,
                    "low_resolution_probability");
  problems.in_range(low_resolution_channel_probability, probability,
                    "low_resolution_channel_probability");
  problems.ordered(low_resolution, from_above(0, 1), "low_resolution");
  problems.in_range(inverted_gamma_probability, probability,
                    "inverted_gamma_probability");
  problems.in_range(gamma_probability, probability, "gamma_probability");
  problems.ordered(gamma, greater_than(0), "gamma");
}

void blur_channel_(torch::Tensor& channel, double sigma) {
  blur_slices_(channel, sigma);
  const int depth = static_cast<int>(channel.size(0));
  if (depth == 1) return;
  // The same kernel as in plane, along columns of a matrix of [D, H W].
  const int radius = std::max(1, static_cast<int>(std::lround(4 * sigma)));
  const cv::Mat kernel = cv::getGaussianKernel(
      std::min(2 * radius + 1, 2 * depth - 1), sigma, CV_32F);
  cv::Mat slices(depth, static_cast<int>(channel.size(1) * channel.size(2)),
                 CV_32F, channel.data_ptr<float>());
  cv::sepFilter2D(slices, slices, CV_32F, cv::Mat::ones(1, 1, CV_32F), kernel,
                  cv::Point(-1, -1), 0, cv::BORDER_REFLECT);
}

void lower_resolution_(torch::Tensor& channel, double share) {
  const int64_t depth = channel.size(0), height = channel.size(1),
                width = channel.size(2);
  const std::array<CoarseAxis, 3> axes{CoarseAxis(depth, share),
                                       CoarseAxis(height, share),
                                       CoarseAxis(width, share)};
  const std::vector<float> coarse = keep_voxels(channel, axes);
  const auto rows = static_cast<int64_t>(axes[1].kept.size());
  const auto columns = static_cast<int64_t>(axes[2].kept.size());
  std::vector<float> row(columns);
  float* to = channel.data_ptr<float>();
  for (int64_t z = 0; z < depth; ++z) {
    for (int64_t y = 0; y < height; ++y, to += width) {
      std::fill(row.begin(), row.end(), 0.0f);
      for (int corner = 0; corner < 4; ++corner) {
        const float fz = axes[0].taps.weight[z], fy = axes[1].taps.weight[y];
        const float weight =
            (corner & 2 ? fz : 1 - fz) * (corner & 1 ? fy : 1 - fy);
        if (weight == 0) continue;
        const int64_t slice =
            corner & 2 ? axes[0].taps.second[z] : axes[0].taps.first[z];
        const int64_t line =
            corner & 1 ? axes[1].taps.second[y] : axes[1].taps.first[y];
        const float* from = coarse.data() + (slice * rows + line) * columns;
        for (int64_t x = 0; x < columns; ++x) row[x] += weight * from[x];
      }
      for (int64_t x = 0; x < width; ++x) {
        const float a = row[axes[2].taps.first[x]],
                    b = row[axes[2].taps.second[x]];
        to[x] = a + axes[2].taps.weight[x] * (b - a);
      }
    }
  }
}

void change_intensities_(torch::Tensor& image,
                         const IntensityTransformOptions& options,
                         Random& random) {
  TORCH_CHECK(image.dim() == 4 && image.is_contiguous() &&
                  image.scalar_type() == torch::kFloat32,
              "change_intensities_: an image is float32 [C, D, H, W] and "
              "contiguous");
  for (const PatchChange change : options.order) {
    const StageTimer timer(stage_of(change));
    if (random.chance(probability_of(change, options))) {
      change_patch_(change, image, options, random);
    }
  }
}

}  // namespace unimiss::augment
