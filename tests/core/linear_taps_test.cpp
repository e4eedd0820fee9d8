#include "unimiss/core/linear_taps.h"

#include <gtest/gtest.h>

namespace unimiss {
namespace {

TEST(LinearTaps, LieAtTheCentersOfCells) {
  // Six cells to four, 1.5 old ones wide each.
  const LinearTaps taps(6, 4, 1.5);
  EXPECT_EQ(taps.first, (std::vector<int64_t>{0, 1, 3, 4}));
  EXPECT_EQ(taps.second, (std::vector<int64_t>{1, 2, 4, 5}));
  EXPECT_EQ(taps.weight, (std::vector<float>{0.25f, 0.75f, 0.25f, 0.75f}));
}

TEST(LinearTaps, AreClampedToTheFirstAndTheLastCell) {
  const LinearTaps taps(2, 4, 0.5);
  EXPECT_EQ(taps.first, (std::vector<int64_t>{0, 0, 0, 1}));
  EXPECT_EQ(taps.second, (std::vector<int64_t>{1, 1, 1, 1}));
  EXPECT_EQ(taps.weight, (std::vector<float>{0, 0.25f, 0.75f, 0}));
  const LinearTaps one(1, 3, 1.0 / 3);
  EXPECT_EQ(one.second, (std::vector<int64_t>{0, 0, 0}));
}

}  // namespace
}  // namespace unimiss
