#include "unimiss/model/segmentation_network.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/toy_network.h"

namespace unimiss::model {
namespace {

using ::testing::ElementsAre;
using Sizes = std::vector<int64_t>;

SegmentationNetwork toy(Dimensions dimensions = Dimensions::kBoth) {
  at::manual_seed(1);
  SegmentationNetworkOptions options;
  options.backbone = testing::toy_mit();
  options.backbone.dimensions = dimensions;
  options.outputs = 5;
  return SegmentationNetwork(options);
}

std::vector<Sizes> sizes_of(const std::vector<torch::Tensor>& logits) {
  std::vector<Sizes> sizes;
  for (const auto& map : logits) sizes.push_back(map.sizes().vec());
  return sizes;
}

TEST(SegmentationNetwork, GivesLogitsOfEveryLevelWhileTraining) {
  SegmentationNetwork network = toy();
  EXPECT_THAT(
      sizes_of(network(at::rand({2, 3, 64, 96}))),
      ElementsAre(Sizes{2, 5, 64, 96}, Sizes{2, 5, 32, 48}, Sizes{2, 5, 16, 24},
                  Sizes{2, 5, 8, 12}, Sizes{2, 5, 4, 6}));
  EXPECT_THAT(sizes_of(network(at::rand({1, 1, 16, 64, 64}))),
              ElementsAre(Sizes{1, 5, 16, 64, 64}, Sizes{1, 5, 16, 32, 32},
                          Sizes{1, 5, 8, 16, 16}, Sizes{1, 5, 4, 8, 8},
                          Sizes{1, 5, 2, 4, 4}));
}

TEST(SegmentationNetwork, GivesOneLogitAVoxelOtherwise) {
  SegmentationNetwork network = toy();
  network->eval();
  torch::NoGradGuard no_grad;
  // Of any size: what was padded is cut off.
  EXPECT_THAT(sizes_of(network(at::rand({1, 1, 21, 70, 65}))),
              ElementsAre(Sizes{1, 5, 21, 70, 65}));
  EXPECT_THAT(sizes_of(network(at::rand({1, 3, 65, 99}))),
              ElementsAre(Sizes{1, 5, 65, 99}));
  EXPECT_THROW(network(at::rand({1, 3, 32, 99})), c10::Error);
}

TEST(SegmentationNetwork, TheResultIsThatOfTheTrainingPass) {
  SegmentationNetwork network = toy();
  torch::NoGradGuard no_grad;
  const torch::Tensor input = at::rand({1, 1, 16, 64, 64});
  const torch::Tensor training = network(input)[0];
  network->eval();
  EXPECT_TRUE(training.equal(network(input)[0]));
}

TEST(SegmentationNetwork, EveryParameterOfTheKindLearns) {
  SegmentationNetwork network = toy(Dimensions::k3d);
  torch::Tensor loss = at::zeros({});
  for (const auto& map : network(at::rand({1, 1, 16, 64, 64}))) {
    loss = loss + map.square().mean();
  }
  loss.backward();
  for (const auto& item : network->named_parameters()) {
    EXPECT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_EQ(item.key().find("class"), item.key().find("classifiers"))
        << item.key();  // there is no class token
  }
}

TEST(SegmentationNetwork, TheStemIsJoined) {
  SegmentationNetwork network = toy(Dimensions::k2d);
  network->eval();
  torch::NoGradGuard no_grad;
  const EncoderOutput encoded =
      network->backbone->encode(at::rand({1, 3, 64, 64}));
  const auto pyramid = network->backbone->decoder->forward_pyramid(encoded);
  const auto with = network->head->forward(encoded.stem, pyramid)[0];
  const auto without =
      network->head->forward(at::zeros_like(encoded.stem), pyramid)[0];
  EXPECT_FALSE(with.allclose(without));
}

}  // namespace
}  // namespace unimiss::model
