#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

/// Line charts, as canvases (draw/figure.h).
namespace unimiss::draw {

/// One curve. Values that are not finite, or not positive on a logarithmic
/// axis, leave a gap.
struct Series {
  std::string name;
  std::vector<double> x;  ///< ascending
  std::vector<double> y;  ///< as many as x
  /// As many, or none: a point with a bar from y - deviation to y + deviation.
  std::vector<double> deviations{};
};

enum class AxisScale { kLinear, kLogarithmic };

struct ChartOptions {
  std::string title{};
  std::string x_label{};
  AxisScale y_scale = AxisScale::kLinear;
  int64_t width = 960;   ///< pixels, at least 200
  int64_t height = 400;  ///< pixels, at least 160
  /// Points of the centred moving average that is drawn over the pale raw
  /// curve; 1 draws the raw curve alone.
  int64_t smoothing = 1;
};

/// A line chart with axes, ticks at round values and a legend.
torch::Tensor draw_curves(const std::vector<Series>& series,
                          const ChartOptions& options);

}  // namespace unimiss::draw
