#include "unimiss/train/pretrainer.h"

#include <ATen/Functions.h>

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
  report.outcome = outcome_of(report);
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

StepOutcome Pretrainer::outcome_of(const StepReport& report) const {
  // One transfer from the device for both.
  const torch::Tensor finite =
      at::isfinite(at::stack({report.loss.to(torch::kDouble),
                              report.grad_norm.to(torch::kDouble)}))
          .cpu();
  const bool loss = finite[0].item<bool>(), norm = finite[1].item<bool>();
  if (loss && norm) return StepOutcome::kUpdated;
  // Overflow is what the scale is for; a loss that is not finite is not, nor a
  // gradient that overflows without being scaled up.
  const bool overflow = loss && scaler_.active() && scaler_.scale() > 1.0;
  return overflow ? StepOutcome::kOverflow : StepOutcome::kNonFinite;
}

int64_t Pretrainer::full_state_bytes() const {
  size_t bytes = center_.nbytes() + 2 * sizeof(double);
  for (const auto& parameter : networks_.student->parameters()) {
    // Student and teacher, and two moments and a count where it is trained.
    const size_t trained = parameter.requires_grad() ? 1 : 0;
    bytes += (2 + 2 * trained) * parameter.nbytes() + trained * sizeof(float);
  }
  return static_cast<int64_t>(bytes);
}

std::map<std::string, torch::Tensor> Pretrainer::state() const {
  std::map<std::string, torch::Tensor> state;
  for (const auto& item : networks_.student->named_parameters()) {
    state["student." + item.key()] = item.value();
  }
  for (const auto& item : networks_.teacher->named_parameters()) {
    state["teacher." + item.key()] = item.value();
  }
  for (const auto& [name, tensor] : optimizer_.state()) {
    state["optimizer." + name] = tensor;
  }
  state["center"] = center_;
  state["loss_scale"] =
      at::tensor({scaler_.scale(), static_cast<double>(scaler_.good_steps())},
                 torch::kDouble);
  return state;
}

void Pretrainer::load_state(const std::map<std::string, torch::Tensor>& state) {
  torch::NoGradGuard no_grad;
  // Everything is checked before anything is overwritten.
  std::map<std::string, torch::Tensor> targets{{"center", center_}};
  for (const auto& item : networks_.student->named_parameters()) {
    targets["student." + item.key()] = item.value();
  }
  for (const auto& item : networks_.teacher->named_parameters()) {
    targets["teacher." + item.key()] = item.value();
  }
  std::map<std::string, torch::Tensor> optimizer_state;
  size_t known = 0;
  for (const auto& [name, tensor] : state) {
    if (name.starts_with("optimizer.")) {
      optimizer_state[name.substr(sizeof("optimizer.") - 1)] = tensor;
    } else if (name != "loss_scale") {
      const auto target = targets.find(name);
      TORCH_CHECK(target != targets.end(), "the state holds '", name,
                  "', which this network lacks");
      TORCH_CHECK(target->second.sizes() == tensor.sizes(), "'", name,
                  "' has the shape ", tensor.sizes(), " in the state and ",
                  target->second.sizes(), " in this network");
      ++known;
    }
  }
  TORCH_CHECK(known == targets.size() && state.contains("loss_scale"),
              "the state lacks tensors of this network");
  optimizer_.load_state(optimizer_state);
  for (auto& [name, target] : targets) target.copy_(state.at(name));
  const torch::Tensor& scale = state.at("loss_scale");
  scaler_.restore(scale[0].item<double>(), scale[1].item<int64_t>());
}

}  // namespace unimiss::train
