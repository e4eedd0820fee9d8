#include "unimiss/ssl/projection_head.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::ssl {
namespace {

torch::Tensor leaf(const torch::Tensor& tensor) {
  return tensor.detach().clone().requires_grad_(true);
}

TEST(ProjectionHead, WeightNormLinearEqualsTheStoredWeight) {
  const torch::Tensor x = at::randn({6, 5}, torch::kDouble);
  const torch::Tensor v = at::randn({11, 5}, torch::kDouble);
  const torch::Tensor g = at::rand({11, 1}, torch::kDouble) + 0.5;
  const torch::Tensor pull = at::randn({6, 11}, torch::kDouble);

  const torch::Tensor x1 = leaf(x), v1 = leaf(v), x2 = leaf(x), v2 = leaf(v);
  const torch::Tensor got = weight_norm_linear(x1, v1, g);
  const torch::Tensor want = at::linear(x2, at::_weight_norm(v2, g, 0));
  EXPECT_TRUE(at::allclose(got, want, 1e-12, 1e-12));
  (got * pull).sum().backward();
  (want * pull).sum().backward();
  EXPECT_TRUE(at::allclose(x1.grad(), x2.grad(), 1e-10, 1e-12));
  EXPECT_TRUE(at::allclose(v1.grad(), v2.grad(), 1e-10, 1e-12));
}

TEST(ProjectionHead, EmbeddingsAreUnitVectorsAndTheGainIsNotTrained) {
  ProjectionHead head(4, ProjectionHeadOptions{8, 6, 10});
  const torch::Tensor embedding = head->embed(at::randn({3, 4}));
  EXPECT_TRUE(at::allclose(embedding.norm(2, 1), at::ones({3})));
  EXPECT_EQ(head->logits(embedding).sizes(), (std::vector<int64_t>{3, 10}));
  EXPECT_FALSE(head->last_layer_g.requires_grad());
  EXPECT_TRUE(head->last_layer_v.requires_grad());
}

TEST(ProjectionHead, AZeroFeatureStaysFinite) {
  ProjectionHead head(4, ProjectionHeadOptions{8, 6, 10});
  EXPECT_TRUE(at::isfinite(head->embed(at::zeros({2, 4}))).all().item<bool>());
}

}  // namespace
}  // namespace unimiss::ssl
