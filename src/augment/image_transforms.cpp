#include "unimiss/augment/image_transforms.h"

#include <cmath>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "unimiss/augment/stage_times.h"
#include "unimiss/core/fields.h"

namespace unimiss::augment {
namespace {

constexpr float kRed = 0.299f, kGreen = 0.587f, kBlue = 0.114f;

float clamp01(float value) { return std::clamp(value, 0.0f, 1.0f); }

/// One axis of an antialiased bicubic resampling: output i is the weighted sum
/// of the `taps` inputs from first[i] on.
struct CubicAxis {
  int64_t taps = 0;
  std::vector<int64_t> first;
  std::vector<float> weights;  ///< [output, taps], rows sum to 1

  CubicAxis(int64_t input, int64_t output, bool reversed);
};

double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0;
}

CubicAxis::CubicAxis(int64_t input, int64_t output, bool reversed) {
  const double scale = static_cast<double>(input) / static_cast<double>(output);
  const double stretch = std::max(scale, 1.0);  // of the kernel: antialiasing
  taps = std::min(input, static_cast<int64_t>(std::ceil(4 * stretch)) + 1);
  first.resize(output);
  weights.assign(output * taps, 0);
  for (int64_t i = 0; i < output; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const auto begin =
        static_cast<int64_t>(std::ceil(center - 2 * stretch - 1e-9));
    const int64_t row = reversed ? output - 1 - i : i;
    first[row] = std::clamp<int64_t>(begin, 0, input - taps);
    float* w = &weights[row * taps];
    double total = 0;
    for (int64_t t = 0; t < taps; ++t) {
      total += cubic((static_cast<double>(first[row] + t) - center) / stretch);
    }
    for (int64_t t = 0; t < taps; ++t) {
      const double at = static_cast<double>(first[row] + t) - center;
      w[t] = static_cast<float>(cubic(at / stretch) / total);
    }
  }
}

template <class T>
void resample_plane(const T* plane, int64_t stride, const ImageWindow& window,
                    const CubicAxis& rows, const CubicAxis& columns,
                    float scale, float* out) {
  const int64_t height = static_cast<int64_t>(rows.first.size());
  const int64_t width = static_cast<int64_t>(columns.first.size());
  std::vector<float> line(window.width);
  for (int64_t y = 0; y < height; ++y, out += width) {
    // Vertical first: its inner loop runs along memory and vectorises.
    std::fill(line.begin(), line.end(), 0.0f);
    for (int64_t t = 0; t < rows.taps; ++t) {
      const float w = rows.weights[y * rows.taps + t] * scale;
      const T* from =
          plane + (window.top + rows.first[y] + t) * stride + window.left;
      for (int64_t x = 0; x < window.width; ++x) {
        line[x] += w * static_cast<float>(from[x]);
      }
    }
    const float* w = columns.weights.data();
    for (int64_t x = 0; x < width; ++x, w += columns.taps) {
      const float* from = &line[columns.first[x]];
      float sum = 0;
      for (int64_t t = 0; t < columns.taps; ++t) sum += w[t] * from[t];
      out[x] = clamp01(sum);
    }
  }
}

/// Calls change(r, g, b) for every pixel of a colour image.
template <class Change>
void for_each_color(torch::Tensor& image, Change change) {
  TORCH_CHECK(image.size(0) == 3, "a colour image is [3, H, W]");
  const int64_t count = image.numel() / 3;
  float* red = image.data_ptr<float>();
  for (int64_t i = 0; i < count; ++i) {
    change(red[i], red[count + i], red[2 * count + i]);
  }
}

double gray_mean(const torch::Tensor& image) {
  const int64_t count = image.numel() / image.size(0);
  const float* values = image.data_ptr<float>();
  const auto plane_mean = [&](int64_t plane) {
    const float* from = values + plane * count;
    return std::accumulate(from, from + count, 0.0) /
           static_cast<double>(count);
  };
  if (image.size(0) == 1) return plane_mean(0);
  return kRed * plane_mean(0) + kGreen * plane_mean(1) + kBlue * plane_mean(2);
}

/// Brightness, contrast, saturation and hue, in random order.
void jitter_(torch::Tensor& image, const ImageTransformOptions& options,
             Random& random) {
  const auto factor = [&](double spread) {
    return random.uniform(std::max(0.0, 1 - spread), 1 + spread);
  };
  const double brightness = factor(options.brightness);
  const double contrast = factor(options.contrast);
  const double saturation = factor(options.saturation);
  const double turns = random.uniform(-options.hue, options.hue);
  std::array<int, 4> order{0, 1, 2, 3};
  for (int64_t i = 3; i > 0; --i) {
    std::swap(order[i], order[random.integer(i + 1)]);
  }
  const bool color = image.size(0) == 3;
  for (int change : order) {
    if (change == 0) adjust_brightness_(image, brightness);
    if (change == 1) adjust_contrast_(image, contrast);
    if (change == 2 && color) adjust_saturation_(image, saturation);
    if (change == 3 && color) shift_hue_(image, turns);
  }
}

void apply_(ImageChange change, torch::Tensor& image, int number,
            const ImageTransformOptions& options, Random& random) {
  switch (change) {
    case ImageChange::kJitter:
      if (random.chance(options.jitter_probability)) {
        const StageTimer timer(Stage::kIntensity);
        jitter_(image, options, random);
      }
      return;
    case ImageChange::kGray:
      if (random.chance(options.gray_probability[number]) &&
          image.size(0) == 3) {
        const StageTimer timer(Stage::kIntensity);
        remove_color_(image);
      }
      return;
    case ImageChange::kBlur:
      if (random.chance(options.blur_probability[number])) {
        const StageTimer timer(Stage::kBlur);
        blur_image_(image, random.uniform(options.blur_sigma[0],
                                          options.blur_sigma[1]));
      }
      return;
  }
}

torch::Tensor view(const torch::Tensor& pixels, int number,
                   const ImageTransformOptions& options, Random random) {
  const ImageWindow window =
      draw_window(pixels.size(1), pixels.size(2), options, random);
  const Flip flip =
      random.chance(options.flip_probability) ? Flip::kLeftRight : Flip::kNone;
  auto image = resized_crop(pixels, window, options.image_size, flip);
  for (const ImageChange change : options.order) {
    apply_(change, image, number, options, random);
  }
  if (image.size(0) == 3) return image;
  const int64_t count = image.numel();
  auto repeated = torch::empty({3, image.size(1), image.size(2)});
  for (int64_t channel = 0; channel < 3; ++channel) {
    std::copy_n(image.data_ptr<float>(), count,
                repeated.data_ptr<float>() + channel * count);
  }
  return repeated;
}

}  // namespace

void ImageTransformOptions::check(Problems& problems) const {
  const Range probability = between(0, 1);
  problems.in_range(image_size, at_least(1), "image_size");
  problems.distinct(order, "order");
  problems.ordered(crop_scale, from_above(0, 1), "crop_scale");
  problems.ordered(crop_ratio, greater_than(0), "crop_ratio");
  problems.in_range(flip_probability, probability, "flip_probability");
  problems.in_range(jitter_probability, probability, "jitter_probability");
  problems.in_range(brightness, at_least(0), "brightness");
  problems.in_range(contrast, at_least(0), "contrast");
  problems.in_range(saturation, at_least(0), "saturation");
  problems.in_range(hue, between(0, 0.5), "hue");
  problems.all_in_range(gray_probability, probability, "grey_probability");
  problems.all_in_range(blur_probability, probability, "blur_probability");
  problems.ordered(blur_sigma, greater_than(0), "blur_sigma");
}

ImageWindow draw_window(int64_t height, int64_t width,
                        const ImageTransformOptions& options, Random& random) {
  const auto& [low, high] = options.crop_ratio;
  const double area = static_cast<double>(height * width);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target =
        area * random.uniform(options.crop_scale[0], options.crop_scale[1]);
    const double ratio =
        std::exp(random.uniform(std::log(low), std::log(high)));
    const int64_t w = std::llround(std::sqrt(target * ratio));
    const int64_t h = std::llround(std::sqrt(target / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const int64_t top = random.integer(height - h + 1);
    return {top, random.integer(width - w + 1), h, w};
  }
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  int64_t w = width, h = height;
  if (ratio < low) h = std::llround(static_cast<double>(width) / low);
  if (ratio > high) w = std::llround(static_cast<double>(height) * high);
  h = std::clamp<int64_t>(h, 1, height);
  w = std::clamp<int64_t>(w, 1, width);
  return {(height - h) / 2, (width - w) / 2, h, w};
}

torch::Tensor resized_crop(const torch::Tensor& pixels,
                           const ImageWindow& window, int64_t size, Flip flip) {
  const StageTimer timer(Stage::kResample);
  const CubicAxis rows(window.height, size, false);
  const CubicAxis columns(window.width, size, flip == Flip::kLeftRight);
  auto image = torch::empty({pixels.size(0), size, size});
  const int64_t stride = pixels.size(2), plane = pixels.size(1) * stride;
  for (int64_t channel = 0; channel < pixels.size(0); ++channel) {
    float* out = image.data_ptr<float>() + channel * size * size;
    if (pixels.scalar_type() == torch::kUInt16) {
      resample_plane(pixels.data_ptr<uint16_t>() + channel * plane, stride,
                     window, rows, columns, 1.0f / 65535, out);
    } else {
      resample_plane(pixels.data_ptr<uint8_t>() + channel * plane, stride,
                     window, rows, columns, 1.0f / 255, out);
    }
  }
  return image;
}

void adjust_brightness_(torch::Tensor& image, double factor) {
  const auto f = static_cast<float>(factor);
  float* values = image.data_ptr<float>();
  for (int64_t i = 0; i < image.numel(); ++i) {
    values[i] = clamp01(values[i] * f);
  }
}

void adjust_contrast_(torch::Tensor& image, double factor) {
  const auto f = static_cast<float>(factor);
  const auto mean = static_cast<float>(gray_mean(image));
  float* values = image.data_ptr<float>();
  const int64_t count = image.numel();
  for (int64_t i = 0; i < count; ++i) {
    values[i] = clamp01(mean + f * (values[i] - mean));
  }
}

void adjust_saturation_(torch::Tensor& image, double factor) {
  const auto f = static_cast<float>(factor);
  for_each_color(image, [f](float& r, float& g, float& b) {
    const float gray = kRed * r + kGreen * g + kBlue * b;
    r = clamp01(gray + f * (r - gray));
    g = clamp01(gray + f * (g - gray));
    b = clamp01(gray + f * (b - gray));
  });
}

void shift_hue_(torch::Tensor& image, double turns) {
  const auto shift = static_cast<float>(6 * turns);
  for_each_color(image, [shift](float& r, float& g, float& b) {
    const float high = std::max({r, g, b}), low = std::min({r, g, b});
    const float chroma = high - low;
    if (chroma <= 0) return;
    float hue = high == r   ? (g - b) / chroma
                : high == g ? (b - r) / chroma + 2
                            : (r - g) / chroma + 4;
    hue += shift;
    // Each channel falls off linearly with the distance from its own hue.
    const auto channel = [&](float own) {
      float distance = std::abs(std::remainder(hue - own, 6.0f));
      return low + chroma * clamp01(2 - distance);
    };
    r = channel(0);
    g = channel(2);
    b = channel(4);
  });
}

void remove_color_(torch::Tensor& image) {
  for_each_color(image, [](float& r, float& g, float& b) {
    r = g = b = kRed * r + kGreen * g + kBlue * b;
  });
}

void blur_image_(torch::Tensor& image, double sigma) {
  constexpr int kKernel = 23;
  const int height = static_cast<int>(image.size(1));
  const int width = static_cast<int>(image.size(2));
  // A mirrored border can be as long as the image, less one.
  const cv::Size kernel(std::min(kKernel, 2 * width - 1),
                        std::min(kKernel, 2 * height - 1));
  for (int64_t channel = 0; channel < image.size(0); ++channel) {
    cv::Mat plane(height, width, CV_32F,
                  image.data_ptr<float>() + channel * height * width);
    cv::GaussianBlur(plane, plane, kernel, sigma, sigma,
                     cv::BORDER_REFLECT_101);
  }
}

Sample augment_image(const torch::Tensor& pixels,
                     const ImageTransformOptions& options, Random& random) {
  TORCH_CHECK(pixels.dim() == 3 && pixels.is_contiguous(),
              "augment_image: pixels are [C, H, W] and contiguous");
  auto first = view(pixels, 0, options, random.fork(1));
  auto second = view(pixels, 1, options, random.fork(2));
  return {{std::move(first), std::move(second)}, {}};
}

}  // namespace unimiss::augment
