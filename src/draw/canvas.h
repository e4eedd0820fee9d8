#pragma once

#include <torch/types.h>

#include <opencv2/core.hpp>
#include <string>

/// What all figures are drawn on, RGB, and text on it.
namespace unimiss::draw {

inline const cv::Scalar kWhite(255, 255, 255);

// Heights of a capital, pixels.
inline constexpr int kSmallText = 9;
inline constexpr int kTitleText = 12;

/// Pixels.
int text_width(const std::string& text, int height);

enum class Anchor { kLeft, kCenter, kRight };

/// Draws text whose base line starts (or is centred, or ends) at `at`.
void draw_text(cv::Mat& canvas, const std::string& text, cv::Point at,
               int height, Anchor anchor);

/// Of a canvas: uint8 [3, H, W].
torch::Tensor to_tensor(const cv::Mat& canvas);

}  // namespace unimiss::draw
