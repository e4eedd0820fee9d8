// N processes take the steps of one in a fine-tuning: also where the loss of a
// batch is not the mean of those of its shares.
#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "finetune/preparation.h"
#include "finetune/toy_finetune.h"
#include "testing/ranks.h"
#include "unimiss/finetune/finetuner.h"

namespace unimiss::finetune {
namespace {

using augment::TargetKind;
using ::testing::Each;
using unimiss::testing::join_ranks;
using unimiss::testing::run_ranks;
using unimiss::testing::toy_batch;
using unimiss::testing::toy_finetune;

constexpr int64_t kRows = 12;

/// This process's share of each part of a batch.
torch::Tensor share_of(const torch::Tensor& batch, int64_t parts,
                       const distributed::Communicator& all) {
  std::vector<torch::Tensor> shares;
  for (const torch::Tensor& part : batch.chunk(parts)) {
    shares.push_back(part.chunk(all.size())[all.rank()]);
  }
  return at::cat(shares);
}

/// As of the steps of a pretraining.
double difference_after_steps(const FinetuneConfig& config,
                              const distributed::Communicator& all) {
  const auto make = [&](const distributed::Communicator* communicator) {
    at::manual_seed(0);
    auto made = std::make_unique<Finetuner>(
        finetuner_options(config, config.task.classes, torch::kCPU),
        communicator);
    made->network().module().to(torch::kDouble);
    made->restart_average();
    return made;
  };
  const auto together = make(&all), alone = make(nullptr);
  const int64_t parts = config.optimizer.accumulate;
  for (int step = 0; step < 6; ++step) {
    at::manual_seed(100 + step);
    augment::Sample batch = toy_batch(config.task.target, kRows);
    batch.images[0] = batch.images[0].to(torch::kDouble);
    const auto mine = [&](const torch::Tensor& of) {
      return share_of(of, parts, all);
    };
    const auto shared = together->step(augment::map_tensors(batch, mine), 1e-3);
    const auto one = alone->step(batch, 1e-3);
    EXPECT_NEAR(shared.loss.item<double>(), one.loss.item<double>(), 1e-5);
  }
  std::vector<torch::Tensor> ours, theirs;
  const auto state = together->state();
  for (const auto& [name, tensor] : alone->state()) {
    if (!name.starts_with("network.")) continue;
    theirs.push_back(tensor.to(torch::kDouble).flatten());
    ours.push_back(state.at(name).to(torch::kDouble).flatten());
  }
  const torch::Tensor one = at::cat(theirs);
  return ((at::cat(ours) - one).norm() / one.norm()).item<double>();
}

TEST(FinetunerSteps, DISABLED_All) {
  const distributed::Communicator all = join_ranks();
  for (const task::DiceScope scope :
       {task::DiceScope::kBatch, task::DiceScope::kSample}) {
    FinetuneConfig config = toy_finetune(TargetKind::kLabelMap);
    config.loss.segmentation.dice_scope = scope;
    EXPECT_LT(difference_after_steps(config, all), 1e-8);
    config.loss.segmentation.class_weights = {0.1, 1, 3};
    config.optimizer.accumulate = 2;
    EXPECT_LT(difference_after_steps(config, all), 1e-8);
  }
  EXPECT_LT(difference_after_steps(toy_finetune(TargetKind::kStructures), all),
            1e-8);
}

// Losses of classes are computed in single precision.
TEST(FinetunerSteps, DISABLED_OfClasses) {
  const distributed::Communicator all = join_ranks();
  FinetuneConfig config = toy_finetune(TargetKind::kClass);
  EXPECT_LT(difference_after_steps(config, all), 1e-5);
  config.loss.segmentation.class_weights = {0.1, 1, 3};
  config.loss.label_smoothing = 0.1;
  config.optimizer.accumulate = 3;
  EXPECT_LT(difference_after_steps(config, all), 1e-5);
  EXPECT_LT(difference_after_steps(toy_finetune(TargetKind::kClasses), all),
            1e-5);
}

TEST(FinetunerSteps, AreThoseOfOneProcess) {
  for (const int count : {2, 3}) {
    EXPECT_THAT(run_ranks(count, "FinetunerSteps.DISABLED_All"), Each(0));
  }
}

TEST(FinetunerSteps, AreThoseOfOneProcessWithClasses) {
  EXPECT_THAT(run_ranks(2, "FinetunerSteps.DISABLED_OfClasses"), Each(0));
  EXPECT_THAT(run_ranks(4, "FinetunerSteps.DISABLED_OfClasses"), Each(0));
}

}  // namespace
}  // namespace unimiss::finetune
