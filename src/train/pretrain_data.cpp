#include "unimiss/train/pretrain_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "unimiss/core/random.h"
#include "unimiss/data/manifest.h"

namespace unimiss::train {
namespace {

namespace fs = std::filesystem;

ListedFiles list_files(const std::vector<std::string>& lists,
                       const data::ManifestOptions& options) {
  ListedFiles files;
  for (const std::string& list : lists) {
    const auto paths = data::paths_of(data::read_manifest(list, options));
    files.paths.insert(files.paths.end(), paths.begin(), paths.end());
    files.counts.push_back(static_cast<int64_t>(paths.size()));
  }
  return files;
}

/// Where a kind's decoded files are kept.
data::DecodedCacheOptions cache_options(const PretrainConfig& config,
                                        const char* kind) {
  // A dot stands for the last part where the path ends in a slash.
  const fs::path run =
      (fs::absolute(config.run.output) / ".").lexically_normal();
  const fs::path folder = config.data.cache.empty()
                              ? run.parent_path().parent_path() / "cache"
                              : fs::path(config.data.cache);
  return {(folder / kind).string(), config.data.cache_gib};
}

/// Fills the cache; the numbers of the files that can be used.
std::vector<int64_t> select(DataStream& stream, const data::DecodedCache& cache,
                            const std::string& key,
                            const PretrainConfig& config) {
  data::SourceSelection selection =
      data::select_sources(cache, key, config.data.workers,
                           config.data.on_error, config.data.max_bad);
  stream.files = static_cast<int64_t>(selection.usable.size());
  for (const data::BadSource& source : selection.left_out) {
    stream.left_out.push_back(source.reason);
  }
  return std::move(selection.usable);
}

/// The samples of each list among the usable files.
std::vector<data::SampleSource> sources_of(const ListedFiles& files,
                                           const std::vector<int64_t>& usable,
                                           const std::vector<double>& weights,
                                           int64_t samples_per_file) {
  std::vector<data::SampleSource> sources;
  auto at = usable.begin();
  int64_t end = 0;
  for (size_t list = 0; list < files.counts.size(); ++list) {
    end += files.counts[list];
    const auto next = std::lower_bound(at, usable.end(), end);
    sources.push_back(
        {(next - at) * samples_per_file, weights.empty() ? 0 : weights[list]});
    at = next;
  }
  return sources;
}

void start(DataStream& stream, const PretrainConfig& config, int64_t batch_size,
           const char* kind, const std::string& weights_key,
           BatchTarget target) {
  data::LoaderOptions options;
  options.batch_size = batch_size;
  options.workers = config.data.workers;
  options.queue_batches = config.data.queue_batches;
  options.seed = static_cast<uint64_t>(config.run.seed) ^ fnv1a64(kind);
  options.sources = stream.sources;
  options.pin_memory = target == BatchTarget::kGpu;
  try {
    stream.loader = std::make_unique<data::Loader>(stream.dataset, options);
  } catch (const ConfigError& error) {
    throw ConfigError(weights_key + ": " + error.what());
  }
}

}  // namespace

data::ImageTransformOptions image_transforms(const PretrainConfig& config) {
  data::ImageTransformOptions transforms = config.data.image_transforms;
  transforms.image_size = config.model.image_size;
  return transforms;
}

data::VolumeTransformOptions volume_transforms(const PretrainConfig& config) {
  data::VolumeTransformOptions transforms = config.data.volume_transforms;
  transforms.volume_size = config.model.volume_size;
  return transforms;
}

ListedFiles list_images(const PretrainConfig& config) {
  return list_files(config.data.images, {});
}

ListedFiles list_volumes(const PretrainConfig& config) {
  data::ManifestOptions options;
  options.paths = data::ManifestPaths::kFilesAndFolders;
  return list_files(config.data.volumes, options);
}

DataStream open_images(const PretrainConfig& config, BatchTarget target) {
  DataStream stream;
  if (config.data.images.empty()) return stream;
  const ListedFiles files = list_images(config);
  auto cache = data::cache_images(files.paths, cache_options(config, "images"));
  auto usable = select(stream, *cache, "data.images", config);
  stream.sources = sources_of(files, usable, config.data.image_weights, 1);
  stream.dataset = std::make_shared<data::ImageDataset>(
      std::move(cache), std::move(usable), image_transforms(config));
  start(stream, config, config.data.batch_size_2d, "images",
        "data.image_weights", target);
  return stream;
}

DataStream open_volumes(const PretrainConfig& config, BatchTarget target) {
  DataStream stream;
  if (config.data.volumes.empty()) return stream;
  const ListedFiles files = list_volumes(config);
  auto cache = data::cache_volumes(
      files.paths, cache_options(config, "volumes"), config.data.spacing);
  auto usable = select(stream, *cache, "data.volumes", config);
  stream.sources = sources_of(files, usable, config.data.volume_weights,
                              config.data.samples_per_volume);
  stream.dataset = std::make_shared<data::VolumeDataset>(
      std::move(cache), std::move(usable), config.data.samples_per_volume,
      volume_transforms(config));
  start(stream, config, config.data.batch_size_3d, "volumes",
        "data.volume_weights", target);
  return stream;
}

}  // namespace unimiss::train
