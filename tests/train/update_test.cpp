#include "unimiss/train/update.h"

#include <gmock/gmock.h>

#include <cmath>
#include <stdexcept>

#include "testing/batch_norm_network.h"
#include "testing/ranks.h"
#include "unimiss/distributed/agreement.h"

namespace unimiss::train::update_test {
namespace {

using ::testing::Each;
using unimiss::testing::BatchNormNetwork;
using unimiss::testing::join_ranks;
using unimiss::testing::run_ranks;

/// Learns to add up three numbers.
class Adder {
 public:
  explicit Adder(const UpdateOptions& options = {},
                 const UpdateContext& context = {})
      : update_(network_, options, context) {}

  /// Of samples of which the first number is multiplied by `gain`.
  StepOutcome step(const torch::Tensor& x, double gain = 1) {
    const auto attempt = update_.begin();
    const torch::Tensor inputs = x.slice(1, 0, 1).mul(gain);
    const auto loss_of = [&](const torch::Tensor& rows) {
      return (network_.forward(rows) - rows.sum(1, true)).square().mean();
    };
    const torch::Tensor rows = at::cat({inputs, x.slice(1, 1)}, 1);
    update_.prepare(2, [&] { return loss_of(rows.slice(0, 0, 2)); });
    torch::Tensor loss = loss_of(rows);
    update_.backward(loss, 0, 2);
    const torch::Tensor norm = update_.finish(loss);
    const StepOutcome outcome = update_.judge(loss, norm, 2);
    if (outcome == StepOutcome::kUpdated) update_.apply(1e-2, 0.1);
    return outcome;
  }
  /// The same, in one call.
  TakenStep take(const torch::Tensor& x, double gain = 1) {
    const torch::Tensor rows =
        at::cat({x.slice(1, 0, 1).mul(gain), x.slice(1, 1)}, 1);
    const auto loss = [&] {
      return (network_.forward(rows) - rows.sum(1, true)).square().mean();
    };
    return update_.take("sums", loss, 1e-2, 0.1);
  }
  void step_that_throws(const torch::Tensor& x) {
    const auto attempt = update_.begin();
    network_.forward(x).sum().backward();
    throw std::runtime_error("midway");
  }

  model::NamedTensors state() const {
    model::NamedTensors state = model::named_tensors(network_, "network.");
    state.merge(update_.state());
    return state;
  }
  void load_state(const model::NamedTensors& state) {
    update_.load_state(state, model::named_tensors(network_, "network."));
  }
  Update& update() { return update_; }
  BatchNormNetwork& network() { return network_; }

 private:
  BatchNormNetwork network_;
  Update update_;
};

torch::Tensor batch_of(uint64_t step) {
  at::manual_seed(100 + step);
  return at::randn({8, 3});
}

model::NamedTensors copy_of(const model::NamedTensors& state) {
  model::NamedTensors copy;
  for (const auto& [name, tensor] : state) {
    copy[name] = tensor.detach().clone();
  }
  return copy;
}

void expect_same(const model::NamedTensors& one,
                 const model::NamedTensors& other) {
  ASSERT_EQ(one.size(), other.size());
  for (const auto& [name, tensor] : one) {
    EXPECT_TRUE(tensor.equal(other.at(name))) << name;
  }
}

TEST(Update, GoesOnFromItsStateExactly) {
  UpdateOptions options;
  options.skip_spikes = 8;
  Adder one(options), other(options);
  for (int step = 0; step < 3; ++step) one.step(batch_of(step));
  const auto state = copy_of(one.state());
  for (const char* name :
       {"loss_scale", "optimizer.first.weight.exp_avg", "spikes.2",
        "network.norm.running_var", "network.norm.num_batches_tracked"}) {
    EXPECT_TRUE(state.contains(name)) << name;
  }
  other.load_state(state);
  for (int step = 3; step < 6; ++step) {
    one.step(batch_of(step));
    other.step(batch_of(step));
  }
  expect_same(one.state(), other.state());
  EXPECT_EQ(one.network().norm->num_batches_tracked.item<int64_t>(), 6);
}

TEST(Update, AStepThatIsNotFiniteChangesNothing) {
  Adder tried;
  tried.step(batch_of(0));
  const auto before = copy_of(tried.state());
  EXPECT_EQ(tried.step(batch_of(1), NAN), StepOutcome::kNonFinite);
  expect_same(tried.state(), before);
  // Nor does it spoil the next one.
  Adder untouched;
  untouched.load_state(before);
  tried.step(batch_of(2));
  untouched.step(batch_of(2));
  expect_same(tried.state(), untouched.state());
}

TEST(Update, TakesAWholeStepInOneCall) {
  Adder parts, whole;
  whole.load_state(copy_of(parts.state()));
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(parts.step(batch_of(step)), StepOutcome::kUpdated);
    const TakenStep taken = whole.take(batch_of(step));
    EXPECT_EQ(taken.outcome, StepOutcome::kUpdated);
    EXPECT_EQ(taken.record.phase, "sums");
    EXPECT_EQ(taken.record.lr, 1e-2);
    EXPECT_EQ(taken.record.weight_decay, 0.1);
    EXPECT_GT(taken.record.loss, 0);
    EXPECT_GT(taken.record.grad_norm, 0);
  }
  expect_same(whole.state(), parts.state());
  const TakenStep bad = whole.take(batch_of(3), NAN);
  EXPECT_EQ(bad.outcome, StepOutcome::kNonFinite);
  EXPECT_TRUE(std::isnan(bad.record.loss));
  expect_same(whole.state(), parts.state());

  UpdateOptions options;
  options.accumulate = 2;
  Adder divided(options);
  EXPECT_THROW(divided.take(batch_of(0)), c10::Error);
}

TEST(Update, AStepThatThrowsChangesNothing) {
  Adder adder;
  adder.step(batch_of(0));
  const auto before = copy_of(adder.state());
  EXPECT_THROW(adder.step_that_throws(batch_of(1)), std::runtime_error);
  expect_same(adder.state(), before);
  EXPECT_FALSE(adder.network().first->weight.grad().defined());
}

TEST(Update, ASpikeChangesNoWeight) {
  UpdateOptions options;
  // Whatever lies above the mean stands out.
  options.skip_spikes = 1e-6;
  options.spike_window = 10;
  Adder adder(options);
  int spikes = 0;
  for (int step = 0; step < 20; ++step) {
    const auto before = copy_of(model::named_tensors(adder.network()));
    if (adder.step(batch_of(step)) != StepOutcome::kSpike) continue;
    ++spikes;
    expect_same(model::named_tensors(adder.network()), before);
  }
  EXPECT_GT(spikes, 0);
}

TEST(Update, AnOverflowLowersTheScaleAlone) {
  Adder adder({}, {.precision = Precision::kFp16});
  const auto before = copy_of(adder.state());
  const auto attempt = adder.update().begin();
  torch::Tensor loss = adder.network().last->bias.sum() * 1e36;
  adder.update().backward(loss, 0, 2);
  const torch::Tensor norm = adder.update().finish(loss);
  EXPECT_EQ(adder.update().judge(loss, norm, 2), StepOutcome::kOverflow);
  auto after = copy_of(adder.state());
  EXPECT_EQ(after.at("loss_scale")[0].item<double>(), 32768);
  after["loss_scale"] = before.at("loss_scale");
  expect_same(after, before);
}

TEST(Update, TheScaleOfALossIsTakenOutAgain) {
  Adder scaled({}, {.precision = Precision::kFp16}), plain;
  auto state = copy_of(plain.state());
  state["loss_scale"] = at::tensor({65536.0, 3.0}, torch::kDouble);
  scaled.load_state(state);
  scaled.step(batch_of(0));
  plain.step(batch_of(0));
  EXPECT_TRUE(
      scaled.network().first->weight.equal(plain.network().first->weight));
  EXPECT_EQ(scaled.state().at("loss_scale")[1].item<double>(), 4);
}

TEST(Update, AStateOfAnotherTrainingIsRefusedWhole) {
  Adder adder;
  adder.step(batch_of(0));
  const auto before = copy_of(adder.state());
  for (const char* name : {"loss_scale", "network.norm.running_mean"}) {
    auto lacks = before;
    lacks.erase(name);
    EXPECT_THROW(adder.load_state(lacks), c10::Error) << name;
  }
  auto more = before;
  more["network.more"] = at::ones({1});
  EXPECT_THROW(adder.load_state(more), c10::Error);
  expect_same(adder.state(), before);
}

TEST(Update, KnowsTheBytesOfItsState) {
  Adder adder;
  adder.step(batch_of(0));
  int64_t bytes = 0;
  for (const auto& [name, tensor] : adder.update().state()) {
    bytes += static_cast<int64_t>(tensor.nbytes());
  }
  EXPECT_EQ(adder.update().state_bytes(), bytes);
}

TEST(Update, DISABLED_OfAProcess) {
  const distributed::Communicator all = join_ranks();
  at::manual_seed(0);
  Adder adder({}, {.communicator = &all});
  for (int step = 0; step < 3; ++step) {
    adder.step(batch_of(step).chunk(all.size())[all.rank()]);
    distributed::check_same_tensors(all, adder.state(), "after a step");
  }
  Adder taking({}, {.communicator = &all});
  taking.load_state(adder.state());
  const auto share = batch_of(7).chunk(all.size())[all.rank()];
  adder.step(share);
  EXPECT_EQ(taking.take(share).outcome, StepOutcome::kUpdated);
  expect_same(taking.state(), adder.state());
  // The tiny loss that tells what a kind of step reaches does not count.
  EXPECT_EQ(adder.network().norm->num_batches_tracked.item<int64_t>(), 4);
  const auto before = copy_of(adder.state());
  EXPECT_EQ(adder.step(batch_of(3), all.rank() == 1 ? NAN : 1),
            StepOutcome::kNonFinite);
  expect_same(adder.state(), before);
}

TEST(Update, LeavesAllProcessesWithTheSameState) {
  EXPECT_THAT(run_ranks(2, "Update.DISABLED_OfAProcess"), Each(0));
}

}  // namespace
}  // namespace unimiss::train::update_test
