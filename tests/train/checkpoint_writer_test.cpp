#include "train/checkpoint_writer.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

Checkpoint state_of(int64_t step) {
  const auto value = static_cast<double>(step);
  return {step,
          {},
          {},
          {{"weight", at::full({3, 5}, value)},
           {"count", at::full({}, step, torch::kLong)},
           {"half", at::full({4}, value).to(torch::kHalf)}}};
}

TEST(CheckpointWriter, WritesACopyOfTheMoment) {
  const testing::TemporaryDirectory folder;
  const CheckpointFolder checkpoints(folder.path().string(), {9, 0});
  CheckpointWriter writer(checkpoints);
  Checkpoint checkpoint = state_of(1);
  for (int64_t step = 1; step <= 4; ++step) {
    checkpoint.step = step;
    checkpoint.tensors["weight"].fill_(static_cast<double>(step));
    if (step == 3) checkpoint.tensors["late"] = at::ones({2});
    if (step == 4) checkpoint.tensors.erase("half");
    writer.submit(checkpoint);
    checkpoint.tensors["weight"].fill_(-1);
  }
  writer.finish();
  EXPECT_GT(writer.seconds(), 0);
  for (int64_t step = 1; step <= 4; ++step) {
    const auto tensors = load_checkpoint(checkpoints.file_of(step)).tensors;
    EXPECT_EQ(tensors.at("weight")[1][1].item<double>(), step);
    EXPECT_EQ(tensors.at("count").scalar_type(), torch::kLong);
    EXPECT_EQ(tensors.contains("late"), step >= 3);
    EXPECT_EQ(tensors.contains("half"), step < 4);
  }
}

TEST(CheckpointWriter, AFailureIsThrownByTheNextCall) {
  const testing::TemporaryDirectory folder;
  CheckpointWriter writer(CheckpointFolder(folder.file("missing"), {}));
  writer.submit(state_of(1));
  EXPECT_THROW(writer.finish(), DataError);
  writer.finish();
  writer.submit(state_of(2));
  EXPECT_THROW(writer.submit(state_of(3)), DataError);
}

}  // namespace
}  // namespace unimiss::train
