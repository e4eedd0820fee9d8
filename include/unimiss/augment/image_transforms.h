#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "unimiss/augment/sample.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/random.h"

/// Augmentation of 2D images. Float images are [C, H, W], C = 1 or 3, float32
/// in [0, 1], contiguous; a trailing underscore works in place, as in LibTorch.
/// Everything runs on the calling thread.
namespace unimiss::augment {

/// What is done to an image after its one resampling.
enum class ImageChange { kJitter, kGray, kBlur };

/// Pairs of probabilities are for the first and the second view.
struct ImageTransformOptions {
  int64_t image_size = 224;
  std::vector<ImageChange> order{ImageChange::kJitter, ImageChange::kGray,
                                 ImageChange::kBlur};
  std::array<double, 2> crop_scale{0.14, 1};
  std::array<double, 2> crop_ratio{3.0 / 4, 4.0 / 3};
  double flip_probability = 0.5;
  double jitter_probability = 0.8;
  double brightness = 0.4;
  double contrast = 0.4;
  double saturation = 0.2;
  double hue = 0.1;
  std::array<double, 2> gray_probability{0.8, 0.4};
  std::array<double, 2> blur_probability{0.5, 1};
  std::array<double, 2> blur_sigma{0.1, 2};

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("order", self.order,
          "what follows crop, zoom and flip; what is left out is not done");
    visit("crop_scale", self.crop_scale,
          "least and largest share of the area a crop covers, in (0, 1]");
    visit("crop_ratio", self.crop_ratio,
          "least and largest width / height of a crop, greater than 0");
    visit("flip_probability", self.flip_probability,
          "probability of a left-right flip");
    visit("jitter_probability", self.jitter_probability,
          "probability of the brightness to hue jitter");
    visit("brightness", self.brightness,
          "factor is drawn from 1 +- this, at least 0");
    visit("contrast", self.contrast,
          "factor is drawn from 1 +- this, at least 0");
    visit("saturation", self.saturation,
          "factor is drawn from 1 +- this, at least 0; colour images only");
    visit("hue", self.hue,
          "turns of the colour circle, +- this, in [0, 0.5]; colour images "
          "only");
    visit("grey_probability", self.gray_probability,
          "probability of removing the colours of view 1 and 2");
    visit("blur_probability", self.blur_probability,
          "probability of blurring view 1 and 2");
    visit("blur_sigma", self.blur_sigma,
          "least and largest standard deviation of a blur, pixels of the view");
  }
  void check(Problems& problems) const;
};

/// A window of an image, in its pixels.
struct ImageWindow {
  int64_t top = 0, left = 0, height = 0, width = 0;
};

enum class Flip { kNone, kLeftRight };

/// A window of random area and aspect ratio; where none fits in ten draws, the
/// largest central one within the allowed ratios.
ImageWindow draw_window(int64_t height, int64_t width,
                        const ImageTransformOptions& options, Random& random);

/// Bicubic (a = -1/2), antialiased resampling of a window of a uint8 or uint16
/// image [C, H, W] to [C, size, size], scaled to [0, 1] and clamped. Pixels
/// outside of the window are never touched.
torch::Tensor resized_crop(const torch::Tensor& pixels,
                           const ImageWindow& window, int64_t size, Flip flip);

/// x * factor, clamped to [0, 1].
void adjust_brightness_(torch::Tensor& image, double factor);
/// m + factor (x - m), clamped, with m the mean of the grey image.
void adjust_contrast_(torch::Tensor& image, double factor);
/// g + factor (x - g), clamped, with g the grey value of the pixel. C = 3.
void adjust_saturation_(torch::Tensor& image, double factor);
/// Turns the hue by a share of the full circle. C = 3.
void shift_hue_(torch::Tensor& image, double turns);
/// Every channel becomes 0.299 R + 0.587 G + 0.114 B. C = 3.
void remove_color_(torch::Tensor& image);
/// Gaussian with a 23 x 23 kernel and mirrored borders; sigma in pixels. The
/// kernel is shortened where the image is smaller.
void blur_image_(torch::Tensor& image, double sigma);

/// Two views [3, S, S] of a uint8 or uint16 image [1 or 3, H, W]. A grey image
/// is processed as one channel and repeated at the end.
Sample augment_image(const torch::Tensor& pixels,
                     const ImageTransformOptions& options, Random& random);

}  // namespace unimiss::augment

template <>
struct unimiss::EnumNames<unimiss::augment::ImageChange> {
  static constexpr std::array kNames{
      std::pair{unimiss::augment::ImageChange::kJitter, "jitter"},
      std::pair{unimiss::augment::ImageChange::kGray, "grey"},
      std::pair{unimiss::augment::ImageChange::kBlur, "blur"}};
};
