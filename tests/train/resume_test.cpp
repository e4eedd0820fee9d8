#include "unimiss/train/resume.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;
using Mode = ResumeRequest::Mode;

/// A run's folder with checkpoints of steps 1 and 2.
class Resume : public ::testing::Test {
 protected:
  Resume() : checkpoints_(folder_.file("run/checkpoints"), {}) {
    RunFolder run(folder_.file("run"));
    run.lock();
    run.begin({}, "");
    checkpoints_.save({1, {}, {}, {{"a", at::ones({2})}}});
    checkpoints_.save({2, {}, {}, {{"a", at::ones({2})}}});
  }

  std::optional<Checkpoint> start(const ResumeRequest& request,
                                  const std::string& output) {
    const RunFolder run(folder_.file(output));
    return find_start(request, run,
                      CheckpointFolder(run.file("checkpoints"), {}));
  }
  void damage(int64_t step) {
    testing::write_bytes(checkpoints_.file_of(step), "damaged");
  }

  testing::TemporaryDirectory folder_;
  CheckpointFolder checkpoints_;
};

TEST_F(Resume, AutoTakesTheNewestValidOne) {
  EXPECT_FALSE(start({}, "other"));
  EXPECT_EQ(start({}, "run")->step, 2);
  damage(2);
  EXPECT_EQ(start({}, "run")->step, 1);
  damage(1);
  EXPECT_THAT([&] { start({}, "run"); },
              ThrowsMessage<ConfigError>(HasSubstr("no valid checkpoint")));
}

TEST_F(Resume, ARunWithoutCheckpointsBeginsAgainWhereNothingIsLost) {
  std::filesystem::remove_all(folder_.file("run/checkpoints"));
  EXPECT_FALSE(start({}, "run"));
  std::filesystem::create_directory(folder_.file("run/checkpoints"));
  testing::write_bytes(checkpoints_.file_of(1), "killed before the seal");
  EXPECT_FALSE(start({}, "run"));
  testing::write_bytes(checkpoints_.file_of(2), "seals were lost");
  EXPECT_THAT([&] { start({}, "run"); },
              ThrowsMessage<ConfigError>(HasSubstr("were its checkpoints")));
  std::filesystem::remove_all(folder_.file("run/checkpoints"));
  testing::write_bytes(folder_.file("run/export/full.safetensors"), "x");
  EXPECT_THROW(start({}, "run"), ConfigError);
}

TEST_F(Resume, NeverRefusesARun) {
  EXPECT_FALSE(start({Mode::kNever, ""}, "other"));
  EXPECT_THROW(start({Mode::kNever, ""}, "run"), ConfigError);
}

TEST_F(Resume, APathBeginsANewFolder) {
  const std::string file = checkpoints_.file_of(1);
  EXPECT_EQ(start({Mode::kFrom, file}, "other")->step, 1);
  const std::string seal = folder_.file("run/checkpoints/step_00000001.json");
  EXPECT_EQ(start({Mode::kFrom, seal}, "other")->step, 1);
  EXPECT_EQ(start({Mode::kFrom, folder_.file("run")}, "other")->step, 2);
  EXPECT_EQ(
      start({Mode::kFrom, folder_.file("run/checkpoints")}, "other")->step, 2);
  EXPECT_THAT(
      [&] {
        start({Mode::kFrom, file}, "run");
      },
      ThrowsMessage<ConfigError>(HasSubstr("name another folder")));
  damage(1);
  EXPECT_THAT(
      [&] {
        start({Mode::kFrom, file}, "other");
      },
      ThrowsMessage<ConfigError>(HasSubstr("step_00000001")));
  EXPECT_THROW(start({Mode::kFrom, folder_.file("none")}, "other"),
               ConfigError);
}

TEST_F(Resume, OnlyWhatLeavesTheStepsAsTheyAreMayChange) {
  const auto check = [](std::vector<config::Difference> changes, bool same) {
    check_changes(changes, [same] { return same; });
  };
  check({{"run.keep_checkpoints", "3", "4", Change::kFree},
         {"data.workers", "1", "8", Change::kFree},
         {"run.max_steps", "4", "8", Change::kLength}},
        true);
  EXPECT_THAT(
      [&] {
        check({{"optimizer.lr", "1", "2"},
               {"data.workers", "1", "8", Change::kFree},
               {"head.prototypes", "32", "64"},
               {"run.epochs", "4", "8", Change::kLength}},
              false);
      },
      ThrowsMessage<ConfigError>(
          AllOf(HasSubstr("optimizer.lr: 1 -> 2"),
                HasSubstr("head.prototypes: 32 -> 64"),
                HasSubstr("run.epochs: 4 -> 8 (steps that are done"),
                Not(HasSubstr("data.workers")))));
}

}  // namespace
}  // namespace unimiss::train
