#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace unimiss {

/// Where cell i of a resampled axis lies between the cells of the old one,
/// `extent` of them: cells are scale old ones wide and the axes begin at the
/// same border, so that its centre is at (i + 1/2) scale - 1/2, clamped to the
/// first and the last of the old centres.
inline double cell_place(int64_t i, double scale, int64_t extent) {
  return std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0,
                    static_cast<double>(extent - 1));
}

/// One axis of a separable linear interpolation: new cell i blends the old
/// cells first[i] and second[i], the latter with weight[i].
struct LinearTaps {
  std::vector<int64_t> first, second;
  std::vector<float> weight;

  /// From `extent` cells to `size`; see cell_place().
  LinearTaps(int64_t extent, int64_t size, double scale)
      : first(size), second(size), weight(size) {
    for (int64_t i = 0; i < size; ++i) {
      const double at = cell_place(i, scale, extent);
      first[i] = static_cast<int64_t>(at);
      second[i] = std::min(first[i] + 1, extent - 1);
      weight[i] = static_cast<float>(at - static_cast<double>(first[i]));
    }
  }
};

}  // namespace unimiss
