#include "unimiss/train/checkpoint.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <limits>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/core/random.h"

namespace unimiss::train {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

Checkpoint checkpoint_of(int64_t step) {
  const auto value = static_cast<double>(step);
  return {step,
          {{"batches_2d", step / 2}, {"batches_3d", 2}},
          {{"config", "run: {seed: 3}\n# é \"quoted\"\n"}},
          {{"weight", at::full({3, 5}, value)},
           {"step", at::full({}, value, torch::kDouble)},
           {"half", at::full({4}, value).to(torch::kHalf)}}};
}

Checkpoint spoiled(int64_t step) {
  Checkpoint checkpoint = checkpoint_of(step);
  checkpoint.tensors["weight"][2][4] = std::numeric_limits<float>::infinity();
  return checkpoint;
}

TEST(Checkpoint, ReturnsWhatWasSaved) {
  const testing::TemporaryDirectory folder;
  const CheckpointFolder checkpoints(folder.path().string(), {});
  EXPECT_FALSE(checkpoints.newest().checkpoint);
  const Checkpoint saved = checkpoint_of(7);
  checkpoints.save(saved);
  const auto newest = checkpoints.newest();
  ASSERT_TRUE(newest.checkpoint);
  EXPECT_EQ(newest.file, checkpoints.file_of(7));
  EXPECT_EQ(newest.checkpoint->step, 7);
  EXPECT_EQ(newest.checkpoint->counters, saved.counters);
  EXPECT_EQ(newest.checkpoint->texts, saved.texts);
  ASSERT_EQ(newest.checkpoint->tensors.size(), saved.tensors.size());
  for (const auto& [name, tensor] : saved.tensors) {
    EXPECT_TRUE(newest.checkpoint->tensors.at(name).equal(tensor)) << name;
  }
  const auto size = static_cast<double>(fs::file_size(checkpoints.file_of(7)));
  EXPECT_LT(size, static_cast<double>(checkpoint_bytes(saved.tensors)));
}

TEST(Checkpoint, TheLastOnesAndEveryKthStay) {
  const testing::TemporaryDirectory folder;
  const CheckpointFolder checkpoints(folder.path().string(), {2, 10});
  for (int64_t step = 5; step <= 35; step += 5) {
    checkpoints.save(checkpoint_of(step));
  }
  EXPECT_THAT(checkpoints.steps(), ElementsAre(10, 20, 30, 35));
}

TEST(Checkpoint, TheLastFiniteOneStays) {
  const testing::TemporaryDirectory folder;
  const CheckpointFolder checkpoints(folder.path().string(), {1, 0});
  checkpoints.save(checkpoint_of(1));
  for (int64_t step : {2, 3, 4}) checkpoints.save(spoiled(step));
  EXPECT_THAT(checkpoints.steps(), ElementsAre(1, 4));
  const auto newest = checkpoints.newest();
  EXPECT_EQ(newest.checkpoint->step, 1);
  EXPECT_THAT(newest.passed_over, ElementsAre(HasSubstr("not finite")));
  checkpoints.save(checkpoint_of(5));
  EXPECT_THAT(checkpoints.steps(), ElementsAre(5));
}

TEST(Checkpoint, WhatAnInterruptionLeftIsNoCheckpointAndGoes) {
  const testing::TemporaryDirectory folder;
  const CheckpointFolder checkpoints(folder.path().string(), {3, 0});
  checkpoints.save(checkpoint_of(1));
  // Killed before the seal was written.
  fs::copy_file(checkpoints.file_of(1), checkpoints.file_of(2));
  EXPECT_THAT(checkpoints.steps(), ElementsAre(1));
  EXPECT_EQ(checkpoints.newest().checkpoint->step, 1);
  EXPECT_THAT([&] { load_checkpoint(checkpoints.file_of(2)); },
              ThrowsMessage<DataError>(HasSubstr("never completed")));
  EXPECT_THAT(checkpoints.incomplete(), ElementsAre(2));
  EXPECT_THAT(checkpoints.newest().passed_over,
              ElementsAre(HasSubstr("never completed")));
  checkpoints.save(checkpoint_of(3));
  EXPECT_TRUE(checkpoints.incomplete().empty());
  EXPECT_THAT(checkpoints.steps(), ElementsAre(1, 3));
}

TEST(Checkpoint, OtherFilesAreLeftAlone) {
  const testing::TemporaryDirectory folder;
  const CheckpointFolder checkpoints(folder.path().string(), {1, 0});
  for (const char* name : {"mine.txt", "step_best.safetensors",
                           "step_best.json", "step_00000001 (copy).safetensors",
                           "step_1.json", "step_00000001.json.bak"}) {
    testing::write_bytes(folder.file(name), "mine");
  }
  EXPECT_TRUE(checkpoints.steps().empty());
  for (int64_t step : {1, 2, 3}) checkpoints.save(checkpoint_of(step));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()),
                          fs::directory_iterator()),
            6 + 2);
}

TEST(Checkpoint, LaterOnesThatCouldNotBeReadStay) {
  const testing::TemporaryDirectory folder;
  const CheckpointFolder checkpoints(folder.path().string(), {1, 0});
  for (int64_t step : {20, 10, 11}) checkpoints.save(checkpoint_of(step));
  EXPECT_THAT(checkpoints.steps(), ElementsAre(11, 20));
}

TEST(Checkpoint, AFolderThatCannotBeListedIsAnError) {
  const testing::TemporaryDirectory folder;
  testing::write_bytes(folder.file("file"), "x");
  EXPECT_THROW(CheckpointFolder(folder.file("file"), {}).newest(), DataError);
  EXPECT_TRUE(CheckpointFolder(folder.file("none"), {}).steps().empty());
}

TEST(Checkpoint, EveryDamageIsSeenAndTheOneBeforeIsTaken) {
  const testing::TemporaryDirectory folder;
  const CheckpointFolder checkpoints(folder.path().string(), {3, 0});
  checkpoints.save(checkpoint_of(1));
  checkpoints.save(checkpoint_of(2));
  const std::string tensors = checkpoints.file_of(2);
  const std::string seal =
      fs::path(tensors).replace_extension(".json").string();
  Random random({7});
  for (int i = 0; i < 240; ++i) {
    const std::string& file = i % 3 == 0 ? seal : tensors;
    const std::string bytes = testing::read_bytes(file);
    std::string damaged = bytes;
    const auto place =
        static_cast<size_t>(random.integer(static_cast<int64_t>(bytes.size())));
    if (i % 2 == 0) {
      damaged.resize(place);
    } else {
      damaged[place] =
          static_cast<char>(damaged[place] ^ (1 << random.integer(8)));
    }
    testing::write_bytes(file, damaged);
    EXPECT_THROW(load_checkpoint(tensors), DataError) << i << " " << file;
    const auto newest = checkpoints.newest();
    ASSERT_TRUE(newest.checkpoint) << i;
    EXPECT_EQ(newest.checkpoint->step, 1) << i;
    EXPECT_EQ(newest.passed_over.size(), 1u) << i;
    testing::write_bytes(file, bytes);
  }
  EXPECT_EQ(checkpoints.newest().checkpoint->step, 2);
}

TEST(Checkpoint, ADiskWithoutRoomIsKnownBeforeAnythingIsWritten) {
  const testing::TemporaryDirectory folder;
  require_space(folder.path().string(), 1000);
  EXPECT_THAT([&] { require_space(folder.path().string(), int64_t{1} << 60); },
              ThrowsMessage<DataError>(HasSubstr("are needed")));
}

}  // namespace
}  // namespace unimiss::train
