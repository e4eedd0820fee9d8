#include "unimiss/finetune/finetuner.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "unimiss/train/training_state.h"

namespace unimiss::finetune {
namespace {

std::unique_ptr<task::Task> make_network(const FinetunerOptions& options) {
  auto network = task::make_task(options.task, options.loss);
  network->module().to(options.device);
  // A linear probe learns the head alone.
  for (auto& item : network->module().named_parameters()) {
    const model::NetworkPart part = model::part_of(item.key());
    const auto& frozen = options.freeze;
    const bool held =
        options.linear_probe
            ? part != model::NetworkPart::kHead
            : std::find(frozen.begin(), frozen.end(), part) != frozen.end();
    if (held) item.value().set_requires_grad(false);
  }
  return network;
}

/// What the learning rate of each parameter is multiplied by.
std::map<std::string, double> lr_scales(const task::Task& network,
                                        double layer_decay) {
  std::map<std::string, double> scales;
  for (const auto& item : network.module().named_parameters()) {
    scales[item.key()] = std::pow(
        layer_decay,
        model::parts_above(model::part_of(item.key()), network.has_decoder()));
  }
  return scales;
}

}  // namespace

Finetuner::Finetuner(const FinetunerOptions& options,
                     const distributed::Communicator* communicator)
    : options_(options),
      network_(make_network(options)),
      average_updates_(at::zeros({}, torch::kLong)),
      optimizer_(network_->module().named_parameters(), options.optimizer,
                 lr_scales(*network_, options.optimizer.layer_decay)),
      gradients_(communicator, network_->module(), options.optimizer,
                 options.device),
      spikes_(options.optimizer),
      scaler_(options.task.precision) {
  if (options.average_decay == 0) return;
  average_ = make_network(options);
  for (auto& parameter : average_->module().parameters()) {
    parameter.set_requires_grad(false);
  }
  restart_average();
}

void Finetuner::restart_average() {
  if (!average_) return;
  torch::NoGradGuard no_grad;
  const auto to = average_->module().parameters();
  const auto from = network_->module().parameters();
  for (size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);
  average_updates_.zero_();
}

void Finetuner::update_average() {
  if (!average_) return;
  torch::NoGradGuard no_grad;
  const auto updates = average_updates_.item<double>();
  // At first an average of what there is.
  const double decay =
      std::min(options_.average_decay, (1 + updates) / (10 + updates));
  at::_foreach_lerp_(average_->module().parameters(),
                     network_->module().parameters(), 1 - decay);
  average_updates_ += 1;
}

StepReport Finetuner::step(const augment::Sample& batch, double lr) {
  const augment::Sample here = augment::to_device(batch, options_.device);
  const torch::Tensor input = here.images.at(0), target = here.target;
  // A step that failed before may have left gradients behind.
  optimizer_.zero_grad();
  const int64_t parts = options_.optimizer.accumulate;
  const auto inputs = input.chunk(parts), targets = target.chunk(parts);
  TORCH_CHECK(static_cast<int64_t>(inputs.size()) == parts, "a batch of ",
              input.size(0), " samples has no ", parts, " parts");
  const auto loss_of = [&](const torch::Tensor& samples,
                           const torch::Tensor& of,
                           const MeanOverProcesses& mean) {
    const AutocastGuard autocast(options_.device.type(),
                                 options_.task.precision);
    return network_->loss(samples, of, mean);
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
  optimizer_.step(lr, options_.optimizer.weight_decay);
  optimizer_.zero_grad();
  update_average();
  if (scaler_.active()) scaler_.update(true);
  return report;
}

std::map<std::string, torch::Tensor> Finetuner::weights() const {
  train::NamedTensors weights{{"average_updates", average_updates_}};
  train::add_parameters(weights, "network.", network_->module());
  if (average_) train::add_parameters(weights, "average.", average_->module());
  return weights;
}

int64_t Finetuner::full_state_bytes() const {
  const torch::nn::Module& module = network_->module();
  return (average_ ? 2 : 1) * train::parameter_bytes(module) +
         train::moment_bytes(module, options_.optimizer.kind) +
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
