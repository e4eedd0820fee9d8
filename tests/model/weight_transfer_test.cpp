#include "unimiss/model/weight_transfer.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/toy_network.h"
#include "unimiss/model/classification_network.h"
#include "unimiss/model/official_names.h"
#include "unimiss/model/segmentation_network.h"

namespace unimiss::model {
namespace {

using Weights = std::map<std::string, torch::Tensor>;

const PretrainedSizes kToySizes{64, {16, 64, 64}};

/// A pretraining's network, as far as its backbone.
struct Pretrained : torch::nn::Module {
  Pretrained() { register_module("backbone", Mit(testing::toy_mit())); }
};

/// Of a pretraining for both kinds, under the released weights' names.
Weights pretrained() {
  at::manual_seed(3);
  const Pretrained network;
  Weights weights;
  for (const auto& item : network.named_parameters()) {
    weights[official_name(item.key())] = item.value().detach();
  }
  return weights;
}

SegmentationNetwork segmentation(std::array<int64_t, 3> size) {
  SegmentationNetworkOptions options;
  options.backbone = testing::toy_mit();
  options.backbone.dimensions = Dimensions::k3d;
  options.backbone.volume_size = size;
  return SegmentationNetwork(options);
}

TEST(WeightTransfer, TakesOverTheBackboneOfASegmentation) {
  const Weights weights = pretrained();
  SegmentationNetwork network = segmentation({16, 64, 64});
  const TransferReport report = transfer_weights(weights, kToySizes, *network);
  EXPECT_EQ(report.coverage, 1);
  EXPECT_EQ(report.count(Transfer::kMissing), 0);
  EXPECT_EQ(report.count(Transfer::kResampled), 0);
  // The 2D half, the class token and its projections stay behind.
  EXPECT_GT(report.count(Transfer::kUnexpected), 0);
  for (const auto& item : network->named_parameters()) {
    if (!item.key().starts_with("backbone.")) continue;
    torch::Tensor given = weights.at(official_name(item.key()));
    if (item.key().find("table") != std::string::npos)
      given = given.slice(1, 1);
    EXPECT_TRUE(item.value().equal(given)) << item.key();
  }
}

TEST(WeightTransfer, FitsTheStemToTheChannelsOfTheInput) {
  const Weights weights = pretrained();
  const auto classify = [&](int64_t channels, const torch::Tensor& image) {
    ClassificationNetworkOptions options;
    options.backbone = testing::toy_mit();
    options.backbone.dimensions = Dimensions::k2d;
    options.backbone.image_channels = channels;
    at::manual_seed(4);
    ClassificationNetwork network(options);
    const TransferReport report =
        transfer_weights(weights, kToySizes, *network);
    EXPECT_EQ(report.count(Transfer::kResampled), channels == 3 ? 0 : 1);
    EXPECT_EQ(report.coverage, 1);
    network->eval();
    return network->encoder->forward(image.repeat({1, channels, 1, 1}))
        .patches[3];
  };
  const torch::Tensor image = at::randn({1, 1, 64, 64});
  const torch::Tensor expected = classify(3, image);
  for (const int64_t channels : {1, 2, 6}) {
    EXPECT_TRUE(at::allclose(classify(channels, image), expected, 1e-3, 1e-4))
        << channels;
  }
}

TEST(WeightTransfer, ResamplesPositionsOnTheTrueGrid) {
  Weights weights = pretrained();
  // A table that is linear in its place stays so, wherever it is resampled.
  const std::string name = "backbone.transformer.pos_embed3D1";
  const Grid from(8, 16, 16), to(16, 24, 16);
  const auto ramp = [](const Grid& grid, int axis) {
    std::vector<int64_t> shape{1, 1, 1};
    shape[axis] = grid[axis];
    return ((at::arange(grid[axis], torch::kFloat) + 0.5) /
            static_cast<double>(grid[axis]))
        .view(shape)
        .expand({grid[0], grid[1], grid[2]})
        .reshape({1, -1, 1});
  };
  torch::Tensor table = weights.at(name).clone();
  table.slice(1, 1).copy_(ramp(from, 0).expand({1, from.cells(), 8}));
  weights[name] = table;
  // A depth of 24 is continued to 32.
  SegmentationNetwork network = segmentation({24, 96, 64});
  const TransferReport report = transfer_weights(weights, kToySizes, *network);
  EXPECT_EQ(report.coverage, 1);
  EXPECT_EQ(report.count(Transfer::kResampled), 7);
  const auto item =
      std::find_if(report.items.begin(), report.items.end(),
                   [&](const auto& entry) { return entry.name == name; });
  ASSERT_NE(item, report.items.end());
  EXPECT_EQ(item->transfer, Transfer::kResampled);
  const torch::Tensor found =
      network
          ->named_parameters()["backbone.encoder.stages.0.position.table_3d"];
  const torch::Tensor expected = ramp(to, 0).expand({1, to.cells(), 8});
  // The ends are continued by their border value.
  const auto inner = [&](const torch::Tensor& rows) {
    return rows.view({16, 24, 16, 8}).slice(0, 1, 15);
  };
  EXPECT_TRUE(inner(found).allclose(inner(expected), 1e-5, 1e-5));
}

TEST(WeightTransfer, TakesOverTheEncoderOfAClassification) {
  const Weights weights = pretrained();
  ClassificationNetworkOptions options;
  options.backbone = testing::toy_mit();
  options.backbone.dimensions = Dimensions::k2d;
  options.backbone.image_size = 96;
  ClassificationNetwork network(options);
  const TransferReport report = transfer_weights(weights, kToySizes, *network);
  EXPECT_EQ(report.coverage, 1);
  EXPECT_EQ(report.count(Transfer::kResampled), 4);
  EXPECT_TRUE(network->encoder->class_token.equal(
      weights.at("backbone.transformer.cls_tokens1")));
  // The class token's row is no place of a grid.
  EXPECT_TRUE(
      network->named_parameters()["encoder.stages.0.position.table_2d"]
          .slice(1, 0, 1)
          .equal(
              weights.at("backbone.transformer.pos_embed2D1").slice(1, 0, 1)));
}

TEST(WeightTransfer, TellsWhatIsMissing) {
  Weights weights = pretrained();
  const int64_t lost = weights.at("backbone.norm.weight").numel();
  weights.erase("backbone.norm.weight");
  SegmentationNetwork network = segmentation({16, 64, 64});
  int64_t numbers = 0;
  for (const auto& parameter : network->backbone->parameters()) {
    numbers += parameter.numel();
  }
  const TransferReport report = transfer_weights(weights, kToySizes, *network);
  EXPECT_EQ(report.count(Transfer::kMissing), 1);
  EXPECT_NEAR(report.coverage,
              1 - static_cast<double>(lost) / static_cast<double>(numbers),
              1e-12);
}

TEST(WeightTransfer, AnotherNetworksWeightsChangeNothing) {
  Weights weights = pretrained();
  SegmentationNetwork network = segmentation({16, 64, 64});
  Weights before;
  for (const auto& item : network->named_parameters()) {
    before[item.key()] = item.value().detach().clone();
  }
  weights["backbone.norm.bias"] = at::ones({9});
  EXPECT_THROW(transfer_weights(weights, kToySizes, *network), c10::Error);
  weights = pretrained();
  // Tables of another size than the one told.
  EXPECT_THROW(transfer_weights(weights, PretrainedSizes{}, *network),
               c10::Error);
  for (const auto& item : network->named_parameters()) {
    EXPECT_TRUE(item.value().equal(before.at(item.key()))) << item.key();
  }
}

}  // namespace
}  // namespace unimiss::model
