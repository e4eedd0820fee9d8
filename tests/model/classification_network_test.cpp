#include "unimiss/model/classification_network.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "testing/toy_network.h"

namespace unimiss::model {
namespace {

ClassificationNetwork toy(ClassificationRule rule) {
  at::manual_seed(1);
  ClassificationNetworkOptions options;
  options.backbone = testing::toy_mit();
  options.outputs = 3;
  options.rule = rule;
  return ClassificationNetwork(options);
}

TEST(ClassificationNetwork, ScoresImagesAndVolumesOfAnySize) {
  for (const auto rule :
       {ClassificationRule::kClassToken, ClassificationRule::kTwoBranch}) {
    ClassificationNetwork network = toy(rule);
    EXPECT_EQ(network(at::rand({2, 3, 64, 70})).sizes(),
              (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(network(at::rand({1, 1, 17, 64, 64})).sizes(),
              (std::vector<int64_t>{1, 3}));
  }
}

TEST(ClassificationNetwork, TheRulesDifferInThePatches) {
  ClassificationNetwork token = toy(ClassificationRule::kClassToken);
  ClassificationNetwork both = toy(ClassificationRule::kTwoBranch);
  torch::NoGradGuard no_grad;
  const torch::Tensor input = at::rand({1, 3, 64, 64});
  const EncoderOutput encoded = both->encoder->forward(input);
  torch::nn::LayerNorm norm(
      torch::nn::LayerNormOptions({encoded.class_token.size(2)}).eps(1e-6));
  const auto parameters = both->named_parameters();
  const auto classify = [&](const torch::Tensor& features) {
    return at::linear(features, parameters["classifier.weight"],
                      parameters["classifier.bias"]);
  };
  const torch::Tensor by_token = classify(norm(encoded.class_token.squeeze(1)));
  const torch::Tensor by_patches = classify(norm(encoded.patches[3])).mean(1);
  EXPECT_TRUE(token(input).allclose(by_token, 1e-5, 1e-6));
  EXPECT_TRUE(both(input).allclose((by_token + by_patches) / 2, 1e-5, 1e-6));
}

TEST(ClassificationNetwork, EveryParameterOfTheKindLearns) {
  ClassificationNetwork network = toy(ClassificationRule::kTwoBranch);
  network(at::rand({1, 3, 64, 64})).square().sum().backward();
  for (const auto& item : network->named_parameters()) {
    const bool volumes = item.key().find("_3d") != std::string::npos;
    EXPECT_EQ(item.value().grad().defined(), !volumes) << item.key();
  }
}

}  // namespace
}  // namespace unimiss::model
