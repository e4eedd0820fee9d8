#pragma once

#include <memory>
#include <string>
#include <vector>

#include "unimiss/augment/image_transforms.h"
#include "unimiss/data/dataset.h"
#include "unimiss/data/decoded_cache.h"

namespace unimiss::data {

/// Images (io::read_pixels) with their own 8 or 16 bits, [C, H, W]. Images
/// whose shortest side is longer than `shortest_side` pixels are reduced to it
/// by averaging areas; colour images whose channels agree are held as grey.
std::shared_ptr<const DecodedCache> cache_images(
    std::vector<std::string> files, const DecodedCacheOptions& options,
    int64_t shortest_side = 512);

/// View pairs [3, S, S] of the images of a cache; one sample per image and
/// epoch. Grey images are augmented as grey.
class ImageDataset : public Dataset {
 public:
  /// `sources`: the numbers of the cache's images to use.
  ImageDataset(std::shared_ptr<const DecodedCache> images,
               std::vector<int64_t> sources,
               const augment::ImageTransformOptions& transforms = {});

  int64_t size() const override;
  augment::Sample sample(int64_t index, Random& random) const override;
  std::string source(int64_t index) const override;

 private:
  std::shared_ptr<const DecodedCache> images_;
  std::vector<int64_t> sources_;
  augment::ImageTransformOptions transforms_;
};

}  // namespace unimiss::data
