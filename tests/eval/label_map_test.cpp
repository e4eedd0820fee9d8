#include "unimiss/eval/label_map.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "unimiss/eval/score_slices.h"

namespace unimiss::eval {
namespace {

using Sizes = std::vector<int64_t>;
using Scales = std::vector<double>;

/// Voxel i of a result as a matrix row of weights of the scores' voxels.
torch::Tensor interpolation_matrix(int64_t extent, int64_t size, double scale) {
  torch::Tensor matrix = at::zeros({size, extent}, torch::kDouble);
  for (int64_t i = 0; i < size; ++i) {
    double at = (static_cast<double>(i) + 0.5) * scale - 0.5;
    at = std::min(std::max(at, 0.0), static_cast<double>(extent - 1));
    for (int64_t j = 0; j < extent; ++j) {
      const double distance = std::abs(at - static_cast<double>(j));
      if (distance < 1) matrix[i][j] = 1 - distance;
    }
  }
  return matrix;
}

/// Scores [K, size] by the definition.
torch::Tensor interpolated(const torch::Tensor& scores, const Sizes& size,
                           const Scales& scale) {
  torch::Tensor result = scores.to(torch::kDouble);
  for (size_t i = 0; i < size.size(); ++i) {
    const auto axis = static_cast<int64_t>(i) + 1;
    const torch::Tensor matrix =
        interpolation_matrix(scores.size(axis), size[i], scale[i]);
    result = at::matmul(result.movedim(axis, -1), matrix.t()).movedim(-1, axis);
  }
  return result;
}

struct Grids {
  Sizes scores, size;
  Scales scale;
};

std::vector<Grids> grids() {
  return {{{5, 7}, {9, 4}, {0.55, 1.75}},
          {{6, 6}, {6, 6}, {1.05, 0.95}},  // equal extents, other spacing
          {{6, 6}, {6, 6}, {1, 1}},
          {{1, 4}, {3, 1}, {0.3, 4}},
          {{4, 5, 6}, {9, 5, 11}, {0.44, 1, 0.5}},
          {{4, 5, 6}, {4, 10, 6}, {1, 0.5, 1}},
          {{8, 8, 8}, {3, 3, 3}, {2.7, 2.7, 2.7}},
          {{3, 3, 3}, {4, 4, 4}, {5, 5, 5}},  // reaches past the scores
          {{1, 1, 1}, {2, 2, 2}, {0.5, 0.5, 0.5}}};
}

torch::Tensor random_scores(int64_t classes, const Sizes& size) {
  Sizes shape{classes};
  shape.insert(shape.end(), size.begin(), size.end());
  return at::randn(shape);
}

/// Scores [K, (D,) H, W] on another grid, from slabs of so many slices.
torch::Tensor on_grid(const torch::Tensor& scores, const Sizes& size,
                      const Scales& scale, int64_t slab = 100) {
  const bool flat = size.size() == 2;
  const torch::Tensor volumes = flat ? scores.unsqueeze(1) : scores;
  std::array<int64_t, 3> sizes{1, 1, 1};
  std::array<double, 3> scales{1, 1, 1};
  std::copy(size.begin(), size.end(), sizes.end() - size.size());
  std::copy(scale.begin(), scale.end(), scales.end() - scale.size());
  int64_t given = 0;
  const auto next = [&] {
    torch::Tensor slices = volumes.slice(1, given, given + slab);
    given += slab;
    return slices;
  };
  ScoreSlices slices(next, volumes.size(1), sizes, scales);
  std::vector<torch::Tensor> all;
  for (int64_t z = 0; z < sizes[0]; ++z) all.push_back(slices.next());
  return flat ? all.front() : at::stack(all, 1);
}

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
  for (const Grids& g : grids()) {
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
  for (const Grids& g : grids()) {
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

TEST(LabelMap, SlabsOfAnyDepthGiveTheSameScores) {
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

TEST(LabelMap, StructuresMayHaveAnotherThreshold) {
  const torch::Tensor scores =
      at::tensor({0.4F, 0.6F, 0.9F, 0.5F}).view({2, 2});
  EXPECT_TRUE(at::equal(structure_bits(scores, 0.5F),
                        at::tensor({2, 1}).to(torch::kShort)));
}

TEST(LabelMap, RefusesWhatCannotBe) {
  const torch::Tensor scores = at::zeros({2, 3, 3});
  EXPECT_THROW(on_grid(scores, {3, 0}, {1, 1}), c10::Error);
  EXPECT_THROW(on_grid(scores, {3, 3}, {1, 0}), c10::Error);
  EXPECT_THROW(on_grid(scores, {3, 3}, {1, std::nan("")}), c10::Error);
  EXPECT_THROW(on_grid(scores.to(torch::kDouble), {3, 3}, {1, 1}), c10::Error);
  EXPECT_THROW(exclusive_labels(scores.to(torch::kDouble)), c10::Error);
  EXPECT_THROW(exclusive_labels(at::zeros({0, 3, 3})), c10::Error);
  EXPECT_THROW(structure_bits(at::zeros({16, 3, 3})), c10::Error);
}

}  // namespace
}  // namespace unimiss::eval
