#include "unimiss/train/spike_filter.h"

#include <gtest/gtest.h>

#include <cmath>

namespace unimiss::train {
namespace {

SpikeOptions options_of(double threshold, int64_t window = 20) {
  return {threshold, window};
}

/// Values around 1 with a deviation of about 0.1.
double usual(int step) { return 1 + 0.1 * std::sin(step); }

void feed(SpikeFilter& filter, int steps, int64_t kind = 2) {
  for (int step = 0; step < steps; ++step) {
    EXPECT_FALSE(filter.is_spike(kind, usual(step), usual(step + 1)));
  }
}

TEST(SpikeFilter, JudgesByWhatCameBefore) {
  SpikeFilter filter(options_of(6));
  // Too little is known yet.
  feed(filter, 9);
  EXPECT_FALSE(filter.is_spike(2, 1.2, 1));
  feed(filter, 20);
  EXPECT_TRUE(filter.is_spike(2, 100, 1));
  EXPECT_TRUE(filter.is_spike(2, 1, 100));
  // What is skipped does not count, and low values are none.
  EXPECT_TRUE(filter.is_spike(2, 100, 1));
  EXPECT_FALSE(filter.is_spike(2, -100, 1));
  // Of another kind nothing is known.
  EXPECT_FALSE(filter.is_spike(3, 100, 100));
}

TEST(SpikeFilter, TakesALevelThatStays) {
  SpikeFilter filter(options_of(6));
  feed(filter, 20);
  int skipped = 0;
  while (filter.is_spike(2, 5, 5)) ++skipped;
  EXPECT_EQ(skipped, 5);
  // Judged by the new level from then on.
  for (int step = 0; step < 30; ++step) {
    EXPECT_FALSE(filter.is_spike(2, 5 * usual(step), 5 * usual(step + 1)));
  }
  EXPECT_TRUE(filter.is_spike(2, 50, 5));
}

TEST(SpikeFilter, GoesOnFromItsState) {
  SpikeFilter one(options_of(6)), other(options_of(6));
  feed(one, 20);
  feed(one, 12, 3);
  EXPECT_TRUE(one.is_spike(2, 5, 5));
  other.load_state(one.state());
  for (int step = 0; step < 8; ++step) {
    EXPECT_EQ(one.is_spike(2, 5, 5), other.is_spike(2, 5, 5)) << step;
    EXPECT_EQ(one.is_spike(3, 9, 1), other.is_spike(3, 9, 1)) << step;
  }
  for (const auto& [name, tensor] : one.state()) {
    EXPECT_TRUE(tensor.equal(other.state().at(name))) << name;
    EXPECT_LE(static_cast<int64_t>(tensor.nbytes()), one.state_bytes());
  }
}

TEST(SpikeFilter, ASmallerWindowKeepsTheNewest) {
  SpikeFilter one(options_of(6)), smaller(options_of(6, 10));
  feed(one, 15, 3);
  smaller.load_state(one.state());
  EXPECT_TRUE(smaller.state().at("3").slice(1, 1).equal(
      one.state().at("3").slice(1, 6)));
}

TEST(SpikeFilter, SkipsNothingByDefault) {
  SpikeFilter filter{SpikeOptions()};
  EXPECT_FALSE(filter.active());
  feed(filter, 200);
  EXPECT_FALSE(filter.is_spike(2, 1e9, 1e9));
  EXPECT_TRUE(filter.state().empty());
}

}  // namespace
}  // namespace unimiss::train
