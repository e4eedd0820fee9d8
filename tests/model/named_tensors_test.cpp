#include "unimiss/model/named_tensors.h"

#include <gtest/gtest.h>

#include "testing/batch_norm_network.h"

namespace unimiss::model {
namespace {

using unimiss::testing::BatchNormNetwork;

/// One that has seen a batch.
BatchNormNetwork trained(uint64_t seed) {
  at::manual_seed(seed);
  BatchNormNetwork network;
  network.forward(at::randn({8, 3}));
  return network;
}

TEST(NamedTensors, AreParametersThenBuffers) {
  const BatchNormNetwork network = trained(1);
  const auto tensors = tensors_of(network);
  ASSERT_EQ(tensors.size(), 9u);
  EXPECT_EQ(tensors.front().first, "first.weight");
  EXPECT_EQ(tensors[6].first, "norm.running_mean");
  EXPECT_TRUE(tensors[6].second.is_same(network.norm->running_mean));
  const NamedTensors named = named_tensors(network, "student.");
  EXPECT_EQ(named.size(), 9u);
  EXPECT_EQ(named.at("student.norm.num_batches_tracked").item<int64_t>(), 1);
  // 3·4 + 4, 4 + 4, 4 + 1.
  EXPECT_EQ(parameter_count(network), 29);
  EXPECT_EQ(tensor_bytes(network), 4 * (29 + 8) + 8);
}

TEST(NamedTensors, CountsWhatIsTrained) {
  const BatchNormNetwork network;
  for (auto& parameter : network.first->parameters()) {
    parameter.set_requires_grad(false);
  }
  EXPECT_EQ(trained_parameter_count(network), 13);
  EXPECT_EQ(parameter_count(network), 29);
}

TEST(NamedTensors, ACopyHoldsBuffersToo) {
  const BatchNormNetwork from = trained(1);
  BatchNormNetwork to = trained(2);
  copy_tensors(from, to);
  const NamedTensors copied = named_tensors(to);
  for (const auto& [name, tensor] : named_tensors(from)) {
    EXPECT_TRUE(tensor.equal(copied.at(name))) << name;
  }
}

TEST(NamedTensors, AnAverageTakesBuffersOver) {
  const BatchNormNetwork from = trained(1);
  BatchNormNetwork to = trained(2);
  from.norm->num_batches_tracked.fill_(5);
  const torch::Tensor expected =
      0.75 * to.first->weight + 0.25 * from.first->weight;
  average_tensors(from, to, 0.75);
  EXPECT_TRUE(at::allclose(to.first->weight, expected));
  EXPECT_TRUE(to.norm->running_mean.equal(from.norm->running_mean));
  EXPECT_TRUE(to.norm->running_var.equal(from.norm->running_var));
  EXPECT_EQ(to.norm->num_batches_tracked.item<int64_t>(), 5);
  EXPECT_FALSE(to.first->weight.equal(from.first->weight));
}

TEST(NamedTensors, BuffersCanBePutBack) {
  BatchNormNetwork network = trained(1);
  const torch::Tensor mean = network.norm->running_mean.clone();
  const BufferCopy before(network.buffers());
  network.forward(at::randn({8, 3}));
  EXPECT_FALSE(network.norm->running_mean.equal(mean));
  before.put_back();
  EXPECT_TRUE(network.norm->running_mean.equal(mean));
  EXPECT_EQ(network.norm->num_batches_tracked.item<int64_t>(), 1);
}

}  // namespace
}  // namespace unimiss::model
