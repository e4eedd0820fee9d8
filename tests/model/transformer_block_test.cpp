#include "unimiss/model/transformer_block.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::model {
namespace {

TransformerBlockOptions toy_block(double drop_path = 0) {
  TransformerBlockOptions options;
  options.attention.channels = 8;
  options.attention.heads = 2;
  options.attention.reduction = 2;
  options.mlp_ratio = 2;
  options.drop_path = drop_path;
  return options;
}

const Grid kGrid{4, 4};

TEST(TransformerBlock, TheClassTokenAloneIsThatOfAll) {
  torch::NoGradGuard no_grad;
  TransformerBlock block(toy_block());
  block->to(torch::kDouble);
  const torch::Tensor x = at::randn({2, 17, 8}, torch::kDouble);
  const torch::Tensor all = block->forward(x, kGrid);
  EXPECT_EQ(all.sizes(), x.sizes());
  EXPECT_FALSE(all.allclose(x));
  EXPECT_TRUE(block->forward(x, kGrid, TokenScope::kClassToken)
                  .allclose(all.slice(1, 0, 1), 1e-9, 1e-9));
}

/// A branch that is dropped leaves its sample as it was.
TEST(TransformerBlock, BranchesAreDroppedWhileTrainingOnly) {
  torch::NoGradGuard no_grad;
  at::manual_seed(4);
  TransformerBlock block(toy_block(0.5));
  const torch::Tensor x = at::randn({64, 17, 8});
  block->eval();
  EXPECT_TRUE(block->forward(x, kGrid).equal(block->forward(x, kGrid)));
  block->train();
  const torch::Tensor trained = block->forward(x, kGrid);
  const auto untouched = trained.eq(x).flatten(1).all(1).sum().item<int64_t>();
  EXPECT_GT(untouched, 4);  // a quarter of them skip both branches
  EXPECT_LT(untouched, 32);
}

/// What is kept is scaled up, so that its mean stays.
TEST(TransformerBlock, KeptBranchesMakeUpForDroppedOnes) {
  torch::NoGradGuard no_grad;
  at::manual_seed(4);
  TransformerBlock block(toy_block(0.5));
  // Without an MLP's output only the first branch is left.
  block->named_parameters()["fc2.weight"].zero_();
  block->named_parameters()["fc2.bias"].zero_();
  const torch::Tensor x = at::randn({1, 17, 8}).expand({64, 17, 8});
  block->eval();
  const torch::Tensor branch = block->forward(x, kGrid) - x;
  block->train();
  const torch::Tensor dropped = block->forward(x, kGrid) - x;
  for (int64_t i = 0; i < 64; ++i) {
    EXPECT_TRUE(dropped[i].eq(0).all().item<bool>() ||
                dropped[i].allclose(2 * branch[i], 1e-4, 1e-5))
        << i;
  }
}

}  // namespace
}  // namespace unimiss::model
