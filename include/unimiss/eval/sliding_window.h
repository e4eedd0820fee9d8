#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"

namespace unimiss::eval {

enum class MirrorAxis { kDepth, kHeight, kWidth };

struct SlidingWindowOptions {
  double step = 0.5;
  int64_t batch = 1;
  std::vector<MirrorAxis> mirror{};

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("step", self.step,
          "distance of neighboring windows as a share of the window, in "
          "(0, 1]");
    visit("batch", self.batch, "windows of one forward pass, at least 1");
    visit("mirror", self.mirror,
          "axes of test-time mirroring: the scores of all their combinations "
          "are averaged; images have no depth");
  }
  void check(Problems& problems) const;
};

/// Where windows begin along an axis of `extent` voxels, ascending: the first
/// is flush with the start, the last with the end, in between they are spread
/// evenly, at most `step` * `window` apart (rounded to whole voxels, at least
/// 1). 1 <= window <= extent. As nnU-Net's compute_steps_for_sliding_window.
std::vector<int64_t> window_positions(int64_t extent, int64_t window,
                                      double step);

/// Scores of windows [n, K, window] for windows [n, C, window].
using WindowPredictor = std::function<torch::Tensor(const torch::Tensor&)>;

/// The scores of an image of any size from a network for windows of one size
/// (Isensee et al. 2021, nnU-Net):
///
///   score(x) = sum_i w_i(x) s_i(x) / sum_i w_i(x)
///
/// over the windows i that cover the place x. The weight of a window is a
/// Gaussian around its voxel window / 2, with a standard deviation of 1/8 of
/// its extents and a maximum of 1. It is at least exp(-24), which single
/// precision holds: nnU-Net's rule for weights that round to zero is not
/// needed.
///
/// - image: [C, (D,) H, W] float32, on the device that `predict` is given its
///   windows on.
/// - window: 2 or 3 extents. Where an image is smaller it is padded on both
///   sides, by one more at the end where that is uneven, and the scores are cut
///   back.
/// - padding: [C], what lies outside of the image.
/// - predict: is given at most options.batch windows, contiguous, without
///   gradient. Of mirrored windows the scores are mirrored back and averaged;
///   the mirror image of a 2D window along the depth is itself, so there
///   kDepth changes nothing. What it throws passes through.
///
/// Returns [K, (D,) H, W] float32 on the CPU, contiguous: a GPU holds the
/// scores of one batch only.
///
/// Throws ConfigError for options that cannot be.
torch::Tensor sliding_window_scores(const torch::Tensor& image,
                                    at::IntArrayRef window,
                                    const torch::Tensor& padding,
                                    const SlidingWindowOptions& options,
                                    const WindowPredictor& predict);

}  // namespace unimiss::eval

template <>
struct unimiss::EnumNames<unimiss::eval::MirrorAxis> {
  static constexpr std::array kNames{
      std::pair{unimiss::eval::MirrorAxis::kDepth, "depth"},
      std::pair{unimiss::eval::MirrorAxis::kHeight, "height"},
      std::pair{unimiss::eval::MirrorAxis::kWidth, "width"}};
};
