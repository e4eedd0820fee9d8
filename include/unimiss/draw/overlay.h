#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

/// Labels drawn over images.
namespace unimiss::draw {

/// The slice of a map int16 [D, H, W] with most labels; that in the middle
/// where there are none.
int64_t fullest_slice(const torch::Tensor& map);

/// Paints masks, bool [H, W], half-transparent over an image float32 [3, H, W]
/// in [0, 1]: mask k, of any number, in class_color(k), later ones over earlier
/// ones.
void overlay_masks(torch::Tensor& image,
                   const std::vector<torch::Tensor>& masks);

/// A picture [3, H, W] with what the colours of masks mean below it.
torch::Tensor with_legend(const torch::Tensor& picture,
                          const std::vector<std::string>& names);

}  // namespace unimiss::draw
