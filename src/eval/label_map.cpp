#include "unimiss/eval/label_map.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "unimiss/core/linear_taps.h"

namespace unimiss::eval {
namespace {

/// The neighbors of the result's voxels along one axis of the scores.
///
/// ATen's upsample_trilinear3d is no help: an axis whose extent stays the same
/// it copies, whatever the scale, and one class it does on one thread.
struct InterpolationAxis : LinearTaps {
  bool identity;

  InterpolationAxis(int64_t extent, int64_t size, double scale)
      : LinearTaps(extent, size, scale), identity(size == extent) {
    TORCH_CHECK(std::isfinite(scale) && scale > 0, "scale ", scale);
    for (int64_t i = 0; i < size; ++i) {
      identity = identity && first[i] == i && weight[i] == 0;
    }
  }
};

/// Scores [K, D, H, W], interpolated row by row.
class ScoreRows {
 public:
  ScoreRows(torch::Tensor scores, const std::array<int64_t, 3>& size,
            const std::array<double, 3>& scale)
      : scores_(std::move(scores)),
        data_(scores_.const_data_ptr<float>()),
        slices_(scores_.size(1), size[0], scale[0]),
        lines_(scores_.size(2), size[1], scale[1]),
        columns_(scores_.size(3), size[2], scale[2]) {}

  /// Of a row of the result.
  size_t width() const { return columns_.first.size(); }

  /// What a thread needs: a row of the scores and one of the result.
  struct Buffers {
    std::vector<float> blended, row;
  };
  Buffers buffers() const {
    return {std::vector<float>(scores_.size(3)), std::vector<float>(width())};
  }

  /// The scores of class k along row (z, y) of the result; the values are
  /// those of the buffers, or the scores themselves.
  const float* row(int64_t k, int64_t z, int64_t y, Buffers& buffers) const {
    const float* blended = blend(k, z, y, buffers.blended.data());
    if (columns_.identity) return blended;
    for (size_t x = 0; x < buffers.row.size(); ++x) {
      const float a = blended[columns_.first[x]];
      const float b = blended[columns_.second[x]];
      buffers.row[x] = a + columns_.weight[x] * (b - a);
    }
    return buffers.row.data();
  }

 private:
  const float* at(int64_t k, int64_t z, int64_t y) const {
    return data_ + k * scores_.stride(0) + z * scores_.stride(1) +
           y * scores_.stride(2);
  }

  /// The row of the scores at a place between four of them.
  const float* blend(int64_t k, int64_t z, int64_t y, float* to) const {
    const float along_depth = slices_.weight[z];
    const float along_height = lines_.weight[y];
    const float* a = at(k, slices_.first[z], lines_.first[y]);
    if (along_depth == 0 && along_height == 0) return a;
    const float* b = at(k, slices_.first[z], lines_.second[y]);
    const float* c = at(k, slices_.second[z], lines_.first[y]);
    const float* d = at(k, slices_.second[z], lines_.second[y]);
    for (int64_t x = 0; x < scores_.size(3); ++x) {
      const float above = a[x] + along_height * (b[x] - a[x]);
      const float below = c[x] + along_height * (d[x] - c[x]);
      to[x] = above + along_depth * (below - above);
    }
    return to;
  }

  torch::Tensor scores_;
  const float* data_;
  InterpolationAxis slices_, lines_, columns_;
};

/// An int16 map [size], 0 before take_row(rows, z, y, buffers, row) fills it.
template <class TakeRow>
torch::Tensor map_of_rows(const torch::Tensor& scores, at::IntArrayRef size,
                          const std::vector<double>& scale,
                          const TakeRow& take_row) {
  const size_t rank = size.size();
  TORCH_CHECK((rank == 2 || rank == 3) && scale.size() == rank &&
                  scores.dim() == static_cast<int64_t>(rank) + 1,
              "scores ", scores.sizes(), " to ", size, " with ", scale.size(),
              " scales");
  TORCH_CHECK(std::all_of(size.begin(), size.end(),
                          [](int64_t extent) { return extent >= 1; }),
              "a map of size ", size);
  TORCH_CHECK(scores.is_cpu() && scores.scalar_type() == torch::kFloat &&
                  scores.numel() > 0,
              "scores must be some float32 on the CPU, are ", scores.toString(),
              " ", scores.sizes());
  std::array<int64_t, 3> extents{1, 1, 1};
  std::array<double, 3> scales{1, 1, 1};
  std::copy(size.begin(), size.end(), extents.end() - rank);
  std::copy(scale.begin(), scale.end(), scales.end() - rank);
  torch::Tensor volumes = rank == 2 ? scores.unsqueeze(1) : scores;
  if (volumes.stride(3) != 1) volumes = volumes.contiguous();
  const ScoreRows rows(volumes, extents, scales);

  torch::Tensor map = at::zeros(size, torch::kShort);
  auto* to = map.mutable_data_ptr<int16_t>();
  constexpr int64_t kRowsAtLeast = 16;
  at::parallel_for(0, extents[0] * extents[1], kRowsAtLeast,
                   [&](int64_t first, int64_t last) {
                     ScoreRows::Buffers buffers = rows.buffers();
                     for (int64_t row = first; row < last; ++row) {
                       take_row(rows, row / extents[1], row % extents[1],
                                buffers, to + row * extents[2]);
                     }
                   });
  return map;
}

}  // namespace

torch::Tensor exclusive_label_map(const torch::Tensor& scores,
                                  at::IntArrayRef size,
                                  const std::vector<double>& scale) {
  const int64_t classes = scores.size(0);
  TORCH_CHECK(classes <= std::numeric_limits<int16_t>::max(), classes,
              " classes do not fit in int16");
  return map_of_rows(scores, size, scale,
                     [&](const ScoreRows& rows, int64_t z, int64_t y,
                         ScoreRows::Buffers& buffers, int16_t* labels) {
                       std::vector<float> largest(
                           rows.width(),
                           -std::numeric_limits<float>::infinity());
                       for (int64_t k = 0; k < classes; ++k) {
                         const float* row = rows.row(k, z, y, buffers);
                         const auto label = static_cast<int16_t>(k);
                         for (size_t x = 0; x < rows.width(); ++x) {
                           const bool larger = row[x] > largest[x];
                           largest[x] = larger ? row[x] : largest[x];
                           labels[x] = larger ? label : labels[x];
                         }
                       }
                     });
}

torch::Tensor structure_map(const torch::Tensor& scores, at::IntArrayRef size,
                            const std::vector<double>& scale) {
  constexpr int64_t kBits = 15;
  const int64_t structures = scores.size(0);
  TORCH_CHECK(structures <= kBits, structures, " structures for ", kBits,
              " bits");
  return map_of_rows(
      scores, size, scale,
      [&](const ScoreRows& rows, int64_t z, int64_t y,
          ScoreRows::Buffers& buffers, int16_t* map) {
        for (int64_t k = 0; k < structures; ++k) {
          const float* row = rows.row(k, z, y, buffers);
          const auto bit = static_cast<int16_t>(1 << k);
          for (size_t x = 0; x < rows.width(); ++x) {
            map[x] = static_cast<int16_t>(map[x] | (row[x] > 0 ? bit : 0));
          }
        }
      });
}

}  // namespace unimiss::eval
