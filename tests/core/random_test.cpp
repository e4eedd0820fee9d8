#include "unimiss/core/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace unimiss {
namespace {

TEST(Random, HashesMatchPublishedValues) {
  EXPECT_EQ(fnv1a64(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(fnv1a64("a"), 0xaf63dc4c8601ec8cULL);
  // First output of the reference splitmix64 seeded with 0.
  EXPECT_EQ(splitmix64(0x9e3779b97f4a7c15ULL), 0xe220a8397b1dcdafULL);
}

TEST(Random, IsAFunctionOfItsKey) {
  Random a({7, 1, 2}), b({7, 1, 2}), c({7, 2, 1});
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t bits = a.bits();
    EXPECT_EQ(bits, b.bits());
    differs = differs || bits != c.bits();
  }
  EXPECT_TRUE(differs);
}

TEST(Random, DistributionsHaveTheirMoments) {
  Random random({1});
  constexpr int kDraws = 20000;
  double uniform = 0, normal = 0, square = 0, chance = 0;
  std::array<int, 5> counts{};
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform(2, 4);
    ASSERT_GE(u, 2);
    ASSERT_LT(u, 4);
    uniform += u;
    const double n = random.normal();
    normal += n;
    square += n * n;
    chance += random.chance(0.25);
    ++counts[random.integer(5)];
  }
  EXPECT_NEAR(uniform / kDraws, 3, 0.02);
  EXPECT_NEAR(normal / kDraws, 0, 0.03);
  EXPECT_NEAR(square / kDraws, 1, 0.05);
  EXPECT_NEAR(chance / kDraws, 0.25, 0.02);
  for (int count : counts) EXPECT_NEAR(count, kDraws / 5.0, 300);
}

TEST(Random, AForkIsTheStreamOfTheLongerKey) {
  Random parent({3, 4});
  parent.bits();
  Random fork = parent.fork(9), longer({3, 4, 9}), other = parent.fork(8);
  for (int i = 0; i < 5; ++i) {
    const uint64_t bits = longer.bits();
    EXPECT_EQ(fork.bits(), bits);
    EXPECT_NE(other.bits(), bits);
  }
}

}  // namespace
}  // namespace unimiss
