#include "unimiss/data/sampler.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

using Draws = std::vector<Sampler::Draw>;

Draws draws(std::vector<SampleSource> sources, int64_t count,
            uint64_t seed = 5) {
  Sampler sampler(std::move(sources), seed);
  Draws result;
  for (int64_t place = 0; place < count; ++place) {
    result.push_back(sampler.at(place));
  }
  return result;
}

TEST(Sampler, WithoutWeightsAnEpochIsAPermutation) {
  const Draws found = draws({{7, 0}, {3, 0}}, 30);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::set<int64_t> seen;
    for (int64_t i = 10 * epoch; i < 10 * (epoch + 1); ++i) {
      seen.insert(found[i].index);
      EXPECT_EQ(found[i].visit, epoch);
    }
    EXPECT_EQ(seen.size(), 10u);
  }
  EXPECT_NE(found[0].index * 100 + found[1].index * 10 + found[2].index,
            found[10].index * 100 + found[11].index * 10 + found[12].index);
}

TEST(Sampler, WeightsShareAnEpoch) {
  // 1000 samples of one list, 24 of another, equally often.
  const int64_t epochs = 6;
  const Draws found = draws({{1000, 1}, {24, 1}}, 1024 * epochs);
  std::map<int64_t, int64_t> visits;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    int64_t small = 0;
    for (int64_t i = 1024 * epoch; i < 1024 * (epoch + 1); ++i) {
      const auto& [index, visit] = found[i];
      small += index >= 1000 ? 1 : 0;
      visits[index] = std::max(visits[index], visit + 1);
      // Mixed throughout: half-way a list has had half of its share.
      if (i == 1024 * epoch + 511) {
        EXPECT_NEAR(static_cast<double>(small), 256, 64);
      }
    }
    EXPECT_EQ(small, 512);
  }
  // None comes a second time before all others of its source have come.
  std::map<int64_t, std::set<int64_t>> seen;
  for (const auto& [index, visit] : found) {
    const int64_t source = index >= 1000 ? 1 : 0;
    EXPECT_TRUE(seen[source].insert(index).second) << index << " " << visit;
    if (seen[source].size() == (source == 1 ? 24u : 1000u)) {
      seen[source].clear();
    }
  }
  for (const auto& [index, count] : visits) {
    EXPECT_NEAR(static_cast<double>(count),
                index >= 1000 ? 512.0 * epochs / 24 : 512.0 * epochs / 1000, 1)
        << index;
  }
  EXPECT_EQ(visits.size(), 1024u);
}

TEST(Sampler, ADrawNeverRepeats) {
  std::set<std::pair<int64_t, int64_t>> seen;
  for (const auto& [index, visit] :
       draws({{10, 1}, {3, 5}}, int64_t{13} * 20)) {
    EXPECT_TRUE(seen.insert({index, visit}).second) << index << " " << visit;
  }
}

TEST(Sampler, IsAFunctionOfSeedAndPlace) {
  const std::vector<SampleSource> sources{{10, 2}, {30, 1}};
  const Draws forwards = draws(sources, 200);
  Sampler sampler(sources, 5);
  for (const int64_t place : {199, 3, 120, 0, 77}) {
    EXPECT_EQ(sampler.at(place), forwards[place]);
    sampler.forget_before(place);
  }
  EXPECT_NE(draws(sources, 200, 6), forwards);
}

TEST(Sampler, WeightsAreChecked) {
  EXPECT_THROW(Sampler({}, 1), ConfigError);
  EXPECT_THROW(Sampler({{10, 1}, {10, 0}}, 1), ConfigError);
  EXPECT_THROW(Sampler({{10, 1}, {10, -1}}, 1), ConfigError);
  EXPECT_THROW(Sampler({{10, 1}, {10, 1e-3}}, 1), ConfigError);
  EXPECT_THROW(Sampler({{10, 1}, {0, 1}}, 1), ConfigError);
}

}  // namespace
}  // namespace unimiss::data
