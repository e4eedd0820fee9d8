#include "unimiss/core/device.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "unimiss/core/error.h"

namespace unimiss {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(Device, TheCpuIsAlwaysThere) {
  EXPECT_EQ(choose_device(DeviceChoice::kCpu), torch::kCPU);
  EXPECT_EQ(choose_device(DeviceChoice::kCpu, 7), torch::kCPU);
  EXPECT_NO_THROW(check_device(DeviceChoice::kCpu, 8));
}

TEST(Device, AGpuThatIsAskedForMustBeThere) {
  if (at::hasCUDA() && at::getNumGPUs() > 0) GTEST_SKIP() << "has a GPU";
  EXPECT_EQ(choose_device(DeviceChoice::kAuto), torch::kCPU);
  EXPECT_THAT([] { choose_device(DeviceChoice::kCuda); },
              ThrowsMessage<ConfigError>(HasSubstr("run.device")));
  EXPECT_THROW(check_device(DeviceChoice::kCuda, 1), ConfigError);
}

TEST(Device, OldGpusNeedAnOldLibTorchOrNone) {
  EXPECT_EQ(gpu_problem({2, 10}, {7, 0}), "");
  EXPECT_EQ(gpu_problem({2, 11}, {7, 5}), "");
  EXPECT_THAT(gpu_problem({2, 11}, {7, 0}), HasSubstr("--version 2.10.0"));
  EXPECT_THAT(gpu_problem({2, 10}, {6, 1}), HasSubstr("run.device=cpu"));
}

TEST(Device, PeakMemoryCountsWhatWasUsed) {
  constexpr int64_t kMebibytes = 64;
  reset_peak_memory(torch::kCPU);
  const int64_t before = peak_memory_mb(torch::kCPU);
  EXPECT_TRUE(at::ones({kMebibytes << 20}, torch::kChar).defined());
  EXPECT_GE(peak_memory_mb(torch::kCPU), before + kMebibytes / 2);
}

}  // namespace
}  // namespace unimiss
