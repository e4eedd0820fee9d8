#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/augment/image_transforms.h"
#include "unimiss/augment/volume_transforms.h"
#include "unimiss/core/fields.h"
#include "unimiss/data/image_dataset.h"
#include "unimiss/data/volume_dataset.h"
#include "unimiss/model/mit_options.h"
#include "unimiss/pretrain/optimizer_options.h"
#include "unimiss/pretrain/schedule.h"
#include "unimiss/ssl/objective.h"
#include "unimiss/ssl/projection_head.h"
#include "unimiss/train/run_options.h"

namespace unimiss::pretrain {

/// Where a run's weights come from.
struct InitOptions {
  std::string weights;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("weights", self.weights,
          "continued pretraining: another run's folder or its "
          "export/full.safetensors, for student, teacher and center; empty: "
          "random weights",
          kPath | kMayChange);
  }
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
          "defaults of all groups where paper and released weights differ");
    ssl::ObjectiveOptions::visit_fields(self.objective, visit);
  }
};

struct DataOptions {
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
  augment::ImageTransformOptions image_transforms;
  augment::VolumeTransformOptions volume_transforms;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("images", self.images,
          "list of 2D images, or several lists; empty: volumes only",
          kPath | kList | kMayChange);
    visit("volumes", self.volumes,
          "list of CT volumes, or several lists; empty: images only",
          kPath | kList | kMayChange);
    visit("image_weights", self.image_weights,
          "share of each list in the images of an epoch, relative to the "
          "others, each greater than 0; empty: every image once");
    visit("volume_weights", self.volume_weights,
          "share of each list in the volumes of an epoch, likewise");
    visit("batch_size_2d", self.batch_size_2d,
          "images of a step, over all processes, at least 1");
    visit("batch_size_3d", self.batch_size_3d,
          "volumes of a step, over all processes, at least 1");
    visit("workers", self.workers,
          "threads that prepare each kind's batches, in [0, 1024]; 0: "
          "prepared while training waits",
          kMayChange);
    visit("queue_batches", self.queue_batches,
          "batches of each kind that are prepared ahead, in [1, 1024]",
          kMayChange);
    visit("spacing", self.spacing,
          "mm (D, H, W) that volumes are resampled to, each greater than 0; "
          "null keeps the file's");
    visit("samples_per_volume", self.samples_per_volume,
          "samples an epoch takes from each volume, at least 1");
    visit("cache", self.cache,
          "folder for decoded images and volumes, shared by runs; empty: "
          "'cache' beside the run's folder",
          kPath | kMayChange);
    visit("cache_gib", self.cache_gib,
          "largest size of the cache, of images and volumes each, GiB; .inf: "
          "no limit",
          kMayChange);
    visit("on_error", self.on_error,
          "what files that cannot be decoded do: stop the run before "
          "training, or be left out",
          kMayChange);
    visit("max_bad", self.max_bad,
          "files of each kind that on_error: skip may leave out, at least 0",
          kMayChange);
    visit("image_transforms", self.image_transforms, "augmentation of images");
    visit("volume_transforms", self.volume_transforms,
          "augmentation of volumes");
  }
  void check(Problems& problems) const;
};

/// Everything a pretraining run follows from. A file states only what differs.
struct PretrainConfig {
  train::RunOptions run{.output = "runs/pretrain"};
  InitOptions init;
  model::MitOptions model;
  ssl::ProjectionHeadOptions head;
  LossOptions loss;
  ScheduleOptions schedule;
  OptimizerOptions optimizer;
  DataOptions data;

  /// The defaults of a preset.
  static PretrainConfig of(Preset preset);

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("run", self.run, "the run as a whole");
    visit("init", self.init, "where the weights come from");
    visit("model", self.model, "the network");
    visit("head", self.head, "the projection head");
    visit("loss", self.loss, "the objective");
    visit("schedule", self.schedule, "what changes over the run");
    visit("optimizer", self.optimizer, "AdamW");
    visit("data", self.data, "what is trained on");
  }
  /// What is wrong with each group and with their combination; looks at no
  /// files.
  void check(Problems& problems) const;
};

/// The lists of images and volumes that are missing or folders.
void check_lists(const PretrainConfig& config, Problems& problems);

}  // namespace unimiss::pretrain

template <>
struct unimiss::EnumNames<unimiss::pretrain::Preset> {
  static constexpr std::array kNames{
      std::pair{unimiss::pretrain::Preset::kPaper, "paper"},
      std::pair{unimiss::pretrain::Preset::kOfficial, "official"}};
};
