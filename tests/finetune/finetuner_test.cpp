#include "unimiss/finetune/finetuner.h"

#include <ATen/Context.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "finetune/preparation.h"
#include "finetune/toy_finetune.h"

namespace unimiss::finetune {
namespace {

using augment::TargetKind;
using testing::toy_batch;
using testing::toy_finetune;

constexpr TargetKind kKinds[] = {TargetKind::kLabelMap, TargetKind::kStructures,
                                 TargetKind::kClass, TargetKind::kClasses};

Finetuner make(const FinetuneConfig& config) {
  at::manual_seed(3);
  return Finetuner(finetuner_options(config, config.task.classes, torch::kCPU));
}

TEST(Finetuner, LearnsABatchOfEveryKindByHeart) {
  for (const TargetKind kind : kKinds) {
    FinetuneConfig config = toy_finetune(kind);
    config.optimizer.lr = 5e-3;
    Finetuner finetuner = make(config);
    const augment::Sample batch = toy_batch(kind, 2);
    const double first =
        finetuner.step(batch, config.optimizer.lr).loss.item<double>();
    double last = first;
    for (int i = 0; i < 25; ++i) {
      last = finetuner.step(batch, config.optimizer.lr).loss.item<double>();
    }
    EXPECT_LT(last, 0.97 * first) << enum_name(kind);
    const torch::Tensor scores = finetuner.network().scores(batch.images[0]);
    EXPECT_EQ(scores.size(1), 3);
    if (kind == TargetKind::kClass) {
      EXPECT_TRUE(at::allclose(scores.sum(1), at::ones({2})));
    }
  }
}

TEST(Finetuner, GoesOnFromItsStateExactly) {
  FinetuneConfig config = toy_finetune(TargetKind::kLabelMap);
  config.validation.average_decay = 0.9;
  config.optimizer.kind = train::OptimizerKind::kSgd;
  Finetuner one = make(config), other = make(config);
  const augment::Sample batch = toy_batch(TargetKind::kLabelMap, 2);
  for (int i = 0; i < 3; ++i) one.step(batch, 1e-2);
  std::map<std::string, torch::Tensor> state;
  for (const auto& [name, tensor] : one.state()) state[name] = tensor.clone();
  other.load_state(state);
  for (int i = 0; i < 2; ++i) {
    const auto a = one.step(batch, 1e-2), b = other.step(batch, 1e-2);
    EXPECT_EQ(a.loss.item<float>(), b.loss.item<float>());
  }
  for (const auto& [name, tensor] : one.state()) {
    EXPECT_TRUE(tensor.equal(other.state().at(name))) << name;
  }
  EXPECT_THROW(make(toy_finetune(TargetKind::kClass)).load_state(state),
               c10::Error);
}

TEST(Finetuner, AStepThatStandsOutChangesNoWeight) {
  FinetuneConfig config = toy_finetune(TargetKind::kClass);
  // Whatever lies above the mean stands out.
  config.optimizer.skip_spikes = 1e-6;
  config.optimizer.spike_window = 10;
  Finetuner finetuner = make(config);
  int spikes = 0;
  for (int step = 0; step < 20; ++step) {
    std::map<std::string, torch::Tensor> before;
    for (const auto& item : finetuner.network().module().named_parameters()) {
      before[item.key()] = item.value().detach().clone();
    }
    const auto report = finetuner.step(toy_batch(TargetKind::kClass, 2), 1e-3);
    const bool spike = report.outcome == train::StepOutcome::kSpike;
    spikes += spike ? 1 : 0;
    bool same = true;
    for (const auto& item : finetuner.network().module().named_parameters()) {
      same = same && item.value().equal(before.at(item.key()));
    }
    EXPECT_EQ(same, spike) << step;
  }
  EXPECT_GT(spikes, 0);
}

TEST(Finetuner, ABatchInPartsIsTheSameStep) {
  // Of a mean over samples; a Dice coefficient of a batch is not one.
  FinetuneConfig config = toy_finetune(TargetKind::kClass);
  config.optimizer.kind = train::OptimizerKind::kSgd;
  Finetuner whole = make(config);
  config.optimizer.accumulate = 4;
  Finetuner parts = make(config);
  const augment::Sample batch = toy_batch(TargetKind::kClass, 4);
  const auto a = whole.step(batch, 0.1), b = parts.step(batch, 0.1);
  EXPECT_NEAR(a.loss.item<double>(), b.loss.item<double>(), 1e-5);
  EXPECT_NEAR(a.grad_norm.item<double>(), b.grad_norm.item<double>(), 1e-4);
  const auto state = parts.state();
  for (const auto& [name, tensor] : whole.state()) {
    EXPECT_TRUE(at::allclose(tensor, state.at(name), 1e-3, 1e-5)) << name;
  }
}

TEST(Finetuner, WhatIsFrozenStaysAndLowerPartsLearnLess) {
  FinetuneConfig config = toy_finetune(TargetKind::kLabelMap);
  config.init.freeze = {model::NetworkPart::kStem,
                        model::NetworkPart::kEncoder2};
  config.optimizer.kind = train::OptimizerKind::kSgd;
  config.optimizer.sgd_momentum = 0;
  config.optimizer.weight_decay = 0;
  config.optimizer.clip = 0;
  Finetuner plain = make(config);
  config.optimizer.layer_decay = 0.5;
  Finetuner decayed = make(config);
  std::map<std::string, torch::Tensor> before;
  for (const auto& item : plain.network().module().named_parameters()) {
    before[item.key()] = item.value().detach().clone();
  }
  const augment::Sample batch = toy_batch(TargetKind::kLabelMap, 2);
  plain.step(batch, 0.1);
  decayed.step(batch, 0.1);
  const auto after = plain.network().module().named_parameters();
  for (const auto& item : decayed.network().module().named_parameters()) {
    const model::NetworkPart part = model::part_of(item.key());
    const torch::Tensor moved = after[item.key()] - before[item.key()];
    const torch::Tensor less = item.value() - before[item.key()];
    const bool frozen = part == model::NetworkPart::kStem ||
                        part == model::NetworkPart::kEncoder2;
    if (frozen) {
      EXPECT_EQ(moved.abs().max().item<float>(), 0) << item.key();
    }
    const double scale =
        std::pow(0.5, model::parts_above(part, model::HasDecoder::kYes));
    EXPECT_TRUE(at::allclose(less, scale * moved, 1e-2, 1e-6)) << item.key();
  }
}

TEST(Finetuner, ALinearProbeTrainsTheHeadAlone) {
  FinetuneConfig config = toy_finetune(TargetKind::kClass);
  config.init.linear_probe = true;
  Finetuner finetuner = make(config);
  for (const auto& item : finetuner.network().module().named_parameters()) {
    EXPECT_EQ(item.value().requires_grad(),
              model::part_of(item.key()) == model::NetworkPart::kHead)
        << item.key();
  }
  finetuner.step(toy_batch(TargetKind::kClass, 2), 1e-2);
}

TEST(Finetuner, TheAverageFollowsTheWeights) {
  FinetuneConfig config = toy_finetune(TargetKind::kClass);
  config.validation.average_decay = 0.5;
  Finetuner finetuner = make(config);
  ASSERT_TRUE(finetuner.average());
  const augment::Sample batch = toy_batch(TargetKind::kClass, 2);
  const auto weights = [](const task::Task& network) {
    return network.module().parameters()[0].detach().clone();
  };
  torch::Tensor expected = weights(finetuner.network());
  for (int updates = 0; updates < 12; ++updates) {
    finetuner.step(batch, 1e-2);
    const double decay = std::min(0.5, (1.0 + updates) / (10.0 + updates));
    expected = decay * expected + (1 - decay) * weights(finetuner.network());
  }
  EXPECT_TRUE(at::allclose(weights(*finetuner.average()), expected, 1e-4));
  EXPECT_FALSE(make(toy_finetune(TargetKind::kClass)).average());
}

TEST(Finetuner, NothingChangesWithALossThatIsNotFinite) {
  Finetuner finetuner = make(toy_finetune(TargetKind::kLabelMap));
  augment::Sample batch = toy_batch(TargetKind::kLabelMap, 2);
  batch.images[0][0][0][0][0] = std::numeric_limits<float>::quiet_NaN();
  std::map<std::string, torch::Tensor> before;
  for (const auto& [name, tensor] : finetuner.state()) {
    before[name] = tensor.clone();
  }
  EXPECT_EQ(finetuner.step(batch, 1e-2).outcome,
            train::StepOutcome::kNonFinite);
  for (const auto& [name, tensor] : finetuner.state()) {
    EXPECT_TRUE(tensor.equal(before.at(name))) << name;
  }
}

}  // namespace
}  // namespace unimiss::finetune
