#include "unimiss/task/task.h"

#include <gmock/gmock.h>
#include <torch/nn/modules/batchnorm.h>

#include "testing/toy_task.h"

namespace unimiss::task {
namespace {

using augment::TargetKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using unimiss::testing::toy_spec;
using unimiss::testing::toy_task;
using unimiss::testing::ToyCase;

constexpr TargetKind kKinds[] = {TargetKind::kLabelMap, TargetKind::kStructures,
                                 TargetKind::kClass, TargetKind::kClasses};

TEST(Task, OfEveryKindPredictsWhatItIsToTell) {
  for (const augment::Target target : kKinds) {
    const auto task = toy_task(toy_spec(target));
    const ToyCase one;
    const Prediction told = task->predict({one.voxels, one.own});
    if (target.is_segmentation()) {
      EXPECT_EQ(told.map.sizes(), (std::vector<int64_t>{1, 64, 64}));
      EXPECT_EQ(told.map.scalar_type(), torch::kShort);
      EXPECT_THAT(told.probabilities, IsEmpty());
      EXPECT_THAT(task->overlap(told.map, told.map),
                  SizeIs(task->spec().foreground().size()));
    } else {
      EXPECT_FALSE(told.map.defined());
      EXPECT_THAT(told.probabilities, SizeIs(3));
      EXPECT_THAT(task->overlap(told.map, told.map), IsEmpty());
    }
  }
}

TEST(Task, IsMadeAnewFromASeed) {
  const auto weights = [](uint64_t seed) {
    return toy_task(toy_spec(TargetKind::kClass), {}, seed)
        ->module()
        .parameters()[0]
        .clone();
  };
  EXPECT_TRUE(weights(1).equal(weights(1)));
  EXPECT_FALSE(weights(1).equal(weights(2)));
}

TEST(Task, OfficialWeightsAreTheNetworksOwnTensors) {
  for (const augment::Target target : kKinds) {
    const auto task = toy_task(toy_spec(target));
    const auto weights = task->official_weights();
    EXPECT_EQ(weights.size(), task->module().parameters().size());
    const char* last =
        target.is_segmentation() ? "cls_conv.bias" : "head_new.bias";
    ASSERT_TRUE(weights.contains(last)) << target.name();
    const torch::NoGradGuard no_grad;
    weights.at(last).fill_(7);
    EXPECT_TRUE(task->official_weights().at(last).eq(7).all().item<bool>());
  }
}

/// A network with buffers: no backbone of today has any.
class WithBuffers : public Task {
 public:
  WithBuffers() : Task(toy_spec(TargetKind::kClass)) {}
  torch::nn::Module& module() override { return *network_; }
  model::HasDecoder has_decoder() const override {
    return model::HasDecoder::kNo;
  }
  torch::Tensor loss(const torch::Tensor&, const torch::Tensor&,
                     const MeanOverProcesses&) override {
    return {};
  }
  torch::Tensor scores(const torch::Tensor& input) override {
    return network_->forward(input);
  }
  Prediction predict(const NetworkCase&) override { return {}; }
  data::CaseReference read_reference(const augment::Case&) const override {
    return {};
  }
  std::vector<eval::OverlapCounts> overlap(
      const torch::Tensor&, const torch::Tensor&) const override {
    return {};
  }

 private:
  std::string official_name(const std::string& tensor) const override {
    return "official." + tensor;
  }
  torch::nn::BatchNorm1d network_{3};
};

TEST(Task, BuffersAreWeightsToo) {
  WithBuffers task;
  const auto weights = task.official_weights();
  ASSERT_TRUE(weights.contains("official.running_mean"));
  EXPECT_TRUE(weights.contains("official.weight"));
  task.scores(at::full({2, 3}, 5.0F));
  EXPECT_GT(weights.at("official.running_mean").min().item<float>(), 0);
}

TEST(Task, PredictsAsItWasToldLast) {
  const auto task = toy_task(toy_spec(TargetKind::kClass));
  eval::SlidingWindowOptions inference;
  inference.batch = 5;
  task->set_inference(inference, Precision::kBf16);
  EXPECT_EQ(task->spec().inference.batch, 5);
  EXPECT_EQ(task->spec().precision, Precision::kBf16);
  EXPECT_EQ(task->device(), torch::Device(torch::kCPU));
}

TEST(Task, ACaseHasTheSizeOfItsOwnGrid) {
  ToyCase one(80, 101);
  one.own.scale = {1, 2, 3};
  const NetworkCase seen(one.voxels, one.own);
  EXPECT_THAT(seen.size, ElementsAre(1, 80, 101));
  EXPECT_THAT(seen.scale, ElementsAre(1, 2, 3));
  EXPECT_THAT(NetworkCase(one.voxels, {}).size, ElementsAre(0, 0, 0));
}

}  // namespace
}  // namespace unimiss::task
