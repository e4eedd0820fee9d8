#pragma once

#include <torch/types.h>

#include <array>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"
#include "unimiss/core/random.h"

/// Augmentation of the intensities of patches, after their one resampling.
/// Everything runs on the calling thread.
namespace unimiss::augment {

/// What may be done to a patch's intensities.
enum class PatchChange {
  kNoise,
  kBlur,
  kBrightness,
  kContrast,
  kLowResolution,
  kInvertedGamma,
  kGamma
};

/// nnU-Net's set, order, probabilities and ranges (Isensee et al. 2021). What
/// is drawn from a range is uniform in it. The published code differs in three
/// things: it takes the variance of the noise as its standard deviation, blurs
/// each axis differently, and makes exponents below 1 as likely as those above.
struct IntensityTransformOptions {
  std::vector<PatchChange> order{
      PatchChange::kNoise,         PatchChange::kBlur,
      PatchChange::kBrightness,    PatchChange::kContrast,
      PatchChange::kLowResolution, PatchChange::kInvertedGamma,
      PatchChange::kGamma};
  double noise_probability = 0.1;
  std::array<double, 2> noise_variance{0, 0.1};
  double blur_probability = 0.2;
  double blur_channel_probability = 0.5;
  std::array<double, 2> blur_sigma{0.5, 1};
  double brightness_probability = 0.15;
  std::array<double, 2> brightness{0.75, 1.25};
  double contrast_probability = 0.15;
  std::array<double, 2> contrast{0.75, 1.25};
  double low_resolution_probability = 0.25;
  double low_resolution_channel_probability = 0.5;
  std::array<double, 2> low_resolution{0.5, 1};
  double inverted_gamma_probability = 0.1;
  double gamma_probability = 0.3;
  std::array<double, 2> gamma{0.7, 1.5};

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("order", self.order,
          "what may be done to a patch, in turn; what is left out is not done");
    visit("noise_probability", self.noise_probability,
          "probability of Gaussian noise");
    visit("noise_variance", self.noise_variance,
          "least and largest variance of it, units squared, at least 0");
    visit("blur_probability", self.blur_probability,
          "probability of a Gaussian blur, in 3D along all axes");
    visit("blur_channel_probability", self.blur_channel_probability,
          "if so, probability for each channel");
    visit("blur_sigma", self.blur_sigma,
          "least and largest standard deviation of a blur, voxels, greater "
          "than 0");
    visit("brightness_probability", self.brightness_probability,
          "probability of scaling the intensities of each channel");
    visit("brightness", self.brightness,
          "least and largest factor, greater than 0");
    visit("contrast_probability", self.contrast_probability,
          "probability of a change of each channel's contrast about its mean, "
          "within its range");
    visit("contrast", self.contrast,
          "least and largest factor, greater than 0");
    visit("low_resolution_probability", self.low_resolution_probability,
          "probability of a resolution that is lower along all axes");
    visit("low_resolution_channel_probability",
          self.low_resolution_channel_probability,
          "if so, probability for each channel");
    visit("low_resolution", self.low_resolution,
          "least and largest share of the resolution that is left, in (0, 1]");
    visit("inverted_gamma_probability", self.inverted_gamma_probability,
          "probability of a gamma change of the inverted intensities");
    visit("gamma_probability", self.gamma_probability,
          "probability of a gamma change; mean and deviation of each channel "
          "are kept");
    visit("gamma", self.gamma,
          "least and largest exponent of both, greater than 0");
  }
  void check(Problems& problems) const;
};

/// Gaussian blur of a channel float32 [D, H, W], cut at 4 sigma, with mirrored
/// borders; sigma in voxels. Along D, too, unless D = 1.
void blur_channel_(torch::Tensor& channel, double sigma);

/// What is left of a channel float32 [D, H, W] at a lower resolution: the
/// nearest voxels of a grid of round(share n) >= 1 along each axis, between
/// which it is interpolated linearly. Voxels are cells, as in io::resample().
void lower_resolution_(torch::Tensor& channel, double share);

/// Draws and does the changes to a patch float32 [C, D, H, W], contiguous.
/// Whether a change is made is drawn once, how strongly for each channel (of
/// noise: once).
void change_intensities_(torch::Tensor& image,
                         const IntensityTransformOptions& options,
                         Random& random);

}  // namespace unimiss::augment

template <>
struct unimiss::EnumNames<unimiss::augment::PatchChange> {
  static constexpr std::array kNames{
      std::pair{unimiss::augment::PatchChange::kNoise, "noise"},
      std::pair{unimiss::augment::PatchChange::kBlur, "blur"},
      std::pair{unimiss::augment::PatchChange::kBrightness, "brightness"},
      std::pair{unimiss::augment::PatchChange::kContrast, "contrast"},
      std::pair{unimiss::augment::PatchChange::kLowResolution,
                "low_resolution"},
      std::pair{unimiss::augment::PatchChange::kInvertedGamma,
                "inverted_gamma"},
      std::pair{unimiss::augment::PatchChange::kGamma, "gamma"}};
};
