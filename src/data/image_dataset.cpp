#include "unimiss/data/image_dataset.h"

#include <cmath>
#include <cstring>
#include <opencv2/imgproc.hpp>

#include "data/file_cache.h"
#include "unimiss/core/error.h"
#include "unimiss/core/fields.h"
#include "unimiss/io/image.h"

namespace unimiss::data {
namespace {

/// The first channel alone when all three are equal.
torch::Tensor without_repeated_channels(const torch::Tensor& pixels) {
  if (pixels.size(0) == 1) return pixels;
  const auto* bytes = static_cast<const uint8_t*>(pixels.data_ptr());
  const size_t plane = pixels.nbytes() / 3;
  const bool grey = std::memcmp(bytes, bytes + plane, plane) == 0 &&
                    std::memcmp(bytes, bytes + 2 * plane, plane) == 0;
  if (!grey) return pixels;
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

struct ImageDataset::Cache : FileCache {
  using FileCache::FileCache;
};

void ImageCacheOptions::validate() const {
  require(cache_gib >= 0, "cache_gib", "must not be negative");
  require(cached_side >= 1, "cached_side", "must be at least 1");
}

ImageDataset::ImageDataset(std::vector<std::string> files,
                           const ImageTransformOptions& transforms,
                           const ImageCacheOptions& cache)
    : files_(std::move(files)),
      transforms_(transforms),
      cached_side_(cache.cached_side) {
  transforms.validate();
  cache.validate();
  cache_ = std::make_unique<Cache>(cache.cache_gib, [this](int64_t file) {
    return reduced(without_repeated_channels(io::read_pixels(files_[file])),
                   cached_side_);
  });
}

ImageDataset::~ImageDataset() = default;

int64_t ImageDataset::size() const {
  return static_cast<int64_t>(files_.size());
}

Views ImageDataset::sample(int64_t index, Random& random) const {
  TORCH_CHECK(index >= 0 && index < size(), "no sample ", index);
  return augment_image(cache_->get(index), transforms_, random);
}

}  // namespace unimiss::data
