#include "unimiss/train/optimizer.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace unimiss::train {

void OptimizerOptions::check(Problems& problems) const {
  problems.in_range(lr, greater_than(0), "optimizer.lr");
  problems.in_range(beta1, from_below(0, 1), "optimizer.beta1");
  problems.in_range(beta2, from_below(0, 1), "optimizer.beta2");
  problems.in_range(epsilon, greater_than(0), "optimizer.epsilon");
}

Optimizer::Optimizer(
    const torch::OrderedDict<std::string, torch::Tensor>& parameters,
    const OptimizerOptions& options,
    const std::map<std::string, double>& lr_scales)
    : options_(options) {
  for (const auto& item : parameters) {
    const torch::Tensor& parameter = item.value();
    if (!parameter.requires_grad()) continue;
    const bool bias = item.key().ends_with("bias");
    const auto scale = lr_scales.find(item.key());
    slots_.push_back({item.key(),
                      parameter,
                      {},
                      {},
                      {},
                      parameter.dim() > 1 && !bias,
                      scale == lr_scales.end() ? 1 : scale->second});
  }
}

struct Optimizer::Group {
  std::vector<torch::Tensor> parameters, gradients, exp_avgs, exp_avg_sqs,
      steps;
};

void Optimizer::ensure_state(Slot& slot) const {
  if (slot.step.defined()) return;
  // The moments share the parameter's layout, which the fused update needs.
  slot.exp_avg = at::zeros_like(slot.parameter);
  if (options_.kind == OptimizerKind::kAdamW) {
    slot.exp_avg_sq = at::zeros_like(slot.parameter);
  }
  slot.step = at::zeros(
      {}, slot.parameter.options().dtype(torch::kFloat).requires_grad(false));
}

std::vector<torch::Tensor> Optimizer::gradients() const {
  std::vector<torch::Tensor> gradients;
  for (const Slot& slot : slots_) {
    if (slot.parameter.grad().defined()) {
      gradients.push_back(slot.parameter.grad());
    }
  }
  return gradients;
}

void Optimizer::step(double lr, double weight_decay,
                     const std::vector<std::string>& held) {
  torch::NoGradGuard no_grad;
  std::map<std::pair<bool, double>, Group> groups;
  for (Slot& slot : slots_) {
    torch::Tensor gradient = slot.parameter.grad();
    if (std::find(held.begin(), held.end(), slot.name) != held.end()) continue;
    if (!gradient.defined()) {
      const bool idles = options_.inactive_rule == InactiveRule::kUntouched ||
                         !slot.step.defined();
      if (idles) continue;
      gradient = at::zeros_like(slot.parameter);
    }
    ensure_state(slot);
    // The fused update wants one layout for all four tensors.
    if (gradient.strides() != slot.parameter.strides()) {
      gradient = at::empty_like(slot.parameter).copy_(gradient);
    }
    Group& group = groups[{slot.decayed, slot.lr_scale}];
    group.parameters.push_back(slot.parameter);
    group.gradients.push_back(gradient);
    group.exp_avgs.push_back(slot.exp_avg);
    if (slot.exp_avg_sq.defined()) {
      group.exp_avg_sqs.push_back(slot.exp_avg_sq);
    }
    group.steps.push_back(slot.step);
  }
  for (auto& [traits, group] : groups) {
    const auto [decayed, scale] = traits;
    update(group, scale * lr, decayed ? weight_decay : 0.0);
  }
}

void Optimizer::update(Group& group, double lr, double weight_decay) const {
  at::_foreach_add_(group.steps, 1);
  if (options_.kind == OptimizerKind::kSgd) {
    const bool momentum = options_.sgd_momentum > 0;
    at::_fused_sgd_(group.parameters, group.gradients,
                    momentum ? group.exp_avgs : std::vector<torch::Tensor>(),
                    weight_decay, options_.sgd_momentum, lr, /*dampening=*/0,
                    /*nesterov=*/momentum, /*maximize=*/false,
                    /*is_first_step=*/false);
    return;
  }
  at::_fused_adamw_(group.parameters, group.gradients, group.exp_avgs,
                    group.exp_avg_sqs, /*max_exp_avg_sqs=*/{}, group.steps, lr,
                    options_.beta1, options_.beta2, weight_decay,
                    options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

void Optimizer::zero_grad() {
  for (Slot& slot : slots_) slot.parameter.mutable_grad().reset();
}

std::map<std::string, torch::Tensor> Optimizer::state() const {
  std::map<std::string, torch::Tensor> state;
  for (const Slot& slot : slots_) {
    if (!slot.step.defined()) continue;
    state[slot.name + ".exp_avg"] = slot.exp_avg;
    if (slot.exp_avg_sq.defined()) {
      state[slot.name + ".exp_avg_sq"] = slot.exp_avg_sq;
    }
    state[slot.name + ".step"] = slot.step;
  }
  return state;
}

void Optimizer::load_state(const std::map<std::string, torch::Tensor>& state) {
  torch::NoGradGuard no_grad;
  size_t used = 0;
  const size_t tensors = options_.kind == OptimizerKind::kAdamW ? 3 : 2;
  for (const Slot& slot : slots_) {
    used += state.contains(slot.name + ".step") ? tensors : 0;
  }
  TORCH_CHECK(used == state.size(),
              "the optimizer state names parameters the network lacks");
  for (Slot& slot : slots_) {
    const auto step = state.find(slot.name + ".step");
    if (step == state.end()) {
      // Not updated yet where the state was taken.
      slot.exp_avg = slot.exp_avg_sq = slot.step = torch::Tensor();
      continue;
    }
    ensure_state(slot);
    slot.exp_avg.copy_(state.at(slot.name + ".exp_avg"));
    if (slot.exp_avg_sq.defined()) {
      slot.exp_avg_sq.copy_(state.at(slot.name + ".exp_avg_sq"));
    }
    slot.step.copy_(step->second);
  }
}

int64_t Optimizer::state_bytes() const {
  const size_t moments = options_.kind == OptimizerKind::kAdamW ? 2 : 1;
  size_t bytes = 0;
  for (const Slot& slot : slots_) {
    bytes += moments * slot.parameter.nbytes() + sizeof(float);
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace unimiss::train
