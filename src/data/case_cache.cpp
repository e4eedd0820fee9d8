#include "unimiss/data/case_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "data/case_grid.h"
#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/data/labels.h"
#include "unimiss/io/image.h"

namespace unimiss::data {
namespace {

/// [C, H, W] as stored → float32 [n, 1, H, W] as the network takes them.
template <class Pixel>
torch::Tensor channels_of(const torch::Tensor& pixels, int64_t wanted) {
  const int64_t has = pixels.size(0), plane = pixels.size(1) * pixels.size(2);
  const auto* from = pixels.data_ptr<Pixel>();
  const bool to_luma = has == 3 && wanted == 1;
  const bool to_colors = has == 1 && wanted == 3;
  const int64_t count = to_luma || to_colors ? wanted : has;
  auto channels = torch::empty({count, 1, pixels.size(1), pixels.size(2)});
  auto* to = channels.data_ptr<float>();
  for (int64_t i = 0; to_luma && i < plane; ++i) {
    to[i] = 0.299f * from[i] + 0.587f * from[plane + i] +
            0.114f * from[2 * plane + i];
  }
  for (int64_t c = 0; !to_luma && c < count; ++c) {
    const Pixel* channel = from + (to_colors ? 0 : c * plane);
    std::transform(channel, channel + plane, to + c * plane,
                   [](Pixel value) { return static_cast<float>(value); });
  }
  return channels;
}

/// The images of a case on its own grid.
struct Stored {
  io::Volume grid;  ///< its voxels are of no account
  /// float32 [n, D, H, W] of each file, normalised
  std::vector<torch::Tensor> files;
};

/// One file: its grid, and its normalised channels.
std::pair<io::Volume, torch::Tensor> read_image(
    const std::string& path, const CaseDecodeOptions& options) {
  io::Volume volume;
  torch::Tensor channels;
  std::optional<std::array<double, 2>> bits;
  if (options.rank == 2) {
    const torch::Tensor pixels = io::read_pixels(path);
    const bool deep = pixels.scalar_type() == torch::kUInt16;
    const int64_t wanted = options.channels / options.modalities;
    channels = deep ? channels_of<uint16_t>(pixels, wanted)
                    : channels_of<uint8_t>(pixels, wanted);
    volume.voxels = channels[0];
    bits = std::array<double, 2>{0, deep ? 65535.0 : 255.0};
  } else {
    volume = io::read_volume(path);
    channels = volume.voxels.unsqueeze(0);
  }
  normalize_(channels, options.normalization, channels.size(0), bits);
  return {std::move(volume), std::move(channels)};
}

Stored read_images(const augment::Case& from,
                   const CaseDecodeOptions& options) {
  Stored stored;
  int64_t found = 0;
  for (const std::string& path : from.images) {
    auto [volume, channels] = read_image(path, options);
    if (stored.files.empty()) stored.grid = volume;
    check_geometry(path, stored.grid, volume);
    found += channels.size(0);
    stored.files.push_back(std::move(channels));
  }
  if (found != options.channels) {
    throw DataError(from.images.front(),
                    fmt::format("has {} channels with its other modalities, "
                                "the network takes {}; correct "
                                "data.modalities or the model's channels",
                                found, options.channels));
  }
  return stored;
}

/// Units → stored steps; returns how many lie beyond what is stored.
int64_t store_steps(const torch::Tensor& units, int16_t* to) {
  const float* unit = units.data_ptr<float>();
  int64_t beyond = 0;
  for (int64_t i = 0; i < units.numel(); ++i) {
    const double steps = std::nearbyint(augment::kIntensitySteps * unit[i]);
    const double kept = std::clamp(steps, -32768.0, 32767.0);
    beyond += kept != steps ? 1 : 0;
    to[i] = static_cast<int16_t>(kept);
  }
  return beyond;
}

/// int16 [C, D, H, W] on the network's grid.
torch::Tensor image_on_grid(const augment::Case& from, const Stored& stored,
                            const CaseGrid& grid,
                            const CaseDecodeOptions& options) {
  const auto [depth, height, width] = grid.size;
  auto image =
      torch::empty({options.channels, depth, height, width}, torch::kInt16);
  auto* to = image.data_ptr<int16_t>();
  for (size_t file = 0; file < stored.files.size(); ++file) {
    const torch::Tensor& channels = stored.files[file];
    const int16_t* begin = to;
    int64_t beyond = 0;
    for (int64_t c = 0; c < channels.size(0); ++c) {
      beyond +=
          store_steps(channel_on_grid(channels[c], grid, options.rank), to);
      to += depth * height * width;
    }
    if (beyond == 0) continue;
    log_warning(fmt::format(
        "{}: {} of {} intensities lie beyond 16 units of their normalization "
        "({}) "
        "and are clipped to them; if they matter, choose one whose units are "
        "larger",
        from.images[file], beyond, to - begin,
        enum_name(options.normalization.rule)));
  }
  return image;
}

/// int16 [D, H, W] on the case's own grid.
torch::Tensor read_map(const augment::Case& from, const io::Volume& grid,
                       const CaseDecodeOptions& options) {
  const int64_t height = grid.voxels.size(1), width = grid.voxels.size(2);
  const LabelValues labels{options.classes, options.label_values};
  if (options.target.is_exclusive()) {
    const std::string& path = from.masks.at(0);
    return options.rank == 2
               ? read_mask_image(path, height, width, labels).unsqueeze(0)
               : read_label_volume(path, grid, labels);
  }
  auto bits = torch::empty(grid.voxels.sizes(), torch::kInt16);
  auto* to = bits.data_ptr<int16_t>();
  std::fill_n(to, bits.numel(), int16_t{0});
  for (size_t k = 0; k < from.masks.size(); ++k) {
    const std::string& path = from.masks[k];
    const torch::Tensor structure =
        options.rank == 2 ? read_structure_image(path, height, width)
                          : read_structure_volume(path, grid);
    const auto* inside = structure.data_ptr<int16_t>();
    for (int64_t i = 0; i < bits.numel(); ++i) {
      to[i] = static_cast<int16_t>(to[i] | inside[i] << k);
    }
  }
  return bits;
}

/// Spacing of the case's own grid by that of the network's.
std::array<double, 3> own_scale(const CaseGrid& grid) {
  return {1 / grid.step[0], 1 / grid.step[1], 1 / grid.step[2]};
}

bool has_map(const augment::Case& from, const CaseDecodeOptions& options) {
  return options.target.is_segmentation() && !from.masks.empty();
}

/// Everything that shapes the voxels of an entry.
std::string parameters_of(const CaseDecodeOptions& options) {
  const auto& normalization = options.normalization;
  std::string text = fmt::format(
      "case 2, rank {}, channels {} of {}, target {}, classes {} [{}], "
      "intensity {} "
      "[{}] {} {} [{}], size [{}], labels {}",
      options.rank, options.channels, options.modalities, options.target.name(),
      options.classes, fmt::join(options.label_values, " "),
      enum_name(normalization.rule), fmt::join(normalization.window, " "),
      normalization.mean, normalization.deviation,
      fmt::join(normalization.percentiles, " "), fmt::join(options.size, " "),
      enum_name(options.labels));
  if (options.spacing) {
    text += fmt::format(", spacing {}", fmt::join(*options.spacing, " "));
  }
  return text;
}

/// The channels, and below them the map: [(C + 1) D, H, W].
Decoded stacked(const augment::CaseVoxels& voxels) {
  const torch::Tensor image = voxels.image.flatten(0, 1);
  if (!voxels.map.defined()) return {image, voxels.spacing};
  auto both = torch::empty(
      {image.size(0) + voxels.map.size(0), image.size(1), image.size(2)},
      torch::kInt16);
  std::copy_n(voxels.map.data_ptr<int16_t>(), voxels.map.numel(),
              std::copy_n(image.data_ptr<int16_t>(), image.numel(),
                          both.data_ptr<int16_t>()));
  return {both, voxels.spacing};
}

std::vector<std::string> sources_of(const std::vector<augment::Case>& cases) {
  std::vector<std::string> sources;
  sources.reserve(cases.size());
  for (const augment::Case& each : cases)
    sources.push_back(each.images.front());
  return sources;
}

/// The files of a case besides its first image.
std::vector<std::vector<std::string>> further_of(
    const std::vector<augment::Case>& cases, const CaseDecodeOptions& options) {
  std::vector<std::vector<std::string>> further;
  for (const augment::Case& each : cases) {
    auto& files =
        further.emplace_back(each.images.begin() + 1, each.images.end());
    if (!has_map(each, options)) continue;
    files.insert(files.end(), each.masks.begin(), each.masks.end());
  }
  return further;
}

DecodedCache::Decode decoder_of(const std::vector<augment::Case>& cases,
                                const CaseDecodeOptions& options) {
  std::map<std::string, augment::Case> by_image;
  for (const augment::Case& each : cases) {
    const auto& [path, known] =
        *by_image.emplace(each.images.front(), each).first;
    if (known.images == each.images && known.masks == each.masks) continue;
    throw DataError(
        path, fmt::format(
                  "is the first image of two cases ({}) that "
                  "differ in their other files; take one of them "
                  "out, or copy the image",
                  known.id == each.id ? known.id : known.id + ", " + each.id));
  }
  return [by_image = std::move(by_image), options](const std::string& path) {
    return stacked(decode_case(by_image.at(path), options));
  };
}

}  // namespace

augment::CaseVoxels decode_case(const augment::Case& from,
                                const CaseDecodeOptions& options) {
  return read_case(from, options).voxels;
}

CaseOnBothGrids read_case(const augment::Case& from,
                          const CaseDecodeOptions& options) {
  Stored stored = read_images(from, options);
  const CaseGrid grid = case_grid(from.images.front(), stored.grid, options);
  CaseOnBothGrids both;
  both.voxels.spacing = grid.spacing;
  both.voxels.image = image_on_grid(from, stored, grid, options);
  if (has_map(from, options)) {
    both.own.map = read_map(from, stored.grid, options);
    both.voxels.map = map_on_grid(both.own.map, grid, options);
  }
  both.own.scale = own_scale(grid);
  both.own.grid = std::move(stored.grid);
  both.image = stored.files.front();
  both.own.grid.voxels = both.image[0];
  return both;
}

CaseReference read_case_reference(const augment::Case& from,
                                  const CaseDecodeOptions& options) {
  CaseReference reference;
  if (options.rank == 2) {
    reference.grid.voxels =
        io::read_pixels(from.images.front()).slice(0, 0, 1).to(torch::kFloat);
  } else {
    reference.grid = io::read_volume(from.images.front());
  }
  const CaseGrid grid = case_grid(from.images.front(), reference.grid, options);
  reference.scale = own_scale(grid);
  if (has_map(from, options)) {
    reference.map = read_map(from, reference.grid, options);
  }
  return reference;
}

CaseCache::CaseCache(std::vector<augment::Case> cases,
                     const CaseDecodeOptions& options,
                     const DecodedCacheOptions& cache)
    : cases_(std::move(cases)),
      options_(options),
      cache_(sources_of(cases_), parameters_of(options),
             decoder_of(cases_, options), cache, "cases",
             further_of(cases_, options)) {}

augment::CaseVoxels CaseCache::get(int64_t number) const {
  const Decoded entry = cache_.decoded(number);
  const int64_t parts =
      options_.channels + (has_map(cases_.at(number), options_) ? 1 : 0);
  const int64_t depth = entry.voxels.size(0) / parts;
  TORCH_CHECK(depth * parts == entry.voxels.size(0),
              "an entry of the cache has another number of channels");
  const int64_t image = options_.channels * depth;
  augment::CaseVoxels voxels;
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
