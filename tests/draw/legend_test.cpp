#include "draw/legend.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::draw {
namespace {

/// Pixels of the colour of class k.
int64_t pixels_of(const torch::Tensor& canvas, int64_t k) {
  const auto color = class_color(k);
  const torch::Tensor wanted =
      at::tensor({color[0], color[1], color[2]}).mul(255).round();
  return canvas.to(torch::kFloat)
      .sub(wanted.view({3, 1, 1}))
      .abs()
      .le(1)
      .all(0)
      .sum()
      .item<int64_t>();
}

TEST(Legend, EachNameHasItsColor) {
  const torch::Tensor canvas = draw_legend({"liver", "tumour"}, 300);
  ASSERT_EQ(canvas.scalar_type(), torch::kUInt8);
  EXPECT_EQ(canvas.size(2), 300);
  EXPECT_GE(pixels_of(canvas, 0), 100);  // squares of 12 x 12
  EXPECT_GE(pixels_of(canvas, 1), 100);
  EXPECT_LT(pixels_of(canvas, 2), 10);
}

TEST(Legend, NamesGoOnInTheNextLine) {
  const std::vector<std::string> names(6, "a long name");
  EXPECT_GT(draw_legend(names, 200).size(1), draw_legend(names, 900).size(1));
}

TEST(Legend, ColorsRepeatAfterTen) {
  EXPECT_EQ(class_color(3), class_color(13));
  EXPECT_NE(class_color(3), class_color(4));
  EXPECT_THROW(class_color(-1), c10::Error);
}

}  // namespace
}  // namespace unimiss::draw
