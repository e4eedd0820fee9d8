#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "unimiss/augment/case.h"

/// Labels drawn over images.
namespace unimiss::draw {

/// The slice of a map int16 [D, H, W] with most labels; that in the middle
/// where there are none.
int64_t fullest_slice(const torch::Tensor& map);

/// Paints a slice of a map, int16 [H, W], half-transparent over an image
/// float32 [3, H, W] in [0, 1], in the colours of draw_legend(): the
/// background of a label map has none. classes: or structures.
void overlay_labels(torch::Tensor& image, const torch::Tensor& labels,
                    augment::TargetKind target, int64_t classes);

/// A picture [3, H, W] with what the colours mean below it.
torch::Tensor with_legend(const torch::Tensor& picture,
                          augment::TargetKind target,
                          const std::vector<std::string>& classes);

}  // namespace unimiss::draw
