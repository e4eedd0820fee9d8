#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "unimiss/augment/sample.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/random.h"

/// Augmentation of CT volumes. Stored volumes are int16 HU [D, H, W]; views are
/// float32 HU / 1024 [D, H, W], contiguous; a trailing underscore works in
/// place. Everything runs on the calling thread.
namespace unimiss::augment {

/// Where the paper and its published code differ, the first choice is the
/// paper's. kPerSlice draws the photometric changes anew for each slice.
enum class DrawRule { kPerVolume, kPerSlice };
/// kAnywhere: a window anywhere in the volume. kCentral: within the central
/// 80 % of the plane, padded at the end to 256 x 256 where it is smaller.
enum class CropRule { kAnywhere, kCentral };
/// kMeanAndStd restores both after a gamma change; kStd restores the deviation
/// and multiplies the mean by (old deviation / new deviation).
enum class GammaRule { kMeanAndStd, kStd };

/// What is done to a view's intensities after its one resampling.
enum class IntensityChange {
  kNoise,
  kBlur,
  kBrightness,
  kOffset,
  kContrast,
  kGamma
};

/// Pairs of probabilities are for the first and the second view.
struct VolumeTransformOptions {
  std::array<int64_t, 3> volume_size{16, 96, 96};
  std::vector<IntensityChange> order{
      IntensityChange::kNoise,      IntensityChange::kBlur,
      IntensityChange::kBrightness, IntensityChange::kOffset,
      IntensityChange::kContrast,   IntensityChange::kGamma};
  int64_t common_depth = 24;
  std::array<double, 2> common_scale{1.4, 1.8};
  std::array<double, 2> view_scale{0.8, 1.2};
  CropRule crop_rule = CropRule::kAnywhere;
  double padding_hu = -1024;
  double mirror_probability = 0.5;
  DrawRule draw_rule = DrawRule::kPerVolume;
  double noise_sigma = 0.1;
  double blur_probability = 0.8;
  std::array<double, 2> blur_draw_probability{0.8, 0.5};
  std::array<double, 2> blur_sigma{0.1, 2};
  std::array<double, 2> brightness_probability{0.8, 1};
  std::array<double, 2> brightness{0.75, 1.25};
  std::array<double, 2> offset_probability{0.8, 0.5};
  double offset_draw_probability = 0.8;
  double offset_sigma = 0.4;
  std::array<double, 2> contrast{0.75, 1.25};
  std::array<double, 2> gamma_probability{0.8, 1};
  std::array<double, 2> gamma{0.7, 1.5};
  GammaRule gamma_rule = GammaRule::kMeanAndStd;

  /// What the published weights were trained with.
  static VolumeTransformOptions official();

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("order", self.order,
          "what follows crop, zoom and mirror; what is left out is not done");
    visit("common_depth", self.common_depth,
          "slices of the window that both views of a sample lie in, at least "
          "those of a view");
    visit("common_scale", self.common_scale,
          "extent of that window in plane, least and largest, as a multiple "
          "of model.volume_size; greater than 0");
    visit("view_scale", self.view_scale,
          "extent of a view in plane before it is resampled, likewise");
    visit("crop_rule", self.crop_rule,
          "where the common window may lie: anywhere, or in the central 80 % "
          "of the plane");
    visit("padding_hu", self.padding_hu,
          "HU of what lies outside the volume, in [-32767, 32767]");
    visit("mirror_probability", self.mirror_probability,
          "probability of mirroring, for each axis");
    visit("draw_rule", self.draw_rule,
          "whether photometric changes are drawn once a volume or anew for "
          "each slice");
    visit("noise_sigma", self.noise_sigma,
          "largest standard deviation of Gaussian noise, in units of 1024 "
          "HU, at least 0");
    visit("blur_probability", self.blur_probability,
          "probability that a view may be blurred");
    visit("blur_draw_probability", self.blur_draw_probability,
          "if so, probability for each draw, of view 1 and 2");
    visit("blur_sigma", self.blur_sigma,
          "least and largest standard deviation of a blur in plane, voxels "
          "of the view");
    visit("brightness_probability", self.brightness_probability,
          "probability of scaling the intensities of view 1 and 2");
    visit("brightness", self.brightness,
          "least and largest factor, greater than 0");
    visit("offset_probability", self.offset_probability,
          "probability that view 1 and 2 may be shifted in intensity");
    visit("offset_draw_probability", self.offset_draw_probability,
          "if so, probability for each draw");
    visit("offset_sigma", self.offset_sigma,
          "standard deviation of the shift, in units of 1024 HU, at least 0");
    visit("contrast", self.contrast,
          "least, in (0, 1], and largest factor, at least 1; below and above "
          "1 are equally likely");
    visit("gamma_probability", self.gamma_probability,
          "probability of a gamma change of view 1 and 2");
    visit("gamma", self.gamma,
          "least, in (0, 1], and largest exponent, at least 1; below and "
          "above 1 are equally likely");
    visit("gamma_rule", self.gamma_rule,
          "what a gamma change keeps: mean and deviation, or the deviation "
          "alone");
  }
  void check(Problems& problems) const;
};

/// A box of a volume, in its voxels (D, H, W); it may reach outside.
struct VolumeWindow {
  std::array<int64_t, 3> start{};
  std::array<int64_t, 3> extent{};
};

/// The central 80 % of the plane of a volume [D, H, W], a view of it. It is the
/// volume of CropRule::kCentral: what lies outside of it counts as padding.
torch::Tensor central_region(const torch::Tensor& hu);

/// The window both views of one sample are cut from.
VolumeWindow draw_common_window(const std::array<int64_t, 3>& volume,
                                const VolumeTransformOptions& options,
                                Random& random);
/// The window of one view, inside of the common one.
VolumeWindow draw_view_window(const VolumeWindow& common,
                              const VolumeTransformOptions& options,
                              Random& random);

/// Trilinear resampling of a window of an int16 HU volume to [D, H, W] of
/// HU / 1024, mirrored along the axes of `mirror`; what lies outside of the
/// volume counts as `padding_hu`. Rows must be contiguous. Only the window's
/// voxels are touched.
torch::Tensor resized_crop(const torch::Tensor& hu, const VolumeWindow& window,
                           const std::array<int64_t, 3>& size,
                           const std::array<bool, 3>& mirror,
                           double padding_hu);

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

/// Two views [1, D, H, W] of an int16 HU volume.
Sample augment_volume(const torch::Tensor& hu,
                      const VolumeTransformOptions& options, Random& random);

}  // namespace unimiss::augment

template <>
struct unimiss::EnumNames<unimiss::augment::DrawRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::augment::DrawRule::kPerVolume, "per_volume"},
      std::pair{unimiss::augment::DrawRule::kPerSlice, "per_slice"}};
};
template <>
struct unimiss::EnumNames<unimiss::augment::CropRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::augment::CropRule::kAnywhere, "anywhere"},
      std::pair{unimiss::augment::CropRule::kCentral, "central"}};
};
template <>
struct unimiss::EnumNames<unimiss::augment::GammaRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::augment::GammaRule::kMeanAndStd, "mean_and_std"},
      std::pair{unimiss::augment::GammaRule::kStd, "std"}};
};
template <>
struct unimiss::EnumNames<unimiss::augment::IntensityChange> {
  static constexpr std::array kNames{
      std::pair{unimiss::augment::IntensityChange::kNoise, "noise"},
      std::pair{unimiss::augment::IntensityChange::kBlur, "blur"},
      std::pair{unimiss::augment::IntensityChange::kBrightness, "brightness"},
      std::pair{unimiss::augment::IntensityChange::kOffset, "offset"},
      std::pair{unimiss::augment::IntensityChange::kContrast, "contrast"},
      std::pair{unimiss::augment::IntensityChange::kGamma, "gamma"}};
};
