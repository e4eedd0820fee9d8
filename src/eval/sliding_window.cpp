#include "unimiss/eval/sliding_window.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "unimiss/core/problems.h"

namespace unimiss::eval {
namespace {

/// The weights of a window along an axis, [window].
torch::Tensor window_weights(const WindowAxis& axis) {
  const torch::Tensor offset =
      (at::arange(axis.window) - axis.window / 2).to(torch::kDouble);
  return (-0.5 * (offset * (8.0 / static_cast<double>(axis.window))).square())
      .exp();
}

/// Their sum over all windows, at each voxel of the padded axis.
torch::Tensor weight_sum(const WindowAxis& axis) {
  torch::Tensor sum = at::zeros({axis.padded}, torch::kDouble);
  const torch::Tensor weights = window_weights(axis);
  for (const int64_t at : axis.positions) {
    sum.narrow(0, at, axis.window) += weights;
  }
  return sum;
}

/// The product of a vector for each axis, [D, H, W] float32.
torch::Tensor outer_product(const std::vector<torch::Tensor>& factors) {
  torch::Tensor product = factors[0];
  for (size_t i = 1; i < factors.size(); ++i) {
    product = product.unsqueeze(-1) * factors[i];
  }
  return product.to(torch::kFloat);
}

torch::Tensor padded_image(const torch::Tensor& image,
                           const std::vector<WindowAxis>& axes,
                           const torch::Tensor& padding) {
  std::vector<int64_t> size{image.size(0)}, broadcast{image.size(0)};
  for (const WindowAxis& axis : axes) {
    size.push_back(axis.padded);
    broadcast.push_back(1);
  }
  if (image.sizes() == size) return image;
  torch::Tensor whole =
      padding.to(image.options()).view(broadcast).expand(size).contiguous();
  torch::Tensor inside = whole;
  for (size_t i = 0; i < axes.size(); ++i) {
    inside = inside.narrow(static_cast<int64_t>(i) + 1, axes[i].before,
                           axes[i].extent);
  }
  inside.copy_(image);
  return whole;
}

/// The window of a map [C, D, H, W], a view of it.
torch::Tensor window_of(torch::Tensor map, const std::array<int64_t, 3>& corner,
                        const std::vector<WindowAxis>& axes) {
  for (size_t i = 0; i < axes.size(); ++i) {
    map = map.narrow(static_cast<int64_t>(i) + 1, corner[i], axes[i].window);
  }
  return map;
}

/// The axes to mirror as dimensions of windows [n, C, (D,) H, W].
std::vector<int64_t> mirror_dimensions(const std::vector<Axis>& mirror,
                                       bool flat) {
  std::vector<int64_t> dimensions;
  for (const Axis axis : mirror) {
    const int64_t of_volume = static_cast<int64_t>(axis) + 2;
    if (!flat) dimensions.push_back(of_volume);
    if (flat && axis != Axis::kDepth) dimensions.push_back(of_volume - 1);
  }
  return dimensions;
}

/// Mean scores over the mirror images of windows, float32 [n, K, window].
torch::Tensor mirrored_scores(const torch::Tensor& windows,
                              const std::vector<int64_t>& dimensions,
                              const WindowPredictor& predict) {
  const size_t combinations = size_t{1} << dimensions.size();
  torch::Tensor sum;
  for (size_t combination = 0; combination < combinations; ++combination) {
    std::vector<int64_t> flipped;
    for (size_t i = 0; i < dimensions.size(); ++i) {
      if (combination >> i & 1) flipped.push_back(dimensions[i]);
    }
    torch::Tensor scores =
        predict(flipped.empty() ? windows : at::flip(windows, flipped));
    TORCH_CHECK(
        scores.dim() == windows.dim() && scores.size(0) == windows.size(0) &&
            scores.sizes().slice(2) == windows.sizes().slice(2),
        "scores of ", scores.sizes(), " for windows of ", windows.sizes());
    if (!flipped.empty()) scores = at::flip(scores, flipped);
    if (sum.defined()) {
      sum.add_(scores);
    } else {
      // The predictor's own tensor, maybe its input, must stay as it is.
      sum = scores.to(torch::kFloat, /*non_blocking=*/false,
                      /*copy=*/combinations > 1);
    }
  }
  if (combinations > 1) sum.div_(static_cast<double>(combinations));
  return sum;
}

}  // namespace

void SlidingWindowOptions::check(Problems& problems) const {
  problems.in_range(step, from_above(0, 1), "step");
  problems.in_range(batch, at_least(1), "batch");
  problems.distinct(mirror, "mirror");
}

std::vector<int64_t> window_positions(int64_t extent, int64_t window,
                                      double step) {
  TORCH_CHECK(window >= 1 && window <= extent && step > 0, "windows of ",
              window, " in ", extent, " voxels, step ", step);
  const auto room = static_cast<double>(extent - window);
  const double distance = std::max(1.0, step * static_cast<double>(window));
  const auto gaps = static_cast<int64_t>(std::ceil(room / distance));
  std::vector<int64_t> positions{0};
  for (int64_t i = 1; i <= gaps; ++i) {
    // Halves go to the even voxel, as numpy.round's.
    positions.push_back(static_cast<int64_t>(std::nearbyint(
        room / static_cast<double>(gaps) * static_cast<double>(i))));
  }
  return positions;
}

WindowAxis::WindowAxis(int64_t image_extent, int64_t window_extent, double step)
    : extent(image_extent),
      window(window_extent),
      before(std::max<int64_t>(0, window_extent - image_extent) / 2),
      padded(std::max(image_extent, window_extent)),
      positions(window_positions(padded, window, step)) {}

SlidingWindow::SlidingWindow(const torch::Tensor& image, at::IntArrayRef window,
                             const torch::Tensor& padding,
                             const SlidingWindowOptions& options,
                             WindowPredictor predict)
    : flat_(window.size() == 2),
      batch_(options.batch),
      predict_(std::move(predict)) {
  validate(options);
  const auto rank = static_cast<int64_t>(window.size());
  TORCH_CHECK((rank == 2 || rank == 3) && image.dim() == rank + 1 &&
                  image.numel() > 0 && image.is_cpu(),
              "windows of ", window, " in ", image.toString(), " ",
              image.sizes());
  TORCH_CHECK(padding.dim() == 1 && padding.size(0) == image.size(0),
              "padding ", padding.sizes(), " of an image ", image.sizes());
  mirrored_ = mirror_dimensions(options.mirror, flat_);
  if (flat_) axes_.emplace_back(1, 1, options.step);
  std::vector<torch::Tensor> weights;
  for (int64_t i = 0; i < rank; ++i) {
    axes_.emplace_back(image.size(i + 1), window[static_cast<size_t>(i)],
                       options.step);
  }
  for (const WindowAxis& axis : axes_) {
    weights.push_back(window_weights(axis));
    weight_sums_.push_back(weight_sum(axis));
  }
  weights_ = outer_product(weights);
  image_ = padded_image(flat_ ? image.unsqueeze(1) : image, axes_, padding);
}

void SlidingWindow::add_batch(
    const std::vector<std::array<int64_t, 3>>& corners) {
  std::vector<torch::Tensor> windows;
  for (const auto& corner : corners) {
    const torch::Tensor window = window_of(image_, corner, axes_);
    windows.push_back(flat_ ? window.squeeze(1) : window);
  }
  torch::Tensor scores =
      mirrored_scores(at::stack(windows), mirrored_, predict_).to(torch::kCPU);
  if (flat_) scores = scores.unsqueeze(2);
  if (!sums_.defined()) {
    sums_ = at::zeros(
        {scores.size(1), axes_[0].window, axes_[1].padded, axes_[2].padded},
        torch::kFloat);
  }
  TORCH_CHECK(scores.size(1) == sums_.size(0), "scores of ", scores.size(1),
              " classes after ", sums_.size(0));
  for (size_t i = 0; i < corners.size(); ++i) {
    window_of(sums_, {0, corners[i][1], corners[i][2]}, axes_)
        .addcmul_(scores[static_cast<int64_t>(i)], weights_);
  }
}

/// Adds all windows that begin at this slice.
void SlidingWindow::add_windows(int64_t depth) {
  std::vector<std::array<int64_t, 3>> corners;
  const auto add = [&] {
    if (!corners.empty()) add_batch(corners);
    corners.clear();
  };
  for (const int64_t height : axes_[1].positions) {
    for (const int64_t width : axes_[2].positions) {
      corners.push_back({depth, height, width});
      if (static_cast<int64_t>(corners.size()) == batch_) add();
    }
  }
  add();
}

/// The first slices of the sums as scores, without padding.
torch::Tensor SlidingWindow::finished(int64_t depth, int64_t slices) const {
  torch::Tensor scores = sums_;
  std::vector<torch::Tensor> sums;
  for (size_t i = 0; i < axes_.size(); ++i) {
    const WindowAxis& axis = axes_[i];
    const bool along_depth = i == 0;
    const int64_t count =
        along_depth ? std::min(slices, axis.extent) : axis.extent;
    scores = scores.narrow(static_cast<int64_t>(i) + 1, axis.before, count);
    sums.push_back(weight_sums_[i].narrow(
        0, axis.before + (along_depth ? depth : 0), count));
  }
  // Windows stand at all combinations of the axes' positions: the sum of the
  // products of weights is the product of the sums.
  return scores.div(outer_product(sums)).contiguous();
}

/// Makes room behind the slices that later windows add to.
void SlidingWindow::drop_slices(int64_t slices) {
  const int64_t window = axes_[0].window;
  for (int64_t slice = slices; slice < window; ++slice) {
    sums_.select(1, slice - slices).copy_(sums_.select(1, slice));
  }
  sums_.narrow(1, window - slices, slices).zero_();
}

torch::Tensor SlidingWindow::next() {
  torch::NoGradGuard no_grad;
  const auto& positions = axes_[0].positions;
  if (next_ == positions.size()) return {};
  const int64_t depth = positions[next_++];
  add_windows(depth);
  const bool last = next_ == positions.size();
  const int64_t slices = (last ? axes_[0].padded : positions[next_]) - depth;
  torch::Tensor scores = finished(depth, slices);
  if (last) {
    sums_.reset();
  } else {
    drop_slices(slices);
  }
  return scores;
}

}  // namespace unimiss::eval
