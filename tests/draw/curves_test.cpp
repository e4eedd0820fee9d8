#include "unimiss/draw/curves.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "unimiss/draw/figure.h"
#include "unimiss/io/image.h"

// Of its own: tests of this folder count pixels alike.
namespace unimiss::draw::curves_test {
namespace {

/// The number of pixels of exactly this colour in part of a canvas.
int64_t count(const torch::Tensor& canvas, int red, int green, int blue) {
  const auto color =
      torch::tensor({red, green, blue}, torch::kUInt8).view({3, 1, 1});
  return (canvas == color).all(0).sum().item<int64_t>();
}

torch::Tensor columns(const torch::Tensor& canvas, double from, double to) {
  const auto width = static_cast<double>(canvas.size(2));
  const auto begin = static_cast<int64_t>(from * width);
  return canvas.narrow(2, begin, static_cast<int64_t>(to * width) - begin);
}

/// The mean row of the first curve's pixels, from the top.
double mean_row(const torch::Tensor& part) {
  const auto blue = torch::tensor({0, 114, 178}, torch::kUInt8).view({3, 1, 1});
  return (part.narrow(1, 60, part.size(1) - 60) == blue)
      .all(0)
      .nonzero()
      .select(1, 0)
      .to(torch::kDouble)
      .mean()
      .item<double>();
}

Series line(const std::string& name, double (*function)(double)) {
  Series series{name, {}, {}};
  for (int i = 0; i <= 200; ++i) {
    series.x.push_back(i);
    series.y.push_back(function(i));
  }
  return series;
}

TEST(Curves, RiseToTheRight) {
  const Series rising = line("loss", [](double x) { return 3 * x; });
  const auto canvas = draw_curves({rising}, {.title = "Loss"});
  ASSERT_EQ(canvas.sizes(), (std::vector<int64_t>{3, 400, 960}));
  ASSERT_EQ(canvas.scalar_type(), torch::kUInt8);
  ASSERT_TRUE(canvas.is_contiguous());
  EXPECT_EQ(count(canvas.narrow(1, 0, 4), 255, 255, 255), 4 * 960);
  EXPECT_GT(mean_row(columns(canvas, 0.1, 0.3)),
            mean_row(columns(canvas, 0.7, 0.9)) + 100);
}

TEST(Curves, LogarithmicAxisMakesAnExponentialStraight) {
  const Series decay =
      line("loss", [](double x) { return std::exp(-x / 20.0); });
  const auto middle_of = [&](AxisScale scale) {
    const auto canvas = draw_curves({decay}, {.y_scale = scale});
    return mean_row(columns(canvas, 0.5, 0.55));
  };
  EXPECT_NEAR(middle_of(AxisScale::kLogarithmic), 146, 15);
  EXPECT_GT(middle_of(AxisScale::kLinear), 250);
}

TEST(Curves, ValuesThatCannotBeShownLeaveAGap) {
  Series curve = line("a", [](double) { return 1.0; });
  for (int i = 50; i < 150; ++i) {
    curve.y[i] = i % 2 ? std::nan("") : std::numeric_limits<double>::infinity();
  }
  const auto canvas = draw_curves({curve}, {}).narrow(1, 60, 290);
  EXPECT_EQ(count(columns(canvas, 0.4, 0.6), 0, 114, 178), 0);
  EXPECT_GT(count(columns(canvas, 0.1, 0.2), 0, 114, 178), 90);
  curve.y.assign(curve.y.size(), -1.0);
  EXPECT_NO_THROW(draw_curves({curve}, {.y_scale = AxisScale::kLogarithmic}));
  EXPECT_NO_THROW(draw_curves({}, {}));
  EXPECT_NO_THROW(draw_curves({Series{"one", {3}, {4}}}, {}));
}

TEST(Curves, SmoothingEvensOutNoise) {
  const Series zigzag =
      line("a", [](double x) { return static_cast<int>(x) % 2 ? 1.0 : -1.0; });
  const auto rows_of = [&](int64_t window) {
    const auto canvas = draw_curves({zigzag}, {.smoothing = window});
    const auto blue =
        torch::tensor({0, 114, 178}, torch::kUInt8).view({3, 1, 1});
    return (columns(canvas, 0.3, 0.7).narrow(1, 60, 290) == blue)
        .all(0)
        .any(1)
        .sum()
        .item<int64_t>();
  };
  EXPECT_GT(rows_of(1), 100);
  EXPECT_LT(rows_of(50), 12);
}

TEST(Curves, EveryPointHasAPlace) {
  EXPECT_THROW(draw_curves({Series{"a", {1, 2}, {1}}}, {}), c10::Error);
}

/// UNIMISS_FIGURES=<folder> keeps a specimen to look at.
TEST(Curves, MakesAContactSheet) {
  std::vector<Tile> tiles;
  for (int i = 0; i < 12; ++i) {
    const auto wave = torch::linspace(0, 6 + i, 120).sin();
    tiles.push_back({wave.view({-1, 1}) * wave.view({1, -1}) * 0.5 + 0.5,
                     i % 2 ? "slice " + std::to_string(i)
                           : "a caption much wider than its tile"});
  }
  Series loss = line("image loss", [](double x) {
    return 3 + 6 * std::exp(-x / 40) + 0.5 * std::sin(x * x);
  });
  const Series volume = line("volume loss", [](double x) {
    return 2 + 7 * std::exp(-x / 70) + 0.2 * std::cos(3 * x * x);
  });
  const auto sheet = stack_vertically(
      {tile_images(tiles, {.title = "Augmented views"}),
       draw_curves({loss, volume}, {.title = "Training loss",
                                    .x_label = "step",
                                    .width = 1044,
                                    .smoothing = 15}),
       draw_curves({loss, volume}, {.title = "Logarithmic",
                                    .x_label = "step",
                                    .y_scale = AxisScale::kLogarithmic,
                                    .width = 1044})});
  EXPECT_EQ(sheet.size(2), 1044);
  if (const char* folder = std::getenv("UNIMISS_FIGURES")) {
    io::write_png(std::string(folder) + "/figure.png", sheet);
  }
}

}  // namespace
}  // namespace unimiss::draw::curves_test
