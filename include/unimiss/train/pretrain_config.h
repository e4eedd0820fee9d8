#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"
#include "unimiss/data/image_dataset.h"
#include "unimiss/data/image_transforms.h"
#include "unimiss/data/volume_dataset.h"
#include "unimiss/data/volume_transforms.h"
#include "unimiss/model/mit_options.h"
#include "unimiss/ssl/objective.h"
#include "unimiss/ssl/projection_head.h"
#include "unimiss/train/device.h"
#include "unimiss/train/optimizer.h"
#include "unimiss/train/precision.h"
#include "unimiss/train/schedule.h"

namespace unimiss::train {

struct RunOptions {
  std::string output = "runs/pretrain";
  int64_t seed = 7;
  DeviceChoice device = DeviceChoice::kAuto;
  Precision precision = Precision::kFp32;
  int64_t threads = 0;
  int64_t epochs = 200;
  int64_t max_steps = 0;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("output", self.output, "folder for all a run writes");
    visit("seed", self.seed, "seed of weights, shuffling and augmentation");
    visit("device", self.device, "auto, cpu or cuda");
    visit("precision", self.precision,
          "fp32, bf16 (autocast) or fp16 (CUDA, with loss scaling)");
    visit("threads", self.threads, "threads for tensors; 0: all cores");
    visit("epochs", self.epochs, "epochs to train");
    visit("max_steps", self.max_steps,
          "optimizer steps to train, instead of epochs; 0: by epochs");
  }
  void validate() const;
};

/// The two sets of rules of the method: as the paper tells it, and as the
/// released weights were trained.
enum class Preset { kPaper, kOfficial };

struct LossOptions {
  Preset preset = Preset::kPaper;
  ssl::ObjectiveOptions objective;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("preset", self.preset,
          "defaults of all groups where paper and released weights differ: "
          "paper or official");
    ssl::ObjectiveOptions::visit_fields(self.objective, visit);
  }
};

struct PretrainDataOptions {
  std::vector<std::string> images;
  std::vector<std::string> volumes;
  std::vector<double> image_weights;
  std::vector<double> volume_weights;
  int64_t batch_size_2d = 192;
  int64_t batch_size_3d = 192;
  int64_t workers = 4;
  int64_t queue_batches = 2;
  std::optional<std::array<double, 3>> spacing{{3, 1, 1}};
  int64_t samples_per_volume = 24;
  std::string cache;
  double cache_gib = 500;
  data::OnError on_error = data::OnError::kStop;
  int64_t max_bad = 0;
  data::ImageTransformOptions image_transforms;
  data::VolumeTransformOptions volume_transforms;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("images", self.images,
          "list of 2D images, or several lists; empty: volumes only");
    visit("volumes", self.volumes,
          "list of CT volumes, or several lists; empty: images only");
    visit("image_weights", self.image_weights,
          "share of each list in the images of an epoch, relative to the "
          "others; empty: every image once");
    visit("volume_weights", self.volume_weights,
          "share of each list in the volumes of an epoch, likewise");
    visit("batch_size_2d", self.batch_size_2d, "images of a step, globally");
    visit("batch_size_3d", self.batch_size_3d, "volumes of a step, globally");
    visit("workers", self.workers, "threads that prepare each kind's batches");
    visit("queue_batches", self.queue_batches,
          "batches of each kind that are prepared ahead");
    visit("spacing", self.spacing,
          "mm (D, H, W) that volumes are resampled to; null keeps the file's");
    visit("samples_per_volume", self.samples_per_volume,
          "samples an epoch takes from each volume");
    visit("cache", self.cache,
          "folder for decoded images and volumes, shared by runs; empty: "
          "'cache' beside the run's folder");
    visit("cache_gib", self.cache_gib,
          "largest size of the cache, of images and volumes each, GiB");
    visit("on_error", self.on_error,
          "files that cannot be decoded: stop (before training) or skip");
    visit("max_bad", self.max_bad,
          "files of each kind that on_error: skip may leave out");
    visit("image_transforms", self.image_transforms, "augmentation of images");
    visit("volume_transforms", self.volume_transforms,
          "augmentation of volumes");
  }
  void validate() const;
};

/// Everything a pretraining run follows from. A file states only what differs.
struct PretrainConfig {
  RunOptions run;
  model::MitOptions model;
  ssl::ProjectionHeadOptions head;
  LossOptions loss;
  ScheduleOptions schedule;
  OptimizerOptions optimizer;
  PretrainDataOptions data;

  /// The defaults of a preset.
  static PretrainConfig of(Preset preset);

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("run", self.run, "the run as a whole");
    visit("model", self.model, "the network");
    visit("head", self.head, "the projection head");
    visit("loss", self.loss, "the objective");
    visit("schedule", self.schedule, "what changes over the run");
    visit("optimizer", self.optimizer, "AdamW");
    visit("data", self.data, "what is trained on");
  }
  /// Throws ConfigError naming the first key at fault.
  void validate() const;
};

}  // namespace unimiss::train

template <>
struct unimiss::EnumNames<unimiss::train::Preset> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::Preset::kPaper, "paper"},
      std::pair{unimiss::train::Preset::kOfficial, "official"}};
};
