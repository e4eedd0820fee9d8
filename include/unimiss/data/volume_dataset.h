#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/augment/volume_transforms.h"
#include "unimiss/data/dataset.h"
#include "unimiss/data/decoded_cache.h"

namespace unimiss::data {

/// CT volumes as int16 HU [D, H, W], resampled to `spacing` mm (D, H, W);
/// nothing keeps the file's own.
/// Throws ConfigError for a spacing that is not positive.
std::shared_ptr<const DecodedCache> cache_volumes(
    std::vector<std::string> files, const DecodedCacheOptions& options,
    const std::optional<std::array<double, 3>>& spacing);

/// View pairs [1, D, H, W] of the volumes of a cache. size() is the number of
/// volumes times samples_per_volume; sample i is cut from volume i /
/// samples_per_volume and reads only the pages of its crop.
class VolumeDataset : public Dataset {
 public:
  /// `sources`: the numbers of the cache's volumes to use.
  VolumeDataset(std::shared_ptr<const DecodedCache> volumes,
                std::vector<int64_t> sources, int64_t samples_per_volume,
                const augment::VolumeTransformOptions& transforms = {});

  int64_t size() const override;
  augment::Sample sample(int64_t index, Random& random) const override;
  std::string source(int64_t index) const override;

 private:
  std::shared_ptr<const DecodedCache> volumes_;
  std::vector<int64_t> sources_;
  int64_t samples_per_volume_;
  augment::VolumeTransformOptions transforms_;
};

}  // namespace unimiss::data
