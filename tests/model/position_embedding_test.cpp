#include "unimiss/model/position_embedding.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::model {
namespace {

/// A table whose rows hold a linear function of the cell's center.
torch::Tensor ramp(const Grid& grid) {
  torch::Tensor values = at::zeros(grid.sizes(), torch::kDouble);
  for (int axis = 0; axis < grid.rank(); ++axis) {
    std::vector<int64_t> shape(grid.rank(), 1);
    shape[axis] = grid[axis];
    values =
        values + (axis + 1) * ((at::arange(grid[axis], torch::kDouble) + 0.5) /
                               static_cast<double>(grid[axis]))
                                  .view(shape);
  }
  const torch::Tensor rows = values.reshape({1, -1, 1});
  return at::cat({at::full({1, 1, 1}, 42.0, torch::kDouble), rows}, 1);
}

TEST(PositionEmbedding, SameGridIsTheTableItself) {
  const torch::Tensor table = at::rand({1, 13, 2});
  const Grid grid(3, 4);
  EXPECT_TRUE(resample_positions(table, grid, grid, PositionRule::kExact)
                  .is_same(table));
}

TEST(PositionEmbedding, ALinearFunctionStaysOneOnAnyGrid) {
  // Interior cells only: at the border neighbours are repeated.
  for (const auto& [from, to] : {std::pair{Grid(12, 16), Grid(20, 24)},
                                 std::pair{Grid(6, 12, 10), Grid(9, 8, 14)}}) {
    const torch::Tensor got =
        resample_positions(ramp(from), from, to, PositionRule::kExact);
    const torch::Tensor want = ramp(to);
    ASSERT_EQ(got.sizes(), want.sizes());
    EXPECT_EQ(got[0][0].item<double>(), 42.0);
    torch::Tensor difference =
        (got - want).slice(1, 1).reshape(to.sizes()).abs();
    for (int axis = 0; axis < to.rank(); ++axis) {
      difference = difference.slice(axis, 3, to[axis] - 3);
    }
    // Bicubic with A = -0.75 reproduces a line to an eighth of a cell.
    EXPECT_LT(difference.max().item<double>(),
              to.rank() == 2 ? 0.125 / 12 : 1e-9)
        << from << " " << to;
  }
}

TEST(PositionEmbedding, TheOfficialRuleShiftsCoordinates) {
  const Grid from(56, 56), to(24, 24);
  const torch::Tensor table = ramp(from);
  const torch::Tensor exact =
      resample_positions(table, from, to, PositionRule::kExact);
  const torch::Tensor official =
      resample_positions(table, from, to, PositionRule::kOfficial);
  // Cell i is read at (i + 0.5) · 56 / 24.1 instead of 56 / 24: towards 0.
  const torch::Tensor shift = (official - exact).slice(1, 1).reshape({24, 24});
  const double expected = (20.5 * 56 / 24.1 - 20.5 * 56 / 24) / 56 * (1 + 2);
  EXPECT_NEAR(shift[20][20].item<double>(), expected, 0.05 * -expected);
}

TEST(PositionEmbedding, ATableOfAnotherGridIsRefused) {
  EXPECT_THROW(resample_positions(at::rand({1, 11, 2}), Grid(3, 4), Grid(6, 8),
                                  PositionRule::kExact),
               c10::Error);
}

}  // namespace
}  // namespace unimiss::model
