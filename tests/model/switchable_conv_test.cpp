#include "unimiss/model/switchable_conv.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::model {
namespace {

SwitchableConvOptions toy_conv() {
  SwitchableConvOptions options;
  options.in_channels_2d = 3;
  options.in_channels_3d = 2;
  options.out_channels = 4;
  options.kernel = {3, 3, 3};
  options.stride = {1, 2, 2};
  options.padding = {1, 1, 1};
  options.bias = ConvBias::kLearned;
  return options;
}

torch::Tensor parameter(SwitchableConv& conv, const std::string& name) {
  return conv->named_parameters()[name];
}

TEST(SwitchableConv, TheInputPicksTheWeights) {
  torch::NoGradGuard no_grad;
  SwitchableConv conv(toy_conv());
  const torch::Tensor image = at::randn({2, 3, 6, 8});
  EXPECT_TRUE(conv->forward(image).allclose(
      at::conv2d(image, parameter(conv, "weight_2d"),
                 parameter(conv, "bias_2d"), {2, 2}, {1, 1}),
      1e-4, 1e-5));
  const torch::Tensor volume = at::randn({1, 2, 3, 6, 8});
  EXPECT_TRUE(conv->forward(volume).allclose(
      at::conv3d(volume, parameter(conv, "weight_3d"),
                 parameter(conv, "bias_3d"), {1, 2, 2}, {1, 1, 1}),
      1e-4, 1e-5));
}

TEST(SwitchableConv, AGrayImageCountsAsItsRepetition) {
  torch::NoGradGuard no_grad;
  SwitchableConv conv(toy_conv());
  const torch::Tensor gray = at::randn({2, 1, 6, 8});
  EXPECT_TRUE(conv->forward(gray).allclose(
      conv->forward(gray.repeat({1, 3, 1, 1})), 1e-4, 1e-5));
}

TEST(SwitchableConv, ANormFollowsWithItsOwnAffinePair) {
  torch::NoGradGuard no_grad;
  SwitchableConvOptions options = toy_conv();
  options.norm = ConvNorm::kInstance;
  SwitchableConv conv(options);
  conv->init_kaiming();
  const torch::Tensor map = conv->forward(at::randn({2, 2, 4, 8, 8}));
  const torch::Tensor flat = map.flatten(2);
  EXPECT_LT(flat.mean(-1).abs().max().item<double>(), 1e-4);
  EXPECT_NEAR(flat.var(-1, false).mean().item<double>(), 1, 1e-2);
}

TEST(SwitchableConv, ATransposedOneEnlarges) {
  torch::NoGradGuard no_grad;
  SwitchableConvOptions options = toy_conv();
  options.kind = ConvKind::kTransposed;
  options.kernel = options.stride = {2, 2, 2};
  options.padding = {0, 0, 0};
  SwitchableConv conv(options);
  EXPECT_EQ(conv->forward(at::randn({1, 3, 3, 5})).sizes(),
            (std::vector<int64_t>{1, 4, 6, 10}));
  EXPECT_EQ(conv->forward(at::randn({1, 2, 2, 3, 5})).sizes(),
            (std::vector<int64_t>{1, 4, 4, 6, 10}));
}

TEST(SwitchableConv, HoldsNothingForAnotherKind) {
  for (const Dimensions dimensions : {Dimensions::k2d, Dimensions::k3d}) {
    SwitchableConvOptions options = toy_conv();
    options.dimensions = dimensions;
    SwitchableConv conv(options);
    EXPECT_EQ(conv->parameters().size(), 2u);
    const bool images = dimensions == Dimensions::k2d;
    EXPECT_THROW(conv->forward(images ? at::zeros({1, 2, 4, 8, 8})
                                      : at::zeros({1, 3, 8, 8})),
                 c10::Error);
  }
}

}  // namespace
}  // namespace unimiss::model
