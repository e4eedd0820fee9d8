#include "unimiss/eval/score_slices.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

#include "eval/score_grids.h"

namespace unimiss::eval {
namespace {

TEST(ScoreSlices, AreInterpolatedLinearly) {
  at::manual_seed(1);
  for (const Grids& g : score_grids()) {
    const torch::Tensor scores = random_scores(2, g.scores);
    const torch::Tensor expected = interpolated(scores, g.size, g.scale);
    const torch::Tensor found = on_grid(scores, g.size, g.scale);
    EXPECT_TRUE(at::allclose(found.to(torch::kDouble), expected, 1e-5, 1e-5))
        << scores.sizes() << " to " << expected.sizes();
  }
}

TEST(ScoreSlices, OfTheSameGridAreTheScores) {
  at::manual_seed(2);
  const torch::Tensor scores = at::randn({2, 3, 4, 5});
  EXPECT_TRUE(at::equal(on_grid(scores, {3, 4, 5}, {1, 1, 1}, 2), scores));
}

TEST(ScoreSlices, SlabsOfAnyDepthGiveTheSameScores) {
  at::manual_seed(4);
  const torch::Tensor scores = at::randn({2, 9, 4, 5});
  for (const auto& [depth, scale] :
       std::vector<std::pair<int64_t, double>>{{23, 0.4}, {9, 1}, {4, 2.3}}) {
    const Sizes size{depth, 6, 5};
    const Scales scales{scale, 0.7, 1};
    const torch::Tensor whole = on_grid(scores, size, scales);
    for (const int64_t slab : {1, 2, 4}) {
      EXPECT_TRUE(at::equal(on_grid(scores, size, scales, slab), whole));
    }
  }
}

TEST(ScoreSlices, RefuseWhatCannotBe) {
  const torch::Tensor scores = at::zeros({2, 3, 3});
  EXPECT_THROW(on_grid(scores, {3, 0}, {1, 1}), c10::Error);
  EXPECT_THROW(on_grid(scores, {3, 3}, {1, 0}), c10::Error);
  EXPECT_THROW(on_grid(scores, {3, 3}, {1, std::nan("")}), c10::Error);
  EXPECT_THROW(on_grid(scores.to(torch::kDouble), {3, 3}, {1, 1}), c10::Error);
  // More slices than there are.
  ScoreSlices slices([&] { return scores.unsqueeze(1); }, 1, {1, 3, 3},
                     {1, 1, 1});
  slices.next();
  EXPECT_THROW(slices.next(), c10::Error);
}

}  // namespace
}  // namespace unimiss::eval
