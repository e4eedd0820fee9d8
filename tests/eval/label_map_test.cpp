#include "eval/label_map.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <limits>

#include "eval/score_grids.h"

namespace unimiss::eval {
namespace {

torch::Tensor exclusive_label_map(const torch::Tensor& scores,
                                  const Sizes& size, const Scales& scale) {
  return exclusive_labels(on_grid(scores, size, scale));
}

torch::Tensor structure_map(const torch::Tensor& scores, const Sizes& size,
                            const Scales& scale) {
  return structure_bits(on_grid(scores, size, scale));
}

TEST(LabelMap, TakesTheLargestInterpolatedScore) {
  at::manual_seed(1);
  for (const Grids& g : score_grids()) {
    for (const int64_t classes : {1, 2, 5}) {
      const torch::Tensor scores = random_scores(classes, g.scores);
      const torch::Tensor map = exclusive_label_map(scores, g.size, g.scale);
      EXPECT_EQ(map.scalar_type(), torch::kShort);
      EXPECT_TRUE(at::equal(
          map, interpolated(scores, g.size, g.scale).argmax(0).to(map)))
          << scores.sizes() << " to " << map.sizes();
    }
  }
}

TEST(LabelMap, StructuresAreBitsWhereTheirScoreIsPositive) {
  at::manual_seed(2);
  for (const Grids& g : score_grids()) {
    for (const int64_t structures : {1, 3, 15}) {
      const torch::Tensor scores = random_scores(structures, g.scores);
      const torch::Tensor map = structure_map(scores, g.size, g.scale);
      EXPECT_EQ(map.scalar_type(), torch::kShort);
      const torch::Tensor expected = interpolated(scores, g.size, g.scale) > 0;
      for (int64_t k = 0; k < structures; ++k) {
        const torch::Tensor bit = map.bitwise_and(int64_t{1} << k) != 0;
        EXPECT_TRUE(at::equal(bit, expected[k]))
            << scores.sizes() << " to " << map.sizes();
      }
      EXPECT_LT(map.max().item<int64_t>(), int64_t{1} << structures);
      EXPECT_GE(map.min().item<int64_t>(), 0);
    }
  }
}

TEST(LabelMap, ReadsScoresOfAnyStrides) {
  at::manual_seed(3);
  const torch::Tensor scores = at::randn({6, 5, 7, 3});
  for (const torch::Tensor& strided :
       {scores.movedim(3, 0), scores.permute({2, 0, 3, 1}),
        scores.slice(0, 1, 4).slice(2, 2, 6)}) {
    EXPECT_TRUE(
        at::equal(exclusive_label_map(strided, {8, 9, 10}, {0.6, 0.7, 0.4}),
                  exclusive_label_map(strided.contiguous(), {8, 9, 10},
                                      {0.6, 0.7, 0.4})));
  }
}

TEST(LabelMap, OfEqualScoresTheFirstClassWins) {
  const torch::Tensor scores =
      at::tensor({0.0F, -1.0F, 2.0F, 2.0F, 0.0F, -1.0F}).view({3, 1, 2});
  EXPECT_TRUE(at::equal(exclusive_label_map(scores, {1, 2}, {1, 1}),
                        at::tensor({1, 1}).to(torch::kShort).view({1, 2})));
  EXPECT_TRUE(
      at::equal(exclusive_label_map(at::zeros({3, 2, 2}), {4, 4}, {0.5, 0.5}),
                at::zeros({4, 4}, torch::kShort)));
  // A logit of 0 is no structure.
  EXPECT_TRUE(at::equal(structure_map(at::zeros({3, 2, 2}), {4, 4}, {0.5, 0.5}),
                        at::zeros({4, 4}, torch::kShort)));
}

TEST(LabelMap, AScoreThatIsNoNumberIsNotTheLargest) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  // Places (columns) of two classes (rows).
  const torch::Tensor scores =
      at::tensor({nan, 1.0F, nan, -infinity, 0.0F,  //
                  -5.0F, nan, nan, -infinity, infinity})
          .view({2, 1, 5});
  EXPECT_TRUE(
      at::equal(exclusive_label_map(scores, {1, 5}, {1, 1}),
                at::tensor({1, 0, 0, 0, 1}).to(torch::kShort).view({1, 5})));
}

TEST(LabelMap, StructuresMayHaveAnotherThreshold) {
  const torch::Tensor scores =
      at::tensor({0.4F, 0.6F, 0.9F, 0.5F}).view({2, 2});
  EXPECT_TRUE(at::equal(structure_bits(scores, 0.5F),
                        at::tensor({2, 1}).to(torch::kShort)));
}

TEST(LabelMap, RefusesWhatCannotBe) {
  const torch::Tensor scores = at::zeros({2, 3, 3});
  EXPECT_THROW(exclusive_labels(scores.to(torch::kDouble)), c10::Error);
  EXPECT_THROW(exclusive_labels(at::zeros({0, 3, 3})), c10::Error);
  EXPECT_THROW(structure_bits(at::zeros({16, 3, 3})), c10::Error);
}

}  // namespace
}  // namespace unimiss::eval
