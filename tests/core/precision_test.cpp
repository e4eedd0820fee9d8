#include "unimiss/core/precision.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "unimiss/train/loss_scaler.h"

namespace unimiss {
namespace {

TEST(Precision, TheScaleHalvesOnOverflowAndDoublesAfter2000GoodSteps) {
  train::LossScaler scaler(Precision::kFp16);
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
  train::LossScaler restored(Precision::kFp16);
  restored.restore(scaler.scale(), scaler.good_steps());
  for (int i = 0; i < 1999; ++i) restored.update(true);
  EXPECT_EQ(restored.scale(), 65536);
}

TEST(Precision, OnlyFp16IsScaled) {
  for (const auto precision : {Precision::kFp32, Precision::kBf16}) {
    const train::LossScaler scaler(precision);
    EXPECT_FALSE(scaler.active());
    EXPECT_EQ(scaler.scale(), 1);
  }
}

TEST(Precision, AutocastLastsAsLongAsItsGuard) {
  const torch::Tensor a = at::rand({4, 4}), b = at::rand({4, 4});
  {
    const AutocastGuard guard(torch::kCPU, Precision::kBf16);
    EXPECT_EQ(at::mm(a, b).scalar_type(), torch::kBFloat16);
  }
  EXPECT_EQ(at::mm(a, b).scalar_type(), torch::kFloat);
  const AutocastGuard none(torch::kCPU, Precision::kFp32);
  EXPECT_EQ(at::mm(a, b).scalar_type(), torch::kFloat);
}

}  // namespace
}  // namespace unimiss
