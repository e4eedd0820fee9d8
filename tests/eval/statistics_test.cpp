#include "unimiss/eval/statistics.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "eval/metric_golden.h"
#include "unimiss/core/random.h"

namespace unimiss::eval {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The share of pairs in order, with the positive ones first; empty with one
/// kind only.
std::optional<double> auc_of(const std::vector<double>& scores,
                             const std::vector<int64_t>& positive,
                             const std::vector<int64_t>& cases) {
  double wins = 0, pairs = 0;
  for (const int64_t i : cases) {
    for (const int64_t j : cases) {
      if (positive[i] != 1 || positive[j] != 0) continue;
      pairs += 1;
      wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
    }
  }
  if (pairs == 0) return std::nullopt;
  return wins / pairs;
}

TEST(Statistics, BootstrapEqualsAnotherImplementationOfItsStream) {
  int checked = 0;
  const Json all = metric_golden("statistics.json");
  for (const auto& [name, golden] : all.items()) {
    if (!name.starts_with("bootstrap")) continue;
    const std::vector<double> values = golden["values"];
    const BootstrapOptions options{golden["level"], golden["resamples"],
                                   golden["seed"]};
    std::optional<Interval> interval;
    if (golden.contains("positive")) {
      const std::vector<int64_t> positive = golden["positive"];
      interval = bootstrap(
          static_cast<int64_t>(values.size()),
          [&](const auto& cases) { return auc_of(values, positive, cases); },
          options);
    } else {
      interval = bootstrap_mean({values.begin(), values.end()}, options);
    }
    ASSERT_TRUE(interval) << name;
    expect_golden(interval->low, golden["low"], 1e-12, name);
    expect_golden(interval->high, golden["high"], 1e-12, name);
    EXPECT_EQ(interval->resamples, golden["used"]) << name;
    EXPECT_EQ(interval->cases, static_cast<int64_t>(values.size())) << name;
    ++checked;
  }
  EXPECT_EQ(checked, 6);
}

TEST(Statistics, IntervalOfManyIsNormal) {
  Random random({5});
  CaseValues values;
  double sum = 0, squares = 0;
  for (int i = 0; i < 400; ++i) {
    values.push_back(3 + 2 * random.normal());
    sum += *values.back();
    squares += *values.back() * *values.back();
  }
  const double mean = sum / 400;
  const double error = std::sqrt((squares / 400 - mean * mean) / 400);
  const Interval interval = bootstrap_mean(values).value();
  EXPECT_NEAR(interval.estimate, mean, 1e-12);
  EXPECT_NEAR(interval.low, mean - 1.96 * error, 0.1 * error);
  EXPECT_NEAR(interval.high, mean + 1.96 * error, 0.1 * error);
  EXPECT_EQ(interval.resamples, 10000);
  // Of 50 %, 0.674 standard errors to each side.
  const Interval half = bootstrap_mean(values, {.level = 0.5}).value();
  EXPECT_NEAR(half.high - half.low, 2 * 0.674 * error, 0.1 * error);
}

TEST(Statistics, BootstrapIsAFunctionOfItsSeed) {
  Random random({7});
  CaseValues values;
  for (int i = 0; i < 20; ++i) values.push_back(random.uniform());
  const auto low = [&](uint64_t seed) {
    return bootstrap_mean(values, {.resamples = 50, .seed = seed})->low;
  };
  EXPECT_EQ(low(0), low(0));
  EXPECT_NE(low(0), low(1));
}

TEST(Statistics, SeveralNumbersShareTheirResamples) {
  const CaseValues values{0.5, 0.75, 1.0, 0.25};
  const auto statistics = [&](const std::vector<int64_t>& cases) {
    double sum = 0;
    for (const int64_t i : cases) sum += *values[i];
    const double mean = sum / static_cast<double>(cases.size());
    return std::vector<std::optional<double>>{mean, std::nullopt, -mean};
  };
  const auto all = bootstrap_all(4, statistics, {.resamples = 50});
  ASSERT_EQ(all.size(), 3u);
  const Interval mean = bootstrap_mean(values, {.resamples = 50}).value();
  EXPECT_DOUBLE_EQ(all[0]->low, mean.low);
  EXPECT_DOUBLE_EQ(all[0]->high, mean.high);
  EXPECT_FALSE(all[1]);
  EXPECT_DOUBLE_EQ(all[2]->low, -mean.high);
  for (const auto& none : bootstrap_all(1, statistics)) EXPECT_FALSE(none);
}

TEST(Statistics, BootstrapLeavesOutWhatIsEmpty) {
  const CaseValues all{0.5, 0.75, 1.0}, some{0.5, {}, 0.75, {}, 1.0};
  const Interval a = bootstrap_mean(all, {.resamples = 50}).value();
  const Interval b = bootstrap_mean(some, {.resamples = 50}).value();
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_EQ(b.cases, 3);
  EXPECT_FALSE(bootstrap_mean({}));
  EXPECT_FALSE(bootstrap_mean({0.5, {}, {}}));
  const Interval same = bootstrap_mean({0.5, 0.5}).value();
  EXPECT_EQ(same.low, 0.5);
  EXPECT_EQ(same.high, 0.5);

  const auto nothing = [](const auto&) { return std::optional<double>(); };
  EXPECT_FALSE(bootstrap(5, nothing));
  // All cases have a value, but no resample with a case twice.
  const auto distinct_only =
      [](std::vector<int64_t> cases) -> std::optional<double> {
    std::sort(cases.begin(), cases.end());
    if (std::adjacent_find(cases.begin(), cases.end()) != cases.end()) {
      return std::nullopt;
    }
    return 1;
  };
  EXPECT_FALSE(bootstrap(30, distinct_only, {.resamples = 100}));
}

TEST(Statistics, InfiniteValuesMakeAnInfiniteMean) {
  const Interval interval =
      bootstrap_mean({1.0, 2.0, 3.0, 4.0, kInfinity}).value();
  EXPECT_EQ(interval.estimate, kInfinity);
  // A third of all resamples has no infinite value.
  EXPECT_LT(interval.low, 3);
  EXPECT_EQ(interval.high, kInfinity);
  EXPECT_FALSE(bootstrap_mean({kInfinity, -kInfinity, 1.0}));
}

TEST(Statistics, SignedRankTestEqualsSciPy) {
  int checked = 0;
  const Json all = metric_golden("statistics.json");
  for (const auto& [name, golden] : all.items()) {
    if (!name.starts_with("wilcoxon")) continue;
    const std::vector<double> differences = golden["differences"];
    const SignedRankTest test = signed_rank_test(differences).value();
    EXPECT_EQ(test.statistic, golden["statistic"]) << name;
    if (golden["p_value"].is_null()) {
      EXPECT_TRUE(
          std::ranges::all_of(differences, [](double d) { return d == 0; }));
      EXPECT_EQ(test.p_value, 1) << name;
    } else {
      expect_golden(test.p_value, golden["p_value"], 1e-9, name);
    }
    ++checked;
  }
  EXPECT_EQ(checked, 54);
}

/// By the definition, over all signs.
double p_value_of_all_signs(const std::vector<double>& differences) {
  std::vector<double> ranks;
  for (const double d : differences) {
    double rank = 0;
    for (const double other : differences) {
      if (other == 0 || d == 0) continue;
      if (std::abs(other) < std::abs(d)) rank += 1;
      if (std::abs(other) == std::abs(d)) rank += 0.5;
    }
    ranks.push_back(d == 0 ? 0 : rank + 0.5);
  }
  double observed = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (differences[i] > 0) observed += ranks[i];
  }
  double below = 0, above = 0;
  const size_t all = size_t{1} << ranks.size();
  for (size_t signs = 0; signs < all; ++signs) {
    double sum = 0;
    for (size_t i = 0; i < ranks.size(); ++i) {
      if (signs >> i & 1) sum += ranks[i];
    }
    below += sum <= observed;
    above += sum >= observed;
  }
  return std::min(1.0, 2 * std::min(below, above) / static_cast<double>(all));
}

TEST(Statistics, ExactSignedRankTestCountsAllSigns) {
  Random random({6});
  for (int64_t n = 1; n <= 12; ++n) {
    for (int repeat = 0; repeat < 5; ++repeat) {
      std::vector<double> differences;
      for (int64_t i = 0; i < n; ++i) {
        differences.push_back(static_cast<double>(random.integer(12)) - 4);
      }
      EXPECT_NEAR(signed_rank_test(differences).value().p_value,
                  p_value_of_all_signs(differences), 1e-12);
    }
  }
  EXPECT_FALSE(signed_rank_test({}));
}

TEST(Statistics, ComparesTheCasesThatBothHave) {
  const CaseValues a{0.9, 0.8, {}, 0.5, kInfinity, 0.7};
  const CaseValues b{0.5, {}, 0.3, 0.75, kInfinity, 0.6};
  const PairedComparison comparison = compare_paired(a, b);
  EXPECT_EQ(comparison.cases, 4);  // 0.4, -0.25, 0, 0.1
  EXPECT_NEAR(comparison.difference.value().estimate, 0.0625, 1e-12);
  EXPECT_LT(comparison.difference->low, 0);
  EXPECT_GT(comparison.difference->high, 0);
  EXPECT_EQ(comparison.test.value().statistic, 2);  // rank of 0.25
  const PairedComparison swapped = compare_paired(b, a);
  EXPECT_EQ(swapped.difference->low, -comparison.difference->high);
  EXPECT_EQ(swapped.test->p_value, comparison.test->p_value);

  const PairedComparison none = compare_paired({0.5, {}}, {{}, 0.5});
  EXPECT_EQ(none.cases, 0);
  EXPECT_FALSE(none.difference || none.test);
  const PairedComparison one = compare_paired({0.5}, {0.25});
  EXPECT_FALSE(one.difference);
  EXPECT_EQ(one.test.value().p_value, 1);
}

TEST(Statistics, RefusesWhatCannotBe) {
  const double nan = std::nan("");
  EXPECT_THROW(bootstrap_mean({1.0, nan}), c10::Error);
  EXPECT_THROW(signed_rank_test({1.0, nan}), c10::Error);
  EXPECT_THROW(compare_paired({1.0, nan}, {1.0, 2.0}), c10::Error);
  EXPECT_THROW(compare_paired({1.0}, {1.0, 2.0}), c10::Error);
  EXPECT_THROW(bootstrap_mean({1.0, 2.0}, {.level = 1}), c10::Error);
  EXPECT_THROW(bootstrap_mean({1.0, 2.0}, {.resamples = 0}), c10::Error);
  EXPECT_THROW(bootstrap(2, [&](const auto&) { return std::optional(nan); }),
               c10::Error);
}

}  // namespace
}  // namespace unimiss::eval
