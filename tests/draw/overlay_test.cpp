#include "unimiss/draw/overlay.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "draw/legend.h"

namespace unimiss::draw {
namespace {

TEST(Overlay, ShowsTheSliceWithMostLabels) {
  torch::Tensor map = at::zeros({5, 3, 3}, torch::kShort);
  EXPECT_EQ(fullest_slice(map), 2);
  map[1][0][0] = 4;
  map[4].slice(0, 0, 2).fill_(1);
  EXPECT_EQ(fullest_slice(map), 4);
}

TEST(Overlay, MasksAreHalfTransparentInTheirColors) {
  torch::Tensor image = at::full({3, 1, 4}, 0.5F);
  const torch::Tensor left = at::tensor({1, 1, 0, 0}).to(torch::kBool);
  const torch::Tensor both = at::tensor({0, 1, 1, 0}).to(torch::kBool);
  overlay_masks(image, {left.view({1, 4}), both.view({1, 4})});
  for (int64_t c = 0; c < 3; ++c) {
    const float first = 0.25F + 0.5F * static_cast<float>(class_color(0)[c]);
    const auto second = static_cast<float>(class_color(1)[c]);
    EXPECT_FLOAT_EQ(image[c][0][0].item<float>(), first);
    // A later mask lies over an earlier one.
    EXPECT_FLOAT_EQ(image[c][0][1].item<float>(), 0.5F * first + 0.5F * second);
    EXPECT_FLOAT_EQ(image[c][0][2].item<float>(), 0.25F + 0.5F * second);
    EXPECT_EQ(image[c][0][3].item<float>(), 0.5F);
  }
}

TEST(Overlay, ALegendLiesBelowThePicture) {
  const torch::Tensor picture = at::full({3, 20, 300}, 7, torch::kByte);
  const torch::Tensor with = with_legend(picture, {"left", "right"});
  EXPECT_EQ(with.size(2), 300);
  EXPECT_GT(with.size(1), 20);
  EXPECT_TRUE(with.slice(1, 0, 20).equal(picture));
  EXPECT_FALSE(with.slice(1, 20).equal(
      with_legend(picture, {"left"}).slice(1, 20, with.size(1))));
}

}  // namespace
}  // namespace unimiss::draw
