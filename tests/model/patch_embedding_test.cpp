#include "unimiss/model/patch_embedding.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::model {
namespace {

using Sizes = std::vector<int64_t>;

TEST(PatchEmbedding, HalvesEveryExtent) {
  torch::NoGradGuard no_grad;
  PatchEmbedding embedding(Dimensions::kBoth, 4, 6);
  EXPECT_EQ(embedding->forward(at::randn({2, 4, 8, 12})).sizes(),
            (Sizes{2, 6, 4, 6}));
  EXPECT_EQ(embedding->forward(at::randn({2, 4, 4, 8, 12})).sizes(),
            (Sizes{2, 6, 2, 4, 6}));
}

TEST(PatchEmbedding, TheStemKeepsTheDepth) {
  torch::NoGradGuard no_grad;
  Stem stem(Dimensions::kBoth, 3, 1, 4);
  EXPECT_EQ(stem->forward(at::randn({1, 3, 16, 20})).sizes(),
            (Sizes{1, 4, 8, 10}));
  EXPECT_EQ(stem->forward(at::randn({1, 1, 5, 16, 20})).sizes(),
            (Sizes{1, 4, 5, 8, 10}));
}

/// A normed map whose negative values are flattened by the slope.
TEST(PatchEmbedding, NegativeValuesLeak) {
  torch::NoGradGuard no_grad;
  at::manual_seed(1);
  PatchEmbedding embedding(Dimensions::k2d, 4, 6);
  const torch::Tensor map = embedding->forward(at::randn({1, 4, 16, 16}));
  EXPECT_LT(map.min().item<double>(), 0);
  EXPECT_LT(-map.min().item<double>(), 10 * kLeakySlope);
  EXPECT_GT(map.max().item<double>(), 1);
}

TEST(PatchEmbedding, TheDecodersDoublesEveryExtent) {
  torch::NoGradGuard no_grad;
  UpEmbedding embedding(Dimensions::kBoth, 6, 4);
  EXPECT_EQ(embedding->forward(at::randn({1, 6, 4, 5})).sizes(),
            (Sizes{1, 4, 8, 10}));
  EXPECT_EQ(embedding->forward(at::randn({1, 6, 2, 4, 5})).sizes(),
            (Sizes{1, 4, 4, 8, 10}));
}

}  // namespace
}  // namespace unimiss::model
