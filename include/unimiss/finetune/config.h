#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/augment/patch_intensity.h"
#include "unimiss/augment/spatial_transform.h"
#include "unimiss/core/fields.h"
#include "unimiss/data/decoded_cache.h"
#include "unimiss/data/split.h"
#include "unimiss/eval/sliding_window.h"
#include "unimiss/finetune/schedule.h"
#include "unimiss/model/mit_options.h"
#include "unimiss/model/network_part.h"
#include "unimiss/task/final_weights.h"
#include "unimiss/task/loss_options.h"
#include "unimiss/task/task_spec.h"
#include "unimiss/train/run_options.h"
#include "unimiss/train/update.h"

namespace unimiss::finetune {

/// Which network of a pretraining.
enum class PretrainedNetwork { kStudent, kTeacher };

struct InitOptions {
  std::string weights;
  PretrainedNetwork network = PretrainedNetwork::kStudent;
  bool from_scratch = false;
  double min_coverage = 0.9;
  std::vector<model::NetworkPart> freeze;
  bool linear_probe = false;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("weights", self.weights,
          "where the backbone starts: a pretraining's folder, or a safetensors "
          "file with the released weights' names",
          kPath | kMayChange);
    visit("network", self.network, "which network of a pretraining's folder",
          kMayChange);
    visit("from_scratch", self.from_scratch,
          "start from random weights, whatever init.weights says: the twin of "
          "a fine-tuning");
    visit("min_coverage", self.min_coverage,
          "share of the backbone's numbers that the weights must hold, in [0, "
          "1]; less is an error",
          kMayChange);
    visit("freeze", self.freeze, "parts of the network that are not trained");
    visit("linear_probe", self.linear_probe, "train the head alone");
  }
  void check(Problems& problems) const;
};

/// A fine-tuning's learning rate is that of its batch, whatever its size.
struct OptimizerOptions : train::UpdateOptions {
  double weight_decay = 3e-5;
  double layer_decay = 1;

  OptimizerOptions() {
    lr = 1e-4;
    clip = 12;
    clip_rule = train::ClipRule::kGlobal;
  }

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind, "adamw, or sgd with Nesterov momentum");
    visit("lr", self.lr, "peak learning rate, greater than 0");
    visit("weight_decay", self.weight_decay,
          "of weights, not of biases and norms; at least 0");
    visit("layer_decay", self.layer_decay,
          "learning rate of each part of the network relative to the one above "
          "it, in (0, 1]");
    visit("momentum", self.sgd_momentum, "of sgd, in [0, 1)");
    train::UpdateOptions::visit_fields(self, visit);
  }
  void check(Problems& problems) const;
};

struct DataOptions : task::CaseOptions {
  std::string dataset;
  std::vector<std::string> train, validation_lists, test;
  data::SplitOptions split;
  std::string splits;
  int64_t batch_size = 2;
  int64_t samples_per_epoch = 0;
  double foreground = 0.33;
  int64_t workers = 2;
  int64_t queue_batches = 4;
  std::string cache;
  double cache_gib = 500;
  data::OnError on_error = data::OnError::kStop;
  int64_t max_bad = 0;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("dataset", self.dataset,
          "folder in nnU-Net's layout (dataset.json, imagesTr, labelsTr, "
          "imagesTs), instead of lists",
          kPath | kMayChange);
    visit("train", self.train,
          "list of cases with their targets, or several lists",
          kPath | kList | kMayChange);
    visit("validation_lists", self.validation_lists,
          "lists of the cases to validate on; empty: a part of data.train",
          kPath | kList | kMayChange);
    visit("test", self.test,
          "lists of the cases for the test at the end; empty: none",
          kPath | kList | kMayChange);
    data::SplitOptions::visit_fields(self.split, visit);
    visit("splits", self.splits,
          "a splits.json of another run to take over; empty: made anew",
          kPath | kList | kMayChange);
    task::CaseOptions::visit_fields(self, visit);
    visit("batch_size", self.batch_size, "cases of a step, at least 1");
    visit("samples_per_epoch", self.samples_per_epoch,
          "samples that make an epoch; 0: as many as there are training cases");
    visit("foreground", self.foreground,
          "share of a segmentation's samples that are centred on a place of a "
          "random class, in [0, 1]");
    visit("workers", self.workers,
          "threads that prepare batches, in [0, 1024]; 0: prepared while "
          "training waits",
          kMayChange);
    visit("queue_batches", self.queue_batches,
          "batches that are prepared ahead, in [1, 1024]", kMayChange);
    visit("cache", self.cache,
          "folder for decoded cases, shared by runs; empty: 'cache' beside the "
          "run's folder",
          kPath | kMayChange);
    visit("cache_gib", self.cache_gib,
          "largest size of the cache, GiB; .inf: no limit", kMayChange);
    visit("on_error", self.on_error,
          "what cases that cannot be read do: stop the run before training, or "
          "be left out",
          kMayChange);
    visit("max_bad", self.max_bad,
          "training cases that on_error: skip may leave out, at least 0",
          kMayChange);
  }
  void check(Problems& problems) const;
};

struct AugmentationOptions {
  augment::SpatialTransformOptions spatial;
  augment::IntensityTransformOptions intensity;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("spatial", self.spatial,
          "image and target, in one resampling; probabilities lie in [0, 1]");
    visit("intensity", self.intensity, "the image alone, after that");
  }
};

struct ValidationOptions : task::FinalWeightOptions {
  int64_t every_epochs = 1;
  int64_t max_cases = 0;
  int64_t patience = 0;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("every_epochs", self.every_epochs,
          "epochs between two validations, at least 1; the last epoch has one");
    visit("max_cases", self.max_cases,
          "validate on the first so many cases; 0: on all");
    visit("patience", self.patience,
          "validations without a better one after which the run ends; 0: it "
          "does not",
          kMayChange);
    task::FinalWeightOptions::visit_fields(self, visit);
  }
  void check(Problems& problems) const;
};

/// Everything a fine-tuning follows from. A file states only what differs.
struct FinetuneConfig {
  train::RunOptions run{.output = "runs/finetune", .epochs = 100};
  task::TaskOptions task;
  InitOptions init;
  model::MitOptions model = task::volumes_only();
  task::ClassifierOptions classifier;
  task::LossOptions loss;
  ScheduleOptions schedule;
  OptimizerOptions optimizer;
  DataOptions data;
  AugmentationOptions augmentation;
  ValidationOptions validation;
  eval::SlidingWindowOptions inference;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("run", self.run, "the run as a whole");
    visit("task", self.task, "what is to be learnt");
    visit("init", self.init, "where the weights come from");
    visit("model", self.model, "the backbone; its input is the patch");
    visit("classifier", self.classifier, "the head of a classification",
          was("head"));
    visit("loss", self.loss, "what is minimised");
    visit("schedule", self.schedule, "the learning rate over the run");
    visit("optimizer", self.optimizer, "how gradients become updates");
    visit("data", self.data, "what is trained on");
    visit("augmentation", self.augmentation, "how samples are varied");
    visit("validation", self.validation, "how the best weights are found");
    visit("inference", self.inference,
          "how whole cases are predicted from patches");
  }
  /// What is wrong with each group and with their combination; looks at no
  /// files.
  void check(Problems& problems) const;

  /// The part of it that the network's inputs, outputs and predictions follow
  /// from. classes: those of data.dataset where task.classes are empty.
  task::TaskSpec task_spec(const std::vector<std::string>& classes) const;
};

/// The lists and folders that are missing.
void check_files(const FinetuneConfig& config, Problems& problems);

}  // namespace unimiss::finetune

template <>
struct unimiss::EnumNames<unimiss::finetune::PretrainedNetwork> {
  static constexpr std::array kNames{
      std::pair{unimiss::finetune::PretrainedNetwork::kStudent, "student"},
      std::pair{unimiss::finetune::PretrainedNetwork::kTeacher, "teacher"}};
};
