#include "train/nonfinite_record.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss::train {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Three samples; the second one's second view is damaged.
augment::Sample damaged_batch() {
  augment::Sample batch{{at::ones({3, 1, 2, 2}), at::ones({3, 1, 2, 2})}, {}};
  batch.images[1][1][0][1][0] = kNan;
  return batch;
}

TEST(NonfiniteRecord, AnyTensorOfASampleMayBeAtFault) {
  const distributed::Communicator alone;
  const auto judged =
      judge_samples(alone, damaged_batch(), {"a b.png", "c.png", "d.png"});
  ASSERT_EQ(judged.size(), 3u);
  EXPECT_EQ(judged[0].sample, "a b.png");
  EXPECT_TRUE(judged[0].finite);
  EXPECT_EQ(judged[1].sample, "c.png");
  EXPECT_FALSE(judged[1].finite);
  EXPECT_TRUE(judged[2].finite);
  const augment::Sample target{{at::ones({1, 1, 2, 2})},
                               at::full({1, 2}, kNan, torch::kFloat)};
  EXPECT_FALSE(judge_samples(alone, target, {"a"})[0].finite);
}

TEST(NonfiniteRecord, TellsOfTheStepAndHoldsItsTensors) {
  const unimiss::testing::TemporaryDirectory folder;
  StepRecord record;
  record.step = 42;
  record.phase = "2d";
  record.loss = kNan;
  record.grad_norm = 2;
  record.terms = {{"image", kNan}};
  const std::string file =
      write_nonfinite(folder.file("nonfinite"), record, damaged_batch(),
                      {{"a.png", true}, {"b\xff.png", false}});
  EXPECT_EQ(file, folder.file("nonfinite/step_00000042.json"));
  const auto json = nlohmann::json::parse(unimiss::testing::read_bytes(file));
  EXPECT_EQ(json["step"], 42);
  EXPECT_TRUE(json["loss"].is_null());
  EXPECT_EQ(json["grad_norm"], 2);
  EXPECT_TRUE(json["terms"]["image"].is_null());
  EXPECT_EQ(json["samples"][0]["sample"], "a.png");
  EXPECT_EQ(json["samples"][1]["views_are_finite"], false);
  const auto tensors =
      io::load_tensors(folder.file("nonfinite/step_00000042.safetensors"));
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_TRUE(tensors.at("image_1").equal(at::ones({3, 1, 2, 2})));
  EXPECT_EQ(tensors.at("image_2").isnan().sum().item<int64_t>(), 1);
}

}  // namespace
}  // namespace unimiss::train
