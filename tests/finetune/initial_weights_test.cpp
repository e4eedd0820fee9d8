#include "finetune/initial_weights.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "testing/temporary_directory.h"
#include "testing/toy_network.h"
#include "unimiss/core/error.h"
#include "unimiss/model/mit.h"
#include "unimiss/model/official_names.h"
#include "unimiss/model/segmentation_network.h"
#include "unimiss/train/weight_file.h"

namespace unimiss::finetune {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Weights = std::map<std::string, torch::Tensor>;

/// A pretraining's network, as far as its backbone.
struct Pretrained : torch::nn::Module {
  Pretrained() { register_module("backbone", model::Mit(testing::toy_mit())); }
};

/// Under the names of a file of weights.
Weights pretrained() {
  at::manual_seed(3);
  const Pretrained network;
  Weights weights;
  for (const auto& item : network.named_parameters()) {
    weights[model::official_name(item.key())] = item.value().detach();
  }
  return weights;
}

model::SegmentationNetwork network() {
  model::SegmentationNetworkOptions options;
  options.backbone = testing::toy_mit();
  options.backbone.dimensions = model::Dimensions::k3d;
  return model::SegmentationNetwork(options);
}

class InitialWeights : public ::testing::Test {
 protected:
  InitOptions from(const Weights& weights) const {
    InitOptions init;
    init.weights = folder_.file("student.safetensors");
    train::save_weights(init.weights, weights,
                        train::size_facts(testing::toy_mit()));
    return init;
  }

  const testing::TemporaryDirectory folder_;
};

TEST_F(InitialWeights, OfAFolderAreThoseOfTheNetworkAskedFor) {
  InitOptions init;
  init.weights = folder_.path().string();
  EXPECT_THAT([&] { initial_weights_file(init); },
              ThrowsMessage<DataError>(HasSubstr(
                  "name the folder of a pretraining that has finished")));
  std::filesystem::create_directory(folder_.path() / "export");
  const std::string file = folder_.file(
      "export/" + std::string(enum_name(init.network)) + ".safetensors");
  train::save_weights(file, {}, {});
  EXPECT_EQ(initial_weights_file(init), file);
  // A file is itself, whether it is there or not.
  init.weights = folder_.file("none.safetensors");
  EXPECT_EQ(initial_weights_file(init), init.weights);
}

TEST_F(InitialWeights, BecomeThoseOfTheBackbone) {
  const Weights weights = pretrained();
  model::SegmentationNetwork to = network();
  load_initial_weights(from(weights), *to);
  for (const auto& item : to->named_parameters()) {
    if (!item.key().starts_with("backbone.")) continue;
    torch::Tensor given = weights.at(model::official_name(item.key()));
    // The class token's place stays behind.
    if (item.key().find("table") != std::string::npos) {
      given = given.slice(1, 1);
    }
    EXPECT_TRUE(item.value().equal(given)) << item.key();
  }
}

TEST_F(InitialWeights, FromScratchNoneAreRead) {
  InitOptions init;
  init.weights = folder_.file("none.safetensors");
  model::SegmentationNetwork to = network();
  EXPECT_THROW(load_initial_weights(init, *to), DataError);
  init.from_scratch = true;
  EXPECT_NO_THROW(load_initial_weights(init, *to));
}

TEST_F(InitialWeights, ThatHoldTooLittleOfTheBackboneAreRefused) {
  Weights weights = pretrained();
  while (weights.size() > 2) weights.erase(weights.begin());
  model::SegmentationNetwork to = network();
  EXPECT_THAT([&] { load_initial_weights(from(weights), *to); },
              ThrowsMessage<DataError>(
                  HasSubstr("% of the backbone (init.min_coverage asks for")));
}

}  // namespace
}  // namespace unimiss::finetune
