#include "unimiss/draw/overlay.h"

#include <ATen/Functions.h>

#include "draw/legend.h"
#include "unimiss/draw/figure.h"

namespace unimiss::draw {

int64_t fullest_slice(const torch::Tensor& map) {
  const torch::Tensor counts = map.ne(0).flatten(1).sum(1);
  return counts.max().item<int64_t>() == 0 ? map.size(0) / 2
                                           : counts.argmax().item<int64_t>();
}

void overlay_masks(torch::Tensor& image,
                   const std::vector<torch::Tensor>& masks) {
  for (size_t k = 0; k < masks.size(); ++k) {
    const auto color = class_color(static_cast<int64_t>(k));
    for (int64_t c = 0; c < 3; ++c) {
      torch::Tensor channel = image[c];
      channel.copy_(
          at::where(masks[k], 0.5 * channel + 0.5 * color[c], channel));
    }
  }
}

torch::Tensor with_legend(const torch::Tensor& picture,
                          const std::vector<std::string>& names) {
  return stack_vertically({picture, draw_legend(names, picture.size(2))});
}

}  // namespace unimiss::draw
