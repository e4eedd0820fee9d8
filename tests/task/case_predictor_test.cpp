#include "task/case_predictor.h"

#include <gmock/gmock.h>

#include <limits>
#include <stdexcept>

#include "testing/toy_task.h"
#include "unimiss/core/error.h"
#include "unimiss/eval/decision.h"

namespace unimiss::task {
namespace {

using augment::TargetKind;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using unimiss::testing::toy_spec;
using unimiss::testing::toy_task;
using unimiss::testing::ToyCase;

/// What the network says of a case that is one window.
torch::Tensor scores_of(Task& task, const ToyCase& one) {
  return task.scores(one.voxels.image.squeeze(1).unsqueeze(0) /
                     augment::kIntensitySteps)[0];
}

TEST(CasePredictor, OneWindowIsWhatTheNetworkSays) {
  const ToyCase one;
  const auto labels = toy_task(toy_spec(TargetKind::kLabelMap));
  EXPECT_TRUE(predict_map(*labels, {one.voxels, one.own})[0].equal(
      scores_of(*labels, one).argmax(0).to(torch::kShort)));
  const auto bits = toy_task(toy_spec(TargetKind::kStructures));
  const torch::Tensor there = scores_of(*bits, one) > 0;
  EXPECT_TRUE(predict_map(*bits, {one.voxels, one.own})[0].equal(
      (there[0] + 2 * there[1] + 4 * there[2]).to(torch::kShort)));
  const auto classes = toy_task(toy_spec(TargetKind::kClass));
  const torch::Tensor p = scores_of(*classes, one);
  EXPECT_THAT(predict_classes(*classes, {one.voxels, {}}),
              ElementsAre(DoubleNear(p[0].item<double>(), 1e-6),
                          DoubleNear(p[1].item<double>(), 1e-6),
                          DoubleNear(p[2].item<double>(), 1e-6)));
}

TEST(CasePredictor, ShowsTheProbabilitiesOfItsMap) {
  const ToyCase one(80, 101);  // several windows
  const auto task = toy_task(toy_spec(TargetKind::kLabelMap));
  NetworkCase seen(one.voxels, one.own);
  torch::Tensor shown;
  seen.take = [&](int64_t z, const torch::Tensor& probabilities) {
    EXPECT_EQ(z, 0);
    shown = probabilities.clone();
  };
  const torch::Tensor map = predict_map(*task, seen);
  EXPECT_EQ(map.sizes(), (std::vector<int64_t>{1, 80, 101}));
  ASSERT_EQ(shown.sizes(), (std::vector<int64_t>{3, 80, 101}));
  EXPECT_TRUE(at::allclose(shown.sum(0), at::ones({80, 101})));
  EXPECT_TRUE(eval::decided_map(shown, ClassRelation::kExclusive,
                                eval::ScoreKind::kProbabilities)
                  .equal(map[0]));
}

TEST(CasePredictor, AMapLiesOnTheCasesOwnGrid) {
  const ToyCase one;
  const auto task = toy_task(toy_spec(TargetKind::kLabelMap));
  NetworkCase seen(one.voxels, one.own);
  const torch::Tensor plain = predict_map(*task, seen);
  // Twice as fine a grid: voxel i lies at (i + 1/2) / 2 - 1/2.
  seen.size = {1, 128, 128};
  seen.scale = {1, 0.5, 0.5};
  const torch::Tensor fine = predict_map(*task, seen);
  EXPECT_EQ(fine.sizes(), (std::vector<int64_t>{1, 128, 128}));
  const auto same = fine.slice(1, 0, 128, 2).slice(2, 0, 128, 2).eq(plain);
  EXPECT_GT(same.to(torch::kFloat).mean().item<float>(), 0.7F);
}

TEST(CasePredictor, AsksBeforeEveryWindow) {
  const ToyCase large(64, 160);
  const auto task = toy_task(toy_spec(TargetKind::kClass));
  NetworkCase seen(large.voxels, {});
  int asked = 0;
  seen.stop = [&] {
    if (++asked == 3) throw std::runtime_error("stop");
  };
  EXPECT_THROW(predict_classes(*task, seen), std::runtime_error);
  EXPECT_EQ(asked, 3);
}

TEST(CasePredictor, NumbersThatAreLostAreNoBackground) {
  const ToyCase one;
  const auto task = toy_task(toy_spec(TargetKind::kLabelMap));
  {
    const torch::NoGradGuard no_grad;
    task->module().parameters().front().fill_(
        std::numeric_limits<float>::quiet_NaN());
  }
  EXPECT_THROW(predict_map(*task, {one.voxels, one.own}), RunError);
}

}  // namespace
}  // namespace unimiss::task
