#include "unimiss/pretrain/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/core/random.h"
#include "unimiss/data/manifest.h"
#include "unimiss/train/collected_errors.h"
#include "unimiss/train/file_fingerprint.h"
#include "unimiss/train/run_preparation.h"

namespace unimiss::pretrain {
namespace {

namespace fs = std::filesystem;

ListedFiles list_files(const std::vector<std::string>& lists,
                       const data::ManifestOptions& options,
                       train::CollectedErrors& problems) {
  ListedFiles files;
  for (const std::string& list : lists) {
    problems.run([&] {
      const auto paths = data::paths_of(data::read_manifest(list, options));
      files.paths.insert(files.paths.end(), paths.begin(), paths.end());
      files.counts.push_back(static_cast<int64_t>(paths.size()));
    });
  }
  return files;
}

/// Where a kind's decoded files are kept.
data::DecodedCacheOptions cache_options(const PretrainConfig& config,
                                        const char* kind) {
  return {(fs::path(cache_folder(config)) / kind).string(),
          config.data.cache_gib};
}

/// Fills the cache; the numbers of the files that can be used.
std::vector<int64_t> select(DataStream& stream, const data::DecodedCache& cache,
                            const std::string& key,
                            const PretrainConfig& config,
                            const distributed::World& world) {
  data::SourceSelection selection = data::select_sources(
      cache, key, config.data.workers, config.data.on_error,
      config.data.max_bad, train::begin_of(world));
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

std::vector<int64_t> all_of(const ListedFiles& files) {
  std::vector<int64_t> numbers(files.paths.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

/// What the keys of a kind's weights begin with.
constexpr const char* kImagePrefix = "data.image_";
constexpr const char* kVolumePrefix = "data.volume_";

/// Throws ConfigError where the weights do not fit the lists.
void check_weights(const char* prefix,
                   const std::vector<data::SampleSource>& sources) {
  with_key_prefix(prefix, [&] { data::Sampler(sources, /*seed=*/0); });
}

std::string fingerprint(const data::DecodedCache& cache,
                        const std::vector<int64_t>& usable,
                        const std::vector<data::SampleSource>& sources) {
  train::FileFingerprint fingerprint;
  for (const int64_t number : usable)
    fingerprint.add_file(cache.source(number));
  for (const auto& source : sources) {
    fingerprint.add(fmt::format("{}\t{}", source.samples, source.weight));
  }
  return fingerprint.text();
}

void start(DataStream& stream, const PretrainConfig& config, int64_t batch_size,
           const char* kind, BatchTarget target,
           const distributed::World& world) {
  data::LoaderOptions options;
  options.batch_size = batch_size;
  options.workers = config.data.workers;
  options.queue_batches = config.data.queue_batches;
  options.seed = static_cast<uint64_t>(config.run.seed) ^ fnv1a64(kind);
  options.sources = stream.sources;
  options.pin_memory = target == BatchTarget::kGpu;
  options.parts = config.optimizer.accumulate;
  train::share_batches(options, config.run, world);
  stream.loader = std::make_unique<data::Loader>(stream.dataset, options);
}

DataStream open_images(const PretrainConfig& config, const ListedFiles& files,
                       const distributed::World& world) {
  DataStream stream;
  if (files.paths.empty()) return stream;
  auto cache = data::cache_images(files.paths, cache_options(config, "images"));
  auto usable = select(stream, *cache, "data.images", config, world);
  stream.sources = sources_of(files, usable, config.data.image_weights, 1);
  // Leaving out files may have emptied a list.
  check_weights(kImagePrefix, stream.sources);
  stream.fingerprint = fingerprint(*cache, usable, stream.sources);
  stream.dataset = std::make_shared<data::ImageDataset>(
      std::move(cache), std::move(usable), image_transforms(config));
  return stream;
}

DataStream open_volumes(const PretrainConfig& config, const ListedFiles& files,
                        const distributed::World& world) {
  DataStream stream;
  if (files.paths.empty()) return stream;
  auto cache = data::cache_volumes(
      files.paths, cache_options(config, "volumes"), config.data.spacing);
  auto usable = select(stream, *cache, "data.volumes", config, world);
  stream.sources = sources_of(files, usable, config.data.volume_weights,
                              config.data.samples_per_volume);
  check_weights(kVolumePrefix, stream.sources);
  stream.fingerprint = fingerprint(*cache, usable, stream.sources);
  stream.dataset = std::make_shared<data::VolumeDataset>(
      std::move(cache), std::move(usable), config.data.samples_per_volume,
      volume_transforms(config));
  return stream;
}

}  // namespace

std::string cache_folder(const PretrainConfig& config) {
  return train::cache_folder(config.data.cache, config.run.output);
}

augment::ImageTransformOptions image_transforms(const PretrainConfig& config) {
  augment::ImageTransformOptions transforms = config.data.image_transforms;
  transforms.image_size = config.model.image_size;
  return transforms;
}

augment::VolumeTransformOptions volume_transforms(
    const PretrainConfig& config) {
  augment::VolumeTransformOptions transforms = config.data.volume_transforms;
  transforms.volume_size = config.model.volume_size;
  return transforms;
}

PretrainLists read_lists(const PretrainConfig& config) {
  train::CollectedErrors problems;
  data::ManifestOptions volume_lists;
  volume_lists.paths = data::ManifestPaths::kFilesAndFolders;
  PretrainLists lists{list_files(config.data.images, {}, problems),
                      list_files(config.data.volumes, volume_lists, problems)};
  problems.throw_if_any();
  const auto check = [](const char* prefix, const ListedFiles& files,
                        const std::vector<double>& weights, int64_t samples) {
    if (files.paths.empty()) return;
    check_weights(prefix, sources_of(files, all_of(files), weights, samples));
  };
  check(kImagePrefix, lists.images, config.data.image_weights, 1);
  check(kVolumePrefix, lists.volumes, config.data.volume_weights,
        config.data.samples_per_volume);
  return lists;
}

PretrainData open_data(const PretrainConfig& config, const PretrainLists& lists,
                       const distributed::World& world) {
  PretrainData data;
  train::CollectedErrors problems;
  problems.run([&] { data.images = open_images(config, lists.images, world); });
  problems.run(
      [&] { data.volumes = open_volumes(config, lists.volumes, world); });
  problems.throw_if_any();
  return data;
}

void start_workers(PretrainData& data, const PretrainConfig& config,
                   BatchTarget target, const distributed::World& world) {
  if (data.images.dataset) {
    start(data.images, config, config.data.batch_size_2d, "images", target,
          world);
  }
  if (data.volumes.dataset) {
    start(data.volumes, config, config.data.batch_size_3d, "volumes", target,
          world);
  }
}

}  // namespace unimiss::pretrain
