#pragma once

#include <optional>
#include <vector>

namespace unimiss::eval {

/// The mean of the values there are; empty where there is none.
inline std::optional<double> optional_mean(
    const std::vector<std::optional<double>>& values) {
  double sum = 0, count = 0;
  for (const std::optional<double>& value : values) {
    if (!value) continue;
    sum += *value;
    count += 1;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

}  // namespace unimiss::eval
