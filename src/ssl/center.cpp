#include "unimiss/ssl/center.h"

#include <ATen/Functions.h>

namespace unimiss::ssl {

CenterPlan plan_centers(const torch::Tensor& center,
                        const std::vector<torch::Tensor>& term_means,
                        CenterRule rule, double momentum) {
  torch::NoGradGuard no_grad;
  CenterPlan plan;
  auto moved = [&](const torch::Tensor& from, const torch::Tensor& mean) {
    return from * momentum + mean * (1.0 - momentum);
  };
  if (rule == CenterRule::kPerStep) {
    plan.per_term.assign(term_means.size(), center);
    plan.next = moved(center, at::stack(term_means).mean(0));
    return plan;
  }
  plan.next = center;
  for (const torch::Tensor& mean : term_means) {
    plan.per_term.push_back(plan.next);
    plan.next = moved(plan.next, mean);
  }
  return plan;
}

}  // namespace unimiss::ssl
