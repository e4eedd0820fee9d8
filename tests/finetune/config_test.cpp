#include "unimiss/finetune/config.h"

#include <gmock/gmock.h>

#include "finetune/toy_finetune.h"
#include "unimiss/core/error.h"

namespace unimiss::finetune {
namespace {

using augment::TargetKind;
using ::testing::HasSubstr;

/// What is wrong with a configuration after one change.
template <class Change>
std::string problem_after(const Change& change) {
  FinetuneConfig config = testing::toy_finetune(TargetKind::kLabelMap);
  change(config);
  Problems problems;
  config.check(problems);
  std::string text;
  for (const Problem& problem : problems.found()) {
    text += problem.key + ": " + problem.text + "\n";
  }
  return text;
}

TEST(Config, TheToyIsFineAndSoAreItsParts) {
  EXPECT_EQ(problem_after([](FinetuneConfig&) {}), "");
}

TEST(Config, CombinationsThatCannotBeAreToldByTheirKey) {
  const auto expect = [](const auto& change, const char* text) {
    EXPECT_THAT(problem_after(change), HasSubstr(text));
  };
  expect([](FinetuneConfig& c) { c.init.from_scratch = false; },
         "init.weights: is empty");
  expect([](FinetuneConfig& c) { c.data.train.clear(); },
         "data.train: there is nothing to train on");
  expect([](FinetuneConfig& c) { c.data.dataset = "folder"; },
         "data.dataset: and data.train are both given");
  expect(
      [](FinetuneConfig& c) {
        c.data.split.folds = 5;
        c.data.validation_lists = {"val.txt"};
      },
      "data.folds: and data.validation_lists are both given");
  expect(
      [](FinetuneConfig& c) { c.model.dimensions = model::Dimensions::kBoth; },
      "model.dimensions: must be 2d or 3d");
  expect(
      [](FinetuneConfig& c) {
        c.data.size = {16, 64, 64};
      },
      "data.size: must be [H, W]");
  expect(
      [](FinetuneConfig& c) {
        c.data.spacing = {{1, 1, 1}};
      },
      "data.spacing: is of volumes");
  expect([](FinetuneConfig& c) { c.model.image_channels = 2; },
         "model.image_channels: must be 1 (grey) or 3 (colour)");
  expect([](FinetuneConfig& c) { c.task.classes = {"one"}; },
         "task.classes: holds a single name");
  expect([](FinetuneConfig& c) { c.task.classes[2] = "left"; },
         "task.classes[2]: is the same as item [1]");
  expect(
      [](FinetuneConfig& c) {
        c.task.label_values = {0, 255};
      },
      "task.label_values: must hold one value for each");
  expect([](FinetuneConfig& c) { c.loss.segmentation.class_weights = {1}; },
         "loss.class_weights: must hold one number for each");
  expect([](FinetuneConfig& c) { c.optimizer.accumulate = 3; },
         "optimizer.accumulate: must divide data.batch_size");
  expect([](FinetuneConfig& c) { c.optimizer.layer_decay = 0; },
         "optimizer.layer_decay: must be in (0, 1]");
  expect([](FinetuneConfig& c) { c.init.freeze = {model::NetworkPart::kHead}; },
         "init.freeze: holds the head");
  expect([](FinetuneConfig& c) { c.inference.step = 0; },
         "inference.step: must be in (0, 1]");
  expect([](FinetuneConfig& c) { c.inference.mirror = {Axis::kDepth}; },
         "inference.mirror: holds depth");
  expect([](FinetuneConfig& c) { c.data.split.label_ratio = 0; },
         "data.label_ratio: must be in (0, 1]");
  expect([](FinetuneConfig& c) { c.data.foreground = 2; },
         "data.foreground: must be in [0, 1]");
  expect([](FinetuneConfig& c) { c.validation.average_decay = 1; },
         "validation.average_decay: must be in [0, 1)");
  expect([](FinetuneConfig& c) { c.data.normalization.deviation = 0; },
         "data.normalization.deviation: must be greater than 0");
  expect(
      [](FinetuneConfig& c) {
        c.augmentation.spatial.scale = {1, 0.5};
      },
      "augmentation.spatial.scale");
  expect(
      [](FinetuneConfig& c) { c.augmentation.intensity.noise_probability = 2; },
      "augmentation.intensity.noise_probability");
}

}  // namespace
}  // namespace unimiss::finetune
