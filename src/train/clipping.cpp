#include "unimiss/train/clipping.h"

#include <ATen/Functions.h>

namespace unimiss::train {

void ClipOptions::check(Problems& problems) const {
  problems.in_range(clip, at_least(0), "optimizer.clip",
                    "write 0 for no clipping");
}

torch::Tensor clip_gradients(const std::vector<torch::Tensor>& gradients,
                             const ClipOptions& options) {
  torch::NoGradGuard no_grad;
  TORCH_CHECK(!gradients.empty(), "no gradient was computed");
  const torch::Tensor norms = at::stack(at::_foreach_norm(gradients, 2));
  torch::Tensor global = norms.norm();
  if (options.clip == 0) return global;

  const torch::Tensor basis =
      options.clip_rule == ClipRule::kPerTensor ? norms : global;
  const torch::Tensor scales =
      (options.clip / (basis + 1e-6)).clamp_max(1.0).expand_as(norms);
  if (scales.is_cpu()) {
    // Most gradients are short enough: leave their memory alone.
    for (size_t i = 0; i < gradients.size(); ++i) {
      const double scale = scales[static_cast<int64_t>(i)].item<double>();
      if (scale != 1.0) gradients[i].mul_(scale);
    }
  } else {
    at::_foreach_mul_(gradients, scales.unbind());
  }
  return global;
}

}  // namespace unimiss::train
