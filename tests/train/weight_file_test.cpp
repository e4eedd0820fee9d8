#include "unimiss/train/weight_file.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss::train {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(WeightFile, HoldsTensorsOfAllKindsWithFacts) {
  const testing::TemporaryDirectory folder;
  const std::string file = folder.file("export/last.safetensors");
  const std::map<std::string, torch::Tensor> tensors{
      {"weight", at::rand({2, 3})},
      {"norm.num_batches_tracked", at::full({}, 7, torch::kLong)}};
  save_weights(file, tensors, {{"step", "9"}});
  const auto loaded = io::load_tensors(file);
  ASSERT_EQ(loaded.size(), 2u);
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(loaded.at(name).equal(tensor)) << name;
  }
  EXPECT_EQ(io::load_metadata(file).at("step"), "9");
}

TEST(WeightFile, TellsTheSizesOfItsInput) {
  const testing::TemporaryDirectory folder;
  model::MitOptions model;
  model.image_size = 64;
  model.volume_size = {16, 64, 32};
  save_weights(folder.file("a.safetensors"), {}, size_facts(model));
  const auto sizes = pretrained_sizes(folder.file("a.safetensors"));
  EXPECT_EQ(sizes.image_size, 64);
  EXPECT_EQ(sizes.volume_size, (std::array<int64_t, 3>{16, 64, 32}));
  // The released weights do not tell.
  save_weights(folder.file("b.safetensors"), {}, {});
  EXPECT_EQ(pretrained_sizes(folder.file("b.safetensors")).image_size, 224);
  save_weights(folder.file("c.safetensors"), {}, {{"image_size", "large"}});
  EXPECT_THAT([&] { pretrained_sizes(folder.file("c.safetensors")); },
              ThrowsMessage<DataError>(HasSubstr("which is no size")));
}

}  // namespace
}  // namespace unimiss::train
