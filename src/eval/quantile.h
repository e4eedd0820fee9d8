#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace unimiss::eval {

/// The quantile of a share in [0, 1], interpolated linearly between order
/// statistics, which is NumPy's default. At least one value, none NaN; infinite
/// ones are ordered like others.
inline double quantile(std::vector<double> values, double share) {
  const double rank = share * static_cast<double>(values.size() - 1);
  const auto low = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), low, values.end());
  const double weight = rank - static_cast<double>(low - values.begin());
  if (weight == 0) return *low;
  const double next = *std::min_element(low + 1, values.end());
  // Of two equal infinities the difference is no number.
  return next == *low ? next : *low + weight * (next - *low);
}

}  // namespace unimiss::eval
