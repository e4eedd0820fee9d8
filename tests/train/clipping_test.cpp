#include "unimiss/train/clipping.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <cmath>

#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

TEST(Clipping, TakesEachTensorOrAllTogether) {
  for (const ClipRule rule : {ClipRule::kPerTensor, ClipRule::kGlobal}) {
    // Of norms sqrt(12) and 0.2.
    const std::vector<torch::Tensor> gradients{
        at::ones({4, 3}, torch::kDouble), at::full({4}, 0.1, torch::kDouble)};
    const double global = std::sqrt(12 + 0.04);
    EXPECT_NEAR(clip_gradients(gradients, {0.3, rule}).item<double>(), global,
                1e-9);
    const bool per_tensor = rule == ClipRule::kPerTensor;
    EXPECT_NEAR(gradients[0].norm().item<double>(),
                per_tensor ? 0.3 : 0.3 * std::sqrt(12.0) / global, 1e-5);
    EXPECT_NEAR(gradients[1].norm().item<double>(),
                per_tensor ? 0.2 : 0.3 * 0.2 / global, 1e-5);
  }
}

TEST(Clipping, NoneOnlyMeasures) {
  const std::vector<torch::Tensor> gradients{at::full({4}, 3.0)};
  EXPECT_NEAR(clip_gradients(gradients, {.clip = 0}).item<double>(), 6, 1e-6);
  EXPECT_TRUE(gradients[0].equal(at::full({4}, 3.0)));
  EXPECT_THROW(clip_gradients({}, {}), c10::Error);
}

TEST(Clipping, ANegativeNormIsRefused) {
  EXPECT_THAT([] { validate(ClipOptions{.clip = -1}); },
              ::testing::ThrowsMessage<ConfigError>(
                  ::testing::HasSubstr("optimizer.clip")));
}

}  // namespace
}  // namespace unimiss::train
