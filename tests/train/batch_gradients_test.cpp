#include "unimiss/train/batch_gradients.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>
#include <torch/nn/modules/linear.h>

#include "testing/ranks.h"
#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

using ::testing::Each;

TEST(BatchGradients, OfOneProcessAddUpOverParts) {
  const torch::nn::Linear network(2, 1);
  BatchGradients gradients(nullptr, *network, {.accumulate = 2}, torch::kCPU);
  EXPECT_EQ(gradients.parts(), 2);
  EXPECT_EQ(gradients.mean().processes(), 1);
  for (int part = 0; part < 2; ++part) {
    gradients.backward(network->weight.sum(), part, 2);
  }
  EXPECT_TRUE(network->weight.grad().equal(at::full({1, 2}, 2.0)));
  torch::Tensor scalar = at::full({}, 3.0);
  gradients.average({&scalar});
  EXPECT_EQ(scalar.item<double>(), 3);
}

TEST(BatchGradients, DISABLED_OfAProcess) {
  const distributed::Communicator all = unimiss::testing::join_ranks();
  at::manual_seed(0);
  const torch::nn::Linear network(2, 1);
  BatchGradients gradients(&all, *network, {.accumulate = 2}, torch::kCPU);
  const double own = 1.0 + static_cast<double>(all.rank());
  const auto loss = [&] { return network->weight.sum() * own; };
  const auto tiny_loss = [&] {
    at::rand({1});  // as drop path does
    return loss();
  };
  at::manual_seed(1);
  gradients.prepare(2, tiny_loss);
  for (int part = 0; part < 2; ++part) gradients.backward(loss(), part, 2);
  EXPECT_TRUE(network->weight.grad().equal(at::full({1, 2}, 3.0)));
  // The bias takes no part: nothing of it is waited for.
  EXPECT_FALSE(network->bias.grad().defined());
  const torch::Tensor drawn = at::rand({1});
  at::manual_seed(1);
  EXPECT_TRUE(at::rand({1}).equal(drawn));
  torch::Tensor scalar = at::full({}, own);
  gradients.average({&scalar});
  EXPECT_EQ(scalar.item<double>(), 1.5);
}

TEST(BatchGradients, OfProcessesAreTheirMeans) {
  EXPECT_THAT(
      unimiss::testing::run_ranks(2, "BatchGradients.DISABLED_OfAProcess"),
      Each(0));
}

TEST(BatchGradients, PartsMustDivideABatch) {
  const auto check = [](int64_t parts) {
    Problems problems;
    check_accumulation({.accumulate = parts}, 6, "data.batch_size", problems);
    return problems.found().size();
  };
  EXPECT_EQ(check(3), 0u);
  EXPECT_EQ(check(4), 1u);
  EXPECT_THROW(validate(GradientOptions{.accumulate = 0}), ConfigError);
}

}  // namespace
}  // namespace unimiss::train
