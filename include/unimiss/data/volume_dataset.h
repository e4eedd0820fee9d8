#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/data/dataset.h"
#include "unimiss/data/volume_transforms.h"

namespace unimiss::data {

struct VolumeCacheOptions {
  std::optional<std::array<double, 3>> spacing{{3, 1, 1}};
  int64_t samples_per_volume = 24;
  double cache_gib = 16;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("spacing", self.spacing,
          "mm (D, H, W) that volumes are resampled to; null keeps the file's");
    visit("samples_per_volume", self.samples_per_volume,
          "samples that an epoch takes from each volume");
    visit("cache_gib", self.cache_gib,
          "memory for decoded volumes, GiB per process");
  }
  /// Throws ConfigError naming the key.
  void validate() const;
};

/// View pairs [1, D, H, W] of NIfTI CT files. size() is the number of volumes
/// times samples_per_volume; sample i is cut from volume i /
/// samples_per_volume.
///
/// A volume is decoded and resampled when first asked for, by one thread even
/// if several want it, and held as int16 HU; the least recently used ones leave
/// when the cache is full. Where the volumes do not fit into the cache most
/// samples decode a whole file: seconds instead of milliseconds.
class VolumeDataset : public Dataset {
 public:
  VolumeDataset(std::vector<std::string> files,
                const VolumeTransformOptions& transforms = {},
                const VolumeCacheOptions& cache = {});
  ~VolumeDataset() override;

  int64_t size() const override;
  Views sample(int64_t index, Random& random) const override;

 private:
  struct Cache;
  std::vector<std::string> files_;
  VolumeTransformOptions transforms_;
  VolumeCacheOptions options_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace unimiss::data
