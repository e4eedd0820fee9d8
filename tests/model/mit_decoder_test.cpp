#include "unimiss/model/mit_decoder.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "testing/toy_network.h"

namespace unimiss::model {
namespace {

using testing::toy_mit;

TEST(MitDecoder, ThePyramidEndsOnTheFirstLevelsGrid) {
  torch::NoGradGuard no_grad;
  MitOptions options = toy_mit();
  MitEncoder encoder(options);
  MitDecoder decoder(options);
  for (const auto& input :
       {at::rand({2, 3, 64, 96}), at::rand({1, 1, 16, 64, 96})}) {
    const EncoderOutput encoded = encoder->forward(input);
    const auto maps = decoder->forward_pyramid(encoded);
    for (int i = 0; i < 3; ++i) {
      const int level = 2 - i;
      const torch::Tensor tokens = maps[i].flatten(2);
      EXPECT_EQ(tokens.size(1), options.widths[level]) << level;
      EXPECT_EQ(tokens.size(2), encoded.grids[level].cells()) << level;
      EXPECT_EQ(maps[i].dim(), input.dim());
    }
    // The last one alone is normalised.
    EXPECT_LT(maps[2].mean(1).abs().max().item<double>(), 1e-4);
    EXPECT_GT(maps[1].mean(1).abs().max().item<double>(), 1e-3);
  }
}

TEST(MitDecoder, TheLastMapIsItsPatchTokens) {
  torch::NoGradGuard no_grad;
  MitEncoder encoder(toy_mit());
  MitDecoder decoder(toy_mit());
  const EncoderOutput encoded = encoder->forward(at::rand({1, 3, 64, 64}));
  const StageOutput out = decoder->forward(encoded, TokenScope::kAll);
  EXPECT_EQ(out.class_token.sizes(), (std::vector<int64_t>{1, 1, 8}));
  EXPECT_TRUE(map_to_tokens(decoder->forward_pyramid(encoded)[2])
                  .allclose(out.patches, 1e-4, 1e-5));
}

TEST(MitDecoder, TakesTheEncodersPatchesAlong) {
  torch::NoGradGuard no_grad;
  MitEncoder encoder(toy_mit());
  MitDecoder decoder(toy_mit());
  EncoderOutput encoded = encoder->forward(at::rand({1, 3, 64, 64}));
  const auto class_token = [&] {
    return decoder->forward(encoded, TokenScope::kClassToken).class_token;
  };
  const torch::Tensor before = class_token();
  for (int level = 0; level < 3; ++level) {
    const torch::Tensor kept = encoded.patches[level];
    encoded.patches[level] = kept + at::randn_like(kept);
    EXPECT_FALSE(class_token().allclose(before, 1e-4, 1e-5)) << level;
    encoded.patches[level] = kept;
  }
  EXPECT_TRUE(class_token().equal(before));
}

}  // namespace
}  // namespace unimiss::model
