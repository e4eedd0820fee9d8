#include "unimiss/eval/sliding_window.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "unimiss/core/problems.h"

namespace unimiss::eval {
namespace {

/// The windows along one axis.
struct WindowAxis {
  int64_t extent = 0;  ///< of the image
  int64_t window = 0;
  int64_t before = 0;              ///< padding in front of the image
  int64_t padded = 0;              ///< of the image and its padding
  std::vector<int64_t> positions;  ///< in the padded image

  WindowAxis(int64_t image_extent, int64_t window_extent, double step)
      : extent(image_extent),
        window(window_extent),
        before(std::max<int64_t>(0, window_extent - image_extent) / 2),
        padded(std::max(image_extent, window_extent)),
        positions(window_positions(padded, window, step)) {}

  /// The weights of a window, [window].
  torch::Tensor weights() const {
    const int64_t center = window / 2;
    const torch::Tensor offset =
        (at::arange(window) - center).to(torch::kDouble);
    return (-0.5 * (offset * (8.0 / static_cast<double>(window))).square())
        .exp();
  }
  /// Their sum over all windows, at each voxel of the image, [extent].
  torch::Tensor weight_sum() const {
    torch::Tensor sum = at::zeros({padded}, torch::kDouble);
    for (const int64_t at : positions) sum.narrow(0, at, window) += weights();
    return sum.narrow(0, before, extent);
  }
};

/// The product of a vector for each axis, [(D,) H, W] float32.
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

/// The corners of all windows, the last axis fastest.
std::vector<std::vector<int64_t>> window_corners(
    const std::vector<WindowAxis>& axes) {
  std::vector<std::vector<int64_t>> corners{{}};
  for (const WindowAxis& axis : axes) {
    std::vector<std::vector<int64_t>> longer;
    for (const auto& corner : corners) {
      for (const int64_t at : axis.positions) {
        longer.push_back(corner);
        longer.back().push_back(at);
      }
    }
    corners = std::move(longer);
  }
  return corners;
}

/// The window of a map [C, (D,) H, W], a view of it.
torch::Tensor window_of(torch::Tensor map, const std::vector<int64_t>& corner,
                        const std::vector<WindowAxis>& axes) {
  for (size_t i = 0; i < axes.size(); ++i) {
    map = map.narrow(static_cast<int64_t>(i) + 1, corner[i], axes[i].window);
  }
  return map;
}

/// The axes to mirror as dimensions of windows [n, C, (D,) H, W].
std::vector<int64_t> mirror_dimensions(const std::vector<MirrorAxis>& mirror,
                                       int64_t rank) {
  std::vector<int64_t> dimensions;
  for (const MirrorAxis axis : mirror) {
    const int64_t of_volume = static_cast<int64_t>(axis) + 2;
    if (rank == 3) dimensions.push_back(of_volume);
    if (rank == 2 && axis != MirrorAxis::kDepth) {
      dimensions.push_back(of_volume - 1);
    }
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

/// Sums of weighted scores [K, padded size] over all windows.
torch::Tensor summed_scores(const torch::Tensor& image,
                            const std::vector<WindowAxis>& axes,
                            const SlidingWindowOptions& options,
                            const WindowPredictor& predict) {
  std::vector<torch::Tensor> factors;
  factors.reserve(axes.size());
  for (const WindowAxis& axis : axes) factors.push_back(axis.weights());
  const torch::Tensor weights = outer_product(factors);
  const auto dimensions =
      mirror_dimensions(options.mirror, static_cast<int64_t>(axes.size()));
  const auto corners = window_corners(axes);
  const auto batch = static_cast<size_t>(options.batch);
  torch::Tensor sum;
  for (size_t first = 0; first < corners.size(); first += batch) {
    const size_t last = std::min(corners.size(), first + batch);
    std::vector<torch::Tensor> windows;
    for (size_t i = first; i < last; ++i) {
      windows.push_back(window_of(image, corners[i], axes));
    }
    const torch::Tensor scores =
        mirrored_scores(at::stack(windows), dimensions, predict)
            .to(torch::kCPU);
    if (!sum.defined()) {
      std::vector<int64_t> size{scores.size(1)};
      for (const WindowAxis& axis : axes) size.push_back(axis.padded);
      sum = at::zeros(size, torch::kFloat);
    }
    TORCH_CHECK(scores.size(1) == sum.size(0), "scores of ", scores.size(1),
                " classes after ", sum.size(0));
    for (size_t i = first; i < last; ++i) {
      window_of(sum, corners[i], axes)
          .addcmul_(scores[static_cast<int64_t>(i - first)], weights);
    }
  }
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

torch::Tensor sliding_window_scores(const torch::Tensor& image,
                                    at::IntArrayRef window,
                                    const torch::Tensor& padding,
                                    const SlidingWindowOptions& options,
                                    const WindowPredictor& predict) {
  validate(options);
  torch::NoGradGuard no_grad;
  const auto rank = static_cast<int64_t>(window.size());
  TORCH_CHECK((rank == 2 || rank == 3) && image.dim() == rank + 1 &&
                  image.numel() > 0 && image.scalar_type() == torch::kFloat,
              "windows of ", window, " in ", image.scalar_type(), " ",
              image.sizes());
  TORCH_CHECK(padding.dim() == 1 && padding.size(0) == image.size(0),
              "padding ", padding.sizes(), " of an image ", image.sizes());
  std::vector<WindowAxis> axes;
  std::vector<torch::Tensor> sums;
  for (int64_t i = 0; i < rank; ++i) {
    axes.emplace_back(image.size(i + 1), window[static_cast<size_t>(i)],
                      options.step);
    sums.push_back(axes.back().weight_sum());
  }
  torch::Tensor scores =
      summed_scores(padded_image(image, axes, padding), axes, options, predict);
  for (int64_t i = 0; i < rank; ++i) {
    const WindowAxis& axis = axes[static_cast<size_t>(i)];
    scores = scores.narrow(i + 1, axis.before, axis.extent);
  }
  // Windows stand at all combinations of the axes' positions: the sum of the
  // products of weights is the product of the sums.
  scores.div_(outer_product(sums));
  return scores.contiguous();
}

}  // namespace unimiss::eval
