#include "unimiss/model/mit.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "testing/error_text.h"
#include "testing/toy_network.h"
#include "unimiss/core/error.h"

namespace unimiss::model {
namespace {

using testing::toy_mit;

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Mit, FeaturesHaveTheFirstStagesWidth) {
  torch::NoGradGuard no_grad;
  Mit mit(toy_mit());
  EXPECT_EQ(mit->forward(at::rand({2, 3, 64, 64})).sizes(),
            (std::vector<int64_t>{2, 8}));
  EXPECT_EQ(mit->forward(at::rand({2, 1, 16, 64, 64})).sizes(),
            (std::vector<int64_t>{2, 8}));
}

TEST(Mit, AGrayImageEqualsItsRepetitionInThreeChannels) {
  torch::NoGradGuard no_grad;
  Mit mit(toy_mit());
  mit->to(torch::kDouble);
  const torch::Tensor gray = at::rand({2, 1, 64, 64}, torch::kDouble);
  EXPECT_LT(largest_difference(mit->forward(gray),
                               mit->forward(gray.repeat({1, 3, 1, 1}))),
            1e-12);
}

TEST(Mit, TheClassTokenAloneEqualsTheWholeDecoders) {
  torch::NoGradGuard no_grad;
  Mit mit(toy_mit());
  mit->to(torch::kDouble);
  const EncoderOutput encoded =
      mit->encode(at::rand({2, 1, 16, 64, 64}, torch::kDouble));
  EXPECT_LT(
      largest_difference(
          mit->decoder->forward(encoded, TokenScope::kAll).class_token,
          mit->decoder->forward(encoded, TokenScope::kClassToken).class_token),
      1e-12);
}

TEST(Mit, OddSizesArePaddedAndDenseOutputsCutBack) {
  torch::NoGradGuard no_grad;
  Mit mit(toy_mit());
  EXPECT_EQ(mit->forward_dense(at::rand({1, 3, 70, 101})).sizes(),
            (std::vector<int64_t>{1, 8, 18, 26}));
  EXPECT_EQ(mit->forward_dense(at::rand({1, 1, 17, 65, 96})).sizes(),
            (std::vector<int64_t>{1, 8, 9, 17, 24}));
  const torch::Tensor padded = pad_to_multiple(at::rand({1, 3, 70, 101}));
  EXPECT_EQ(padded.size(2), 96);
  EXPECT_EQ(padded.size(3), 128);
  EXPECT_EQ(padded[0][0][95][3].item<float>(),
            padded[0][0][69][3].item<float>());
}

TEST(Mit, TooSmallInputsAreRefused) {
  Mit mit(toy_mit());
  EXPECT_THROW(mit->forward(at::rand({1, 3, 63, 64})), c10::Error);
  EXPECT_THROW(mit->forward(at::rand({1, 1, 15, 64, 64})), c10::Error);
}

TEST(Mit, OneKindOnlyHoldsNoParametersOfTheOther) {
  for (const auto& [dimensions, absent] :
       {std::pair{Dimensions::k2d, "_3d"}, std::pair{Dimensions::k3d, "_2d"}}) {
    MitOptions options = toy_mit();
    options.dimensions = dimensions;
    Mit mit(options);
    for (const auto& item : mit->named_parameters()) {
      EXPECT_FALSE(item.key().ends_with(absent)) << item.key();
    }
  }
  MitOptions options = toy_mit();
  options.dimensions = Dimensions::k2d;
  Mit mit(options);
  EXPECT_THROW(mit->forward(at::rand({1, 1, 16, 64, 64})), c10::Error);
}

TEST(Mit, DropPathDropsBranchesWhileTrainingOnly) {
  torch::NoGradGuard no_grad;
  MitOptions options = toy_mit();
  options.drop_path = 0.5;
  Mit mit(options);
  const torch::Tensor image = at::rand({1, 3, 64, 64});
  mit->train();
  bool differs = false;
  const torch::Tensor first = mit->forward(image);
  for (int i = 0; i < 20 && !differs; ++i) {
    differs = largest_difference(first, mit->forward(image)) > 0;
  }
  EXPECT_TRUE(differs);
  mit->eval();
  EXPECT_EQ(largest_difference(mit->forward(image), mit->forward(image)), 0);
}

TEST(Mit, InitialWeightsFollowTheirRules) {
  MitOptions options = toy_mit();
  options.widths = {8, 16, 32, 64};
  Mit mit(options);
  for (const auto& item : mit->named_parameters()) {
    const std::string& name = item.key();
    const torch::Tensor& value = item.value();
    if (name.ends_with("fc1.weight") || name.find("table_") != name.npos) {
      if (value.numel() < 1000) continue;
      EXPECT_NEAR(value.std().item<double>(), 0.02, 0.002) << name;
    } else if (name.ends_with("fc1.bias")) {
      EXPECT_EQ(value.abs().max().item<double>(), 0) << name;
    } else if (name.find("norm_weight") != name.npos) {
      EXPECT_EQ((value - 1).abs().max().item<double>(), 0) << name;
    }
  }
  const torch::Tensor embedding =
      mit->named_parameters()["encoder.embeddings.3.conv.weight_2d"];
  EXPECT_NEAR(embedding.std().item<double>(), std::sqrt(2.0 / (64 * 9)), 0.003);
  // A transposed convolution [64, 32, 2, 2] keeps LibTorch's default, uniform
  // within 1 / sqrt(fan-in) with a fan-in of 32 * 4.
  const torch::Tensor up =
      mit->named_parameters()["decoder.embeddings.0.conv.weight_2d"];
  EXPECT_LE(up.abs().max().item<double>(), 1 / std::sqrt(128.0));
  EXPECT_NEAR(up.std().item<double>(), 1 / std::sqrt(3 * 128.0), 0.003);
}

TEST(Mit, ImpossibleOptionsNameTheirKey) {
  auto message = [](auto change) {
    MitOptions options = toy_mit();
    change(options);
    return unimiss::testing::error_text<ConfigError>(
        [&] { validate(options); });
  };
  EXPECT_NE(message([](auto& o) {
              o.widths = {8, 8};
            }).find("model.widths"),
            std::string::npos);
  EXPECT_NE(message([](auto& o) { o.image_size = 32; }).find("image_size"),
            std::string::npos);
  EXPECT_NE(message([](auto& o) { o.drop_path = 1; }).find("model.drop_path"),
            std::string::npos);
  EXPECT_NE(message([](auto& o) {
              o.encoder_heads = {3, 2, 2, 2};
            }).find("model.encoder_heads"),
            std::string::npos);
  EXPECT_EQ(message([](auto&) {}), "no error");
}

}  // namespace
}  // namespace unimiss::model
