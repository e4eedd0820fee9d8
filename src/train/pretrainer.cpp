#include "unimiss/train/pretrainer.h"

#include <ATen/Functions.h>

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

}  // namespace

Pretrainer::Pretrainer(const PretrainerOptions& options)
    : options_(options),
      networks_(make_networks(options)),
      optimizer_(networks_.student->named_parameters(), options.optimizer),
      scaler_(options.precision),
      center_(at::zeros({1, options.head.prototypes},
                        at::TensorOptions().device(options.device))) {}

StepReport Pretrainer::step(const data::Views& batch, const StepPlan& plan) {
  // Copies from page-locked memory run beside the work queued before them.
  const torch::Tensor views =
      at::cat({batch.first.to(options_.device, /*non_blocking=*/true),
               batch.second.to(options_.device, /*non_blocking=*/true)});
  ssl::StepLoss loss;
  {
    const AutocastGuard autocast(options_.device.type(), options_.precision);
    loss = ssl::step_loss(networks_, views, center_, plan.teacher_temperature,
                          options_.objective);
  }
  // A step that failed before may have left gradients behind.
  optimizer_.zero_grad();
  (loss.total * scaler_.scale()).backward();
  optimizer_.scale_gradients(1.0 / scaler_.scale());

  StepReport report{plan, loss.total.detach(), loss.terms, optimizer_.clip(),
                    loss.teacher_entropy};
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
