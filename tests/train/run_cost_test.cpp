#include "unimiss/train/run_cost.h"

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include "testing/temporary_directory.h"

namespace unimiss::train {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RunCost, GrowsWithTheSamplesOfAStep) {
  std::vector<int64_t> asked;
  // 10 ms a step and 10 ms a sample.
  const auto take_step = [&](int64_t samples) {
    asked.push_back(samples);
    std::this_thread::sleep_for(std::chrono::milliseconds(10 + 10 * samples));
  };
  const StepCost cost = extrapolate_cost(take_step, 20, torch::kCPU);
  EXPECT_EQ(asked.size(), 6u);
  EXPECT_GT(cost.seconds, 0.1);
  EXPECT_LT(cost.seconds, 2);

  asked.clear();
  extrapolate_cost(take_step, 1, torch::kCPU);
  EXPECT_THAT(asked, Each(1));
}

TEST(RunCost, CountsTheCheckpointsThatStay) {
  RunOptions options;
  options.keep_checkpoints = 3;
  EXPECT_EQ(checkpoints_kept(options, 100), 3);
  options.keep_every_steps = 30;
  EXPECT_EQ(checkpoints_kept(options, 100), 6);
}

TEST(RunCost, SaysWhereTheDiskIsTooSmall) {
  constexpr int64_t kMebibyte = 1 << 20;
  // Three checkpoints, one more while it is written, and the weights.
  const std::string line =
      disk_line("run", 3, 10 * kMebibyte, 5 * kMebibyte, 44 * kMebibyte);
  EXPECT_THAT(line, HasSubstr("45 MiB needed, 44 MiB free in run: NOT ENOUGH"));
  EXPECT_THAT(
      disk_line("run", 3, 10 * kMebibyte, 5 * kMebibyte, 45 * kMebibyte),
      Not(HasSubstr("NOT ENOUGH")));
}

TEST(RunCost, AFolderThatIsNotThereYetLiesOnADisk) {
  const testing::TemporaryDirectory folder;
  EXPECT_GT(free_bytes_of(folder.file("not/there/yet")), 0);
}

}  // namespace
}  // namespace unimiss::train
