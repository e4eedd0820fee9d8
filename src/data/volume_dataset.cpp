#include "unimiss/data/volume_dataset.h"

#include <cmath>

#include "data/file_cache.h"
#include "unimiss/core/error.h"
#include "unimiss/core/fields.h"
#include "unimiss/io/volume.h"

namespace unimiss::data {
namespace {

torch::Tensor to_int16(const torch::Tensor& voxels) {
  auto stored = torch::empty(voxels.sizes(), torch::kInt16);
  const float* from = voxels.data_ptr<float>();
  std::transform(from, from + voxels.numel(), stored.data_ptr<int16_t>(),
                 [](float hu) {
                   return static_cast<int16_t>(
                       std::nearbyint(std::clamp(hu, -32768.0f, 32767.0f)));
                 });
  return stored;
}

torch::Tensor load_hu(const std::string& path,
                      const std::optional<std::array<double, 3>>& spacing) {
  io::Volume volume = io::read_volume(path);
  if (spacing) {
    try {
      volume = io::resample(volume, *spacing);
    } catch (const Error& error) {
      throw DataError(path, error.what());
    }
  }
  return to_int16(volume.voxels);
}

}  // namespace

struct VolumeDataset::Cache : FileCache {
  using FileCache::FileCache;
};

void VolumeCacheOptions::validate() const {
  if (spacing) {
    for (double extent : *spacing) {
      require(extent > 0 && std::isfinite(extent), "spacing",
              "every component must be a positive number of mm");
    }
  }
  require(samples_per_volume >= 1, "samples_per_volume", "must be at least 1");
  require(cache_gib >= 0, "cache_gib", "must not be negative");
}

VolumeDataset::VolumeDataset(std::vector<std::string> files,
                             const VolumeTransformOptions& transforms,
                             const VolumeCacheOptions& cache)
    : files_(std::move(files)), transforms_(transforms), options_(cache) {
  transforms.validate();
  cache.validate();
  cache_ = std::make_unique<Cache>(cache.cache_gib, [this](int64_t file) {
    return load_hu(files_[file], options_.spacing);
  });
}

VolumeDataset::~VolumeDataset() = default;

int64_t VolumeDataset::size() const {
  return static_cast<int64_t>(files_.size()) * options_.samples_per_volume;
}

Views VolumeDataset::sample(int64_t index, Random& random) const {
  TORCH_CHECK(index >= 0 && index < size(), "no sample ", index);
  return augment_volume(cache_->get(index / options_.samples_per_volume),
                        transforms_, random);
}

}  // namespace unimiss::data
