#include "unimiss/model/init.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "testing/toy_network.h"
#include "unimiss/model/mit.h"

namespace unimiss::model {
namespace {

TEST(Init, TheNormalDistributionIsCut) {
  at::manual_seed(1);
  const torch::Tensor narrow = at::empty({20000});
  truncated_normal(narrow, 0.02);
  EXPECT_NEAR(narrow.std().item<double>(), 0.02, 1e-3);
  EXPECT_NEAR(narrow.mean().item<double>(), 0, 1e-3);
  const torch::Tensor wide = at::empty({20000});
  truncated_normal(wide, 3);
  EXPECT_EQ(wide.max().item<double>(), 2);
  EXPECT_EQ(wide.min().item<double>(), -2);
}

TEST(Init, LinearLayersLoseTheirBiases) {
  torch::nn::Sequential head(torch::nn::Linear(200, 100),
                             torch::nn::Linear(100, 2));
  init_linears(*head);
  for (const auto& item : head->named_parameters()) {
    if (item.key().ends_with("bias")) {
      EXPECT_TRUE(item.value().eq(0).all().item<bool>()) << item.key();
    } else {
      EXPECT_NEAR(item.value().std().item<double>(), 0.02, 5e-3) << item.key();
    }
  }
}

TEST(Init, TheSameSeedGivesTheSameBackbone) {
  Mit one(unimiss::testing::toy_mit()), other(unimiss::testing::toy_mit());
  at::manual_seed(7);
  init_backbone(*one);
  at::manual_seed(7);
  init_backbone(*other);
  const auto found = other->named_parameters();
  for (const auto& item : one->named_parameters()) {
    const bool drawn = item.key().find("embeddings") == std::string::npos &&
                       item.key().find("reduction.bias") == std::string::npos;
    if (!drawn) continue;
    EXPECT_TRUE(found[item.key()].equal(item.value())) << item.key();
  }
  EXPECT_NEAR(one->encoder->class_token.std().item<double>(), 0.02, 0.02);
}

}  // namespace
}  // namespace unimiss::model
