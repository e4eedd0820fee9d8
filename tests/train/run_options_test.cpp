#include "unimiss/train/run_options.h"

#include <gmock/gmock.h>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(RunOptions, AllThatIsWrongIsToldAtOnce) {
  RunOptions options{.output = "run"};
  validate(options);
  options.output.clear();
  options.keep_checkpoints = 0;
  options.process_timeout = 0;
  options.stop_signals = {StopSignal::kInt, StopSignal::kInt};
  EXPECT_THAT(
      [&] { validate(options); },
      ThrowsMessage<ConfigError>(AllOf(
          HasSubstr("run.output"), HasSubstr("run.keep_checkpoints"),
          HasSubstr("run.process_timeout"), HasSubstr("run.stop_signals[1]"))));
}

TEST(RunOptions, HalfPrecisionIsOfGpus) {
  RunOptions options{.output = "run"};
  options.precision = Precision::kFp16;
  validate(options);  // the device may be one
  options.device = DeviceChoice::kCpu;
  EXPECT_THAT([&] { validate(options); },
              ThrowsMessage<ConfigError>(HasSubstr("run.precision")));
}

TEST(RunOptions, ListsMustBeFiles) {
  const testing::TemporaryDirectory folder;
  testing::write_bytes(folder.file("list.txt"), "");
  Problems problems;
  check_list_files({folder.file("list.txt"), folder.path().string(), "missing"},
                   "data.train", problems);
  ASSERT_EQ(problems.found().size(), 2u);
  EXPECT_EQ(problems.found()[0].key, "data.train[1]");
  EXPECT_THAT(problems.found()[1].text, HasSubstr("there is no file"));
}

}  // namespace
}  // namespace unimiss::train
