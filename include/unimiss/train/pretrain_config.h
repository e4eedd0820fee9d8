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
#include "unimiss/train/stop_request.h"

namespace unimiss::train {

/// What a step whose loss or gradient is not finite does to the run.
enum class OnNonFinite { kStop, kSkip };

struct RunOptions {
  std::string output = "runs/pretrain";
  int64_t seed = 7;
  DeviceChoice device = DeviceChoice::kAuto;
  Precision precision = Precision::kFp32;
  int64_t threads = 0;
  int64_t epochs = 200;
  int64_t max_steps = 0;
  int64_t checkpoint_every_steps = 0;
  double checkpoint_every_minutes = 15;
  int64_t keep_checkpoints = 3;
  int64_t keep_every_steps = 0;
  std::vector<StopSignal> stop_signals{StopSignal::kTerm, StopSignal::kInt,
                                       StopSignal::kUsr1};
  double time_limit = 0;
  OnNonFinite on_nonfinite = OnNonFinite::kStop;
  int64_t max_nonfinite = 10;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("output", self.output,
          "folder for all a run writes; a run that is there goes on");
    visit("seed", self.seed, "seed of weights, shuffling and augmentation");
    visit("device", self.device,
          "where to train; auto: the GPU where there is one");
    visit("precision", self.precision,
          "arithmetic of forward and backward: bf16 is autocast, fp16 needs "
          "a GPU and scales the loss");
    visit("threads", self.threads,
          "threads for tensors, in [0, 1024]; 0: all cores");
    visit("epochs", self.epochs, "epochs to train, at least 1");
    visit("max_steps", self.max_steps,
          "optimizer steps to train, instead of epochs; 0: by epochs");
    visit("checkpoint_every_steps", self.checkpoint_every_steps,
          "a checkpoint whenever so many steps are done; 0: by time alone");
    visit("checkpoint_every_minutes", self.checkpoint_every_minutes,
          "a checkpoint at the latest after so many minutes; 0: by steps "
          "alone");
    visit("keep_checkpoints", self.keep_checkpoints,
          "so many of the newest checkpoints stay, at least 1");
    visit("keep_every_steps", self.keep_every_steps,
          "checkpoints at multiples of so many steps stay too; 0: none");
    visit("stop_signals", self.stop_signals,
          "signals that save and end the run with exit status 75");
    visit("time_limit", self.time_limit,
          "minutes after which the run saves and ends with exit status 75; 0: "
          "none. The end of a SLURM job counts too");
    visit("on_nonfinite", self.on_nonfinite,
          "a step whose loss or gradient is not finite: stop the run, or skip "
          "the step; nothing changes in either case");
    visit("max_nonfinite", self.max_nonfinite,
          "steps that on_nonfinite: skip may leave out in a run");
  }
  void check(Problems& problems) const;
};

/// Where a run's weights come from.
struct InitOptions {
  std::string weights;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("weights", self.weights,
          "continued pretraining: another run's folder or its "
          "export/full.safetensors, for student, teacher and center; empty: "
          "random weights");
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
          "others, each greater than 0; empty: every image once");
    visit("volume_weights", self.volume_weights,
          "share of each list in the volumes of an epoch, likewise");
    visit("batch_size_2d", self.batch_size_2d,
          "images of a step, over all processes, at least 1");
    visit("batch_size_3d", self.batch_size_3d,
          "volumes of a step, over all processes, at least 1");
    visit("workers", self.workers,
          "threads that prepare each kind's batches, in [0, 1024]; 0: "
          "prepared while training waits");
    visit("queue_batches", self.queue_batches,
          "batches of each kind that are prepared ahead, in [1, 1024]");
    visit("spacing", self.spacing,
          "mm (D, H, W) that volumes are resampled to, each greater than 0; "
          "null keeps the file's");
    visit("samples_per_volume", self.samples_per_volume,
          "samples an epoch takes from each volume, at least 1");
    visit("cache", self.cache,
          "folder for decoded images and volumes, shared by runs; empty: "
          "'cache' beside the run's folder");
    visit("cache_gib", self.cache_gib,
          "largest size of the cache, of images and volumes each, GiB; .inf: "
          "no limit");
    visit("on_error", self.on_error,
          "what files that cannot be decoded do: stop the run before "
          "training, or be left out");
    visit("max_bad", self.max_bad,
          "files of each kind that on_error: skip may leave out, at least 0");
    visit("image_transforms", self.image_transforms, "augmentation of images");
    visit("volume_transforms", self.volume_transforms,
          "augmentation of volumes");
  }
  void check(Problems& problems) const;
};

/// Everything a pretraining run follows from. A file states only what differs.
struct PretrainConfig {
  RunOptions run;
  InitOptions init;
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

}  // namespace unimiss::train

template <>
struct unimiss::EnumNames<unimiss::train::Preset> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::Preset::kPaper, "paper"},
      std::pair{unimiss::train::Preset::kOfficial, "official"}};
};

template <>
struct unimiss::EnumNames<unimiss::train::OnNonFinite> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::OnNonFinite::kStop, "stop"},
      std::pair{unimiss::train::OnNonFinite::kSkip, "skip"}};
};
