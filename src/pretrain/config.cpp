#include "unimiss/pretrain/config.h"

#include "unimiss/data/loader.h"

namespace unimiss::pretrain {

namespace {

/// Weights are relative: one positive number for each list.
void check_weights(const std::vector<double>& weights,
                   const std::string& weights_key,
                   const std::vector<std::string>& lists,
                   const std::string& lists_key, Problems& problems) {
  problems.require(weights.empty() || weights.size() == lists.size(),
                   weights_key,
                   "must hold one number for each list of " + lists_key +
                       " (has " + std::to_string(weights.size()) + " for " +
                       std::to_string(lists.size()) + ")",
                   {lists_key});
  problems.all_in_range(weights, greater_than(0), weights_key);
}

/// What one group demands of another.
void check_combinations(const PretrainConfig& config, Problems& problems) {
  problems.require(
      config.schedule.warmup_epochs < static_cast<double>(config.run.epochs),
      "schedule.warmup_epochs",
      "must be less than " + number_text(config.run.epochs) +
          ", run.epochs (is " + number_text(config.schedule.warmup_epochs) +
          ")",
      {"run.epochs"});
  if (!config.data.images.empty()) {
    train::check_accumulation(config.optimizer, config.data.batch_size_2d,
                              "data.batch_size_2d", problems);
  }
  if (!config.data.volumes.empty()) {
    train::check_accumulation(config.optimizer, config.data.batch_size_3d,
                              "data.batch_size_3d", problems);
  }
  problems.require(config.model.image_channels == 3, "model.image_channels",
                   "must be 3 (views of images have three channels, grey ones "
                   "too)");
  problems.require(config.model.volume_channels == 1, "model.volume_channels",
                   "must be 1 (views of volumes have one channel)");
  problems.require(
      config.data.images.empty() || model::includes(config.model.dimensions, 2),
      "model.dimensions",
      "3d takes no images (data.images is given); write both, or no images",
      {"data.images"});
  problems.require(
      config.data.volumes.empty() ||
          model::includes(config.model.dimensions, 3),
      "model.dimensions",
      "2d takes no volumes (data.volumes is given); write both, or no volumes",
      {"data.volumes"});
  problems.require(
      config.data.volumes.empty() ||
          config.loss.objective.volume_slice == ssl::VolumeSlice::kOff ||
          model::includes(config.model.dimensions, 2),
      "loss.volume_slice",
      "on needs a network that takes slices (model.dimensions is 3d); write "
      "off for volumes alone",
      {"data.volumes", "model.dimensions"});
}

}  // namespace

void DataOptions::check(Problems& problems) const {
  problems.require(!images.empty() || !volumes.empty(), "data.images",
                   "there is nothing to train on (data.volumes is empty too); "
                   "name a list of images, a list of volumes, or both",
                   {"data.volumes"});
  check_weights(image_weights, "data.image_weights", images, "data.images",
                problems);
  check_weights(volume_weights, "data.volume_weights", volumes, "data.volumes",
                problems);
  problems.in_range(batch_size_2d, between(1, train::kMaximumCount),
                    "data.batch_size_2d");
  problems.in_range(batch_size_3d, between(1, train::kMaximumCount),
                    "data.batch_size_3d");
  problems.in_range(workers, between(0, data::kMaxWorkers), "data.workers");
  problems.in_range(queue_batches, between(1, data::kMaxQueueBatches),
                    "data.queue_batches");
  if (spacing) {
    problems.all_in_range(*spacing, greater_than(0), "data.spacing");
  }
  problems.in_range(samples_per_volume, between(1, train::kMaximumCount),
                    "data.samples_per_volume");
  problems.require(cache_gib > 0, "data.cache_gib",
                   "must be greater than 0 (is " + number_text(cache_gib) +
                       "); write .inf for no limit");
  problems.in_range(max_bad, at_least(0), "data.max_bad");
}

PretrainConfig PretrainConfig::of(Preset preset) {
  PretrainConfig config;
  config.loss.preset = preset;
  if (preset == Preset::kPaper) return config;
  config.model.position_rule = model::PositionRule::kOfficial;
  config.loss.objective.center_rule = ssl::CenterRule::kPerTerm;
  config.loss.objective.cross_view_scale = ssl::CrossViewScale::kMean;
  config.schedule.unit = AlternationUnit::kEpoch;
  config.schedule.clock = ScheduleClock::kOfficial;
  config.optimizer.lr = 6e-4;
  config.optimizer.inactive_rule = train::InactiveRule::kZeroGradient;
  config.data.volume_transforms = augment::VolumeTransformOptions::official();
  return config;
}

void PretrainConfig::check(Problems& problems) const {
  run.check(problems);
  model.check(problems);
  head.check(problems);
  loss.objective.check(problems);
  schedule.check(problems);
  optimizer.check(problems);
  data.check(problems);
  // Views have the sizes of the model, which reports what is wrong with them.
  augment::ImageTransformOptions images = data.image_transforms;
  images.image_size = model.image_size;
  problems.distrust("data.image_transforms.image_size");
  problems.check_group("data.image_transforms", images);
  augment::VolumeTransformOptions volumes = data.volume_transforms;
  volumes.volume_size = model.volume_size;
  if (problems.at_fault("model.volume_size")) {
    problems.distrust("data.volume_transforms.volume_size");
  }
  problems.check_group("data.volume_transforms", volumes);
  check_combinations(*this, problems);
}

void check_lists(const PretrainConfig& config, Problems& problems) {
  train::check_list_files(config.data.images, "data.images", problems);
  train::check_list_files(config.data.volumes, "data.volumes", problems);
}

}  // namespace unimiss::pretrain
