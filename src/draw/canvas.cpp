#include "draw/canvas.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace unimiss::draw {
namespace {

const cv::Scalar kInk(40, 40, 40);
constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
// Strokes are drawn this much larger and averaged: even edges at small sizes.
constexpr int kOversampling = 4;

double font_scale(int height) {
  return cv::getFontScaleFromHeight(kFont, height * kOversampling, 1);
}

}  // namespace

int text_width(const std::string& text, int height) {
  int baseline = 0;
  return cv::getTextSize(text, kFont, font_scale(height), 1, &baseline).width /
             kOversampling +
         1;
}

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

torch::Tensor to_tensor(const cv::Mat& canvas) {
  return torch::from_blob(canvas.data, {canvas.rows, canvas.cols, 3},
                          torch::kUInt8)
      .permute({2, 0, 1})
      .clone(at::MemoryFormat::Contiguous);
}

}  // namespace unimiss::draw
