#include "unimiss/pretrain/pretrainer.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "testing/toy_network.h"
#include "unimiss/core/error.h"

namespace unimiss::pretrain {
namespace {

PretrainerOptions toy_options() {
  PretrainerOptions options;
  options.model = testing::toy_mit();
  options.head = testing::toy_head();
  return options;
}

StepPlan toy_plan(int rank) {
  StepPlan plan;
  plan.rank = rank;
  plan.lr = 2e-3;
  plan.weight_decay = 0.04;
  plan.momentum = 0.99;
  plan.teacher_temperature = 0.04;
  return plan;
}

augment::Sample toy_batch(int rank) {
  at::manual_seed(11);
  const std::vector<int64_t> shape =
      rank == 2 ? std::vector<int64_t>{2, 3, 64, 64}
                : std::vector<int64_t>{2, 1, 16, 64, 64};
  return {{at::rand(shape), at::rand(shape)}, {}};
}

bool same_state(const Pretrainer& a, const Pretrainer& b) {
  const auto x = a.state(), y = b.state();
  if (x.size() != y.size()) return false;
  for (const auto& [name, tensor] : x) {
    if (!at::equal(tensor, y.at(name))) return false;
  }
  return true;
}

TEST(Pretrainer, BothKindsOfStepsLearnABatchByHeart) {
  for (int rank : {2, 3}) {
    at::manual_seed(1);
    // With a teacher that stands still the targets do, too, once the center
    // has arrived.
    PretrainerOptions options = toy_options();
    options.objective.center_momentum = 0.3;
    StepPlan plan = toy_plan(rank);
    plan.momentum = 1.0;
    Pretrainer pretrainer(options);
    const augment::Sample batch = toy_batch(rank);
    std::vector<double> losses;
    for (int i = 0; i < 20; ++i) {
      const StepReport report = pretrainer.step(batch, plan);
      losses.push_back(report.loss.item<double>());
      const double entropy = report.diagnostics.at(0).second.item<double>();
      EXPECT_GT(entropy, 0);
      EXPECT_LT(entropy, std::log(32.0));
    }
    EXPECT_LT(losses.back(), losses[7]) << rank;
  }
}

TEST(Pretrainer, AStateContinuesExactly) {
  at::manual_seed(1);
  Pretrainer one(toy_options());
  one.step(toy_batch(2), toy_plan(2));
  one.step(toy_batch(3), toy_plan(3));
  at::manual_seed(2);
  Pretrainer other(toy_options());
  EXPECT_FALSE(same_state(one, other));
  other.load_state(one.state());
  EXPECT_TRUE(same_state(one, other));
  for (int rank : {3, 2}) {
    const auto a = one.step(toy_batch(rank), toy_plan(rank));
    const auto b = other.step(toy_batch(rank), toy_plan(rank));
    EXPECT_EQ(a.loss.item<double>(), b.loss.item<double>());
  }
  EXPECT_TRUE(same_state(one, other));
}

TEST(Pretrainer, ALossThatIsNotFiniteChangesNothing) {
  at::manual_seed(1);
  Pretrainer pretrainer(toy_options()), untouched(toy_options());
  untouched.load_state(pretrainer.state());
  augment::Sample batch = toy_batch(2);
  batch.images[0][0][0][0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(pretrainer.step(batch, toy_plan(2)).outcome,
            train::StepOutcome::kNonFinite);
  EXPECT_TRUE(same_state(pretrainer, untouched));
  // Nor does it spoil the next step.
  pretrainer.step(toy_batch(2), toy_plan(2));
  untouched.step(toy_batch(2), toy_plan(2));
  EXPECT_TRUE(same_state(pretrainer, untouched));
}

TEST(Pretrainer, AStateOfAnotherNetworkIsRefusedWhole) {
  Pretrainer pretrainer(toy_options()), other(toy_options());
  other.load_state(pretrainer.state());
  PretrainerOptions wider = toy_options();
  wider.head.prototypes = 64;
  EXPECT_THROW(other.load_state(Pretrainer(wider).state()), c10::Error);
  auto missing = pretrainer.state();
  missing.erase("center");
  EXPECT_THROW(other.load_state(missing), c10::Error);
  EXPECT_TRUE(same_state(pretrainer, other));
}

TEST(Pretrainer, LoadingForgetsMomentsTheStateLacks) {
  Pretrainer fresh(toy_options()), used(toy_options());
  const auto state = fresh.state();
  std::map<std::string, torch::Tensor> kept;
  for (const auto& [name, tensor] : state) kept[name] = tensor.clone();
  used.step(toy_batch(3), toy_plan(3));
  used.load_state(kept);
  EXPECT_TRUE(same_state(fresh, used));
}

TEST(Pretrainer, TheFrozenLastLayerStaysAndIdleWeightsToo) {
  at::manual_seed(1);
  Pretrainer pretrainer(toy_options());
  std::map<std::string, torch::Tensor> before;
  for (const auto& [name, tensor] : pretrainer.state()) {
    before[name] = tensor.clone();
  }
  StepPlan plan = toy_plan(2);
  plan.last_layer_frozen = true;
  pretrainer.step(toy_batch(2), plan);
  for (const auto& [name, tensor] : pretrainer.state()) {
    if (!name.starts_with("student.")) continue;
    const bool still =
        name.ends_with("_3d") || name.find("last_layer") != std::string::npos;
    EXPECT_EQ(at::equal(tensor, before.at(name)), still) << name;
  }
}

TEST(Pretrainer, Bf16StaysCloseToFp32) {
  at::manual_seed(1);
  Pretrainer full(toy_options());
  PretrainerOptions options = toy_options();
  options.precision = Precision::kBf16;
  Pretrainer half(options);
  half.load_state(full.state());
  for (int rank : {2, 3}) {
    const double a =
        full.step(toy_batch(rank), toy_plan(rank)).loss.item<double>();
    const double b =
        half.step(toy_batch(rank), toy_plan(rank)).loss.item<double>();
    EXPECT_NEAR(a, b, 0.05 * a);
    EXPECT_NE(a, b);
  }
}

}  // namespace
}  // namespace unimiss::pretrain
