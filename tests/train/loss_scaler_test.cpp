#include "unimiss/train/loss_scaler.h"

#include <gtest/gtest.h>

namespace unimiss::train {
namespace {

TEST(LossScaler, HalvesOnOverflowAndDoublesAfter2000GoodSteps) {
  LossScaler scaler(Precision::kFp16);
  EXPECT_TRUE(scaler.active());
  EXPECT_EQ(scaler.scale(), 65536);
  scaler.update(false);
  EXPECT_EQ(scaler.scale(), 32768);
  for (int i = 0; i < 1999; ++i) scaler.update(true);
  EXPECT_EQ(scaler.scale(), 32768);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 65536);
  // An overflow starts the count again.
  for (int i = 0; i < 1999; ++i) scaler.update(true);
  scaler.update(false);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 32768);
  EXPECT_EQ(scaler.good_steps(), 1);
  LossScaler restored(Precision::kFp16);
  restored.restore(scaler.scale(), scaler.good_steps());
  for (int i = 0; i < 1999; ++i) restored.update(true);
  EXPECT_EQ(restored.scale(), 65536);
}

TEST(LossScaler, ScalesFp16Alone) {
  for (const auto precision : {Precision::kFp32, Precision::kBf16}) {
    const LossScaler scaler(precision);
    EXPECT_FALSE(scaler.active());
    EXPECT_EQ(scaler.scale(), 1);
  }
}

}  // namespace
}  // namespace unimiss::train
