#include "unimiss/pretrain/pretrainer.h"

#include <ATen/Functions.h>

#include <utility>
#include <vector>

#include "unimiss/train/training_state.h"

namespace unimiss::pretrain {
namespace {

constexpr const char* kLastLayer = "head.last_layer.weight_v";

ssl::StudentTeacher make_networks(const PretrainerOptions& options) {
  ssl::StudentTeacher networks(options.model, options.head);
  networks.to(options.device);
  return networks;
}

/// The views of each part of a batch, [2b, ...], on the device.
std::vector<torch::Tensor> parts_of(const augment::Sample& batch, int64_t count,
                                    torch::Device device) {
  const augment::Sample views = augment::to_device(batch, device);
  std::vector<std::vector<torch::Tensor>> parts(count);
  for (const torch::Tensor& view : views.images) {
    const auto chunks = view.chunk(count);
    TORCH_CHECK(static_cast<int64_t>(chunks.size()) == count, "a batch of ",
                view.size(0), " samples has no ", count, " parts");
    for (int64_t i = 0; i < count; ++i) parts[i].push_back(chunks[i]);
  }
  std::vector<torch::Tensor> joined;
  for (const auto& part : parts) joined.push_back(at::cat(part));
  return joined;
}

/// Adds the terms of one part to those of the others.
void add_terms(ssl::NamedScalars& sum, const ssl::NamedScalars& terms,
               double share) {
  if (sum.empty()) {
    sum = terms;
    if (share == 1.0) return;
    for (auto& [name, term] : sum) term = term * share;
    return;
  }
  for (size_t i = 0; i < sum.size(); ++i) {
    sum[i].second += terms[i].second * share;
  }
}

}  // namespace

Pretrainer::Pretrainer(const PretrainerOptions& options,
                       const distributed::Communicator* communicator)
    : options_(options),
      networks_(make_networks(options)),
      optimizer_(networks_.student->named_parameters(), options.optimizer),
      gradients_(communicator, *networks_.student, options.optimizer,
                 options.device, options.bucket_bytes),
      spikes_(options.optimizer),
      scaler_(options.precision),
      center_(at::zeros({1, options.head.prototypes},
                        at::TensorOptions().device(options.device))) {}

/// Leaves the gradients of the whole batch; what is told of it.
StepReport Pretrainer::gradients_of(const augment::Sample& batch,
                                    const StepPlan& plan,
                                    torch::Tensor& next_center) {
  const auto parts =
      parts_of(batch, options_.optimizer.accumulate, options_.device);
  const double temperature = plan.teacher_temperature;
  const auto tiny_loss = [&] {
    const AutocastGuard autocast(options_.device.type(), options_.precision);
    return ssl::step_loss(networks_, parts[0].slice(0, 0, 2), center_,
                          temperature, options_.objective)
        .total;
  };
  ssl::TeacherOutput teacher;
  {
    const AutocastGuard autocast(options_.device.type(), options_.precision);
    teacher = ssl::teacher_output(networks_, parts, center_, temperature,
                                  options_.objective, gradients_.mean());
  }
  next_center = teacher.centers.next;
  // A step that failed before may have left gradients behind.
  optimizer_.zero_grad();
  StepReport report;
  report.plan = plan;
  report.diagnostics = teacher.diagnostics;
  const double share = 1.0 / static_cast<double>(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    ssl::PartLoss loss;
    {
      const AutocastGuard autocast(options_.device.type(), options_.precision);
      loss = ssl::part_loss(networks_, parts[i], teacher, i, temperature,
                            options_.objective);
    }
    gradients_.backward(loss.total * (share * scaler_.scale()),
                        static_cast<int64_t>(i), parts[i].dim(), tiny_loss);
    add_terms(report.terms, loss.terms, share);
    const torch::Tensor total = loss.total.detach() * share;
    report.loss = i == 0 ? total : report.loss + total;
  }
  return report;
}

StepReport Pretrainer::step(const augment::Sample& batch,
                            const StepPlan& plan) {
  torch::Tensor next_center;
  StepReport report = gradients_of(batch, plan, next_center);
  optimizer_.scale_gradients(1.0 / scaler_.scale());
  report.grad_norm = optimizer_.clip();
  std::vector<torch::Tensor*> scalars{&report.loss, &report.grad_norm};
  for (auto& [name, number] : report.diagnostics) scalars.push_back(&number);
  for (auto& [name, term] : report.terms) scalars.push_back(&term);
  gradients_.average(scalars);
  report.outcome = train::outcome_of(report.loss, report.grad_norm, scaler_,
                                     spikes_, plan.rank);
  if (report.outcome != train::StepOutcome::kUpdated) {
    optimizer_.zero_grad();
    if (report.outcome == train::StepOutcome::kOverflow) scaler_.update(false);
    return report;
  }

  // Nothing has changed up to here; from here on everything does.
  optimizer_.step(plan.lr, plan.weight_decay,
                  plan.last_layer_frozen ? std::vector<std::string>{kLastLayer}
                                         : std::vector<std::string>{});
  optimizer_.zero_grad();
  center_ = next_center;
  networks_.update_teacher(plan.momentum);
  if (scaler_.active()) scaler_.update(true);
  return report;
}

int64_t Pretrainer::full_state_bytes() const {
  const ssl::Network& student = networks_.student;
  return static_cast<int64_t>(center_.nbytes() + 2 * sizeof(double)) +
         spikes_.state_bytes() + 2 * train::parameter_bytes(*student) +
         train::moment_bytes(*student, options_.optimizer.kind);
}

std::map<std::string, torch::Tensor> Pretrainer::state() const {
  train::NamedTensors state{{"center", center_}};
  train::add_parameters(state, "student.", *networks_.student);
  train::add_parameters(state, "teacher.", *networks_.teacher);
  train::add_progress(state, {optimizer_, scaler_, spikes_});
  return state;
}

void Pretrainer::load_state(const std::map<std::string, torch::Tensor>& state) {
  train::NamedTensors targets{{"center", center_}};
  train::add_parameters(targets, "student.", *networks_.student);
  train::add_parameters(targets, "teacher.", *networks_.teacher);
  train::restore_state(state, std::move(targets),
                       {optimizer_, scaler_, spikes_});
}

}  // namespace unimiss::pretrain
