#include "unimiss/model/mit_encoder.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "testing/toy_network.h"

namespace unimiss::model {
namespace {

using testing::toy_mit;

TEST(MitEncoder, EveryLevelHasItsGridAndWidth) {
  torch::NoGradGuard no_grad;
  const MitOptions options = toy_mit();
  MitEncoder encoder(options);
  for (const auto& input :
       {at::rand({2, 3, 64, 96}), at::rand({2, 1, 16, 64, 96})}) {
    const EncoderOutput out = encoder->forward(input);
    const Grid extent = Grid::of_map(input.sizes());
    for (int level = 0; level < 4; ++level) {
      EXPECT_EQ(out.grids[level], MitOptions::level_grid(extent, level));
      EXPECT_EQ(out.patches[level].sizes(),
                (std::vector<int64_t>{2, out.grids[level].cells(),
                                      options.widths[level]}));
    }
    EXPECT_EQ(out.class_token.sizes(), (std::vector<int64_t>{2, 1, 16}));
    EXPECT_EQ(out.stem.size(1), options.stem_width);
    EXPECT_EQ(out.stem.size(-1), 48);
  }
}

TEST(MitEncoder, TheClassTokenIsAnOption) {
  torch::NoGradGuard no_grad;
  MitOptions options = toy_mit();
  options.class_token = ClassToken::kNone;
  MitEncoder encoder(options);
  EXPECT_FALSE(encoder->class_token.defined());
  const EncoderOutput out = encoder->forward(at::rand({1, 3, 64, 64}));
  EXPECT_FALSE(out.class_token.defined());
  EXPECT_EQ(out.patches[0].size(1), out.grids[0].cells());
}

}  // namespace
}  // namespace unimiss::model
