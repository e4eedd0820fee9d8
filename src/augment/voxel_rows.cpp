#include "augment/voxel_rows.h"

#include <algorithm>

namespace unimiss::augment {

RowPlaces::RowPlaces(int64_t width, const std::array<int64_t, 3>& case_size)
    : inside(width), size_(case_size), exact_(width) {
  for (auto& axis : low) axis.resize(width);
  for (auto& axis : part) axis.resize(width);
}

void RowPlaces::find(const SpatialMap& map, const std::array<int64_t, 2>& at) {
  if (!map.elastic.empty()) moved_ = map.elastic.row(at[0], at[1]);
  for (int axis = 0; axis < 3; ++axis) {
    const auto [md, mh, mw] = map.matrix[axis];
    const double start = map.offset[axis] + md * static_cast<double>(at[0]) +
                         mh * static_cast<double>(at[1]);
    const auto width = static_cast<int32_t>(exact_.size());
    double* exact = exact_.data();
    for (int32_t x = 0; x < width; ++x) exact[x] = start + mw * x;
    for (size_t x = 0; x < moved_.size(); ++x) {
      const auto& [dd, dh, dw] = moved_[x];
      exact[x] += md * dd + mh * dh + mw * dw;
    }
    split(low[axis].data(), part[axis].data());
  }
  find_inside();
}

/// Branchless, so that compilers turn it into vector instructions: this takes
/// as long as interpolating.
void RowPlaces::split(int32_t* lows, float* parts) const {
  const double* exact = exact_.data();
  const size_t width = exact_.size();
  for (size_t x = 0; x < width; ++x) {
    double at = exact[x];
    at = at < -kFarthest ? -kFarthest : at;
    at = at > kFarthest ? kFarthest : at;
    // Of what is not negative, truncation is the floor. The sum rounds what
    // lies less than 3e-7 below a whole number up to it.
    const auto floor =
        static_cast<int32_t>(at + kFarthest) - static_cast<int32_t>(kFarthest);
    const double rest = at - floor;
    lows[x] = floor;
    parts[x] = static_cast<float>(rest < 0 ? 0 : rest);
  }
}

void RowPlaces::find_inside() {
  const bool one = std::all_of(part[0].begin(), part[0].end(),
                               [](float value) { return value == 0; }) &&
                   std::all_of(low[0].begin(), low[0].end(),
                               [&](int32_t z) { return z == low[0][0]; });
  slices = one ? Slices::kOne : Slices::kTwo;
  const auto last = [&](int axis) {
    return static_cast<int32_t>(size_[axis]) - 1;
  };
  const int32_t depth = one ? last(0) + 1 : last(0), height = last(1),
                width = last(2);
  const int32_t *z = low[0].data(), *y = low[1].data(), *x = low[2].data();
  int32_t* to = inside.data();
  const size_t count = inside.size();
  for (size_t i = 0; i < count; ++i) {
    to[i] = (z[i] >= 0) & (z[i] < depth) & (y[i] >= 0) & (y[i] < height) &
            (x[i] >= 0) & (x[i] < width);
  }
}

}  // namespace unimiss::augment
