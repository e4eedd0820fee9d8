#include "eval/label_map.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace unimiss::eval {
namespace {

/// Calls take(k, scores, labels, n) for each class and each stretch of n
/// places; labels [...] are 0 at first.
template <class Begin, class Take>
torch::Tensor labels_of(const torch::Tensor& scores, const Begin& begin,
                        const Take& take) {
  TORCH_CHECK(scores.dim() >= 1 && scores.is_cpu() &&
                  scores.scalar_type() == torch::kFloat && scores.numel() > 0,
              "scores must be some float32 on the CPU, are ", scores.toString(),
              " ", scores.sizes());
  const torch::Tensor flat = scores.flatten(1).contiguous();
  torch::Tensor labels = at::zeros(scores.sizes().slice(1), torch::kShort);
  const auto* from = flat.const_data_ptr<float>();
  auto* to = labels.mutable_data_ptr<int16_t>();
  const int64_t classes = flat.size(0), places = flat.size(1);
  constexpr int64_t kStretch = 4096;  // stays in a core's cache
  at::parallel_for(0, (places + kStretch - 1) / kStretch, 1,
                   [&](int64_t first, int64_t last) {
                     for (int64_t stretch = first; stretch < last; ++stretch) {
                       const int64_t at = stretch * kStretch;
                       const int64_t count = std::min(kStretch, places - at);
                       auto state = begin(count);
                       for (int64_t k = 0; k < classes; ++k) {
                         take(k, from + k * places + at, to + at, count, state);
                       }
                     }
                   });
  return labels;
}

}  // namespace

torch::Tensor exclusive_labels(const torch::Tensor& scores) {
  TORCH_CHECK(scores.size(0) <= std::numeric_limits<int16_t>::max(),
              scores.size(0), " classes do not fit in int16");
  return labels_of(
      scores,
      [](int64_t count) {
        return std::vector<float>(count,
                                  -std::numeric_limits<float>::infinity());
      },
      [](int64_t k, const float* scores_of_class, int16_t* labels,
         int64_t count, std::vector<float>& largest) {
        const auto label = static_cast<int16_t>(k);
        for (int64_t i = 0; i < count; ++i) {
          const bool larger = scores_of_class[i] > largest[i];
          largest[i] = larger ? scores_of_class[i] : largest[i];
          labels[i] = larger ? label : labels[i];
        }
      });
}

torch::Tensor structure_bits(const torch::Tensor& scores, float threshold) {
  constexpr int64_t kBits = 15;
  TORCH_CHECK(scores.size(0) <= kBits, scores.size(0), " structures for ",
              kBits, " bits");
  return labels_of(
      scores, [](int64_t) { return 0; },
      [threshold](int64_t k, const float* scores_of_structure, int16_t* bits,
                  int64_t count, int) {
        const auto bit = static_cast<int16_t>(1 << k);
        for (int64_t i = 0; i < count; ++i) {
          bits[i] = static_cast<int16_t>(
              bits[i] | (scores_of_structure[i] > threshold ? bit : 0));
        }
      });
}

}  // namespace unimiss::eval
