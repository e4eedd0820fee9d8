#include "unimiss/data/image_dataset.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "data/named_stage.h"
#include "unimiss/core/fields.h"
#include "unimiss/io/image.h"

namespace unimiss::data {
namespace {

/// The first channel alone when all three are equal.
torch::Tensor without_repeated_channels(const torch::Tensor& pixels) {
  if (pixels.size(0) == 1) return pixels;
  const auto* bytes = static_cast<const uint8_t*>(pixels.data_ptr());
  const size_t plane = pixels.nbytes() / 3;
  const bool gray = std::memcmp(bytes, bytes + plane, plane) == 0 &&
                    std::memcmp(bytes, bytes + 2 * plane, plane) == 0;
  if (!gray) return pixels;
  auto single =
      torch::empty({1, pixels.size(1), pixels.size(2)}, pixels.options());
  std::memcpy(single.data_ptr(), bytes, plane);
  return single;
}

/// Reduces the shortest side to `side` by averaging areas.
torch::Tensor reduced(const torch::Tensor& pixels, int64_t side) {
  const int64_t height = pixels.size(1), width = pixels.size(2);
  const int64_t shortest = std::min(height, width);
  if (shortest <= side) return pixels;
  const auto scaled = [&](int64_t extent) {
    return std::llround(static_cast<double>(extent * side) /
                        static_cast<double>(shortest));
  };
  auto small = torch::empty({pixels.size(0), scaled(height), scaled(width)},
                            pixels.options());
  const int depth = pixels.scalar_type() == torch::kUInt16 ? CV_16UC1 : CV_8UC1;
  const auto plane = [depth](const torch::Tensor& image, int64_t channel) {
    const auto part = image.select(0, channel);
    return cv::Mat(static_cast<int>(part.size(0)),
                   static_cast<int>(part.size(1)), depth, part.data_ptr());
  };
  for (int64_t channel = 0; channel < pixels.size(0); ++channel) {
    cv::Mat to = plane(small, channel);
    cv::resize(plane(pixels, channel), to, to.size(), 0, 0, cv::INTER_AREA);
  }
  return small;
}

}  // namespace

std::shared_ptr<const DecodedCache> cache_images(
    std::vector<std::string> files, const DecodedCacheOptions& options,
    int64_t shortest_side) {
  require(shortest_side >= 1, "shortest_side", "must be at least 1");
  return std::make_shared<DecodedCache>(
      std::move(files), fmt::format("image 1, shortest side {}", shortest_side),
      [shortest_side](const std::string& path) {
        return Decoded{reduced(without_repeated_channels(io::read_pixels(path)),
                               shortest_side),
                       {1, 1, 1}};
      },
      options, "images");
}

ImageDataset::ImageDataset(std::shared_ptr<const DecodedCache> images,
                           std::vector<int64_t> sources,
                           const augment::ImageTransformOptions& transforms)
    : images_(std::move(images)),
      sources_(std::move(sources)),
      transforms_(transforms) {
  validate(transforms);
}

int64_t ImageDataset::size() const {
  return static_cast<int64_t>(sources_.size());
}

std::string ImageDataset::source(int64_t index) const {
  return images_->source(sources_.at(index));
}

augment::Sample ImageDataset::sample(int64_t index, Random& random) const {
  TORCH_CHECK(index >= 0 && index < size(), "no sample ", index);
  const int64_t source = sources_[index];
  const std::string& file = images_->source(source);
  const auto pixels =
      run_stage("decoding", file, [&] { return images_->get(source); });
  return run_stage("augmentation", file, [&] {
    return augment::augment_image(pixels, transforms_, random);
  });
}

}  // namespace unimiss::data
