#include "draw/legend.h"

#include <opencv2/imgproc.hpp>

#include "draw/canvas.h"

namespace unimiss::draw {

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

}  // namespace unimiss::draw
