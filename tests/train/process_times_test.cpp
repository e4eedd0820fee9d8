#include "unimiss/train/process_times.h"

#include <gmock/gmock.h>

namespace unimiss::train {
namespace {

using ::testing::HasSubstr;

TEST(ProcessTimes, TellHowProcessesDiffer) {
  EXPECT_FALSE(spread_of({{2, 1, 0}}, 8));
  // The second one works longest: the others wait for it.
  const auto spread =
      spread_of({{2, 0.1, 1}, {2, 0.5, 0}, {2, 0.2, 0.4}, {2, 0, 1}}, 80);
  ASSERT_TRUE(spread);
  EXPECT_EQ(spread->slowest, 1);
  EXPECT_DOUBLE_EQ(spread->wait_seconds, 0.6);
  EXPECT_DOUBLE_EQ(spread->most_wait_seconds, 1);
  EXPECT_DOUBLE_EQ(spread->most_data_seconds, 0.5);
  EXPECT_DOUBLE_EQ(spread->least_rate, 10);
  EXPECT_DOUBLE_EQ(spread->most_rate, 20);
}

TEST(ProcessTimes, AreReadBackFromARecord) {
  StepRecord record;
  record.seconds = 2;
  record.samples = 80;
  ProcessHistory none;
  none.add(record);
  EXPECT_EQ(none.describe(), "");
  record.processes = spread_of({{2, 0, 0.5}, {2, 0.5, 0.1}}, 80);
  const auto read = StepRecord::of(record.metrics());
  ASSERT_TRUE(read && read->processes);
  EXPECT_EQ(read->processes->slowest, 1);
  EXPECT_DOUBLE_EQ(read->processes->wait_seconds, 0.3);
  ProcessHistory history;
  history.add(*read);
  history.add(record);
  EXPECT_THAT(history.describe(),
              HasSubstr("15.0 % of the time waiting for each other; process 1 "
                        "was the slowest in 100 % of the steps"));
}

}  // namespace
}  // namespace unimiss::train
