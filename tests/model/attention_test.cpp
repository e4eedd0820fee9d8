#include "unimiss/model/attention.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

namespace unimiss::model {
namespace {

AttentionOptions toy_attention(int64_t reduction) {
  AttentionOptions options;
  options.channels = 8;
  options.heads = 2;
  options.reduction = reduction;
  return options;
}

TEST(Attention, WithoutReductionIsTheTextbooks) {
  torch::NoGradGuard no_grad;
  at::manual_seed(2);
  Attention attention(toy_attention(1));
  attention->to(torch::kDouble);
  const torch::Tensor x = at::randn({2, 5, 8}, torch::kDouble);
  const auto weights = attention->named_parameters();
  const auto project = [&](const std::string& name, const torch::Tensor& of) {
    const torch::Tensor* bias = weights.find(name + ".bias");
    const torch::Tensor product = of.matmul(weights[name + ".weight"].t());
    return bias == nullptr ? product : product + *bias;
  };
  const auto by_head = [](const torch::Tensor& of) {
    return of.view({2, 5, 2, 4}).transpose(1, 2);
  };
  const auto kv = project("kv", x).chunk(2, -1);
  const torch::Tensor scores =
      by_head(project("q", x)).matmul(by_head(kv[0]).transpose(-1, -2)) /
      std::sqrt(4.0);
  const torch::Tensor mixed = scores.softmax(-1).matmul(by_head(kv[1]));
  const torch::Tensor expected =
      project("proj", mixed.transpose(1, 2).reshape({2, 5, 8}));
  const torch::Tensor found =
      attention->forward(x, Grid{1, 5}, TokenScope::kAll);
  EXPECT_TRUE(found.allclose(expected, 1e-9, 1e-9));
}

TEST(Attention, TheClassTokenAloneIsThatOfAll) {
  torch::NoGradGuard no_grad;
  for (const Grid& grid : {Grid{4, 6}, Grid{2, 4, 4}}) {
    Attention attention(toy_attention(2));
    attention->to(torch::kDouble);
    const torch::Tensor x = at::randn({2, 1 + grid.cells(), 8}, torch::kDouble);
    const torch::Tensor all = attention->forward(x, grid, TokenScope::kAll);
    EXPECT_EQ(all.sizes(), x.sizes());
    const torch::Tensor one =
        attention->forward(x, grid, TokenScope::kClassToken);
    EXPECT_EQ(one.sizes(), (std::vector<int64_t>{2, 1, 8}));
    EXPECT_TRUE(one.allclose(all.slice(1, 0, 1), 1e-9, 1e-9));
  }
}

TEST(Attention, AGridThatCannotBeReducedIsRefused) {
  Attention attention(toy_attention(4));
  EXPECT_THROW(attention->forward(at::zeros({1, 1 + 6, 8}), Grid{2, 3},
                                  TokenScope::kAll),
               c10::Error);
}

TEST(Attention, MapsAndTokensAreTheSame) {
  const Grid grid{2, 3, 4};
  const torch::Tensor tokens = at::randn({2, 24, 5});
  const torch::Tensor map = tokens_to_map(tokens, grid);
  EXPECT_EQ(map.sizes(), (std::vector<int64_t>{2, 5, 2, 3, 4}));
  EXPECT_TRUE(map_to_tokens(map).equal(tokens));
}

}  // namespace
}  // namespace unimiss::model
