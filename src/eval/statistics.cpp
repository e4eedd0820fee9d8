#include "unimiss/eval/statistics.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "eval/quantile.h"
#include "unimiss/core/random.h"

namespace unimiss::eval {
namespace {

void require_number(double value, size_t at) {
  TORCH_CHECK(!std::isnan(value), "value of case ", at, " is NaN");
}

/// The values there are.
std::vector<double> known_values(const CaseValues& values) {
  std::vector<double> known;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;
    require_number(*values[i], i);
    known.push_back(*values[i]);
  }
  return known;
}

/// Magnitudes in ascending order with their ranks, doubled to be integers.
struct SignedRanks {
  std::vector<int64_t> doubled;  ///< ranks of the differences but zeros
  int64_t doubled_positive = 0;  ///< their sum over positive differences
  double tie_correction = 0;     ///< the sum of t³ - t over t equal magnitudes

  explicit SignedRanks(std::vector<double> differences) {
    std::erase(differences, 0.0);
    std::sort(differences.begin(), differences.end(),
              [](double a, double b) { return std::abs(a) < std::abs(b); });
    const size_t count = differences.size();
    for (size_t first = 0, last = 0; first < count; first = last) {
      const double magnitude = std::abs(differences[first]);
      while (last < count && std::abs(differences[last]) == magnitude) ++last;
      // The mean of ranks first + 1 to last, doubled.
      const auto rank = static_cast<int64_t>(first + 1 + last);
      const auto tied = static_cast<double>(last - first);
      for (size_t i = first; i < last; ++i) {
        doubled.push_back(rank);
        if (differences[i] > 0) doubled_positive += rank;
      }
      tie_correction += tied * tied * tied - tied;
    }
  }
};

/// Twice the smaller tail of the sum of positive ranks, where each sign is as
/// likely as the other; all sums are counted.
double exact_p_value(const SignedRanks& ranks) {
  const int64_t total =
      std::accumulate(ranks.doubled.begin(), ranks.doubled.end(), int64_t{0});
  // Ways to make each sum, as shares of all.
  std::vector<double> share(total + 1, 0.0);
  share[0] = 1;
  for (const int64_t rank : ranks.doubled) {
    for (int64_t sum = total; sum >= 0; --sum) {
      const double without = sum >= rank ? share[sum - rank] : 0;
      share[sum] = (share[sum] + without) / 2;
    }
  }
  const auto at = share.begin() + ranks.doubled_positive;
  const double below = std::accumulate(share.begin(), at + 1, 0.0);
  const double above = std::accumulate(at, share.end(), 0.0);
  return std::min(1.0, 2 * std::min(below, above));
}

double normal_p_value(const SignedRanks& ranks) {
  const auto n = static_cast<double>(ranks.doubled.size());
  if (n == 0) return 1;
  const double mean = n * (n + 1) / 4;
  const double variance =
      (n * (n + 1) * (2 * n + 1) - ranks.tie_correction / 2) / 24;
  const double z = (static_cast<double>(ranks.doubled_positive) / 2 - mean) /
                   std::sqrt(variance);
  return std::erfc(std::abs(z) / std::numbers::sqrt2);
}

}  // namespace

std::vector<std::optional<Interval>> bootstrap_all(
    int64_t cases, const CaseStatistics& statistics,
    const BootstrapOptions& options) {
  TORCH_CHECK(options.level > 0 && options.level < 1 && options.resamples >= 1,
              "bootstrap of level ", options.level, " with ", options.resamples,
              " resamples");
  std::vector<int64_t> chosen(cases);
  std::iota(chosen.begin(), chosen.end(), 0);
  const auto estimates = statistics(chosen);
  for (const auto& estimate : estimates) {
    TORCH_CHECK(!estimate || !std::isnan(*estimate),
                "the statistic of all cases is NaN");
  }
  std::vector<std::optional<Interval>> intervals(estimates.size());
  if (cases < 2) return intervals;
  std::vector<std::vector<double>> resampled(estimates.size());
  for (int64_t i = 0; i < options.resamples; ++i) {
    Random random({options.seed, static_cast<uint64_t>(i)});
    for (int64_t& one : chosen) one = random.integer(cases);
    const auto values = statistics(chosen);
    for (size_t k = 0; k < values.size(); ++k) {
      if (!values[k]) continue;
      TORCH_CHECK(!std::isnan(*values[k]), "the statistic of resample ", i,
                  " is NaN");
      resampled.at(k).push_back(*values[k]);
    }
  }
  for (size_t k = 0; k < estimates.size(); ++k) {
    if (!estimates[k] || resampled[k].empty()) continue;
    const auto count = static_cast<int64_t>(resampled[k].size());
    const double low = quantile(resampled[k], (1 - options.level) / 2);
    const double high =
        quantile(std::move(resampled[k]), (1 + options.level) / 2);
    intervals[k] = Interval{*estimates[k], low, high, cases, count};
  }
  return intervals;
}

std::optional<Interval> bootstrap(int64_t cases, const CaseStatistic& statistic,
                                  const BootstrapOptions& options) {
  const auto alone = [&](const std::vector<int64_t>& chosen) {
    return std::vector{statistic(chosen)};
  };
  // Without cases there is nothing to ask of them.
  return cases < 2 ? std::nullopt
                   : bootstrap_all(cases, alone, options).front();
}

std::optional<Interval> bootstrap_mean(const CaseValues& values,
                                       const BootstrapOptions& options) {
  const std::vector<double> known = known_values(values);
  const auto mean =
      [&](const std::vector<int64_t>& chosen) -> std::optional<double> {
    double sum = 0;
    for (const int64_t i : chosen) sum += known[i];
    if (std::isnan(sum)) return std::nullopt;  // infinities of both signs
    return sum / static_cast<double>(chosen.size());
  };
  return bootstrap(static_cast<int64_t>(known.size()), mean, options);
}

std::optional<SignedRankTest> signed_rank_test(
    const std::vector<double>& differences) {
  if (differences.empty()) return std::nullopt;
  for (size_t i = 0; i < differences.size(); ++i) {
    require_number(differences[i], i);
  }
  const SignedRanks ranks(differences);
  const auto n = static_cast<int64_t>(ranks.doubled.size());
  const bool all_distinct =
      ranks.tie_correction == 0 && ranks.doubled.size() == differences.size();
  const bool exact = differences.size() <= (all_distinct ? 50U : 13U);
  const int64_t doubled_negative = n * (n + 1) - ranks.doubled_positive;
  return SignedRankTest{
      static_cast<double>(std::min(ranks.doubled_positive, doubled_negative)) /
          2,
      exact ? exact_p_value(ranks) : normal_p_value(ranks)};
}

PairedComparison compare_paired(const CaseValues& first,
                                const CaseValues& second,
                                const BootstrapOptions& options) {
  TORCH_CHECK(first.size() == second.size(), first.size(), " and ",
              second.size(), " values of the same cases");
  CaseValues differences;
  for (size_t i = 0; i < first.size(); ++i) {
    if (!first[i] || !second[i]) continue;
    require_number(*first[i], i);
    require_number(*second[i], i);
    differences.push_back(*first[i] == *second[i] ? 0 : *first[i] - *second[i]);
  }
  return {static_cast<int64_t>(differences.size()),
          bootstrap_mean(differences, options),
          signed_rank_test(known_values(differences))};
}

}  // namespace unimiss::eval
