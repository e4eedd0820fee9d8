#include "task/classification.h"

#include <gmock/gmock.h>

#include "testing/toy_task.h"

namespace unimiss::task {
namespace {

using augment::TargetKind;
using unimiss::testing::toy_spec;
using unimiss::testing::toy_task;

TEST(Classification, ScoresAreProbabilities) {
  const torch::Tensor input = at::randn({2, 1, 64, 64});
  const auto one = toy_task(toy_spec(TargetKind::kClass));
  const auto any = toy_task(toy_spec(TargetKind::kClasses));
  const torch::Tensor exclusive = one->scores(input);
  const torch::Tensor free = any->scores(input);
  EXPECT_EQ(exclusive.sizes(), (std::vector<int64_t>{2, 3}));
  EXPECT_FALSE(exclusive.requires_grad());
  EXPECT_TRUE(at::allclose(exclusive.sum(1), at::ones({2})));
  // The same weights: a softmax of the logits that the others are sigmoids of.
  EXPECT_TRUE(at::allclose(exclusive, at::softmax(at::logit(free), 1), 1e-4));
  EXPECT_EQ(one->has_decoder(), model::HasDecoder::kNo);
}

TEST(Classification, LossIsTheCrossEntropyOfTheScores) {
  const torch::Tensor input = at::randn({2, 1, 64, 64});
  const auto one = toy_task(toy_spec(TargetKind::kClass));
  const torch::Tensor p = one->scores(input);
  const torch::Tensor label = at::tensor({2, 0}, torch::kLong);
  EXPECT_NEAR(one->loss(input, label).item<double>(),
              -(p[0][2].log() + p[1][0].log()).item<double>() / 2, 1e-5);

  LossOptions options;
  options.label_smoothing = 0.2;
  const auto any = toy_task(toy_spec(TargetKind::kClasses), options);
  const torch::Tensor q = any->scores(input);
  const torch::Tensor labels = at::tensor({1.F, 0.F, 1.F, 0.F, 0.F, 1.F});
  const torch::Tensor wanted = 0.8 * labels.view({2, 3}) + 0.1;
  const torch::Tensor expected =
      -(wanted * q.log() + (1 - wanted) * (1 - q).log()).mean();
  EXPECT_NEAR(any->loss(input, labels.view({2, 3})).item<double>(),
              expected.item<double>(), 1e-5);
}

TEST(Classification, NeedsNoFilesOfAReference) {
  const auto task = toy_task(toy_spec(TargetKind::kClass));
  const augment::Case absent{"a", {"no such file.png"}, {}, {1}, ""};
  const data::CaseReference reference = task->read_reference(absent);
  EXPECT_FALSE(reference.map.defined());
  EXPECT_FALSE(reference.grid.voxels.defined());
}

}  // namespace
}  // namespace unimiss::task
