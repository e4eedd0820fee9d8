#include "unimiss/finetune/config.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "unimiss/data/loader.h"

namespace unimiss::finetune {
namespace {

/// What the network takes and what the data gives.
void check_input(const FinetuneConfig& config, Problems& problems) {
  const bool flat = config.model.dimensions == model::Dimensions::k2d;
  problems.require(config.model.dimensions != model::Dimensions::kBoth,
                   "model.dimensions",
                   "must be 2d or 3d (a task has one kind of input)");
  const auto& size = config.data.size;
  problems.require(
      size.empty() || size.size() == (flat ? 2 : 3), "data.size",
      flat ? "must be [H, W] for images" : "must be [D, H, W] for volumes",
      {"model.dimensions"});
  problems.require(size.empty() || !config.data.spacing, "data.size",
                   "and data.spacing are both given; write one of them",
                   {"data.spacing"});
  problems.require(!flat || !config.data.spacing, "data.spacing",
                   "is of volumes; resize images by data.size",
                   {"model.dimensions"});
  const int64_t per_file = flat ? 3 : 1;
  const int64_t channels =
      flat ? config.model.image_channels : config.model.volume_channels;
  const std::string key =
      flat ? "model.image_channels" : "model.volume_channels";
  const int64_t modalities = config.data.modalities;
  problems.require(
      channels == modalities || channels == modalities * per_file, key,
      "must be " + number_text(modalities) +
          (flat ? " (grey) or " + number_text(modalities * per_file) +
                      " (colour)"
                : "") +
          ", for data.modalities is " + number_text(modalities) + " (is " +
          number_text(channels) + ")",
      {"data.modalities"});
}

void check_classes(const FinetuneConfig& config, Problems& problems) {
  const auto& task = config.task;
  const size_t count = task.classes.size();
  const auto& weights = config.loss.segmentation.class_weights;
  problems.require(weights.empty() || count == 0 || weights.size() == count,
                   "loss.class_weights",
                   "must hold one number for each of task.classes (has " +
                       std::to_string(weights.size()) + " for " +
                       std::to_string(count) + ")",
                   {"task.classes"});
  const augment::Target target = task.target;
  problems.require(target.is_exclusive() || !target.is_segmentation() ||
                       count <= static_cast<size_t>(augment::kMaxStructures),
                   "task.classes",
                   "holds " + std::to_string(count) + " structures (at most " +
                       number_text(augment::kMaxStructures) + " may overlap)",
                   {"task.target"});
}

void check_training(const FinetuneConfig& config, Problems& problems) {
  problems.require(
      config.schedule.warmup_epochs < static_cast<double>(config.run.epochs),
      "schedule.warmup_epochs",
      "must be less than " + number_text(config.run.epochs) +
          ", run.epochs (is " + number_text(config.schedule.warmup_epochs) +
          ")",
      {"run.epochs"});
  train::check_accumulation(config.optimizer, config.data.batch_size,
                            "data.batch_size", problems);
  const auto& frozen = config.init.freeze;
  problems.require(
      std::find(frozen.begin(), frozen.end(), model::NetworkPart::kHead) ==
          frozen.end(),
      "init.freeze",
      "holds the head (which starts at random weights); leave it out");
  const bool mirrors_depth =
      std::find(config.inference.mirror.begin(), config.inference.mirror.end(),
                Axis::kDepth) != config.inference.mirror.end();
  problems.require(
      config.model.dimensions != model::Dimensions::k2d || !mirrors_depth,
      "inference.mirror", "holds depth, which images do not have",
      {"model.dimensions"});
}

void check_lists_given(const DataOptions& data, Problems& problems) {
  problems.require(!data.dataset.empty() || !data.train.empty(), "data.train",
                   "there is nothing to train on (data.dataset is empty too); "
                   "name a list of cases, or a folder in nnU-Net's layout",
                   {"data.dataset"});
  problems.require(data.dataset.empty() || data.train.empty(), "data.dataset",
                   "and data.train are both given; write one of them",
                   {"data.train"});
  problems.require(data.splits.empty() || data.validation_lists.empty(),
                   "data.splits",
                   "and data.validation_lists are both given; write one of "
                   "them",
                   {"data.validation_lists"});
  problems.require(data.split.folds == 0 || data.validation_lists.empty(),
                   "data.folds",
                   "and data.validation_lists are both given; write one of "
                   "them",
                   {"data.validation_lists"});
  problems.require(data.splits.empty() || data.split.label_ratio == 1,
                   "data.label_ratio",
                   "draws from the training cases, which data.splits gives "
                   "already; write one of them",
                   {"data.splits"});
}

}  // namespace

void InitOptions::check(Problems& problems) const {
  problems.require(!weights.empty() || from_scratch, "init.weights",
                   "is empty; name a pretraining's folder or a safetensors "
                   "file, or write init.from_scratch=true",
                   {"init.from_scratch"});
  problems.in_range(min_coverage, between(0, 1), "init.min_coverage");
  problems.distinct(freeze, "init.freeze");
}

void OptimizerOptions::check(Problems& problems) const {
  train::UpdateOptions::check(problems);
  problems.in_range(weight_decay, at_least(0), "optimizer.weight_decay");
  problems.in_range(layer_decay, from_above(0, 1), "optimizer.layer_decay");
  problems.in_range(sgd_momentum, from_below(0, 1), "optimizer.momentum");
}

void DataOptions::check(Problems& problems) const {
  check_lists_given(*this, problems);
  task::CaseOptions::check(problems);
  problems.check_group("data", split);
  problems.in_range(batch_size, between(1, train::kMaximumCount),
                    "data.batch_size");
  problems.in_range(samples_per_epoch, between(0, train::kMaximumCount),
                    "data.samples_per_epoch");
  problems.in_range(foreground, between(0, 1), "data.foreground");
  problems.in_range(workers, between(0, data::kMaxWorkers), "data.workers");
  problems.in_range(queue_batches, between(1, data::kMaxQueueBatches),
                    "data.queue_batches");
  problems.require(cache_gib > 0, "data.cache_gib",
                   "must be greater than 0 (is " + number_text(cache_gib) +
                       "); write .inf for no limit");
  problems.in_range(max_bad, at_least(0), "data.max_bad");
}

void ValidationOptions::check(Problems& problems) const {
  problems.in_range(every_epochs, between(1, train::kMaximumCount),
                    "validation.every_epochs");
  problems.in_range(max_cases, between(0, train::kMaximumCount),
                    "validation.max_cases");
  problems.in_range(patience, between(0, train::kMaximumCount),
                    "validation.patience");
  task::FinalWeightOptions::check(problems);
}

void FinetuneConfig::check(Problems& problems) const {
  run.check(problems);
  task.check(problems);
  init.check(problems);
  model.check(problems);
  loss.check(problems);
  schedule.check(problems);
  optimizer.check(problems);
  data.check(problems);
  problems.check_group("augmentation.spatial", augmentation.spatial);
  problems.check_group("augmentation.intensity", augmentation.intensity);
  validation.check(problems);
  problems.check_group("inference", inference);
  check_input(*this, problems);
  check_classes(*this, problems);
  check_training(*this, problems);
}

task::TaskSpec FinetuneConfig::task_spec(
    const std::vector<std::string>& classes) const {
  return task::spec_of(*this, classes);
}

void check_files(const FinetuneConfig& config, Problems& problems) {
  namespace fs = std::filesystem;
  train::check_list_files(config.data.train, "data.train", problems);
  train::check_list_files(config.data.validation_lists, "data.validation_lists",
                          problems);
  train::check_list_files(config.data.test, "data.test", problems);
  std::error_code ignored;
  const auto& dataset = config.data.dataset;
  problems.require(
      dataset.empty() ||
          fs::is_regular_file(fs::path(dataset) / "dataset.json", ignored),
      "data.dataset",
      "there is no '" + dataset +
          "/dataset.json'; name a folder in nnU-Net's "
          "layout");
  const auto& splits = config.data.splits;
  problems.require(splits.empty() || fs::is_regular_file(splits, ignored),
                   "data.splits", "there is no file '" + splits + "'");
  const auto& weights = config.init.weights;
  // A run that goes on has them in its checkpoint.
  const bool begun =
      fs::exists(fs::path(config.run.output) / "checkpoints", ignored);
  problems.require(weights.empty() || config.init.from_scratch || begun ||
                       fs::exists(weights, ignored),
                   "init.weights",
                   "there is no file or folder '" + weights +
                       "'; check the path, or write init.from_scratch=true");
}

}  // namespace unimiss::finetune
