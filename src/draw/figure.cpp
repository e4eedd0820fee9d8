#include "unimiss/draw/figure.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "draw/canvas.h"

namespace unimiss::draw {
namespace {

std::string fit(std::string text, int width, int height) {
  if (text_width(text, height) <= width) return text;
  while (!text.empty() && text_width(text + "...", height) > width) {
    text.pop_back();
  }
  return text + "...";
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

}  // namespace

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
