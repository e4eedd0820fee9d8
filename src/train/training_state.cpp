#include "unimiss/train/training_state.h"

#include <ATen/Functions.h>

namespace unimiss::train {
namespace {

constexpr std::string_view kOptimizer = "optimizer.";
constexpr std::string_view kSpikes = "spikes.";
constexpr const char* kLossScale = "loss_scale";

}  // namespace

void add_parameters(NamedTensors& tensors, const std::string& prefix,
                    const torch::nn::Module& network) {
  for (const auto& item : network.named_parameters()) {
    tensors[prefix + item.key()] = item.value();
  }
}

void add_progress(NamedTensors& state, const ConstProgress& progress) {
  const auto& [optimizer, scaler, spikes] = progress;
  for (const auto& [name, tensor] : optimizer.state()) {
    state[std::string(kOptimizer) + name] = tensor;
  }
  state[kLossScale] =
      at::tensor({scaler.scale(), static_cast<double>(scaler.good_steps())},
                 torch::kDouble);
  for (const auto& [kind, tensor] : spikes.state()) {
    state[std::string(kSpikes) + kind] = tensor;
  }
}

void restore_state(const NamedTensors& state, NamedTensors targets,
                   const Progress& progress) {
  torch::NoGradGuard no_grad;
  NamedTensors optimizer_state, spikes;
  size_t known = 0;
  for (const auto& [name, tensor] : state) {
    if (name.starts_with(kOptimizer)) {
      optimizer_state[name.substr(kOptimizer.size())] = tensor;
    } else if (name.starts_with(kSpikes)) {
      spikes[name.substr(kSpikes.size())] = tensor;
    } else if (name != kLossScale) {
      const auto target = targets.find(name);
      TORCH_CHECK(target != targets.end(), "the state holds '", name,
                  "', which this network lacks");
      TORCH_CHECK(target->second.sizes() == tensor.sizes(), "'", name,
                  "' has the shape ", tensor.sizes(), " in the state and ",
                  target->second.sizes(), " in this network");
      ++known;
    }
  }
  TORCH_CHECK(known == targets.size() && state.contains(kLossScale),
              "the state lacks tensors of this network");
  progress.optimizer.load_state(optimizer_state);
  progress.spikes.load_state(spikes);
  for (auto& [name, target] : targets) target.copy_(state.at(name));
  const torch::Tensor& scale = state.at(kLossScale);
  progress.scaler.restore(scale[0].item<double>(), scale[1].item<int64_t>());
}

int64_t parameter_count(const torch::nn::Module& network) {
  int64_t count = 0;
  for (const auto& parameter : network.parameters()) count += parameter.numel();
  return count;
}

int64_t trained_parameter_count(const torch::nn::Module& network) {
  int64_t count = 0;
  for (const auto& parameter : network.parameters()) {
    if (parameter.requires_grad()) count += parameter.numel();
  }
  return count;
}

int64_t parameter_bytes(const torch::nn::Module& network) {
  size_t bytes = 0;
  for (const auto& parameter : network.parameters()) {
    bytes += parameter.nbytes();
  }
  return static_cast<int64_t>(bytes);
}

int64_t moment_bytes(const torch::nn::Module& network, OptimizerKind kind) {
  const size_t moments = kind == OptimizerKind::kAdamW ? 2 : 1;
  size_t bytes = 0;
  for (const auto& parameter : network.parameters()) {
    if (parameter.requires_grad()) {
      bytes += moments * parameter.nbytes() + sizeof(float);
    }
  }
  return static_cast<int64_t>(bytes);
}

StepOutcome outcome_of(const torch::Tensor& loss,
                       const torch::Tensor& grad_norm, const LossScaler& scaler,
                       SpikeFilter& spikes, int64_t kind) {
  // One transfer from the device for both.
  const torch::Tensor finite =
      at::isfinite(
          at::stack({loss.to(torch::kDouble), grad_norm.to(torch::kDouble)}))
          .cpu();
  const bool finite_loss = finite[0].item<bool>();
  if (finite_loss && finite[1].item<bool>()) {
    const bool spike =
        spikes.active() &&
        spikes.is_spike(kind, loss.item<double>(), grad_norm.item<double>());
    return spike ? StepOutcome::kSpike : StepOutcome::kUpdated;
  }
  // Overflow is what the scale is for; a loss that is not finite is not, nor a
  // gradient that overflows without being scaled up.
  const bool overflow = finite_loss && scaler.active() && scaler.scale() > 1.0;
  return overflow ? StepOutcome::kOverflow : StepOutcome::kNonFinite;
}

}  // namespace unimiss::train
