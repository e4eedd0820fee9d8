#include "unimiss/eval/score_slices.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <utility>

namespace unimiss::eval {
namespace {

/// The neighbors of the result's voxels along one axis of the scores.
///
/// ATen's upsample_bilinear2d is no help: an axis whose extent stays the same
/// it copies, whatever the scale.
struct InterpolationAxis : LinearTaps {
  bool identity;

  InterpolationAxis(int64_t extent, int64_t size, double scale)
      : LinearTaps(extent, size, scale), identity(size == extent) {
    for (int64_t i = 0; i < size; ++i) {
      identity = identity && first[i] == i && weight[i] == 0;
    }
  }
};

/// Rows of one slice of the result, between two of the scores [K, H, W].
class SliceRows {
 public:
  SliceRows(const torch::Tensor& below, const torch::Tensor& above,
            float weight, int64_t height, int64_t width,
            const std::array<double, 3>& scale)
      : below_(with_whole_rows(below)),
        above_(with_whole_rows(above)),
        weight_(weight),
        lines_(below.size(1), height, scale[1]),
        columns_(below.size(2), width, scale[2]) {}

  bool identity() const {
    return weight_ == 0 && lines_.identity && columns_.identity;
  }

  /// The scores of class k along row y; `blended` has room for a row of the
  /// scores.
  void write(int64_t k, int64_t y, float* blended, float* to) const {
    blend(k, y, columns_.identity ? to : blended);
    if (columns_.identity) return;
    for (size_t x = 0; x < columns_.first.size(); ++x) {
      const float a = blended[columns_.first[x]];
      const float b = blended[columns_.second[x]];
      to[x] = a + columns_.weight[x] * (b - a);
    }
  }

 private:
  static torch::Tensor with_whole_rows(const torch::Tensor& slice) {
    return slice.stride(2) == 1 ? slice : slice.contiguous();
  }
  static const float* row(const torch::Tensor& slice, int64_t k, int64_t y) {
    return slice.const_data_ptr<float>() + k * slice.stride(0) +
           y * slice.stride(1);
  }

  /// The row at a place between four of the scores.
  void blend(int64_t k, int64_t y, float* to) const {
    const float along_height = lines_.weight[y];
    const float* a = row(below_, k, lines_.first[y]);
    if (weight_ == 0 && along_height == 0) {
      std::copy_n(a, below_.size(2), to);
      return;
    }
    const float* b = row(below_, k, lines_.second[y]);
    const float* c = row(above_, k, lines_.first[y]);
    const float* d = row(above_, k, lines_.second[y]);
    for (int64_t x = 0; x < below_.size(2); ++x) {
      const float first = a[x] + along_height * (b[x] - a[x]);
      const float second = c[x] + along_height * (d[x] - c[x]);
      to[x] = first + weight_ * (second - first);
    }
  }

  torch::Tensor below_, above_;
  float weight_;
  InterpolationAxis lines_, columns_;
};

const std::array<double, 3>& checked(const std::array<double, 3>& scale,
                                     const std::array<int64_t, 3>& size) {
  for (int axis = 0; axis < 3; ++axis) {
    TORCH_CHECK(
        size[axis] >= 1 && std::isfinite(scale[axis]) && scale[axis] > 0,
        "a result of ", size[axis], " voxels with scale ", scale[axis]);
  }
  return scale;
}

}  // namespace

ScoreSlices::ScoreSlices(std::function<torch::Tensor()> next_slab,
                         int64_t depth, const std::array<int64_t, 3>& size,
                         const std::array<double, 3>& scale)
    : next_slab_(std::move(next_slab)),
      size_(size),
      scale_(checked(scale, size)),
      slices_(depth, size[0], scale[0]) {}

torch::Tensor ScoreSlices::slice_of_slabs(int64_t depth) {
  while (given_ <= depth) {
    Slab slab{given_, next_slab_()};
    const torch::Tensor& scores = slab.scores;
    TORCH_CHECK(scores.defined() && scores.dim() == 4 && scores.is_cpu() &&
                    scores.scalar_type() == torch::kFloat && scores.numel() > 0,
                "scores must be some float32 [K, n, H, W] on the CPU, are ",
                scores.toString());
    given_ += scores.size(1);
    slabs_.push_back(std::move(slab));
  }
  for (auto slab = slabs_.rbegin();; ++slab) {
    TORCH_CHECK(slab != slabs_.rend(), "slice ", depth, " is gone");
    if (slab->first <= depth) {
      return slab->scores.select(1, depth - slab->first);
    }
  }
}

torch::Tensor ScoreSlices::next() {
  TORCH_CHECK(next_ < size_[0], "there are ", size_[0], " slices");
  const int64_t slice = next_++;
  const int64_t first = slices_.first[slice];
  while (!slabs_.empty() &&
         slabs_.front().first + slabs_.front().scores.size(1) <= first) {
    slabs_.pop_front();
  }
  torch::Tensor below = slice_of_slabs(first);
  const float weight = slices_.weight[slice];
  const torch::Tensor above =
      weight == 0 ? below : slice_of_slabs(slices_.second[slice]);
  const int64_t classes = below.size(0), height = size_[1], width = size_[2];
  const SliceRows rows(below, above, weight, height, width, scale_);
  if (rows.identity()) return below;
  torch::Tensor result = at::empty({classes, height, width}, torch::kFloat);
  auto* to = result.mutable_data_ptr<float>();
  constexpr int64_t kRowsAtLeast = 64;
  at::parallel_for(0, classes * height, kRowsAtLeast,
                   [&](int64_t begin, int64_t end) {
                     std::vector<float> blended(below.size(2));
                     for (int64_t row = begin; row < end; ++row) {
                       rows.write(row / height, row % height, blended.data(),
                                  to + row * width);
                     }
                   });
  return result;
}

}  // namespace unimiss::eval
