#include "task/segmentation.h"

#include <gmock/gmock.h>

#include "testing/toy_task.h"

namespace unimiss::task {
namespace {

using augment::TargetKind;
using ::testing::SizeIs;
using unimiss::testing::toy_spec;
using unimiss::testing::toy_task;

TEST(Segmentation, ScoresAreLogitsOfEachPlaceWithoutGradient) {
  const auto task = toy_task(toy_spec(TargetKind::kLabelMap));
  const torch::Tensor scores = task->scores(at::randn({2, 1, 64, 64}));
  EXPECT_EQ(scores.sizes(), (std::vector<int64_t>{2, 3, 64, 64}));
  EXPECT_FALSE(scores.requires_grad());
  EXPECT_EQ(task->has_decoder(), model::HasDecoder::kYes);
}

/// The loss of an input with the weights of a seed, where nothing is random.
double loss_of(TargetKind kind, const torch::Tensor& target,
               const LossOptions& options = {}) {
  const auto task = toy_task(toy_spec(kind), options);
  return task->loss(at::ones({2, 1, 64, 64}), target).item<double>();
}

TEST(Segmentation, StructuresAreLearntFromTheirBits) {
  const torch::Tensor bits =
      at::full({2, 64, 64}, 5, torch::kShort);  // the first and the last
  const torch::Tensor channels = at::zeros({2, 3, 64, 64});
  channels.select(1, 0).fill_(1);
  channels.select(1, 2).fill_(1);
  LossOptions options;
  options.deep_supervision = false;
  const auto task = toy_task(toy_spec(TargetKind::kStructures), options);
  const torch::Tensor input = at::ones({2, 1, 64, 64});
  SegmentationLossOptions overlapping;
  overlapping.relation = ClassRelation::kOverlapping;
  const torch::Tensor expected =
      segmentation_loss(task->scores(input), channels, overlapping);
  EXPECT_NEAR(task->loss(input, bits).item<double>(), expected.item<double>(),
              1e-5);
}

TEST(Segmentation, DeepSupervisionCountsCoarserResolutions) {
  const torch::Tensor classes = at::ones({2, 64, 64}, torch::kShort);
  LossOptions alone;
  alone.deep_supervision = false;
  EXPECT_NE(loss_of(TargetKind::kLabelMap, classes),
            loss_of(TargetKind::kLabelMap, classes, alone));
}

TEST(Segmentation, OverlapIsThatOfTheForeground) {
  const torch::Tensor map =
      at::tensor({0, 1, 2, 3}).to(torch::kShort).view({1, 2, 2});
  const auto structures = toy_task(toy_spec(TargetKind::kStructures));
  const auto bits = structures->overlap(map, map);
  ASSERT_THAT(bits, SizeIs(3));
  EXPECT_EQ(bits[0], (eval::OverlapCounts{2, 0, 0, 2}));
  const auto classes = toy_task(toy_spec(TargetKind::kLabelMap))
                           ->overlap(map.clamp_max(2), map.clamp_max(1));
  ASSERT_THAT(classes, SizeIs(2));
  EXPECT_EQ(classes[0], (eval::OverlapCounts{1, 0, 2, 1}));
  EXPECT_EQ(classes[1], (eval::OverlapCounts{0, 2, 0, 2}));
}

}  // namespace
}  // namespace unimiss::task
