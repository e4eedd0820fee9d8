#pragma once

#include <memory>
#include <string>
#include <vector>

#include "unimiss/data/dataset.h"
#include "unimiss/data/image_transforms.h"

namespace unimiss::data {

struct ImageCacheOptions {
  double cache_gib = 8;
  int64_t cached_side = 512;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("cache_gib", self.cache_gib,
          "memory for decoded images, GiB per process");
    visit("cached_side", self.cached_side,
          "larger images are reduced to this shortest side, pixels");
  }
  /// Throws ConfigError naming the key.
  void validate() const;
};

/// View pairs [3, S, S] of PNG and JPEG files; one sample per file and epoch.
///
/// An image is decoded when first asked for, by one thread even if several
/// want it, and held with its own 8 or 16 bits; the least recently used ones
/// leave when the cache is full. Colour images whose channels agree are held,
/// and augmented, as grey.
class ImageDataset : public Dataset {
 public:
  ImageDataset(std::vector<std::string> files,
               const ImageTransformOptions& transforms = {},
               const ImageCacheOptions& cache = {});
  ~ImageDataset() override;

  int64_t size() const override;
  Views sample(int64_t index, Random& random) const override;

 private:
  struct Cache;
  std::vector<std::string> files_;
  ImageTransformOptions transforms_;
  int64_t cached_side_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace unimiss::data
