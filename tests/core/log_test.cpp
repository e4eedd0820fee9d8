#include "unimiss/core/log.h"

#include <gtest/gtest.h>

namespace unimiss {
namespace {

TEST(Log, DurationsAreForPeople) {
  EXPECT_EQ(duration_text(-1), "0 s");
  EXPECT_EQ(duration_text(7.4), "7 s");
  EXPECT_EQ(duration_text(306), "5 min 06 s");
  EXPECT_EQ(duration_text(3 * 3600 + 4 * 60), "3 h 04 min");
  EXPECT_EQ(duration_text(51 * 3600), "2 d 03 h");
}

TEST(Log, TheBarIsFullAtTheEndOnly) {
  EXPECT_EQ(progress_bar(0), "[                    ]   0 %");
  EXPECT_EQ(progress_bar(0.5), "[==========          ]  50 %");
  EXPECT_EQ(progress_bar(0.999), "[=================== ]  99 %");
  EXPECT_EQ(progress_bar(1), "[====================] 100 %");
}

}  // namespace
}  // namespace unimiss
