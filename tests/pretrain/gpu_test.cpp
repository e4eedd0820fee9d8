// What only a GPU can show; skipped where there is none. docs/gpu-checklist.md
// tells how to run it.
#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/ranks.h"
#include "testing/state_difference.h"
#include "testing/toy_network.h"
#include "unimiss/pretrain/pretrainer.h"
#include "unimiss/train/batch_feed.h"
#include "unimiss/train/run_preparation.h"

namespace unimiss::train {
namespace {

using ::testing::Each;
using unimiss::testing::relative_difference;
using unimiss::testing::run_ranks;

class Gpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!at::hasCUDA() || at::getNumGPUs() == 0) GTEST_SKIP() << "no GPU";
  }
};

pretrain::PretrainerOptions options_on(torch::Device device,
                                       Precision precision = Precision::kFp32) {
  pretrain::PretrainerOptions options;
  options.model = unimiss::testing::toy_mit();
  options.head = unimiss::testing::toy_head();
  options.device = device;
  options.precision = precision;
  return options;
}

pretrain::StepPlan plan_of(int step) {
  pretrain::StepPlan plan;
  plan.rank = step % 2 == 0 ? 2 : 3;
  plan.lr = 1e-3;
  plan.weight_decay = 0.04;
  plan.momentum = 0.99;
  plan.teacher_temperature = 0.05;
  return plan;
}

augment::Sample batch_of(int step, int64_t rows = 4) {
  at::manual_seed(100 + step);
  const std::vector<int64_t> shape =
      step % 2 == 0 ? std::vector<int64_t>{rows, 3, 64, 64}
                    : std::vector<int64_t>{rows, 1, 16, 64, 64};
  return {{at::rand(shape), at::rand(shape)}, {}};
}

/// The state after some steps, on the CPU.
std::map<std::string, torch::Tensor> trained(
    const pretrain::PretrainerOptions& options, int steps) {
  at::manual_seed(0);
  pretrain::Pretrainer pretrainer(options);
  for (int step = 0; step < steps; ++step) {
    const auto report = pretrainer.step(batch_of(step), plan_of(step));
    EXPECT_NE(report.outcome, StepOutcome::kNonFinite) << step;
  }
  std::map<std::string, torch::Tensor> state;
  for (const auto& [name, tensor] : pretrainer.state()) {
    state[name] = tensor.detach().cpu().clone();
  }
  return state;
}

TEST_F(Gpu, TakesTheStepsOfACpu) {
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  EXPECT_LT(relative_difference(trained(options_on(torch::kCPU), 4),
                                trained(options_on(torch::kCUDA), 4)),
            1e-4);
}

TEST_F(Gpu, RepeatsToTheBit) {
  set_up_process({}, torch::kCUDA);
  const auto one = trained(options_on(torch::kCUDA), 6);
  const auto other = trained(options_on(torch::kCUDA), 6);
  for (const auto& [name, tensor] : one) {
    EXPECT_TRUE(tensor.equal(other.at(name))) << name;
  }
}

TEST_F(Gpu, TrainsInHalfPrecision) {
  const auto single = trained(options_on(torch::kCUDA), 6);
  for (const Precision precision : {Precision::kFp16, Precision::kBf16}) {
    const auto half = trained(options_on(torch::kCUDA, precision), 6);
    EXPECT_LT(relative_difference(single, half), 0.05);
    EXPECT_GT(relative_difference(single, half), 0);
  }
}

TEST_F(Gpu, CopiesBatchesBesideTheWork) {
  class Rows : public data::Dataset {
   public:
    int64_t size() const override { return 8; }
    augment::Sample sample(int64_t index, Random& /*random*/) const override {
      const auto row = at::full({1, 64, 64}, static_cast<float>(index));
      return {{row}, row + 1};
    }
    std::string source(int64_t /*index*/) const override { return "row"; }
  };
  data::LoaderOptions options;
  options.batch_size = 4;
  options.pin_memory = true;
  data::Loader fed(std::make_shared<Rows>(), options);
  data::Loader plain(std::make_shared<Rows>(), options);
  BatchFeed feed;
  for (int i = 0; i < 8; ++i) {
    const augment::Sample batch = feed.next(fed, torch::kCUDA);
    while (fed.ready() == 0) std::this_thread::yield();
    feed.prefetch(fed, torch::kCUDA);
    EXPECT_EQ(feed.position(fed), i + 1);
    const augment::Sample expected = plain.next();
    EXPECT_TRUE(batch.images[0].is_cuda());
    EXPECT_TRUE(batch.images[0].cpu().equal(expected.images[0])) << i;
    EXPECT_TRUE(batch.target.cpu().equal(expected.target)) << i;
  }
}

TEST(SeveralGpus, DISABLED_Steps) {
  const auto world = distributed::world_from_environment();
  const torch::Device device = choose_device(DeviceChoice::kCuda, world.rank);
  const distributed::Communicator all(world, device, std::chrono::seconds(60));
  for (const Precision precision : {Precision::kFp32, Precision::kFp16}) {
    const auto options = options_on(device, precision);
    at::manual_seed(0);
    pretrain::Pretrainer together(options, &all);
    at::manual_seed(0);
    pretrain::Pretrainer alone(options);
    for (int step = 0; step < 6; ++step) {
      const augment::Sample batch = batch_of(step, 2 * all.size());
      const auto mine = [&](const torch::Tensor& of) {
        return of.chunk(all.size())[all.rank()];
      };
      together.step(augment::map_tensors(batch, mine), plan_of(step));
      alone.step(batch, plan_of(step));
    }
    const double most = precision == Precision::kFp32 ? 1e-4 : 1e-2;
    EXPECT_LT(relative_difference(alone.state(), together.state()), most);
  }
  EXPECT_GT(all.waited(), 0);
}

TEST_F(Gpu, SeveralTakeTheStepsOfOne) {
  const auto gpus = static_cast<int>(at::getNumGPUs());
  if (gpus < 2) GTEST_SKIP() << "SKIPPED: a single GPU";
  EXPECT_THAT(run_ranks(gpus, "SeveralGpus.DISABLED_Steps"), Each(0));
}

}  // namespace
}  // namespace unimiss::train
