#include "unimiss/eval/decision.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::eval {
namespace {

constexpr auto kExclusive = ClassRelation::kExclusive;
constexpr auto kOverlapping = ClassRelation::kOverlapping;

/// Of two places: classes 0 to 2, or structures.
torch::Tensor probabilities_of_places() {
  return at::tensor({0.2F, 0.4F, 0.55F, 0.3F, 0.25F, 0.3F}).view({3, 1, 2});
}

torch::Tensor map(int64_t first, int64_t second) {
  return at::tensor({first, second}).to(torch::kShort).view({1, 2});
}

TEST(Decision, OfPlacesIsTheSameByProbabilitiesAndLogits) {
  const torch::Tensor probabilities = probabilities_of_places();
  const torch::Tensor logits = at::logit(probabilities);
  for (const auto& [scores, kind] :
       {std::pair{probabilities, ScoreKind::kProbabilities},
        std::pair{logits, ScoreKind::kLogits}}) {
    EXPECT_TRUE(at::equal(decided_map(scores, kExclusive, kind), map(1, 0)));
    EXPECT_TRUE(at::equal(decided_map(scores, kOverlapping, kind), map(2, 0)));
  }
}

TEST(Decision, OfACaseIsTheFirstLargestOrAllAboveAHalf) {
  using Classes = std::vector<int64_t>;
  EXPECT_EQ(decided_classes({0.2, 0.4, 0.4}, kExclusive), Classes{1});
  EXPECT_EQ(decided_classes({0.6, 0.5, 0.7}, kOverlapping), (Classes{0, 2}));
  EXPECT_EQ(decided_classes({0.5, 0.1}, kOverlapping), Classes{});
}

TEST(Decision, OfCasesIsThatOfEach) {
  const std::vector<std::vector<double>> rows{
      {0.2, 0.4, 0.4}, {0.6, 0.5, 0.7}, {0.1, 0.1, 0.1}};
  for (const ClassRelation relation : {kExclusive, kOverlapping}) {
    torch::Tensor probabilities = at::empty({3, 3}, torch::kDouble);
    torch::Tensor expected = at::zeros({3, 3}, torch::kBool);
    for (int64_t i = 0; i < 3; ++i) {
      probabilities[i] = at::tensor(rows[i], torch::kDouble);
      for (const int64_t k : decided_classes(rows[i], relation)) {
        expected[i][k] = true;
      }
    }
    EXPECT_TRUE(at::equal(decided_classes(probabilities, relation), expected));
    // Whatever the strides.
    EXPECT_TRUE(
        at::equal(decided_classes(probabilities.t().contiguous().t(), relation),
                  expected));
  }
}

}  // namespace
}  // namespace unimiss::eval
