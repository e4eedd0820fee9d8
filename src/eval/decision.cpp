#include "unimiss/eval/decision.h"

#include <ATen/Functions.h>

#include "eval/label_map.h"

namespace unimiss::eval {
namespace {

/// Calls use(k) for each class that K probabilities decide on, ascending.
template <class Use>
void for_each_decided(const double* probabilities, int64_t classes,
                      ClassRelation relation, const Use& use) {
  if (relation == ClassRelation::kOverlapping) {
    for (int64_t k = 0; k < classes; ++k) {
      if (probabilities[k] > 0.5) use(k);
    }
    return;
  }
  int64_t largest = 0;
  for (int64_t k = 1; k < classes; ++k) {
    if (probabilities[k] > probabilities[largest]) largest = k;
  }
  if (classes > 0) use(largest);
}

}  // namespace

torch::Tensor decided_map(const torch::Tensor& scores, ClassRelation relation,
                          ScoreKind kind) {
  if (relation == ClassRelation::kExclusive) return exclusive_labels(scores);
  return structure_bits(scores, kind == ScoreKind::kLogits ? 0.0F : 0.5F);
}

torch::Tensor decided_classes(const torch::Tensor& probabilities,
                              ClassRelation relation) {
  TORCH_CHECK(probabilities.dim() == 2 && probabilities.is_cpu() &&
                  probabilities.scalar_type() == torch::kDouble,
              "expected double [N, K] on the CPU, got ",
              probabilities.toString(), " ", probabilities.sizes());
  const torch::Tensor rows = probabilities.contiguous();
  torch::Tensor decided = at::zeros(rows.sizes(), torch::kBool);
  const int64_t classes = rows.size(1);
  for (int64_t i = 0; i < rows.size(0); ++i) {
    bool* row = decided.data_ptr<bool>() + i * classes;
    for_each_decided(rows.const_data_ptr<double>() + i * classes, classes,
                     relation, [&](int64_t k) { row[k] = true; });
  }
  return decided;
}

std::vector<int64_t> decided_classes(const std::vector<double>& probabilities,
                                     ClassRelation relation) {
  std::vector<int64_t> decided;
  for_each_decided(probabilities.data(),
                   static_cast<int64_t>(probabilities.size()), relation,
                   [&](int64_t k) { decided.push_back(k); });
  return decided;
}

}  // namespace unimiss::eval
