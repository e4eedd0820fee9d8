#include "unimiss/draw/overlay.h"

#include <ATen/Functions.h>

#include "unimiss/draw/figure.h"
#include "unimiss/report/evaluation.h"

namespace unimiss::draw {

int64_t fullest_slice(const torch::Tensor& map) {
  const torch::Tensor counts = map.ne(0).flatten(1).sum(1);
  return counts.max().item<int64_t>() == 0 ? map.size(0) / 2
                                           : counts.argmax().item<int64_t>();
}

void overlay_labels(torch::Tensor& image, const torch::Tensor& labels,
                    augment::TargetKind target, int64_t classes) {
  const bool bits = target == augment::TargetKind::kStructures;
  const auto first = static_cast<int64_t>(report::first_class(target));
  for (int64_t k = first; k < classes; ++k) {
    const torch::Tensor place =
        bits ? labels.bitwise_and(int64_t{1} << k).ne(0) : labels.eq(k);
    const auto color = class_color(k - first);
    for (int64_t c = 0; c < 3; ++c) {
      torch::Tensor channel = image[c];
      channel.copy_(at::where(place, 0.5 * channel + 0.5 * color[c], channel));
    }
  }
}

torch::Tensor with_legend(const torch::Tensor& picture,
                          augment::TargetKind target,
                          const std::vector<std::string>& classes) {
  const auto first = static_cast<std::ptrdiff_t>(report::first_class(target));
  const std::vector<std::string> names(classes.begin() + first, classes.end());
  return stack_vertically({picture, draw_legend(names, picture.size(2))});
}

}  // namespace unimiss::draw
