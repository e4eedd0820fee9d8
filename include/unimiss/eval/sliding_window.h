#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "unimiss/core/axis.h"
#include "unimiss/core/fields.h"

namespace unimiss::eval {

struct SlidingWindowOptions {
  double step = 0.5;
  int64_t batch = 1;
  std::vector<Axis> mirror{};

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

/// Scores of windows [n, K, window], float32, for windows [n, C, window] of the
/// image's type.
using WindowPredictor = std::function<torch::Tensor(const torch::Tensor&)>;

/// The windows along one axis of an image.
struct WindowAxis {
  int64_t extent = 0;  ///< of the image
  int64_t window = 0;
  int64_t before = 0;              ///< padding in front of the image
  int64_t padded = 0;              ///< of the image and its padding
  std::vector<int64_t> positions;  ///< in the padded image

  WindowAxis(int64_t image_extent, int64_t window_extent, double step);
};

/// The scores of an image of any size from a network for windows of one size
/// (Isensee et al. 2021, nnU-Net), some slices at a time:
///
///   score(x) = sum_i w_i(x) s_i(x) / sum_i w_i(x)
///
/// over the windows i that cover the place x. The weight of a window is a
/// Gaussian around its voxel window / 2, with a standard deviation of 1/8 of
/// its extents and a maximum of 1. It is at least exp(-24), which single
/// precision holds: nnU-Net's rule for weights that round to zero is not
/// needed.
///
/// Memory: sums for the K scores of as many slices as a window is deep, and the
/// slices that next() returns; nothing grows with the depth of the image.
class SlidingWindow {
 public:
  /// - image: [C, (D,) H, W] of any type, on the CPU; kept, not copied, but
  ///   where it is smaller than a window.
  /// - window: 2 or 3 extents. Where an image is smaller it is padded on both
  ///   sides, by one more at the end where that is uneven, and the scores are
  ///   cut back.
  /// - padding: [C], what lies outside of the image.
  /// - predict: is given at most options.batch windows, contiguous, without
  ///   gradient; its scores may be on any device. Of mirrored windows the
  ///   scores are mirrored back and averaged; the mirror image of a 2D window
  ///   along the depth is itself, so there kDepth changes nothing. What it
  ///   throws passes through.
  ///
  /// Throws ConfigError for options that cannot be.
  SlidingWindow(const torch::Tensor& image, at::IntArrayRef window,
                const torch::Tensor& padding,
                const SlidingWindowOptions& options, WindowPredictor predict);

  /// Of the image, D = 1 where it is 2D.
  int64_t depth() const { return axes_[0].extent; }
  /// The scores of the next slices, [K, n, H, W] float32 on the CPU, n >= 1;
  /// after the last slice undefined. Predicts the windows that are still
  /// missing for them.
  torch::Tensor next();

 private:
  void add_windows(int64_t depth);
  void add_batch(const std::vector<std::array<int64_t, 3>>& corners);
  torch::Tensor finished(int64_t depth, int64_t slices) const;
  void drop_slices(int64_t slices);

  bool flat_ = false;    ///< the predictor takes 2D windows
  torch::Tensor image_;  ///< [C, D, H, W], padded
  std::vector<WindowAxis> axes_;
  int64_t batch_ = 1;
  std::vector<int64_t> mirrored_;  ///< dimensions of the predictor's windows
  WindowPredictor predict_;
  torch::Tensor weights_;                   ///< of a window
  std::vector<torch::Tensor> weight_sums_;  ///< over all windows, of each axis
  size_t next_ = 0;     ///< of the positions along the depth
  torch::Tensor sums_;  ///< [K, window, H, W] from that position on
};

}  // namespace unimiss::eval
