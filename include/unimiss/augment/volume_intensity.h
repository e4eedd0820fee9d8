#pragma once

#include <torch/types.h>

#include <array>
#include <utility>

#include "unimiss/core/fields.h"
#include "unimiss/core/random.h"

/// Changes of the intensities of a view, float32 HU / 1024 [D, H, W],
/// contiguous, in place.
namespace unimiss::augment {

/// kMeanAndStd restores both after a gamma change; kStd restores the deviation
/// and multiplies the mean by (old deviation / new deviation).
enum class GammaRule { kMeanAndStd, kStd };

/// Adds N(0, sigma^2), quantised to 2^16 equally likely values.
void add_noise_(torch::Tensor& volume, double sigma, Random& random);
/// Gaussian blur of every slice, cut at 4 sigma; sigma in voxels.
void blur_slices_(torch::Tensor& volume, double sigma);
void scale_intensity_(torch::Tensor& volume, double factor);
void shift_intensity_(torch::Tensor& volume, double offset);
/// m + factor (x - m) with the mean m, clamped to the range of x.
void adjust_contrast_range_(torch::Tensor& volume, double factor);
/// The intensities, scaled to [0, 1] by their range, to the power `gamma`.
void adjust_gamma_(torch::Tensor& volume, double gamma, GammaRule rule);

}  // namespace unimiss::augment

template <>
struct unimiss::EnumNames<unimiss::augment::GammaRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::augment::GammaRule::kMeanAndStd, "mean_and_std"},
      std::pair{unimiss::augment::GammaRule::kStd, "std"}};
};
