#pragma once

#include <array>
#include <cstdint>
#include <ostream>
#include <vector>

namespace unimiss {

/// The spatial extents of a 2D map (H, W) or a 3D map (D, H, W).
///
/// Tokens [B, N, C] and the Grid they came from are all a transformer block
/// knows of dimensionality: N = cells(), row-major, the last extent fastest.
class Grid {
 public:
  Grid() = default;
  Grid(int64_t height, int64_t width) : extents_{height, width}, rank_(2) {}
  Grid(int64_t depth, int64_t height, int64_t width)
      : extents_{depth, height, width}, rank_(3) {}

  /// The trailing 2 or 3 sizes of a map [B, C, (D,) H, W]. Works for any range
  /// with size() and operator[], e.g. Tensor::sizes().
  template <class Sizes>
  static Grid of_map(const Sizes& sizes) {
    const size_t n = sizes.size();
    return n == 5 ? Grid(sizes[2], sizes[3], sizes[4])
                  : Grid(sizes[n - 2], sizes[n - 1]);
  }

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return extents_[axis]; }
  int64_t& operator[](int axis) { return extents_[axis]; }

  /// The number of cells: the product of the extents.
  int64_t cells() const {
    int64_t product = 1;
    for (int i = 0; i < rank_; ++i) product *= extents_[i];
    return product;
  }

  std::vector<int64_t> sizes() const {
    return {extents_.begin(), extents_.begin() + rank_};
  }

  bool operator==(const Grid&) const = default;

 private:
  std::array<int64_t, 3> extents_{};
  int rank_ = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Grid& grid) {
  for (int i = 0; i < grid.rank(); ++i) out << (i ? "x" : "") << grid[i];
  return out;
}

}  // namespace unimiss
