#include "unimiss/draw/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <opencv2/imgproc.hpp>
#include <utility>

namespace unimiss::draw {
namespace {

const cv::Scalar kWhite(255, 255, 255);
const cv::Scalar kInk(40, 40, 40);
const cv::Scalar kGrid(225, 225, 225);
const cv::Scalar kFrame(120, 120, 120);
// Told apart by readers with any colour vision (Okabe and Ito).
const cv::Scalar kPalette[] = {{0, 114, 178},   {213, 94, 0},  {0, 158, 115},
                               {204, 121, 167}, {230, 159, 0}, {86, 180, 233}};

enum class Anchor { kLeft, kCenter, kRight };

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr int kSmallText = 9;  // height of a capital, pixels
constexpr int kTitleText = 12;
// Strokes are drawn this much larger and averaged: even edges at small sizes.
constexpr int kOversampling = 4;

double font_scale(int height) {
  return cv::getFontScaleFromHeight(kFont, height * kOversampling, 1);
}

int text_width(const std::string& text, int height) {
  int baseline = 0;
  return cv::getTextSize(text, kFont, font_scale(height), 1, &baseline).width /
             kOversampling +
         1;
}

/// Draws text whose base line starts (or is centred, or ends) at `at`.
void draw_text(cv::Mat& canvas, const std::string& text, cv::Point at,
               int height, Anchor anchor) {
  const int width = text_width(text, height);
  const int margin = height;  // descenders and the stroke's thickness
  cv::Mat large((height + 2 * margin) * kOversampling,
                (width + 2 * margin) * kOversampling, CV_8UC1, cv::Scalar(0));
  const int thickness = std::max(1, height * kOversampling / 8);
  cv::putText(
      large, text, {margin * kOversampling, (height + margin) * kOversampling},
      kFont, font_scale(height), cv::Scalar(255), thickness, cv::LINE_AA);
  cv::Mat mask;
  cv::resize(large, mask, {}, 1.0 / kOversampling, 1.0 / kOversampling,
             cv::INTER_AREA);
  if (anchor == Anchor::kCenter) at.x -= width / 2;
  if (anchor == Anchor::kRight) at.x -= width;
  const cv::Point corner(at.x - margin, at.y - height - margin);
  for (int row = 0; row < mask.rows; ++row) {
    for (int column = 0; column < mask.cols; ++column) {
      const cv::Point pixel = corner + cv::Point(column, row);
      if (!pixel.inside({0, 0, canvas.cols, canvas.rows})) continue;
      const double alpha = mask.at<uchar>(row, column) / 255.0;
      auto& value = canvas.at<cv::Vec3b>(pixel);
      for (int c = 0; c < 3; ++c) {
        value[c] = cv::saturate_cast<uchar>(value[c] * (1.0 - alpha) +
                                            kInk[c] * alpha);
      }
    }
  }
}

std::string fit(std::string text, int width, int height) {
  if (text_width(text, height) <= width) return text;
  while (!text.empty() && text_width(text + "...", height) > width) {
    text.pop_back();
  }
  return text + "...";
}

torch::Tensor to_tensor(const cv::Mat& canvas) {
  return torch::from_blob(canvas.data, {canvas.rows, canvas.cols, 3},
                          torch::kUInt8)
      .permute({2, 0, 1})
      .clone(at::MemoryFormat::Contiguous);
}

cv::Mat to_mat(const torch::Tensor& image) {
  TORCH_CHECK(image.defined() && (image.dim() == 2 || image.dim() == 3) &&
                  image.numel() > 0,
              "a tile is [H, W], [1, H, W] or [3, H, W]");
  torch::Tensor rgb = image.dim() == 2 ? image.unsqueeze(0) : image;
  TORCH_CHECK(rgb.size(0) == 1 || rgb.size(0) == 3, "a tile has 1 or 3 ",
              "channels, not ", rgb.size(0));
  rgb = rgb.detach().cpu();
  if (rgb.is_floating_point()) {
    rgb = rgb.to(torch::kFloat32).nan_to_num(0).clamp(0, 1).mul(255).round();
  }
  rgb = rgb.to(torch::kUInt8).expand({3, -1, -1}).permute({1, 2, 0});
  rgb = rgb.contiguous();
  return cv::Mat(static_cast<int>(rgb.size(0)), static_cast<int>(rgb.size(1)),
                 CV_8UC3, rgb.data_ptr())
      .clone();
}

std::vector<double> moving_average(const std::vector<double>& values,
                                   int64_t window) {
  const int64_t count = static_cast<int64_t>(values.size());
  std::vector<double> sums(count + 1), finite(count + 1), result(count);
  for (int64_t i = 0; i < count; ++i) {
    const bool known = std::isfinite(values[i]);
    sums[i + 1] = sums[i] + (known ? values[i] : 0.0);
    finite[i + 1] = finite[i] + known;
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = std::max<int64_t>(0, i - window / 2);
    const int64_t end = std::min(count, i + (window + 1) / 2);
    // 0 / 0 where nothing is known: a gap.
    result[i] = (sums[end] - sums[begin]) / (finite[end] - finite[begin]);
  }
  return result;
}

/// One axis: values to [0, 1], and where its ticks are.
struct Axis {
  AxisScale scale = AxisScale::kLinear;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  /// A value in axis units; not finite where it cannot be shown.
  double unit(double value) const {
    if (scale == AxisScale::kLinear) return value;
    return value > 0 ? std::log10(value)
                     : std::numeric_limits<double>::quiet_NaN();
  }
  void include(double value) {
    const double u = unit(value);
    if (!std::isfinite(u)) return;
    low = std::min(low, u);
    high = std::max(high, u);
  }
  void finish(double padding) {
    if (low > high) low = 0, high = 1;
    if (high - low <= 1e-12 * std::abs(high)) {
      const double half = std::max(0.5 * std::abs(high), 0.5);
      low -= half;
      high += half;
      return;
    }
    const double room = padding * (high - low);
    low -= room;
    high += room;
  }
  double fraction(double value) const {
    return (unit(value) - low) / (high - low);
  }

  std::vector<double> ticks(int wanted) const {
    if (scale == AxisScale::kLogarithmic) {
      std::vector<double> decades;
      const bool few = high - low < 2.0;
      const int stride = std::max(1, static_cast<int>((high - low) / wanted));
      for (int power = static_cast<int>(std::floor(low)); power <= high;
           power += stride) {
        for (double digit :
             few ? std::vector<double>{1, 2, 5} : std::vector<double>{1}) {
          const double value = digit * std::pow(10.0, power);
          const double u = std::log10(value);
          if (u >= low && u <= high) decades.push_back(value);
        }
      }
      if (decades.size() > 1) return decades;
    }
    const bool log = scale == AxisScale::kLogarithmic;
    const double from = log ? std::pow(10.0, low) : low;
    const double to = log ? std::pow(10.0, high) : high;
    const double rough = (to - from) / wanted;
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (double digit : {5.0, 2.0, 1.0}) {
      if (digit * power >= rough) step = digit * power;
    }
    std::vector<double> result;
    for (double k = std::ceil(from / step); k * step <= to; ++k) {
      result.push_back(k * step + 0.0);  // no -0
    }
    return result;
  }
};

/// The frame of a chart and its two axes.
struct Plot {
  cv::Rect area;
  Axis x, y;

  cv::Point2d at(double px, double py) const {
    return {area.x + x.fraction(px) * area.width,
            area.y + (1.0 - y.fraction(py)) * area.height};
  }
};

void draw_line(cv::Mat& canvas, const Plot& plot, const Series& series,
               const std::vector<double>& y, const cv::Scalar& color,
               int thickness) {
  constexpr int kFractionBits = 4;
  std::vector<cv::Point> run;
  const auto finish_run = [&] {
    if (run.size() == 1) run.push_back(run[0]);  // a dot
    if (!run.empty()) {
      cv::polylines(canvas, run, false, color, thickness, cv::LINE_AA,
                    kFractionBits);
    }
    run.clear();
  };
  for (size_t i = 0; i < y.size(); ++i) {
    const cv::Point2d p = plot.at(series.x[i], y[i]);
    if (std::isfinite(p.x) && std::isfinite(p.y)) {
      run.emplace_back(cvRound(p.x * (1 << kFractionBits)),
                       cvRound(p.y * (1 << kFractionBits)));
    } else {
      finish_run();
    }
  }
  finish_run();
}

void draw_axes(cv::Mat& canvas, const Plot& plot, const ChartOptions& options) {
  const cv::Rect& area = plot.area;
  for (double tick : plot.y.ticks(std::max(2, area.height / 60))) {
    const int row = cvRound(area.br().y - plot.y.fraction(tick) * area.height);
    cv::line(canvas, {area.x, row}, {area.br().x, row}, kGrid, 1);
    draw_text(canvas, fmt::format("{:.6g}", tick),
              {area.x - 8, row + kSmallText / 2}, kSmallText, Anchor::kRight);
  }
  for (double tick : plot.x.ticks(std::max(2, area.width / 110))) {
    const int column = cvRound(area.x + plot.x.fraction(tick) * area.width);
    cv::line(canvas, {column, area.y}, {column, area.br().y}, kGrid, 1);
    draw_text(canvas, fmt::format("{:.6g}", tick),
              {column, area.br().y + kSmallText + 8}, kSmallText,
              Anchor::kCenter);
  }
  cv::line(canvas, {area.x, area.y}, {area.x, area.br().y}, kFrame, 1);
  cv::line(canvas, {area.x, area.br().y}, area.br(), kFrame, 1);
  draw_text(canvas, options.x_label,
            {area.x + area.width / 2, area.br().y + 2 * kSmallText + 20},
            kSmallText, Anchor::kCenter);
}

/// Points with bars.
void draw_deviations(cv::Mat& canvas, const Plot& plot, const Series& series,
                     const cv::Scalar& color) {
  constexpr int kRadius = 5, kCap = 6;
  for (size_t i = 0; i < series.deviations.size(); ++i) {
    const double x = series.x[i], y = series.y.at(i);
    const cv::Point at = plot.at(x, y);
    const cv::Point low = plot.at(x, y - series.deviations[i]);
    const cv::Point high = plot.at(x, y + series.deviations[i]);
    cv::circle(canvas, at, kRadius, color, cv::FILLED, cv::LINE_AA);
    cv::line(canvas, low, high, color, 1, cv::LINE_AA);
    for (const cv::Point& end : {low, high}) {
      cv::line(canvas, end - cv::Point(kCap, 0), end + cv::Point(kCap, 0),
               color, 1, cv::LINE_AA);
    }
  }
}

/// A row of colour samples and names, from the left end of the plot.
void draw_legend(cv::Mat& canvas, const std::vector<Series>& series,
                 cv::Point at) {
  for (size_t i = 0; i < series.size(); ++i) {
    const int middle = at.y - kSmallText / 2;
    cv::line(canvas, {at.x, middle}, {at.x + 20, middle},
             kPalette[i % std::size(kPalette)], 3, cv::LINE_AA);
    draw_text(canvas, series[i].name, {at.x + 28, at.y}, kSmallText,
              Anchor::kLeft);
    at.x += 28 + text_width(series[i].name, kSmallText) + 24;
  }
}

}  // namespace

torch::Tensor draw_curves(const std::vector<Series>& series,
                          const ChartOptions& options) {
  TORCH_CHECK(options.width >= 200 && options.height >= 160,
              "a chart needs 200 x 160 pixels");
  TORCH_CHECK(options.smoothing >= 1, "smoothing is at least 1 point");
  const int width = static_cast<int>(options.width);
  const int height = static_cast<int>(options.height);
  cv::Mat canvas(height, width, CV_8UC3, kWhite);

  Plot plot;
  plot.y.scale = options.y_scale;
  std::vector<std::vector<double>> smooth;
  for (const Series& curve : series) {
    TORCH_CHECK(curve.x.size() == curve.y.size(), "the series ", curve.name,
                " has ", curve.x.size(), " x but ", curve.y.size(), " y");
    smooth.push_back(moving_average(curve.y, options.smoothing));
    for (double value : curve.x) plot.x.include(value);
    for (double value : curve.y) plot.y.include(value);
    for (size_t i = 0; i < curve.deviations.size(); ++i) {
      plot.y.include(curve.y.at(i) - curve.deviations[i]);
      plot.y.include(curve.y.at(i) + curve.deviations[i]);
    }
  }
  plot.x.finish(0.0);
  plot.y.finish(0.05);
  plot.area = cv::Rect(cv::Point(76, 64), cv::Point(width - 28, height - 52));

  draw_axes(canvas, plot, options);
  for (size_t i = 0; i < series.size(); ++i) {
    const cv::Scalar color = kPalette[i % std::size(kPalette)];
    if (options.smoothing > 1) {
      draw_line(canvas, plot, series[i], series[i].y,
                color * 0.25 + kWhite * 0.75, 1);
    }
  }
  for (size_t i = 0; i < series.size(); ++i) {
    draw_line(canvas, plot, series[i], smooth[i],
              kPalette[i % std::size(kPalette)], 2);
    draw_deviations(canvas, plot, series[i], kPalette[i % std::size(kPalette)]);
  }
  draw_text(canvas, options.title, {plot.area.x, 24}, kTitleText,
            Anchor::kLeft);
  draw_legend(canvas, series, {plot.area.x, 50});
  return to_tensor(canvas);
}

torch::Tensor tile_images(const std::vector<Tile>& tiles,
                          const GridOptions& options) {
  TORCH_CHECK(options.columns >= 1 && options.tile_size >= 16,
              "a grid needs a column, and tiles of 16 pixels");
  constexpr int kGap = 12;
  constexpr int kCaption = kSmallText + 14;
  const int size = static_cast<int>(options.tile_size);
  const int columns = static_cast<int>(options.columns);
  const int rows = (static_cast<int>(tiles.size()) + columns - 1) / columns;
  const int top = options.title.empty() ? kGap : kGap + kTitleText + 18;
  cv::Mat canvas(top + rows * (size + kCaption + kGap),
                 kGap + columns * (size + kGap), CV_8UC3, kWhite);
  draw_text(canvas, options.title, {kGap, kGap + kTitleText + 4}, kTitleText,
            Anchor::kLeft);
  for (size_t i = 0; i < tiles.size(); ++i) {
    const int index = static_cast<int>(i);
    const cv::Point corner(kGap + index % columns * (size + kGap),
                           top + index / columns * (size + kCaption + kGap));
    const cv::Mat image = to_mat(tiles[i].image);
    const double scale =
        static_cast<double>(size) / std::max(image.rows, image.cols);
    const cv::Size shown(std::max(1, cvRound(image.cols * scale)),
                         std::max(1, cvRound(image.rows * scale)));
    cv::Mat resized;
    cv::resize(image, resized, shown, 0, 0,
               scale < 1 ? cv::INTER_AREA : cv::INTER_CUBIC);
    const cv::Point offset((size - shown.width) / 2, (size - shown.height) / 2);
    resized.copyTo(canvas(cv::Rect(corner + offset, shown)));
    draw_text(canvas, fit(tiles[i].caption, size, kSmallText),
              {corner.x + size / 2, corner.y + size + kSmallText + 8},
              kSmallText, Anchor::kCenter);
  }
  return to_tensor(canvas);
}

std::array<float, 3> class_color(int64_t k) {
  static constexpr std::array<std::array<float, 3>, 10> kColors{
      {{0.90f, 0.10f, 0.10f},
       {0.10f, 0.60f, 1.00f},
       {0.20f, 0.80f, 0.20f},
       {1.00f, 0.80f, 0.00f},
       {0.80f, 0.20f, 0.90f},
       {0.00f, 0.80f, 0.80f},
       {1.00f, 0.50f, 0.10f},
       {0.60f, 0.40f, 0.20f},
       {1.00f, 0.50f, 0.70f},
       {0.50f, 0.50f, 1.00f}}};
  TORCH_CHECK(k >= 0, "colour ", k);
  return kColors[static_cast<size_t>(k) % kColors.size()];
}

torch::Tensor draw_legend(const std::vector<std::string>& names,
                          int64_t width) {
  constexpr int kMargin = 8, kSquare = 12, kGap = 18, kLine = 20;
  std::vector<cv::Point> places;
  cv::Point at(kMargin, kMargin);
  for (const std::string& name : names) {
    const int item = kSquare + 5 + text_width(name, kSmallText) + kGap;
    if (at.x > kMargin && at.x + item > static_cast<int>(width)) {
      at = {kMargin, at.y + kLine};
    }
    places.push_back(at);
    at.x += item;
  }
  cv::Mat canvas(at.y + kLine + kMargin, static_cast<int>(width), CV_8UC3,
                 kWhite);
  for (size_t i = 0; i < names.size(); ++i) {
    const auto color = class_color(static_cast<int64_t>(i));
    cv::rectangle(canvas, {places[i], cv::Size(kSquare, kSquare)},
                  {255.0 * color[0], 255.0 * color[1], 255.0 * color[2]},
                  cv::FILLED);
    draw_text(canvas, names[i],
              {places[i].x + kSquare + 5, places[i].y + kSquare - 2},
              kSmallText, Anchor::kLeft);
  }
  return to_tensor(canvas);
}

torch::Tensor stack_vertically(const std::vector<torch::Tensor>& canvases) {
  int64_t height = 0, width = 0;
  for (const torch::Tensor& canvas : canvases) {
    TORCH_CHECK(canvas.dim() == 3 && canvas.size(0) == 3 &&
                    canvas.scalar_type() == torch::kUInt8,
                "a canvas is uint8 [3, H, W]");
    height += canvas.size(1);
    width = std::max(width, canvas.size(2));
  }
  torch::Tensor stack = torch::full({3, height, width}, 255, torch::kUInt8);
  int64_t top = 0;
  for (const torch::Tensor& canvas : canvases) {
    stack.narrow(1, top, canvas.size(1))
        .narrow(2, 0, canvas.size(2))
        .copy_(canvas);
    top += canvas.size(1);
  }
  return stack;
}

}  // namespace unimiss::draw
