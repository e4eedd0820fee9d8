#include "unimiss/data/volume_dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/named_stage.h"
#include "unimiss/core/error.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/log.h"
#include "unimiss/io/volume.h"

namespace unimiss::data {
namespace {

/// Rounded; a warning where that loses what is not HU.
torch::Tensor to_int16(const std::string& path, const torch::Tensor& voxels) {
  const float* from = voxels.data_ptr<float>();
  const auto [low, high] = std::minmax_element(from, from + voxels.numel());
  const float least = *low, most = *high;
  if (least < -32768 || most > 32767) {
    log_warning(
        fmt::format("{}: intensities from {} to {} are clamped to "
                    "-32768..32767; are they HU?",
                    path, least, most));
  } else if (most - least < 16 && most > least) {
    log_warning(
        fmt::format("{}: intensities from {} to {} are rounded to "
                    "whole numbers; are they HU?",
                    path, least, most));
  }
  auto stored = torch::empty(voxels.sizes(), torch::kInt16);
  std::transform(from, from + voxels.numel(), stored.data_ptr<int16_t>(),
                 [](float hu) {
                   return static_cast<int16_t>(
                       std::nearbyint(std::clamp(hu, -32768.0f, 32767.0f)));
                 });
  return stored;
}

Decoded decode(const std::string& path,
               const std::optional<std::array<double, 3>>& spacing) {
  io::Volume volume = io::read_volume(path);
  if (spacing) {
    try {
      volume = io::resample(volume, *spacing);
    } catch (const Error& error) {
      throw DataError(path, error.what());
    }
  }
  const auto sizes = volume.voxels.sizes();
  if (sizes[0] < 8 || sizes[1] < 32 || sizes[2] < 32) {
    log_warning(fmt::format(
        "{}: only {}x{}x{} voxels of {:.3g} mm: its views "
        "are mostly padding; check the spacing",
        path, sizes[0], sizes[1], sizes[2], fmt::join(volume.spacing, "x")));
  }
  return {to_int16(path, volume.voxels), volume.spacing};
}

}  // namespace

std::shared_ptr<const DecodedCache> cache_volumes(
    std::vector<std::string> files, const DecodedCacheOptions& options,
    const std::optional<std::array<double, 3>>& spacing) {
  std::string parameters = "volume 1";
  if (spacing) {
    for (double extent : *spacing) {
      require(extent > 0 && std::isfinite(extent), "spacing",
              "every component must be a positive number of mm");
    }
    parameters += fmt::format(", spacing {}", fmt::join(*spacing, " "));
  }
  return std::make_shared<DecodedCache>(
      std::move(files), parameters,
      [spacing](const std::string& path) { return decode(path, spacing); },
      options, "volumes");
}

VolumeDataset::VolumeDataset(std::shared_ptr<const DecodedCache> volumes,
                             std::vector<int64_t> sources,
                             int64_t samples_per_volume,
                             const augment::VolumeTransformOptions& transforms)
    : volumes_(std::move(volumes)),
      sources_(std::move(sources)),
      samples_per_volume_(samples_per_volume),
      transforms_(transforms) {
  require(samples_per_volume >= 1, "samples_per_volume", "must be at least 1");
  validate(transforms);
}

int64_t VolumeDataset::size() const {
  return static_cast<int64_t>(sources_.size()) * samples_per_volume_;
}

std::string VolumeDataset::source(int64_t index) const {
  return volumes_->source(sources_.at(index / samples_per_volume_));
}

augment::Sample VolumeDataset::sample(int64_t index, Random& random) const {
  TORCH_CHECK(index >= 0 && index < size(), "no sample ", index);
  const int64_t source = sources_[index / samples_per_volume_];
  const std::string& file = volumes_->source(source);
  const auto hu =
      run_stage("decoding", file, [&] { return volumes_->get(source); });
  return run_stage("augmentation", file, [&] {
    return augment::augment_volume(hu, transforms_, random);
  });
}

}  // namespace unimiss::data
