#include "unimiss/core/crash_point.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace unimiss {
namespace {

#ifdef UNIMISS_CRASH_POINTS
TEST(CrashPoint, EndsTheProcessAtTheCountAskedFor) {
  const auto reach = [](const char* asked, int times) {
    setenv("UNIMISS_CRASH_AT", asked, 1);
    for (int i = 0; i < times; ++i) {
      crash_at(CrashPoint::kFileOpened);
      crash_at(CrashPoint::kFileSynced);
    }
    std::_Exit(3);
  };
  const ::testing::KilledBySignal killed(SIGKILL);
  const ::testing::ExitedWithCode survived(3);
  // A process asks the environment once: each has one of its own.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(reach("file_synced", 1), killed, "");
  EXPECT_EXIT(reach("file_synced:3", 3), killed, "");
  EXPECT_EXIT(reach("file_synced:3", 2), survived, "");
  EXPECT_EXIT(reach("seal_removed", 2), survived, "");
}
#endif

TEST(CrashPoint, NamesAreThoseOfTheScripts) {
  EXPECT_EQ(enum_name(CrashPoint::kRecordWritten), "record_written");
}

}  // namespace
}  // namespace unimiss
