#include "unimiss/draw/figure.h"

#include <gtest/gtest.h>

namespace unimiss::draw {
namespace {

/// The number of pixels of exactly this colour in part of a canvas.
int64_t count(const torch::Tensor& canvas, int red, int green, int blue) {
  const auto color =
      torch::tensor({red, green, blue}, torch::kUInt8).view({3, 1, 1});
  return (canvas == color).all(0).sum().item<int64_t>();
}

TEST(Figure, TilesKeepTheirPlaceColorAndShape) {
  const auto red = torch::zeros({3, 40, 20});
  red[0].fill_(1.0);
  const auto gray = torch::full({8, 8}, 100, torch::kUInt8);
  const auto canvas = tile_images({{red, "red"}, {gray, "grey"}, {gray, "x"}},
                                  {.columns = 2, .tile_size = 64});
  ASSERT_EQ(canvas.size(2), 2 * 64 + 3 * 12);
  const auto left = canvas.narrow(2, 0, 82);
  EXPECT_EQ(count(left, 255, 0, 0), 64 * 32);
  EXPECT_EQ(count(left, 100, 100, 100), 64 * 64);  // the second row
  EXPECT_EQ(count(canvas.narrow(2, 82, 82), 100, 100, 100), 64 * 64);
  EXPECT_EQ(count(canvas.narrow(2, 82, 82), 255, 0, 0), 0);
}

TEST(Figure, RejectsWhatIsNoTile) {
  for (const auto& bad : {torch::zeros({2, 8, 8}), torch::zeros({8}),
                          torch::zeros({3, 0, 8}), torch::Tensor()}) {
    EXPECT_THROW(tile_images({{bad, ""}}, {}), c10::Error);
  }
}

TEST(Figure, StacksOnWhite) {
  const auto narrow = torch::zeros({3, 2, 4}, torch::kUInt8);
  const auto wide = torch::full({3, 3, 6}, 7, torch::kUInt8);
  const auto stack = stack_vertically({narrow, wide});
  ASSERT_EQ(stack.sizes(), (std::vector<int64_t>{3, 5, 6}));
  EXPECT_EQ(count(stack, 0, 0, 0), 8);
  EXPECT_EQ(count(stack, 7, 7, 7), 18);
  EXPECT_EQ(count(stack, 255, 255, 255), 4);
}

}  // namespace
}  // namespace unimiss::draw
