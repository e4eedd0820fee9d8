#include "unimiss/finetune/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace unimiss::finetune {
namespace {

Schedule make(const ScheduleOptions& options, int64_t max_steps = 0) {
  return {options, 2e-3, /*steps_per_epoch=*/10, /*epochs=*/20, max_steps};
}

TEST(Schedule, PolyByStepAndByEpoch) {
  ScheduleOptions options;
  EXPECT_EQ(make(options).total_steps(), 200);
  EXPECT_DOUBLE_EQ(make(options).lr(0), 2e-3);
  EXPECT_DOUBLE_EQ(make(options).lr(57), 2e-3 * std::pow(1 - 57.0 / 200, 0.9));
  options.decay_by = DecayClock::kEpoch;
  // The released code's: epoch 5 of 20.
  EXPECT_DOUBLE_EQ(make(options).lr(57), 2e-3 * std::pow(1 - 5.0 / 20, 0.9));
}

TEST(Schedule, WarmUpThenCosineToItsEnd) {
  ScheduleOptions options;
  options.shape = DecayShape::kCosine;
  options.warmup_epochs = 4;
  options.final_lr = 1e-4;
  const Schedule schedule = make(options);
  EXPECT_DOUBLE_EQ(schedule.lr(0), 2e-3 / 40);
  EXPECT_DOUBLE_EQ(schedule.lr(39), 2e-3);
  EXPECT_DOUBLE_EQ(schedule.lr(40), 2e-3);
  EXPECT_NEAR(schedule.lr(120), (2e-3 + 1e-4) / 2, 1e-12);
  EXPECT_NEAR(
      schedule.lr(199),
      1e-4 + 1.9e-3 * 0.5 * (1 + std::cos(std::numbers::pi * 159 / 160)),
      1e-12);
  options.decay_by = DecayClock::kEpoch;
  EXPECT_DOUBLE_EQ(make(options).lr(3), 2e-3 / 4);  // the first of 4 epochs
  EXPECT_DOUBLE_EQ(make(options).lr(35), 2e-3);
  options.decay_by = DecayClock::kStep;
  // A shorter run warms up for the same share of it.
  EXPECT_DOUBLE_EQ(make(options, 50).lr(4), 2e-3 * 5 / 10);
}

TEST(Schedule, ConstantIsConstant) {
  ScheduleOptions options;
  options.shape = DecayShape::kConstant;
  for (const int64_t step : {0, 77, 199}) {
    EXPECT_DOUBLE_EQ(make(options).lr(step), 2e-3);
  }
}

}  // namespace
}  // namespace unimiss::finetune
