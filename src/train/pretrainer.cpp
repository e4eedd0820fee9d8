#include "unimiss/train/pretrainer.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <torch/csrc/autograd/autograd.h>

#include <mutex>
#include <utility>

#include "train/training_state.h"

namespace unimiss::train {
namespace {

constexpr const char* kLastLayer = "head.last_layer.weight_v";

ssl::StudentTeacher make_networks(const PretrainerOptions& options) {
  ssl::StudentTeacher networks(options.model, options.head);
  networks.to(options.device);
  return networks;
}

/// The parameters that the gradient of a loss reaches.
std::vector<std::pair<std::string, torch::Tensor>> reached_by(
    const torch::Tensor& loss, const torch::nn::Module& network) {
  std::vector<std::pair<std::string, torch::Tensor>> named;
  std::vector<torch::Tensor> parameters;
  for (const auto& item : network.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    named.emplace_back(item.key(), item.value());
    parameters.push_back(item.value());
  }
  const auto gradients = torch::autograd::grad(
      {loss}, parameters, /*grad_outputs=*/{}, /*retain_graph=*/false,
      /*create_graph=*/false, /*allow_unused=*/true);
  size_t kept = 0;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].defined()) named[kept++] = named[i];
  }
  named.resize(kept);
  return named;
}

/// Replaces scalars by their means over the processes.
void average(const distributed::Communicator& communicator,
             std::vector<torch::Tensor*> scalars) {
  std::vector<torch::Tensor> each;
  each.reserve(scalars.size());
  for (const torch::Tensor* scalar : scalars) {
    each.push_back(scalar->to(torch::kDouble));
  }
  torch::Tensor all = at::stack(each);
  communicator.mean(all);
  for (size_t i = 0; i < scalars.size(); ++i) {
    *scalars[i] = all[static_cast<int64_t>(i)].to(scalars[i]->scalar_type());
  }
}

}  // namespace

Pretrainer::Pretrainer(const PretrainerOptions& options,
                       const distributed::Communicator* communicator)
    : options_(options),
      communicator_(communicator != nullptr && communicator->size() > 1
                        ? communicator
                        : nullptr),
      networks_(make_networks(options)),
      optimizer_(networks_.student->named_parameters(), options.optimizer),
      scaler_(options.precision),
      center_(at::zeros({1, options.head.prototypes},
                        at::TensorOptions().device(options.device))) {
  if (communicator_ == nullptr) return;
  communicator_->broadcast(networks_.student->parameters());
  communicator_->broadcast(networks_.teacher->parameters());
}

/// Which parameters a step reaches depends on its views alone; the gradients
/// of a tiny batch show which, once.
distributed::GradientReducer& Pretrainer::reducer_of(
    const torch::Tensor& views) {
  const auto known = reducers_.find(views.dim());
  if (known != reducers_.end()) return known->second;
  // LibTorch's own draws stay those of the step.
  at::Generator generator =
      at::globalContext().defaultGenerator(options_.device);
  torch::Tensor draws;
  {
    const std::lock_guard lock(generator.mutex());
    draws = generator.get_state();
  }
  const auto loss = ssl::step_loss(networks_, views.slice(0, 0, 2), center_,
                                   options_.objective.teacher_temperature,
                                   options_.objective);
  auto parameters = reached_by(loss.total, *networks_.student);
  {
    const std::lock_guard lock(generator.mutex());
    generator.set_state(draws);
  }
  return reducers_
      .try_emplace(views.dim(), *communicator_, parameters, options_.reducer)
      .first->second;
}

void Pretrainer::backward(const torch::Tensor& views,
                          const torch::Tensor& loss) {
  if (communicator_ == nullptr) return loss.backward();
  reducer_of(views).backward(loss);
}

StepReport Pretrainer::step(const data::Views& batch, const StepPlan& plan) {
  // Copies from page-locked memory run beside the work queued before them.
  const torch::Tensor views =
      at::cat({batch.first.to(options_.device, /*non_blocking=*/true),
               batch.second.to(options_.device, /*non_blocking=*/true)});
  ssl::StepLoss loss;
  {
    const AutocastGuard autocast(options_.device.type(), options_.precision);
    loss = ssl::step_loss(
        networks_, views, center_, plan.teacher_temperature, options_.objective,
        communicator_ == nullptr
            ? ssl::MeanOverProcesses()
            : [&](torch::Tensor& of) { communicator_->mean(of); });
  }
  // A step that failed before may have left gradients behind.
  optimizer_.zero_grad();
  backward(views, loss.total * scaler_.scale());
  optimizer_.scale_gradients(1.0 / scaler_.scale());

  StepReport report{plan, loss.total.detach(), loss.terms, optimizer_.clip(),
                    loss.teacher_entropy};
  if (communicator_ != nullptr) {
    std::vector<torch::Tensor*> scalars{&report.loss, &report.teacher_entropy};
    for (auto& [name, term] : report.terms) scalars.push_back(&term);
    average(*communicator_, scalars);
  }
  report.outcome = outcome_of(report.loss, report.grad_norm, scaler_);
  if (report.outcome != StepOutcome::kUpdated) {
    optimizer_.zero_grad();
    if (report.outcome == StepOutcome::kOverflow) scaler_.update(false);
    return report;
  }

  // Nothing has changed up to here; from here on everything does.
  optimizer_.step(plan.lr, plan.weight_decay,
                  plan.last_layer_frozen ? std::vector<std::string>{kLastLayer}
                                         : std::vector<std::string>{});
  optimizer_.zero_grad();
  center_ = loss.next_center;
  networks_.update_teacher(plan.momentum);
  if (scaler_.active()) scaler_.update(true);
  return report;
}

int64_t Pretrainer::full_state_bytes() const {
  const ssl::Network& student = networks_.student;
  return static_cast<int64_t>(center_.nbytes() + 2 * sizeof(double)) +
         2 * parameter_bytes(*student) +
         moment_bytes(*student, options_.optimizer.kind);
}

std::map<std::string, torch::Tensor> Pretrainer::state() const {
  NamedTensors state{{"center", center_}};
  add_parameters(state, "student.", *networks_.student);
  add_parameters(state, "teacher.", *networks_.teacher);
  add_progress(state, optimizer_, scaler_);
  return state;
}

void Pretrainer::load_state(const std::map<std::string, torch::Tensor>& state) {
  NamedTensors targets{{"center", center_}};
  add_parameters(targets, "student.", *networks_.student);
  add_parameters(targets, "teacher.", *networks_.teacher);
  restore_state(state, std::move(targets), optimizer_, scaler_);
}

}  // namespace unimiss::train
