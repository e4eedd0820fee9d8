#include "unimiss/task/segmentation_loss.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

namespace unimiss::task {
namespace {

double value(const torch::Tensor& tensor) { return tensor.item<double>(); }

/// Logits [B, K, 2, 2] in double, and labels of them.
struct Sample {
  torch::Tensor logits = at::randn({2, 3, 2, 2}, torch::kDouble);
  torch::Tensor labels =
      at::tensor({0, 1, 2, 1, 0, 0, 1, 0}, torch::kLong).view({2, 2, 2});
};

TEST(SegmentationLoss, IsCrossEntropyAndDiceOfTheForeground) {
  at::manual_seed(1);
  const Sample s;
  const auto p = at::softmax(s.logits, 1);
  double entropy = 0;
  for (int b = 0; b < 2; ++b) {
    for (int i = 0; i < 4; ++i) {
      const auto label = s.labels[b].flatten()[i].item<int64_t>();
      entropy -= std::log(value(p[b][label].flatten()[i])) / 8;
    }
  }
  SegmentationLossOptions options;
  options.dice_weight = 0;
  EXPECT_NEAR(value(segmentation_loss(s.logits, s.labels, options)), entropy,
              1e-12);

  for (const DiceScope scope : {DiceScope::kBatch, DiceScope::kSample}) {
    double dice = 0;
    const int groups = scope == DiceScope::kBatch ? 1 : 2;
    for (int group = 0; group < groups; ++group) {
      for (int k = 1; k < 3; ++k) {
        double both = 0, all = 0;
        for (int b = 0; b < 2; ++b) {
          if (groups == 2 && b != group) continue;
          const auto g = (s.labels[b] == k).to(torch::kDouble);
          both += value((p[b][k] * g).sum());
          all += value(p[b][k].sum() + g.sum());
        }
        dice += (2 * both + 1e-5) / (all + 1e-5) / (2 * groups);
      }
    }
    options = {};
    options.cross_entropy_weight = 0;
    options.dice_scope = scope;
    EXPECT_NEAR(value(segmentation_loss(s.logits, s.labels, options)), 1 - dice,
                1e-9);
  }
}

TEST(SegmentationLoss, OverlappingStructuresAreEachTheirOwn) {
  at::manual_seed(2);
  const torch::Tensor logits = at::randn({1, 2, 3, 3}, torch::kDouble);
  const torch::Tensor target = at::randint(2, {1, 2, 3, 3});
  SegmentationLossOptions options;
  options.relation = ClassRelation::kOverlapping;
  options.class_weights = {1, 3};
  const auto p = at::sigmoid(logits);
  const auto g = target.to(torch::kDouble);
  const auto each = -(g * p.log() + (1 - g) * (1 - p).log());
  const double entropy = value((each[0][0].sum() + 3 * each[0][1].sum()) / 18);
  double dice = 0;
  for (int k = 0; k < 2; ++k) {
    dice += value((2 * (p[0][k] * g[0][k]).sum() + 1e-5) /
                  (p[0][k].sum() + g[0][k].sum() + 1e-5)) /
            2;
  }
  EXPECT_NEAR(value(segmentation_loss(logits, target, options)),
              entropy + 1 - dice, 1e-9);
}

TEST(SegmentationLoss, IsSmallForARightAnswerAndLargeForAWrongOne) {
  const torch::Tensor labels =
      at::tensor({0, 1, 1, 0}, torch::kLong).view({1, 2, 2});
  const auto right =
      20 * (2 * at::one_hot(labels, 2).movedim(-1, 1).to(torch::kFloat) - 1);
  EXPECT_NEAR(value(segmentation_loss(right, labels, {})), 0, 1e-4);
  EXPECT_GT(value(segmentation_loss(-right, labels, {})), 20);
  // Neither there nor predicted: nothing to complain of.
  const auto none = at::zeros({1, 2, 2}, torch::kLong);
  const auto background =
      at::tensor({50.0, -50.0}).view({1, 2, 1, 1}).expand({1, 2, 2, 2});
  EXPECT_NEAR(value(segmentation_loss(background, none, {})), 0, 1e-6);
}

TEST(SegmentationLoss, HalfPrecisionIsSummedInFull) {
  const torch::Tensor labels = at::randint(2, {1, 40, 64, 64});
  const auto logits = at::randn({1, 2, 40, 64, 64});
  const double full = value(segmentation_loss(logits, labels, {}));
  const auto half = segmentation_loss(logits.to(torch::kHalf), labels, {});
  EXPECT_EQ(half.scalar_type(), torch::kFloat);
  EXPECT_NEAR(value(half), full, 1e-3);
}

TEST(SegmentationLoss, DeepSupervisionWeighsAllButTheCoarsest) {
  at::manual_seed(3);
  const torch::Tensor labels = at::randint(3, {1, 4, 8, 8});
  const std::vector<torch::Tensor> logits{
      at::randn({1, 3, 4, 8, 8}), at::randn({1, 3, 4, 4, 4}),
      at::randn({1, 3, 2, 2, 2}), at::randn({1, 3, 1, 1, 1})};
  // The nearest of two places is the one at 2 i + 1 (their centres are at
  // equal distance, and the rule rounds up).
  const auto half = labels.slice(2, 1, 8, 2).slice(3, 1, 8, 2);
  const auto quarter =
      labels.slice(1, 1, 4, 2).slice(2, 2, 8, 4).slice(3, 2, 8, 4);
  const double expected =
      (value(segmentation_loss(logits[0], labels, {})) +
       value(segmentation_loss(logits[1], half, {})) / 2 +
       value(segmentation_loss(logits[2], quarter, {})) / 4) /
      1.75;
  EXPECT_NEAR(value(deep_supervision_loss(logits, labels, {})), expected, 1e-5);
  EXPECT_NEAR(value(deep_supervision_loss({logits[0]}, labels, {})),
              value(segmentation_loss(logits[0], labels, {})), 1e-6);
}

TEST(SegmentationLoss, GradientsAreThoseOfFiniteDifferences) {
  at::manual_seed(4);
  for (const auto relation :
       {ClassRelation::kExclusive, ClassRelation::kOverlapping}) {
    SegmentationLossOptions options;
    options.relation = relation;
    torch::Tensor logits =
        at::randn({1, 3, 2, 2}, torch::kDouble).requires_grad_();
    const torch::Tensor target = relation == ClassRelation::kExclusive
                                     ? at::randint(3, {1, 2, 2})
                                     : at::randint(2, {1, 3, 2, 2});
    segmentation_loss(logits, target, options).backward();
    torch::NoGradGuard no_grad;
    for (int64_t i = 0; i < logits.numel(); ++i) {
      const auto moved = [&](double by) {
        torch::Tensor other = logits.detach().clone();
        other.view(-1)[i] += by;
        return value(segmentation_loss(other, target, options));
      };
      EXPECT_NEAR(logits.grad().view(-1)[i].item<double>(),
                  (moved(1e-5) - moved(-1e-5)) / 2e-5, 1e-8);
    }
  }
}

}  // namespace
}  // namespace unimiss::task
