#include "unimiss/pretrain/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace unimiss::pretrain {
namespace {

RunSize both_kinds() { return {100, 240, 10, 8, 200, 0}; }

TEST(Schedule, OneEpochIsHalfOfBothPasses) {
  EXPECT_EQ(Schedule({}, both_kinds(), 8e-4, 0.04).steps_per_epoch(), 20);
  RunSize images = both_kinds();
  images.samples_3d = 0;
  EXPECT_EQ(Schedule({}, images, 8e-4, 0.04).steps_per_epoch(), 10);
  EXPECT_EQ(Schedule({}, images, 8e-4, 0.04).at(5).rank, 2);
  RunSize volumes = both_kinds();
  volumes.samples_2d = 0;
  EXPECT_EQ(Schedule({}, volumes, 8e-4, 0.04).steps_per_epoch(), 30);
  EXPECT_EQ(Schedule({}, volumes, 8e-4, 0.04).at(0).rank, 3);
}

TEST(Schedule, AlternatesByStepsOrEpochs) {
  ScheduleOptions options;
  const Schedule by_step(options, both_kinds(), 8e-4, 0.04);
  options.unit = AlternationUnit::kEpoch;
  const Schedule by_epoch(options, both_kinds(), 8e-4, 0.04);
  for (int64_t step = 0; step < 200; ++step) {
    EXPECT_EQ(by_step.at(step).rank, step / 2 % 2 == 0 ? 2 : 3) << step;
    EXPECT_EQ(by_epoch.at(step).rank, step / 40 % 2 == 0 ? 2 : 3) << step;
  }
}

TEST(Schedule, LearningRateWarmsUpToItsPhasesPeakAndDecays) {
  const Schedule schedule({}, both_kinds(), 8e-4, 0.04);
  EXPECT_EQ(schedule.total_steps(), 4000);
  EXPECT_EQ(schedule.at(0).lr, 0);
  // 10 of 200 epochs of 20 steps; steps 196-197 are 2D, 198-199 3D.
  EXPECT_NEAR(schedule.at(199).lr, 8e-4 * 8 / 192, 1e-9);
  EXPECT_NEAR(schedule.at(201).lr, 8e-4 * 10 / 192, 1e-9);
  EXPECT_LT(schedule.at(100).lr, schedule.at(120).lr);
  EXPECT_NEAR(schedule.at(3999).lr, 1e-6, 1e-8);
  EXPECT_NEAR(schedule.at(2000).weight_decay, 0.22, 1e-6);
  EXPECT_NEAR(schedule.at(0).weight_decay, 0.04, 1e-9);
  EXPECT_NEAR(schedule.at(0).momentum, 0.996, 1e-9);
  EXPECT_NEAR(schedule.at(3999).momentum, 1.0, 1e-6);
}

TEST(Schedule, MaxStepsShrinksTheWholeSchedule) {
  RunSize size = both_kinds();
  size.max_steps = 400;
  const Schedule schedule({}, size, 8e-4, 0.04);
  EXPECT_EQ(schedule.total_steps(), 400);
  EXPECT_NEAR(schedule.at(21).lr, 8e-4 * 10 / 192, 2e-7);
  EXPECT_NEAR(schedule.at(399).lr, 1e-6, 1e-7);
  // One of 200 epochs is one of 200 parts of the run.
  EXPECT_TRUE(schedule.at(1).last_layer_frozen);
  EXPECT_FALSE(schedule.at(2).last_layer_frozen);
}

TEST(Schedule, TheOfficialClockReproducesRecordedValues) {
  // Epochs 20, 21, 22 of 200, peak 6e-4 at batch 192; 2D and 3D sets of equal
  // size, as recorded from the official code.
  ScheduleOptions options;
  options.clock = ScheduleClock::kOfficial;
  options.unit = AlternationUnit::kEpoch;
  const RunSize size{192, 192, 192, 192, 200, 0};
  const Schedule schedule(options, size, 6e-4, 0.04);
  ASSERT_EQ(schedule.steps_per_epoch(), 1);
  EXPECT_NEAR(schedule.at(20).lr, 0.0005959152103691153, 1e-9);
  EXPECT_NEAR(schedule.at(21).lr, 0.0005950597699242785, 1e-9);
  EXPECT_NEAR(schedule.at(22).lr, 0.0005941237997795053, 1e-9);
  EXPECT_NEAR(schedule.at(20).weight_decay, 0.04880982706687231, 1e-9);
  EXPECT_NEAR(schedule.at(21).momentum, 0.9961078292823449, 1e-9);
}

TEST(Schedule, TheOfficialClockIsAStaircaseThatNeverOverruns) {
  ScheduleOptions options;
  options.clock = ScheduleClock::kOfficial;
  options.unit = AlternationUnit::kEpoch;
  // More images than volume samples: the index would leave the table.
  const Schedule schedule(options, {4000, 1000, 10, 10, 20, 0}, 6e-4, 0.04);
  const double first = schedule.at(0).lr;
  EXPECT_NEAR(first, 0, 1e-9);
  EXPECT_LT(schedule.at(schedule.steps_per_epoch() - 1).lr, 6e-4 / 2);
  EXPECT_GE(schedule.at(schedule.total_steps() - 1).lr, 0);
  EXPECT_TRUE(std::isfinite(schedule.at(schedule.total_steps() - 1).momentum));
}

TEST(Schedule, UnderTheOfficialClockNothingFreezesAgain) {
  ScheduleOptions options;
  options.clock = ScheduleClock::kOfficial;
  options.unit = AlternationUnit::kEpoch;
  options.teacher_warmup_temperature = 0.02;
  options.teacher_warmup_epochs = 6;
  // Few images: the clock jumps back with every phase of them.
  const Schedule schedule(options, {200, 1200, 10, 10, 20, 0}, 6e-4, 0.04);
  for (int64_t step = 0; step < schedule.total_steps(); ++step) {
    EXPECT_EQ(schedule.at(step).last_layer_frozen,
              step < schedule.steps_per_epoch())
        << step;
    if (step > 0) {
      EXPECT_GE(schedule.at(step).teacher_temperature,
                schedule.at(step - 1).teacher_temperature);
    }
  }
}

TEST(Schedule, LastLayerAndTeacherTemperatureFollowTheirEpochs) {
  ScheduleOptions options;
  options.teacher_warmup_temperature = 0.02;
  options.teacher_warmup_epochs = 10;
  const Schedule schedule(options, both_kinds(), 8e-4, 0.04);
  EXPECT_TRUE(schedule.at(19).last_layer_frozen);
  EXPECT_FALSE(schedule.at(20).last_layer_frozen);
  EXPECT_NEAR(schedule.at(0).teacher_temperature, 0.02, 1e-9);
  EXPECT_NEAR(schedule.at(100).teacher_temperature, 0.03, 1e-9);
  EXPECT_NEAR(schedule.at(1000).teacher_temperature, 0.04, 1e-9);
}

}  // namespace
}  // namespace unimiss::pretrain
