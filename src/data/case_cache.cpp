#include "unimiss/data/case_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/data/labels.h"
#include "unimiss/io/image.h"

namespace unimiss::data {
namespace {

using Extents = std::array<int64_t, 3>;
using Steps = std::array<double, 3>;

Extents extents_of(const torch::Tensor& voxels) {
  return {voxels.size(0), voxels.size(1), voxels.size(2)};
}

/// The network's grid of a case.
struct TargetGrid {
  Extents size;
  Steps step;  ///< spacing of it by that of the case's own
  std::array<double, 3> spacing;
};

TargetGrid target_grid(const Extents& own, const std::array<double, 3>& spacing,
                       const CaseDecodeOptions& options) {
  TargetGrid grid{own, {1, 1, 1}, spacing};
  if (!options.size.empty()) {
    const size_t first = 3 - options.size.size();
    for (size_t axis = first; axis < 3; ++axis) {
      grid.size[axis] = options.size[axis - first];
      grid.step[axis] =
          static_cast<double>(own[axis]) / static_cast<double>(grid.size[axis]);
      grid.spacing[axis] *= grid.step[axis];
    }
  } else if (options.spacing) {
    io::Volume volume;
    // Only its size and spacing matter.
    constexpr double kTolerance = 0.01;
    for (int axis = 0; axis < 3; ++axis) {
      const double step = (*options.spacing)[axis] / spacing[axis];
      if (std::abs(step - 1) <= kTolerance) continue;
      grid.step[axis] = step;
      grid.spacing[axis] = (*options.spacing)[axis];
      grid.size[axis] = std::max<int64_t>(
          1, std::llround(static_cast<double>(own[axis]) / step));
    }
  }
  return grid;
}

/// One channel [D, H, W] on another grid.
torch::Tensor resampled(const torch::Tensor& channel, const TargetGrid& grid,
                        int rank) {
  if (rank == 2 && grid.step[1] > 1 && grid.step[2] > 1) {
    auto small = torch::empty({1, grid.size[1], grid.size[2]});
    const auto matrix = [](const torch::Tensor& plane) {
      return cv::Mat(static_cast<int>(plane.size(1)),
                     static_cast<int>(plane.size(2)), CV_32F,
                     plane.data_ptr<float>());
    };
    cv::Mat to = matrix(small);
    cv::resize(matrix(channel), to, to.size(), 0, 0, cv::INTER_AREA);
    return small;
  }
  return io::resample_voxels(channel, grid.size, grid.step,
                             io::Interpolation::kLinear);
}

/// 1 where the condition holds for a label.
template <class Condition>
torch::Tensor indicator(const torch::Tensor& map, const Condition& holds) {
  auto result = torch::empty(map.sizes(), torch::kFloat);
  const auto* from = map.data_ptr<int16_t>();
  std::transform(from, from + map.numel(), result.data_ptr<float>(),
                 [&](int16_t label) { return holds(label) ? 1.0f : 0.0f; });
  return result;
}

/// The largest of the classes' indicators, of equal ones the lower class; of
/// structures those that reach 1/2.
torch::Tensor linear_map(const torch::Tensor& map, const TargetGrid& grid,
                         const CaseDecodeOptions& options) {
  auto result =
      torch::empty({grid.size[0], grid.size[1], grid.size[2]}, torch::kInt16);
  auto* to = result.data_ptr<int16_t>();
  std::fill_n(to, result.numel(), int16_t{0});
  std::vector<float> best(result.numel(), 0.0f);
  const bool structures = options.target == TargetKind::kStructures;
  for (int64_t k = 0; k < options.classes; ++k) {
    const torch::Tensor share = io::resample_voxels(
        indicator(map,
                  [&](int16_t label) {
                    return structures ? (label >> k & 1) == 1 : label == k;
                  }),
        grid.size, grid.step, io::Interpolation::kLinear);
    const float* value = share.data_ptr<float>();
    for (int64_t i = 0; i < result.numel(); ++i) {
      if (structures) {
        if (value[i] >= 0.5f) to[i] = static_cast<int16_t>(to[i] | 1 << k);
      } else if (value[i] > best[i]) {
        best[i] = value[i];
        to[i] = static_cast<int16_t>(k);
      }
    }
  }
  return result;
}

torch::Tensor resampled_map(const torch::Tensor& map, const TargetGrid& grid,
                            const CaseDecodeOptions& options) {
  if (grid.size == extents_of(map) && grid.step == Steps{1, 1, 1}) return map;
  if (options.labels == LabelInterpolation::kLinear) {
    return linear_map(map, grid, options);
  }
  const torch::Tensor nearest = io::resample_voxels(
      map.to(torch::kFloat), grid.size, grid.step, io::Interpolation::kNearest);
  return nearest.to(torch::kInt16);
}

/// The channels of an image file as the network takes them.
torch::Tensor read_channels(const std::string& path, int64_t wanted) {
  const torch::Tensor pixels = io::read_pixels(path);
  torch::Tensor channels = pixels.to(torch::kFloat).contiguous();
  const int64_t has = channels.size(0);
  if (has == 3 && wanted == 1) {
    channels = (0.299 * channels[0] + 0.587 * channels[1] + 0.114 * channels[2])
                   .unsqueeze(0);
  } else if (has == 1 && wanted == 3) {
    channels = channels.repeat({3, 1, 1});
  }
  return channels.contiguous();
}

/// What a case's files hold, on its own grid.
struct Stored {
  io::Volume grid;  ///< without voxels
  /// float32 [D, H, W] each, normalised
  std::vector<torch::Tensor> channels;
  torch::Tensor first;  ///< the first image's, as read
};

/// channels: float32 [n, D, H, W] of one file.
void add_channels(Stored& stored, torch::Tensor channels,
                  const CaseDecodeOptions& options,
                  const std::optional<std::array<double, 2>>& unit_range) {
  normalise_(channels, options.intensity, channels.size(0), unit_range);
  for (int64_t i = 0; i < channels.size(0); ++i) {
    stored.channels.push_back(channels[i]);
  }
}

Stored read_images(const Case& from, const CaseDecodeOptions& options) {
  Stored stored;
  for (const std::string& path : from.images) {
    const bool first = stored.channels.empty();
    io::Volume volume;
    if (options.rank == 2) {
      const torch::Tensor pixels =
          read_channels(path, options.channels / options.modalities);
      volume.voxels = pixels[0].unsqueeze(0);
      if (first) stored.grid = volume, stored.first = volume.voxels;
      check_geometry(path, stored.grid, volume);
      const bool wide = pixels.max().item<float>() > 255;
      add_channels(stored, pixels.unsqueeze(1).clone(), options,
                   std::array<double, 2>{0, wide ? 65535.0 : 255.0});
    } else {
      volume = io::read_volume(path);
      volume.voxels = volume.voxels.contiguous();
      if (first) stored.grid = volume, stored.first = volume.voxels;
      check_geometry(path, stored.grid, volume);
      add_channels(stored, volume.voxels.unsqueeze(0).clone(), options, {});
    }
  }
  const auto found = static_cast<int64_t>(stored.channels.size());
  if (found != options.channels) {
    throw DataError(from.images.front(),
                    fmt::format("has {} channels with its other modalities, "
                                "the network takes {}; correct "
                                "data.modalities or the model's channels",
                                found, options.channels));
  }
  return stored;
}

/// int16 [D, H, W] on the case's own grid.
torch::Tensor read_map(const Case& from, const io::Volume& grid,
                       const CaseDecodeOptions& options) {
  const int64_t height = grid.voxels.size(1), width = grid.voxels.size(2);
  const LabelValues labels{options.classes, options.label_values};
  if (options.target == TargetKind::kLabelMap) {
    const std::string& path = from.masks.at(0);
    return options.rank == 2
               ? read_mask_image(path, height, width, labels).unsqueeze(0)
               : read_label_volume(path, grid, labels);
  }
  torch::Tensor bits;
  for (size_t k = 0; k < from.masks.size(); ++k) {
    const std::string& path = from.masks[k];
    const torch::Tensor structure =
        options.rank == 2
            ? read_structure_image(path, height, width).unsqueeze(0)
            : read_structure_volume(path, grid);
    const torch::Tensor bit = structure * (int64_t{1} << k);
    bits = bits.defined() ? bits + bit : bit;
  }
  return bits;
}

bool has_map(const Case& from, const CaseDecodeOptions& options) {
  return is_segmentation(options.target) && !from.masks.empty();
}

/// Everything that shapes the voxels of an entry.
std::string parameters_of(const CaseDecodeOptions& options) {
  const auto& intensity = options.intensity;
  std::string text = fmt::format(
      "case 1, rank {}, channels {}, target {}, classes {} [{}], intensity {} "
      "[{}] {} {} [{}], size [{}], labels {}",
      options.rank, options.channels, enum_name(options.target),
      options.classes, fmt::join(options.label_values, " "),
      enum_name(intensity.rule), fmt::join(intensity.window, " "),
      intensity.mean, intensity.deviation,
      fmt::join(intensity.percentiles, " "), fmt::join(options.size, " "),
      enum_name(options.labels));
  if (options.spacing) {
    text += fmt::format(", spacing {}", fmt::join(*options.spacing, " "));
  }
  return text;
}

/// The channels, and below them the map: [(C + 1) D, H, W].
Decoded stacked(const CaseVoxels& voxels) {
  const torch::Tensor image = voxels.image.flatten(0, 1);
  return {voxels.map.defined() ? torch::cat({image, voxels.map}) : image,
          voxels.spacing};
}

std::vector<std::string> sources_of(const std::vector<Case>& cases) {
  std::vector<std::string> sources;
  for (const Case& each : cases) sources.push_back(each.images.front());
  return sources;
}

/// The files of a case besides its first image.
std::vector<std::vector<std::string>> further_of(
    const std::vector<Case>& cases, const CaseDecodeOptions& options) {
  std::vector<std::vector<std::string>> further;
  for (const Case& each : cases) {
    auto& files =
        further.emplace_back(each.images.begin() + 1, each.images.end());
    if (!has_map(each, options)) continue;
    files.insert(files.end(), each.masks.begin(), each.masks.end());
  }
  return further;
}

DecodedCache::Decode decoder_of(const std::vector<Case>& cases,
                                const CaseDecodeOptions& options) {
  std::map<std::string, Case> by_image;
  for (const Case& each : cases) by_image.emplace(each.images.front(), each);
  return [by_image = std::move(by_image), options](const std::string& path) {
    return stacked(decode_case(by_image.at(path), options));
  };
}

}  // namespace

CaseVoxels decode_case(const Case& from, const CaseDecodeOptions& options) {
  const Stored stored = read_images(from, options);
  const TargetGrid grid =
      target_grid(extents_of(stored.first), stored.grid.spacing, options);
  CaseVoxels voxels;
  voxels.spacing = grid.spacing;
  voxels.image =
      torch::empty({options.channels, grid.size[0], grid.size[1], grid.size[2]},
                   torch::kInt16);
  for (int64_t c = 0; c < options.channels; ++c) {
    const torch::Tensor channel =
        resampled(stored.channels[c].contiguous(), grid, options.rank);
    const float* unit = channel.data_ptr<float>();
    std::transform(unit, unit + channel.numel(),
                   voxels.image[c].data_ptr<int16_t>(), [](float value) {
                     const double steps = kIntensitySteps * value;
                     return static_cast<int16_t>(
                         std::nearbyint(std::clamp(steps, -32768.0, 32767.0)));
                   });
  }
  if (has_map(from, options)) {
    voxels.map =
        resampled_map(read_map(from, stored.grid, options), grid, options);
  }
  return voxels;
}

CaseReference read_case_reference(const Case& from,
                                  const CaseDecodeOptions& options) {
  CaseReference reference;
  if (options.rank == 2) {
    reference.grid.voxels =
        io::read_pixels(from.images.front()).slice(0, 0, 1).to(torch::kFloat);
  } else {
    reference.grid = io::read_volume(from.images.front());
  }
  const TargetGrid grid = target_grid(extents_of(reference.grid.voxels),
                                      reference.grid.spacing, options);
  for (int axis = 0; axis < 3; ++axis) {
    reference.scale[axis] = 1 / grid.step[axis];
  }
  if (has_map(from, options)) {
    reference.map = read_map(from, reference.grid, options);
  }
  return reference;
}

CaseCache::CaseCache(std::vector<Case> cases, const CaseDecodeOptions& options,
                     const DecodedCacheOptions& cache)
    : cases_(std::move(cases)),
      options_(options),
      cache_(sources_of(cases_), parameters_of(options),
             decoder_of(cases_, options), cache, "cases",
             further_of(cases_, options)) {}

CaseVoxels CaseCache::get(int64_t number) const {
  const Decoded entry = cache_.decoded(number);
  const int64_t parts =
      options_.channels + (has_map(cases_.at(number), options_) ? 1 : 0);
  const int64_t depth = entry.voxels.size(0) / parts;
  TORCH_CHECK(depth * parts == entry.voxels.size(0),
              "an entry of the cache has another number of channels");
  const int64_t image = options_.channels * depth;
  CaseVoxels voxels;
  voxels.spacing = entry.spacing;
  voxels.image = entry.voxels.narrow(0, 0, image)
                     .view({options_.channels, depth, entry.voxels.size(1),
                            entry.voxels.size(2)});
  if (parts > options_.channels) {
    voxels.map = entry.voxels.narrow(0, image, depth);
  }
  return voxels;
}

}  // namespace unimiss::data
