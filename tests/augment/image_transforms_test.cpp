#include "unimiss/augment/image_transforms.h"

#include <gtest/gtest.h>

#include "unimiss/core/error.h"

namespace unimiss::augment {
namespace {

torch::Tensor random_image(int64_t channels, int64_t height, int64_t width) {
  Random random({7});
  auto image = torch::empty({channels, height, width});
  float* values = image.data_ptr<float>();
  for (int64_t i = 0; i < image.numel(); ++i) {
    values[i] = static_cast<float>(random.uniform(0.2, 0.6));
  }
  return image;
}

torch::Tensor random_pixels(int64_t channels, int64_t height, int64_t width) {
  return random_image(channels, height, width).mul(255).to(torch::kUInt8);
}

TEST(ImageTransforms, ResizedCropOfTheSameSizeCopies) {
  const auto pixels = random_pixels(3, 9, 11);
  const auto view = resized_crop(pixels, {2, 3, 5, 5}, 5, Flip::kNone);
  const auto expected = pixels.slice(1, 2, 7).slice(2, 3, 8) / 255.0;
  EXPECT_TRUE(view.allclose(expected.to(torch::kFloat32), 0, 1e-6));
  const auto flipped = resized_crop(pixels, {2, 3, 5, 5}, 5, Flip::kLeftRight);
  EXPECT_TRUE(flipped.equal(view.flip(2)));
}

TEST(ImageTransforms, ResizedCropIsAntialiasedBicubic) {
  const auto pixels = random_pixels(1, 61, 47);
  const ImageWindow window{4, 3, 50, 40};
  const auto crop = pixels.slice(1, 4, 54).slice(2, 3, 43).to(torch::kFloat32);
  for (int64_t size : {17, 64}) {
    const auto expected =
        at::_upsample_bicubic2d_aa(crop.unsqueeze(0) / 255, {size, size}, false)
            .squeeze(0);
    const auto view = resized_crop(pixels, window, size, Flip::kNone);
    EXPECT_TRUE(view.allclose(expected.clamp(0, 1), 0, 1e-5)) << size;
  }
  // 16 bits scale by 65535: 257 = 65535 / 255.
  const auto deep = (pixels.to(torch::kInt32) * 257).to(torch::kUInt16);
  EXPECT_TRUE(
      resized_crop(deep, window, 17, Flip::kNone)
          .allclose(resized_crop(pixels, window, 17, Flip::kNone), 0, 1e-5));
}

TEST(ImageTransforms, WindowsStayInsideAndCoverTheRange) {
  Random random({1});
  const ImageTransformOptions options;
  double least = 1, most = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto w = draw_window(300, 400, options, random);
    ASSERT_GE(w.top, 0);
    ASSERT_GE(w.left, 0);
    ASSERT_LE(w.top + w.height, 300);
    ASSERT_LE(w.left + w.width, 400);
    const double ratio =
        static_cast<double>(w.width) / static_cast<double>(w.height);
    ASSERT_GT(ratio, 0.74);
    ASSERT_LT(ratio, 1.35);
    const double share = static_cast<double>(w.width * w.height) / 120000;
    least = std::min(least, share);
    most = std::max(most, share);
  }
  EXPECT_NEAR(least, 0.14, 0.01);
  EXPECT_GT(most, 0.95);
  const auto fallback = draw_window(1, 1000, options, random);
  EXPECT_EQ(fallback.height, 1);
  EXPECT_EQ(fallback.width, 1);
}

TEST(ImageTransforms, BrightnessAndContrast) {
  const auto image = random_image(1, 8, 8);
  auto bright = image.clone();
  adjust_brightness_(bright, 2);
  EXPECT_TRUE(bright.allclose((image * 2).clamp(0, 1)));
  auto contrast = image.clone();
  adjust_contrast_(contrast, 1.3);
  const auto mean = image.mean();
  EXPECT_TRUE(contrast.allclose(mean + 1.3 * (image - mean), 1e-5, 1e-6));
}

TEST(ImageTransforms, ColorChanges) {
  const auto image = random_image(3, 8, 8);
  const auto gray = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2];
  auto changed = image.clone();
  remove_color_(changed);
  EXPECT_TRUE(changed.allclose(gray.expand({3, 8, 8})));
  changed = image.clone();
  adjust_saturation_(changed, 1.2);
  EXPECT_TRUE(changed.allclose((gray + 1.2 * (image - gray)).clamp(0, 1)));
  changed = image.clone();
  shift_hue_(changed, 1.0 / 3);  // red becomes green, green blue
  EXPECT_TRUE(changed.allclose(image.roll(1, 0), 1e-4, 1e-5));
  shift_hue_(changed, -1.0 / 3);
  EXPECT_TRUE(changed.allclose(image, 1e-4, 1e-5));
}

TEST(ImageTransforms, BlurSpreadsAPointByTheGaussian) {
  auto image = torch::zeros({1, 41, 41});
  image[0][20][20] = 1;
  blur_image_(image, 1.5);
  const auto offsets = torch::arange(-20, 21, torch::kFloat32);
  const auto line = (-offsets.square() / (2 * 1.5 * 1.5)).exp();
  const auto kernel = line / line.sum();
  EXPECT_TRUE(image[0].allclose(kernel.outer(kernel), 0, 1e-5));
  auto tiny = torch::full({1, 3, 2}, 0.5);
  blur_image_(tiny, 2);
  EXPECT_TRUE(tiny.allclose(torch::full({1, 3, 2}, 0.5)));
}

TEST(ImageTransforms, ViewsArePureFunctionsOfTheDraws) {
  const ImageTransformOptions options{.image_size = 32};
  for (int64_t channels : {1, 3}) {
    const auto pixels = random_pixels(channels, 50, 60);
    Random one({1, 2}), same({1, 2}), other({1, 3});
    const Sample a = augment_image(pixels, options, one);
    const Sample b = augment_image(pixels, options, same);
    const Sample c = augment_image(pixels, options, other);
    EXPECT_EQ(a.images[0].sizes(), (torch::IntArrayRef{3, 32, 32}));
    EXPECT_TRUE(a.images[0].equal(b.images[0]) &&
                a.images[1].equal(b.images[1]));
    EXPECT_FALSE(a.images[0].equal(a.images[1]));
    EXPECT_FALSE(a.images[0].equal(c.images[0]));
    EXPECT_GE(a.images[0].min().item<float>(), 0);
    EXPECT_LE(a.images[0].max().item<float>(), 1);
    if (channels == 1) {
      EXPECT_TRUE(a.images[0][0].equal(a.images[0][2]));
    }
  }
}

TEST(ImageTransforms, OptionsAreChecked) {
  ImageTransformOptions options;
  options.crop_scale = {0.5, 0.2};
  EXPECT_THROW(validate(options), ConfigError);
  options = {};
  options.blur_probability[1] = 1.5;
  EXPECT_THROW(validate(options), ConfigError);
}

}  // namespace
}  // namespace unimiss::augment
