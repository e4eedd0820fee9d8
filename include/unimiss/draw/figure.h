#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

/// Figures as pixels: line charts and captioned grids of images, for the
/// contact sheet of a run. Every function returns a white canvas uint8 [3, H,
/// W] (red, green, blue), ready for write_png() (io/image.h).
///
/// What surprises: the font has ASCII letters only; others show as '?'.
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

/// An image [H, W], [1, H, W] or [3, H, W]: uint8, or floating point in [0, 1]
/// (values outside are clipped; stretch the contrast before).
struct Tile {
  torch::Tensor image;
  std::string caption;  ///< cut where it is wider than the tile
};

struct GridOptions {
  std::string title{};
  int64_t columns = 6;
  int64_t tile_size = 160;  ///< pixels of the longer side of every image
};

/// Images in rows, each scaled to the tile size and centred over its caption.
torch::Tensor tile_images(const std::vector<Tile>& tiles,
                          const GridOptions& options);

/// The colour of number k of the classes of a map, red, green and blue in
/// [0, 1]; there are ten, which repeat.
std::array<float, 3> class_color(int64_t k);

/// What the colours mean: item i is drawn in class_colour(i).
torch::Tensor draw_legend(const std::vector<std::string>& names, int64_t width);

/// Canvases [3, H_i, W_i] below each other: [3, sum of H_i, largest W_i].
torch::Tensor stack_vertically(const std::vector<torch::Tensor>& canvases);

}  // namespace unimiss::draw
