#include "unimiss/data/intensity.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace unimiss::data {
namespace {

/// The values of the channels that are normalised alike.
struct Values {
  float* begin;
  float* end;
};

struct Moments {
  double mean = 0, deviation = 0;
};

template <class Counts>
Moments moments_of(const Values& values, const Counts& counts) {
  double sum = 0, number = 0;
  for (const float* v = values.begin; v != values.end; ++v) {
    if (!counts(*v)) continue;
    sum += *v;
    number += 1;
  }
  if (number == 0) return {};
  const double mean = sum / number;
  double squares = 0;
  for (const float* v = values.begin; v != values.end; ++v) {
    if (counts(*v)) squares += (*v - mean) * (*v - mean);
  }
  return {mean, std::sqrt(squares / number)};
}

/// (v - offset) / unit where it counts, else 0; without a unit all 0.
template <class Counts>
void rescale(const Values& values, double offset, double unit,
             const Counts& counts) {
  // What is left of a constant by rounding is no contrast.
  const bool flat = unit <= 1e-7 * std::max(1.0, std::abs(offset));
  std::transform(values.begin, values.end, values.begin, [&](float v) {
    return flat || !counts(v) ? 0.0f : static_cast<float>((v - offset) / unit);
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

void normalise(const Values& values, const IntensityOptions& options,
               const std::optional<std::array<double, 2>>& unit_range) {
  const auto all = [](float) { return true; };
  const auto foreground = [](float v) { return v != 0; };
  const auto z_score = [&](const auto& counts) {
    const Moments moments = moments_of(values, counts);
    rescale(values, moments.mean, moments.deviation, counts);
  };
  switch (options.rule) {
    case IntensityRule::kWindow:
      clip(values, options.window[0], options.window[1]);
      return rescale(values, options.mean, options.deviation, all);
    case IntensityRule::kZScore:
      return z_score(all);
    case IntensityRule::kZScoreForeground:
      return z_score(foreground);
    case IntensityRule::kPercentiles: {
      std::vector<float> sorted(values.begin, values.end);
      const double low = percentile(sorted, options.percentiles[0]);
      clip(values, low, percentile(sorted, options.percentiles[1]));
      return z_score(all);
    }
    case IntensityRule::kUnit: {
      const auto [low, high] = std::minmax_element(values.begin, values.end);
      const double least = unit_range ? (*unit_range)[0] : *low;
      const double most = unit_range ? (*unit_range)[1] : *high;
      return rescale(values, least, most - least, all);
    }
  }
}

}  // namespace

void IntensityOptions::check(Problems& problems) const {
  problems.require(window[0] < window[1], "window",
                   "must be [least, largest] (is [" + number_text(window[0]) +
                       ", " + number_text(window[1]) + "])");
  problems.in_range(deviation, greater_than(0), "deviation");
  problems.ordered(percentiles, between(0, 100), "percentiles");
}

void normalise_(torch::Tensor& image, const IntensityOptions& options,
                int64_t together,
                const std::optional<std::array<double, 2>>& unit_range) {
  TORCH_CHECK(image.is_contiguous() && image.scalar_type() == torch::kFloat &&
                  image.dim() == 4 && image.size(0) % together == 0,
              "normalise_: an image is float32 [C, D, H, W] and contiguous");
  auto* values = image.data_ptr<float>();
  const int64_t group = image.numel() / image.size(0) * together;
  for (int64_t i = 0; i < image.size(0) / together; ++i) {
    normalise({values + i * group, values + (i + 1) * group}, options,
              unit_range);
  }
}

}  // namespace unimiss::data
