#include "unimiss/draw/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <opencv2/imgproc.hpp>

#include "draw/canvas.h"

namespace unimiss::draw {
namespace {

const cv::Scalar kGrid(225, 225, 225);
const cv::Scalar kFrame(120, 120, 120);
// Told apart by readers with any colour vision (Okabe and Ito).
const cv::Scalar kPalette[] = {{0, 114, 178},   {213, 94, 0},  {0, 158, 115},
                               {204, 121, 167}, {230, 159, 0}, {86, 180, 233}};

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
void draw_names(cv::Mat& canvas, const std::vector<Series>& series,
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
  draw_names(canvas, series, {plot.area.x, 50});
  return to_tensor(canvas);
}

}  // namespace unimiss::draw
