#include "unimiss/ssl/center.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::ssl {
namespace {

TEST(Center, OncePerStepEveryTermSeesTheOldOne) {
  const torch::Tensor center = at::full({1, 1}, 1.0);
  const CenterPlan plan =
      plan_centers(center, {at::full({1, 1}, 2.0), at::full({1, 1}, 4.0)},
                   CenterRule::kPerStep, 0.9);
  ASSERT_EQ(plan.per_term.size(), 2u);
  EXPECT_EQ(plan.per_term[1].item<double>(), 1.0);
  EXPECT_NEAR(plan.next.item<double>(), 0.9 * 1 + 0.1 * 3, 1e-6);
  EXPECT_EQ(center.item<double>(), 1.0);  // committing is the caller's
}

TEST(Center, PerTermLaterTermsSeeTheMovedOne) {
  const CenterPlan plan = plan_centers(
      at::full({1, 1}, 1.0), {at::full({1, 1}, 2.0), at::full({1, 1}, 4.0)},
      CenterRule::kPerTerm, 0.9);
  EXPECT_NEAR(plan.per_term[0].item<double>(), 1.0, 1e-6);
  EXPECT_NEAR(plan.per_term[1].item<double>(), 1.1, 1e-6);
  EXPECT_NEAR(plan.next.item<double>(), 0.9 * 1.1 + 0.4, 1e-6);
}

}  // namespace
}  // namespace unimiss::ssl
