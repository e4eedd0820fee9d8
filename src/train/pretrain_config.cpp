#include "unimiss/train/pretrain_config.h"

#include <cmath>

#include "unimiss/core/error.h"
#include "unimiss/data/loader.h"

namespace unimiss::train {

void RunOptions::validate() const {
  require(!output.empty(), "run.output", "must name a folder");
  require(threads >= 0, "run.threads", "must be 0 (all cores) or more");
  require(epochs >= 1, "run.epochs", "must be at least 1");
  require(max_steps >= 0, "run.max_steps", "must be 0 (by epochs) or more");
}

void PretrainDataOptions::validate() const {
  require(!images.empty() || !volumes.empty(), "data.images",
          "name a list of images, a list of volumes (data.volumes), or both");
  const auto one_weight_a_list = [](const std::vector<double>& weights,
                                    const std::vector<std::string>& lists,
                                    const char* key) {
    require(weights.empty() || weights.size() == lists.size(), key,
            "must hold one number for each list");
    for (const double weight : weights) {
      require(weight > 0 && std::isfinite(weight), key,
              "must hold positive numbers");
    }
  };
  one_weight_a_list(image_weights, images, "data.image_weights");
  one_weight_a_list(volume_weights, volumes, "data.volume_weights");
  require(batch_size_2d >= 1, "data.batch_size_2d", "must be at least 1");
  require(batch_size_3d >= 1, "data.batch_size_3d", "must be at least 1");
  require(workers >= 0 && workers <= data::kMaxWorkers, "data.workers",
          "must lie in 0 to 1024");
  require(queue_batches >= 1, "data.queue_batches", "must be at least 1");
  require(samples_per_volume >= 1, "data.samples_per_volume",
          "must be at least 1");
  require(cache_gib > 0, "data.cache_gib", "must be greater than 0");
  require(max_bad >= 0, "data.max_bad", "must be 0 or more");
  if (spacing) {
    for (double extent : *spacing) {
      require(extent > 0, "data.spacing", "must be greater than 0");
    }
  }
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
  config.optimizer.inactive_rule = InactiveRule::kZeroGradient;
  config.data.volume_transforms = data::VolumeTransformOptions::official();
  return config;
}

void PretrainConfig::validate() const {
  run.validate();
  model.validate();
  head.validate();
  loss.objective.validate();
  schedule.validate();
  optimizer.validate();
  data.validate();
  data::ImageTransformOptions images = data.image_transforms;
  images.image_size = model.image_size;
  with_key_prefix("data.image_transforms.", [&] { images.validate(); });
  data::VolumeTransformOptions volumes = data.volume_transforms;
  volumes.volume_size = model.volume_size;
  with_key_prefix("data.volume_transforms.", [&] { volumes.validate(); });
  require(schedule.warmup_epochs < static_cast<double>(run.epochs),
          "schedule.warmup_epochs", "must be less than run.epochs");
  require(model.image_channels == 3, "model.image_channels",
          "must be 3: views of images have three channels, grey ones too");
  require(model.volume_channels == 1, "model.volume_channels",
          "must be 1: views of volumes have one channel");
  require(data.images.empty() || model::includes(model.dimensions, 2),
          "model.dimensions", "3d takes no images, but data.images is given");
  require(data.volumes.empty() || model::includes(model.dimensions, 3),
          "model.dimensions", "2d takes no volumes, but data.volumes is given");
  require(data.volumes.empty() ||
              loss.objective.volume_slice == ssl::VolumeSlice::kOff ||
              model::includes(model.dimensions, 2),
          "loss.volume_slice",
          "on needs a network that takes slices (model.dimensions: both); set "
          "it to off for volumes alone");
}

}  // namespace unimiss::train
