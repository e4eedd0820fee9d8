#include "unimiss/train/stop_request.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

const std::vector<StopSignal> kSignals{StopSignal::kTerm, StopSignal::kUsr1};

/// These tests may themselves run in a SLURM job.
[[maybe_unused]] const int kNoJob = unsetenv("SLURM_JOB_END_TIME");

std::string seconds_from_now(int64_t seconds) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(now).count() + seconds);
}

TEST(StopRequest, ASignalIsNotedOnce) {
  StopRequest stop(kSignals, 0);
  stop.begin();
  EXPECT_FALSE(stop.reason(1e9));
  std::raise(SIGUSR1);
  EXPECT_EQ(stop.reason(0), "SIGUSR1");
}

TEST(StopRequest, ASecondOneEndsTheProcess) {
  EXPECT_EXIT(
      {
        StopRequest stop(kSignals, 0);
        stop.begin();
        std::raise(SIGUSR1);
        std::raise(SIGTERM);  // `timeout` sends two at once
        if (!stop.reason(0)) std::_Exit(1);
        std::this_thread::sleep_for(std::chrono::milliseconds(1100));
        std::raise(SIGTERM);
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(kExitPreempted), "");
}

TEST(StopRequest, BeforeThereIsSomethingToSaveTheFirstOneDoes) {
  EXPECT_EXIT(
      {
        StopRequest stop(kSignals, 0);
        std::raise(SIGTERM);
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(kExitPreempted), "nothing is to be saved");
}

TEST(StopRequest, OtherSignalsAndOtherTimesKeepTheirHandlers) {
  EXPECT_EXIT(
      {
        StopRequest stop({StopSignal::kUsr1}, 0);
        stop.begin();
        std::raise(SIGTERM);
      },
      ::testing::KilledBySignal(SIGTERM), "");
  EXPECT_EXIT(
      {
        { StopRequest stop(kSignals, 0); }
        std::raise(SIGUSR1);
      },
      ::testing::KilledBySignal(SIGUSR1), "");
}

TEST(StopRequest, TheTimeLimitCountsWhatIsStillNeeded) {
  const StopRequest stop({}, 100);
  EXPECT_FALSE(stop.reason(50));
  EXPECT_EQ(stop.reason(100), "run.time_limit");
}

TEST(StopRequest, TheSoonerOfTwoLimitsCounts) {
  setenv("SLURM_JOB_END_TIME", seconds_from_now(1000).c_str(), 1);
  EXPECT_EQ(StopRequest({}, 0).reason(1001), "the end of the SLURM job");
  EXPECT_FALSE(StopRequest({}, 0).reason(900));
  EXPECT_EQ(StopRequest({}, 100).reason(200), "run.time_limit");
  EXPECT_EQ(StopRequest({}, 2000).reason(1100), "the end of the SLURM job");
  // Of another job, long ago.
  setenv("SLURM_JOB_END_TIME", seconds_from_now(-10).c_str(), 1);
  EXPECT_FALSE(StopRequest({}, 0).reason(1e9));
  setenv("SLURM_JOB_END_TIME", "soon", 1);
  EXPECT_FALSE(StopRequest({}, 0).reason(1e9));
  unsetenv("SLURM_JOB_END_TIME");
}

}  // namespace
}  // namespace unimiss::train
