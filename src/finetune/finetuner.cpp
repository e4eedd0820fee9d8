#include "unimiss/finetune/finetuner.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "unimiss/model/named_tensors.h"

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
      update_(
          network_->module(), options.optimizer,
          {.device = options.device,
           .precision = options.task.precision,
           .communicator = communicator,
           .lr_scales = lr_scales(*network_, options.optimizer.layer_decay)}) {
  if (options.average_decay == 0) return;
  average_ = make_network(options);
  for (auto& parameter : average_->module().parameters()) {
    parameter.set_requires_grad(false);
  }
  restart_average();
}

void Finetuner::restart_average() {
  if (!average_) return;
  model::copy_tensors(network_->module(), average_->module());
  average_updates_.zero_();
}

void Finetuner::update_average() {
  if (!average_) return;
  const auto updates = average_updates_.item<double>();
  // At first an average of what there is.
  const double decay =
      std::min(options_.average_decay, (1 + updates) / (10 + updates));
  model::average_tensors(network_->module(), average_->module(), decay);
  average_updates_ += 1;
}

StepReport Finetuner::step(const augment::Sample& batch, double lr) {
  const auto attempt = update_.begin();
  const augment::Sample here = augment::to_device(batch, options_.device);
  const torch::Tensor input = here.images.at(0), target = here.target;
  const int64_t parts = update_.parts();
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
  update_.prepare(input.dim(), [&] {
    return loss_of(input.slice(0, 0, 1), target.slice(0, 0, 1), {});
  });
  StepReport report;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const double share = static_cast<double>(inputs[i].size(0)) /
                         static_cast<double>(input.size(0));
    const torch::Tensor loss =
        loss_of(inputs[i], targets[i], update_.mean()) * share;
    update_.backward(loss, static_cast<int64_t>(i), input.dim());
    report.loss = i == 0 ? loss.detach() : report.loss + loss.detach();
  }
  report.grad_norm = update_.finish(report.loss);
  report.outcome = update_.judge(report.loss, report.grad_norm, input.dim());
  if (report.outcome != train::StepOutcome::kUpdated) return report;

  // Nothing has changed up to here; from here on everything does.
  update_.apply(lr, options_.optimizer.weight_decay);
  update_average();
  return report;
}

model::NamedTensors Finetuner::tensors() const {
  auto tensors = model::named_tensors(network_->module(), "network.");
  tensors["average_updates"] = average_updates_;
  if (average_) {
    tensors.merge(model::named_tensors(average_->module(), "average."));
  }
  return tensors;
}

int64_t Finetuner::full_state_bytes() const {
  return (average_ ? 2 : 1) * model::tensor_bytes(network_->module()) +
         static_cast<int64_t>(average_updates_.nbytes()) +
         update_.state_bytes();
}

std::map<std::string, torch::Tensor> Finetuner::state() const {
  model::NamedTensors state = tensors();
  state.merge(update_.state());
  return state;
}

void Finetuner::load_state(const std::map<std::string, torch::Tensor>& state) {
  update_.load_state(state, tensors());
}

}  // namespace unimiss::finetune
