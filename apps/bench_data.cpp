// unimiss-bench data: how fast samples are prepared, cold and from the cache.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench.h"
#include "unimiss/augment/stage_times.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/data/image_dataset.h"
#include "unimiss/data/loader.h"
#include "unimiss/data/volume_dataset.h"
#include "unimiss/pretrain/config_file.h"
#include "unimiss/pretrain/data.h"

namespace unimiss {
namespace {

using Stages = std::array<double, augment::kStages>;

struct DataBenchOptions {
  std::string config;
  std::vector<std::string> overrides;
  int64_t files = 16;
  double seconds = 5;
  bool json = false;
};

/// Seconds of some pieces of work, by stage.
struct Timing {
  int64_t count = 0;
  double seconds = 0;
  Stages stages{};

  double rate() const { return static_cast<double>(count) / seconds; }
  nlohmann::ordered_json json() const {
    nlohmann::ordered_json shares;
    for (size_t i = 0; i < augment::kStages; ++i) {
      if (stages[i] > 0) shares[augment::kStageNames[i]] = stages[i] / seconds;
    }
    return {{"count", count}, {"per_second", rate()}, {"share", shares}};
  }
  std::string text() const {
    std::string shares;
    double named = 0;
    for (size_t i = 0; i < augment::kStages; ++i) {
      named += stages[i];
      if (stages[i] <= 0) continue;
      shares += fmt::format("{} {:.0f} %, ", augment::kStageNames[i],
                            100 * stages[i] / seconds);
    }
    return shares + fmt::format("other {:.0f} %", 100 * (1 - named / seconds));
  }
};

struct Measured {
  std::string kind;
  Timing cold, cached;
  double workers_per_second = 0;
  int64_t workers = 0;

  /// What a cached sample's data costs, relative to decoding a file.
  double read_share() const {
    const auto seconds = [](const Timing& timing, augment::Stage stage) {
      return timing.stages[static_cast<size_t>(stage)] /
             static_cast<double>(timing.count);
    };
    return (seconds(cached, augment::Stage::kCheck) +
            seconds(cached, augment::Stage::kResample)) /
           seconds(cold, augment::Stage::kDecode);
  }
};

/// A folder of its own that is removed afterwards.
class ScratchFolder {
 public:
  ScratchFolder()
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("unimiss-bench-{}", getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

Timing time_cold(const data::DecodedCache& cache, const std::string& key,
                 const pretrain::PretrainConfig& config,
                 data::SourceSelection& selection) {
  Timing timing;
  const augment::StageTimes stages;
  const Stopwatch stopwatch;
  selection = data::select_sources(cache, key, 1, config.data.on_error,
                                   config.data.max_bad);
  timing.seconds = stopwatch.seconds();
  timing.count = cache.size();
  timing.stages = stages.seconds();
  return timing;
}

Timing time_cached(const data::Dataset& dataset, double seconds) {
  const auto prepare = [&](int64_t sample) {
    Random random({7, static_cast<uint64_t>(sample)});
    // A stride that visits the files in turn.
    return dataset.sample(sample * 7919 % dataset.size(), random);
  };
  // Pages and tables are touched a first time.
  for (int64_t i = 0; i < dataset.size() && i < 200; ++i) prepare(i);
  Timing timing;
  const augment::StageTimes stages;
  const Stopwatch stopwatch;
  while (timing.seconds < seconds || timing.count < 2) {
    prepare(timing.count++);
    timing.seconds = stopwatch.seconds();
  }
  timing.stages = stages.seconds();
  return timing;
}

double time_workers(std::shared_ptr<const data::Dataset> dataset,
                    int64_t batch_size, int64_t workers, double seconds) {
  data::LoaderOptions options;
  options.batch_size = batch_size;
  options.workers = workers;
  data::Loader loader(std::move(dataset), options);
  for (int i = 0; i < 3; ++i) loader.next();
  const Stopwatch stopwatch;
  int64_t samples = 0;
  while (stopwatch.seconds() < seconds) {
    loader.next();
    samples += batch_size;
  }
  return static_cast<double>(samples) / stopwatch.seconds();
}

/// Measures one kind; `open` makes its cache, `make` its dataset.
template <class Open, class Make>
Measured measure(const std::string& kind, std::vector<std::string> files,
                 const DataBenchOptions& options,
                 const pretrain::PretrainConfig& config, int64_t batch_size,
                 Open open, Make make) {
  files.resize(std::min<size_t>(files.size(), options.files));
  const ScratchFolder folder;
  Measured result{.kind = kind, .cold = {}, .cached = {}};
  data::SourceSelection selection;
  result.cold =
      time_cold(*open(files, folder.path()), "data." + kind, config, selection);
  // As the next run would find it.
  const std::shared_ptr<const data::Dataset> dataset =
      make(open(files, folder.path()), selection.usable);
  result.cached = time_cached(*dataset, options.seconds);
  result.workers = std::max<int64_t>(1, config.data.workers);
  result.workers_per_second =
      time_workers(dataset, batch_size, result.workers, options.seconds);
  return result;
}

std::vector<Measured> run(const DataBenchOptions& options) {
  const auto config = pretrain::read_config(options.config, options.overrides);
  const pretrain::PretrainLists lists = pretrain::read_lists(config);
  std::vector<Measured> results;
  if (!config.data.images.empty()) {
    results.push_back(measure(
        "images", lists.images.paths, options, config,
        config.data.batch_size_2d,
        [](const auto& files, const std::string& folder) {
          return data::cache_images(files, {folder});
        },
        [&](const auto& cache, auto numbers) {
          return std::make_shared<data::ImageDataset>(
              cache, std::move(numbers), pretrain::image_transforms(config));
        }));
  }
  if (!config.data.volumes.empty()) {
    results.push_back(measure(
        "volumes", lists.volumes.paths, options, config,
        config.data.batch_size_3d,
        [&](const auto& files, const std::string& folder) {
          return data::cache_volumes(files, {folder}, config.data.spacing);
        },
        [&](const auto& cache, auto numbers) {
          return std::make_shared<data::VolumeDataset>(
              cache, std::move(numbers), config.data.samples_per_volume,
              pretrain::volume_transforms(config));
        }));
  }
  return results;
}

void print(const DataBenchOptions& options,
           const std::vector<Measured>& results) {
  nlohmann::ordered_json all;
  for (const Measured& result : results) {
    if (options.json) {
      all[result.kind] = {{"cold_files", result.cold.json()},
                          {"cached_samples", result.cached.json()},
                          {"read_cost_of_decoding", result.read_share()},
                          {"workers", result.workers},
                          {"workers_per_second", result.workers_per_second}};
      continue;
    }
    std::cout << fmt::format(
        "{}\n"
        "  cold    {:7.1f} files a second and worker ({} files)\n"
        "          {}\n"
        "  cached  {:7.1f} view pairs a second and worker ({} pairs)\n"
        "          {}\n"
        "  loader  {:7.1f} view pairs a second with data.workers = {}\n"
        "  reading a cached sample costs 1/{:.0f} of decoding its file\n",
        result.kind, result.cold.rate(), result.cold.count, result.cold.text(),
        result.cached.rate(), result.cached.count, result.cached.text(),
        result.workers_per_second, result.workers, 1 / result.read_share());
  }
  if (options.json) std::cout << all.dump() << "\n";
}

}  // namespace

void add_data_command(CLI::App& app, Body& body) {
  static DataBenchOptions options;
  CLI::App* command = app.add_subcommand(
      "data",
      "preparing samples: decoding files into an empty cache, then view pairs "
      "from it");
  command->add_option("--config", options.config, "a pretraining's YAML file")
      ->required();
  command->add_option("overrides", options.overrides,
                      "key=value, e.g. data.images=list.txt");
  command->add_option("--files", options.files, "files of each kind to decode")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--seconds", options.seconds, "to measure samples for")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command->add_flag("--json", options.json, "print one JSON object");
  command->callback([&body] { body = [] { print(options, run(options)); }; });
}

}  // namespace unimiss
