#include "unimiss/train/run_output.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// What it was told, and how often it was drawn.
struct Told : RunHistory {
  std::vector<int64_t> steps;
  int64_t others = 0;
  mutable int64_t drawn = 0;
  bool fails = false;

  void add(const StepRecord& record) override { steps.push_back(record.step); }
  void add_other(const Metrics& /*record*/) override { ++others; }
  void write_picture(const std::string& /*path*/) const override {
    ++drawn;
    if (fails) throw DataError("no room");
  }
};

StepRecord small_record(int64_t step) {
  StepRecord record;
  record.step = step;
  record.phase = "2d";
  record.samples = 4;
  return record;
}

TEST(RunOutput, AStartGoesOnAfterTheStepOfItsCheckpoint) {
  const testing::TemporaryDirectory place;
  RunFolder folder(place.file("run"));
  folder.lock();
  folder.begin({}, "");
  {
    Told first;
    RunOutput output(folder, 0, 9, first);
    for (int64_t step = 1; step <= 3; ++step) output.add(small_record(step));
    output.add_other(3, {{"step", int64_t{3}}, {"phase", "validation"}},
                     "a line");
    output.add(small_record(4));
    output.sync();
    EXPECT_THAT(first.steps, ElementsAre(1, 2, 3, 4));
  }
  Told second;
  RunOutput output(folder, 3, 9, second);
  EXPECT_THAT(second.steps, ElementsAre(1, 2, 3));
  EXPECT_EQ(second.others, 1);
  output.add(small_record(4));
  output.sync();
  EXPECT_THAT(second.steps, ElementsAre(1, 2, 3, 4));
  const std::string metrics = testing::read_bytes(folder.file("metrics.jsonl"));
  EXPECT_EQ(std::count(metrics.begin(), metrics.end(), '\n'), 5);
  EXPECT_THAT(testing::read_bytes(folder.file("log.txt")),
              HasSubstr("step 4/9 2d loss"));
}

TEST(RunOutput, APictureThatFailsEndsNothing) {
  const testing::TemporaryDirectory place;
  RunFolder folder(place.file("run"));
  folder.lock();
  folder.begin({}, "");
  Told told;
  told.fails = true;
  RunOutput output(folder, 0, 9, told);
  output.draw();
  output.draw();
  EXPECT_EQ(told.drawn, 2);
}

}  // namespace
}  // namespace unimiss::train
