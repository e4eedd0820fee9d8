#include "unimiss/finetune/finetuner.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "unimiss/train/training_state.h"

namespace unimiss::finetune {
namespace {

task::TaskNetwork make_network(const FinetuneConfig& config, int64_t outputs,
                               torch::Device device) {
  task::TaskNetwork network(config, outputs);
  network.module().to(device);
  // A linear probe learns the head alone.
  for (auto& item : network.module().named_parameters()) {
    const model::NetworkPart part = model::part_of(item.key());
    const auto& frozen = config.init.freeze;
    const bool held =
        config.init.linear_probe
            ? part != model::NetworkPart::kHead
            : std::find(frozen.begin(), frozen.end(), part) != frozen.end();
    if (held) item.value().set_requires_grad(false);
  }
  return network;
}

/// What the learning rate of each parameter is multiplied by.
std::map<std::string, double> lr_scales(const task::TaskNetwork& network,
                                        const FinetuneConfig& config) {
  const auto decoder = augment::is_segmentation(config.task.target)
                           ? model::HasDecoder::kYes
                           : model::HasDecoder::kNo;
  std::map<std::string, double> scales;
  for (const auto& item : network.module().named_parameters()) {
    scales[item.key()] =
        std::pow(config.optimizer.layer_decay,
                 model::parts_above(model::part_of(item.key()), decoder));
  }
  return scales;
}

}  // namespace

Finetuner::Finetuner(const FinetuneConfig& config, int64_t outputs,
                     torch::Device device,
                     const distributed::Communicator* communicator)
    : optimizer_options_(config.optimizer),
      average_decay_(config.validation.average_decay),
      device_(device),
      precision_(config.run.precision),
      network_(make_network(config, outputs, device)),
      average_updates_(at::zeros({}, torch::kLong)),
      optimizer_(network_.module().named_parameters(), config.optimizer,
                 lr_scales(network_, config)),
      gradients_(communicator, network_.module(), config.optimizer, device),
      spikes_(config.optimizer),
      scaler_(config.run.precision) {
  if (average_decay_ == 0) return;
  average_.emplace(make_network(config, outputs, device));
  for (auto& parameter : average_->module().parameters()) {
    parameter.set_requires_grad(false);
  }
  restart_average();
}

void Finetuner::restart_average() {
  if (!average_) return;
  torch::NoGradGuard no_grad;
  const auto to = average_->module().parameters();
  const auto from = network_.module().parameters();
  for (size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);
  average_updates_.zero_();
}

void Finetuner::update_average() {
  if (!average_) return;
  torch::NoGradGuard no_grad;
  const auto updates = average_updates_.item<double>();
  // At first an average of what there is.
  const double decay = std::min(average_decay_, (1 + updates) / (10 + updates));
  at::_foreach_lerp_(average_->module().parameters(),
                     network_.module().parameters(), 1 - decay);
  average_updates_ += 1;
}

StepReport Finetuner::step(const augment::Views& batch, double lr) {
  const torch::Tensor input = batch.first.to(device_, /*non_blocking=*/true);
  const torch::Tensor target = batch.second.to(device_, /*non_blocking=*/true);
  // A step that failed before may have left gradients behind.
  optimizer_.zero_grad();
  const int64_t parts = optimizer_options_.accumulate;
  const auto inputs = input.chunk(parts), targets = target.chunk(parts);
  TORCH_CHECK(static_cast<int64_t>(inputs.size()) == parts, "a batch of ",
              input.size(0), " samples has no ", parts, " parts");
  const auto loss_of = [&](const torch::Tensor& samples,
                           const torch::Tensor& of,
                           const MeanOverProcesses& mean) {
    const AutocastGuard autocast(device_.type(), precision_);
    return network_.loss(samples, of, mean);
  };
  const auto tiny_loss = [&] {
    return loss_of(input.slice(0, 0, 1), target.slice(0, 0, 1), {});
  };
  StepReport report;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const double share = static_cast<double>(inputs[i].size(0)) /
                         static_cast<double>(input.size(0));
    const torch::Tensor loss =
        loss_of(inputs[i], targets[i], gradients_.mean()) * share;
    gradients_.backward(loss * scaler_.scale(), static_cast<int64_t>(i),
                        inputs[i].dim(), tiny_loss);
    report.loss = i == 0 ? loss.detach() : report.loss + loss.detach();
  }
  optimizer_.scale_gradients(1.0 / scaler_.scale());
  report.grad_norm = optimizer_.clip();
  gradients_.average({&report.loss, &report.grad_norm});
  report.outcome = train::outcome_of(report.loss, report.grad_norm, scaler_,
                                     spikes_, input.dim());
  if (report.outcome != train::StepOutcome::kUpdated) {
    optimizer_.zero_grad();
    if (report.outcome == train::StepOutcome::kOverflow) scaler_.update(false);
    return report;
  }

  // Nothing has changed up to here; from here on everything does.
  optimizer_.step(lr, optimizer_options_.weight_decay);
  optimizer_.zero_grad();
  update_average();
  if (scaler_.active()) scaler_.update(true);
  return report;
}

std::map<std::string, torch::Tensor> Finetuner::weights() const {
  train::NamedTensors weights{{"average_updates", average_updates_}};
  train::add_parameters(weights, "network.", network_.module());
  if (average_) train::add_parameters(weights, "average.", average_->module());
  return weights;
}

int64_t Finetuner::full_state_bytes() const {
  const torch::nn::Module& module = network_.module();
  return (average_ ? 2 : 1) * train::parameter_bytes(module) +
         train::moment_bytes(module, optimizer_options_.kind) +
         spikes_.state_bytes() + 64;
}

std::map<std::string, torch::Tensor> Finetuner::state() const {
  train::NamedTensors state = weights();
  train::add_progress(state, {optimizer_, scaler_, spikes_});
  return state;
}

void Finetuner::load_state(const std::map<std::string, torch::Tensor>& state) {
  train::restore_state(state, weights(), {optimizer_, scaler_, spikes_});
}

}  // namespace unimiss::finetune
