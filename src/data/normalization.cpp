#include "unimiss/data/normalization.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "unimiss/augment/case.h"

namespace unimiss::data {
namespace {

/// The values of the channels that are normalised alike.
struct Values {
  float* begin;
  float* end;
};

/// Of the values that count.
struct Statistics {
  double mean = 0, deviation = 0;
  float low = std::numeric_limits<float>::max();
  float high = std::numeric_limits<float>::lowest();

  /// What rounding leaves of a constant is no contrast.
  bool flat() const {
    constexpr double kRounding = 4 * std::numeric_limits<float>::epsilon();
    const double largest =
        std::max(std::abs(static_cast<double>(low)), std::abs(double{high}));
    return !(double{high} - low > kRounding * largest);
  }
};

template <class Counts>
Statistics statistics_of(const Values& values, const Counts& counts) {
  Statistics result;
  double sum = 0, number = 0;
  for (const float* v = values.begin; v != values.end; ++v) {
    if (!counts(*v)) continue;
    sum += *v;
    number += 1;
    result.low = std::min(result.low, *v);
    result.high = std::max(result.high, *v);
  }
  if (number == 0) return result;
  result.mean = sum / number;
  double squares = 0;
  for (const float* v = values.begin; v != values.end; ++v) {
    if (counts(*v)) squares += (*v - result.mean) * (*v - result.mean);
  }
  result.deviation = std::sqrt(squares / number);
  return result;
}

/// (v - offset) / unit
void rescale(const Values& values, double offset, double unit) {
  std::transform(values.begin, values.end, values.begin, [&](float v) {
    return static_cast<float>((v - offset) / unit);
  });
}

/// By the mean and deviation of what counts; the rest becomes 0.
template <class Counts>
void z_score(const Values& values, const Counts& counts) {
  const Statistics found = statistics_of(values, counts);
  const bool flat = found.flat();
  std::transform(values.begin, values.end, values.begin, [&](float v) {
    return flat || !counts(v)
               ? 0.0f
               : static_cast<float>((v - found.mean) / found.deviation);
  });
}

void clip(const Values& values, double low, double high) {
  const auto least = static_cast<float>(low), most = static_cast<float>(high);
  std::transform(values.begin, values.end, values.begin,
                 [&](float v) { return std::clamp(v, least, most); });
}

/// Linear between the two nearest ranks, as NumPy's default.
double percentile(std::vector<float>& values, double percent) {
  const double rank = percent / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), values.begin() + below, values.end());
  const double low = values[below];
  if (below + 1 == static_cast<std::ptrdiff_t>(values.size())) return low;
  const double high =
      *std::min_element(values.begin() + below + 1, values.end());
  return low + (rank - static_cast<double>(below)) * (high - low);
}

void normalize(const Values& values, const NormalizationOptions& options,
               const std::optional<std::array<double, 2>>& unit_range) {
  const auto all = [](float) { return true; };
  switch (options.rule) {
    case NormalizationRule::kWindow:
      clip(values, options.window[0], options.window[1]);
      return rescale(values, options.mean, options.deviation);
    case NormalizationRule::kZScore:
      return z_score(values, all);
    case NormalizationRule::kZScoreForeground:
      return z_score(values, [](float v) { return v != 0; });
    case NormalizationRule::kPercentiles: {
      std::vector<float> ranked(values.begin, values.end);
      const double low = percentile(ranked, options.percentiles[0]);
      clip(values, low, percentile(ranked, options.percentiles[1]));
      return z_score(values, all);
    }
    case NormalizationRule::kUnit: {
      if (unit_range) {
        const auto [black, white] = *unit_range;
        return rescale(values, black, white - black);
      }
      const Statistics found = statistics_of(values, all);
      if (found.flat()) return std::fill(values.begin, values.end, 0.0f);
      return rescale(values, found.low, double{found.high} - found.low);
    }
  }
}

}  // namespace

void NormalizationOptions::check(Problems& problems) const {
  // Far beyond any intensity, and float32 tells whole numbers apart.
  constexpr double kLargest = 1e7;
  problems.all_in_range(window, between(-kLargest, kLargest), "window");
  problems.require(window[0] < window[1], "window",
                   "must be [least, largest] (is [" + number_text(window[0]) +
                       ", " + number_text(window[1]) +
                       "]); let it begin below its end");
  problems.in_range(mean, between(-kLargest, kLargest), "mean");
  problems.in_range(deviation, greater_than(0), "deviation");
  constexpr double kUnits = 32767 / augment::kIntensitySteps;
  const double reach =
      std::max(std::abs(window[0] - mean), std::abs(window[1] - mean)) /
      deviation;
  problems.require(
      rule != NormalizationRule::kWindow || reach <= kUnits, "deviation",
      "brings the window to " + number_text(std::round(10 * reach) / 10) +
          " units from the mean (cases keep 15.99); give mean and deviation of "
          "the intensities within the window",
      {"window", "mean"});
  problems.ordered(percentiles, between(0, 100), "percentiles");
}

void normalize_(torch::Tensor& image, const NormalizationOptions& options,
                int64_t together,
                const std::optional<std::array<double, 2>>& unit_range) {
  TORCH_CHECK(image.is_contiguous() && image.scalar_type() == torch::kFloat &&
                  image.dim() == 4 && image.numel() > 0 && together >= 1 &&
                  image.size(0) % together == 0,
              "normalise_: an image is float32 [C, D, H, W] and contiguous");
  auto* values = image.data_ptr<float>();
  const int64_t group = image.numel() / image.size(0) * together;
  for (int64_t i = 0; i < image.size(0) / together; ++i) {
    normalize({values + i * group, values + (i + 1) * group}, options,
              unit_range);
  }
}

}  // namespace unimiss::data
