#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

/// How sure a number over cases is. Values are in the order of the cases and
/// empty where a metric says nothing of a case (its mask is empty in both,
/// say); those are left out. A value that is NaN is a bug (TORCH_CHECK).
namespace unimiss::eval {

using CaseValues = std::vector<std::optional<double>>;

struct BootstrapOptions {
  double level = 0.95;        ///< of the interval, in (0, 1)
  int64_t resamples = 10000;  ///< at least 1
  /// Resample i is drawn by Random({seed, i}): the same on every machine.
  uint64_t seed = 0;
};

/// What is estimated from all cases, and its interval.
struct Interval {
  double estimate = 0;
  double low = 0;
  double high = 0;
  int64_t cases = 0;      ///< that have a value
  int64_t resamples = 0;  ///< that have a value
};

/// A number of the cases whose indices are given, in [0, cases), some of them
/// several times; empty where it says nothing, as an AUC of one class does.
using CaseStatistic =
    std::function<std::optional<double>(const std::vector<int64_t>&)>;

/// The percentile bootstrap (Efron 1979): the statistic of as many cases, drawn
/// with replacement, over and over; the interval lies between the (1 - level) /
/// 2 and (1 + level) / 2 quantiles, interpolated linearly, of those resamples
/// where it is not empty. Empty with fewer than 2 cases, where it is empty for
/// all cases, or for all resamples.
std::optional<Interval> bootstrap(int64_t cases, const CaseStatistic& statistic,
                                  const BootstrapOptions& options = {});

/// Several numbers of the same cases.
using CaseStatistics = std::function<std::vector<std::optional<double>>(
    const std::vector<int64_t>&)>;

/// bootstrap() of each of them, from the same resamples; they are always as
/// many.
std::vector<std::optional<Interval>> bootstrap_all(
    int64_t cases, const CaseStatistics& statistics,
    const BootstrapOptions& options = {});

/// The interval of a mean over cases. Infinite values make an infinite mean;
/// of both signs none, and the interval is empty.
std::optional<Interval> bootstrap_mean(const CaseValues& values,
                                       const BootstrapOptions& options = {});

/// Wilcoxon's signed-rank test (1945) that differences are symmetric about 0,
/// two-sided.
struct SignedRankTest {
  /// The smaller of the sums of the ranks, by magnitude, of the positive and of
  /// the negative differences.
  double statistic = 0;
  double p_value = 1;
};

/// As scipy.stats.wilcoxon does by default: zeros are left out; equal
/// magnitudes share their mean rank. The distribution is exact, over all signs
/// of the ranks, for at most 13 differences, zeros counted, and for at most 50
/// without zeros and ties; else it is the normal one with the variance
/// corrected for ties, without correction for continuity. Empty without
/// differences. Where all are 0 the p value is 1 (SciPy: NaN for more than 13).
std::optional<SignedRankTest> signed_rank_test(
    const std::vector<double>& differences);

/// Two methods on the same cases.
struct PairedComparison {
  int64_t cases = 0;  ///< that have a value of both
  /// The mean of first - second; empty where bootstrap_mean() is.
  std::optional<Interval> difference;
  std::optional<SignedRankTest> test;  ///< empty without cases
};

/// first, second: one value a case, of one length. Equal infinite values differ
/// by 0.
PairedComparison compare_paired(const CaseValues& first,
                                const CaseValues& second,
                                const BootstrapOptions& options = {});

}  // namespace unimiss::eval
