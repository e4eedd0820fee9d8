#include "unimiss/task/saved_network.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "testing/toy_task.h"
#include "unimiss/core/error.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss::task {
namespace {

using augment::TargetKind;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::toy_spec;
using unimiss::testing::toy_task;
using unimiss::testing::write_bytes;

/// As a run stores it, with groups and keys that a prediction does not read.
const std::string kConfig = R"(
run: {output: runs/toy, precision: bf16, of_tomorrow: 1}
task: {target: structures, classes: []}
init: {weights: somewhere}
model: {dimensions: 2d, image_size: 64, image_channels: 1, stem_width: 4,
  encoder_depths: [1, 1, 1, 1], decoder_depths: [1, 1, 1],
  widths: [8, 8, 16, 16], encoder_heads: [1, 2, 2, 2],
  decoder_heads: [2, 2, 1], mlp_ratio: 2}
data: {dataset: nowhere, modalities: 1, size: [80, 72], batch_size: 2}
augmentation: {spatial: {mirror: [height]}, intensity: {}}
validation: {every_epochs: 3, final_weights: last}
inference: {step: 0.75, batch: 4}
)";

/// The folder of a run.
class Exports {
 public:
  Exports() { std::filesystem::create_directories(folder_.file("run/export")); }
  std::string run() const { return folder_.file("run"); }
  std::string file(const std::string& name) const {
    return run() + "/export/" + name + ".safetensors";
  }
  /// Exports the network of a seed; its task.
  std::unique_ptr<Task> save(const std::string& name, uint64_t seed,
                             io::Metadata facts) const {
    auto task = toy_task(toy_spec(TargetKind::kStructures), {}, seed);
    io::save_tensors(file(name), task->official_weights(), facts);
    return task;
  }
  static io::Metadata facts(const std::string& config = kConfig) {
    const auto told = network_facts(config, {"background", "left", "right"});
    return {told.begin(), told.end()};
  }
  static std::string error_of(const std::string& path) {
    return unimiss::testing::error_text<Error>(
        [&] { load_saved_network(path, torch::kCPU); });
  }

 private:
  TemporaryDirectory folder_;
};

TEST(SavedNetwork, OfARunIsWhatItWasTestedWith) {
  const Exports here;
  write_bytes(here.run() + "/config.yaml", kConfig);
  here.save("best", 1, here.facts());
  const auto last = here.save("last", 2, here.facts());
  const SavedNetwork saved = load_saved_network(here.run(), torch::kCPU);
  EXPECT_EQ(saved.file, here.file("last"));
  EXPECT_THAT(saved.digest, HasSubstr(" bytes"));
  const TaskSpec& spec = saved.task->spec();
  EXPECT_EQ(spec.target, TargetKind::kStructures);
  EXPECT_THAT(spec.classes, ElementsAre("background", "left", "right"));
  EXPECT_EQ(spec.rank(), 2);
  EXPECT_THAT(spec.cases.size, ElementsAre(80, 72));
  EXPECT_EQ(spec.inference.step, 0.75);
  EXPECT_EQ(spec.inference.batch, 4);
  EXPECT_THAT(spec.mirrored, ElementsAre(Axis::kHeight));
  EXPECT_EQ(spec.precision, Precision::kBf16);
  const torch::Tensor input = at::randn({1, 1, 64, 64});
  EXPECT_TRUE(saved.task->scores(input).equal(last->scores(input)));
}

TEST(SavedNetwork, AFileIsTakenByItself) {
  const Exports here;
  const auto best = here.save("best", 1, here.facts());
  const SavedNetwork saved = load_saved_network(here.file("best"), torch::kCPU);
  const torch::Tensor input = at::randn({1, 1, 64, 64});
  EXPECT_TRUE(saved.task->scores(input).equal(best->scores(input)));
}

TEST(SavedNetwork, WhatIsNoFinishedFineTuningIsToldApart) {
  const Exports here;
  EXPECT_THAT(here.error_of(here.run() + "/absent"),
              HasSubstr("does not exist"));
  EXPECT_THAT(here.error_of(here.run()), HasSubstr("holds no config.yaml"));
  write_bytes(here.run() + "/config.yaml", kConfig);
  EXPECT_THAT(here.error_of(here.run()), HasSubstr("has not finished"));
  write_bytes(here.file("student"), "");
  EXPECT_THAT(here.error_of(here.run()), HasSubstr("is a pretraining"));
}

TEST(SavedNetwork, AFileMustTellWhatItIs) {
  const Exports here;
  here.save("last", 1, {});
  EXPECT_THAT(here.error_of(here.file("last")),
              HasSubstr("does not tell its config: these are not"));
  auto without_names = here.facts();
  without_names["classes"] = "[]";
  here.save("last", 1, without_names);
  EXPECT_THAT(here.error_of(here.file("last")),
              HasSubstr("tells no names of classes"));
  here.save("last", 1, here.facts("task: {target: volumes}"));
  EXPECT_THAT(here.error_of(here.file("last")),
              AllOf(HasSubstr(here.file("last")), HasSubstr("task.target")));
}

TEST(SavedNetwork, WeightsOfAnotherNetworkAreRefused) {
  const Exports here;
  const auto task = toy_task(toy_spec(TargetKind::kStructures));
  auto weights = task->official_weights();
  io::TensorMap detached;
  for (const auto& [name, tensor] : weights) detached[name] = tensor.detach();
  detached["more"] = at::ones({1});
  io::save_tensors(here.file("more"), detached, here.facts());
  EXPECT_EQ(here.error_of(here.file("more")), "no error");
  detached.erase("cls_conv.bias");
  io::save_tensors(here.file("less"), detached, here.facts());
  EXPECT_THAT(here.error_of(here.file("less")),
              HasSubstr("lacks 'cls_conv.bias'"));
  detached["cls_conv.bias"] = at::ones({4});
  io::save_tensors(here.file("other"), detached, here.facts());
  EXPECT_THAT(here.error_of(here.file("other")), HasSubstr("in another shape"));
}

TEST(SavedNetwork, OnlyNetworksOfOneTaskPredictTogether) {
  std::vector<SavedNetwork> networks(2);
  networks[0] = {"a", "", toy_task(toy_spec(TargetKind::kStructures))};
  networks[1] = {"b", "", toy_task(toy_spec(TargetKind::kStructures), {}, 9)};
  EXPECT_NO_THROW(check_ensemble(networks));
  TaskSpec other = toy_spec(TargetKind::kStructures);
  other.classes.back() = "middle";
  networks[1].task = toy_task(other);
  EXPECT_THROW(check_ensemble(networks), ConfigError);
  networks[1].task = toy_task(toy_spec(TargetKind::kLabelMap));
  EXPECT_THROW(check_ensemble(networks), ConfigError);
}

}  // namespace
}  // namespace unimiss::task
