#include "unimiss/pretrain/pretrainer.h"

#include <ATen/Functions.h>

#include <utility>
#include <vector>

#include "unimiss/model/named_tensors.h"

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
      update_(*networks_.student, options.optimizer,
              {.device = options.device,
               .precision = options.precision,
               .communicator = communicator,
               .bucket_bytes = options.bucket_bytes}),
      center_(at::zeros({1, options.head.prototypes},
                        at::TensorOptions().device(options.device))) {}

/// Leaves the gradients of the whole batch; what is told of it.
StepReport Pretrainer::gradients_of(const augment::Sample& batch,
                                    const StepPlan& plan,
                                    torch::Tensor& next_center) {
  const auto parts = parts_of(batch, update_.parts(), options_.device);
  const double temperature = plan.teacher_temperature;
  update_.prepare(plan.rank, [&] {
    const AutocastGuard autocast(options_.device.type(), options_.precision);
    return ssl::step_loss(networks_, parts[0].slice(0, 0, 2), center_,
                          temperature, options_.objective)
        .total;
  });
  ssl::TeacherOutput teacher;
  {
    const AutocastGuard autocast(options_.device.type(), options_.precision);
    teacher = ssl::teacher_output(networks_, parts, center_, temperature,
                                  options_.objective, update_.mean());
  }
  next_center = teacher.centers.next;
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
    const torch::Tensor total = loss.total * share;
    update_.backward(total, static_cast<int64_t>(i), plan.rank);
    add_terms(report.terms, loss.terms, share);
    report.loss = i == 0 ? total.detach() : report.loss + total.detach();
  }
  return report;
}

StepReport Pretrainer::step(const augment::Sample& batch,
                            const StepPlan& plan) {
  const auto attempt = update_.begin();
  torch::Tensor next_center;
  StepReport report = gradients_of(batch, plan, next_center);
  std::vector<torch::Tensor*> scalars;
  for (auto& [name, number] : report.diagnostics) scalars.push_back(&number);
  for (auto& [name, term] : report.terms) scalars.push_back(&term);
  report.grad_norm = update_.finish(report.loss, scalars);
  report.outcome = update_.judge(report.loss, report.grad_norm, plan.rank);
  if (report.outcome != train::StepOutcome::kUpdated) return report;

  // Nothing has changed up to here; from here on everything does.
  update_.apply(plan.lr, plan.weight_decay,
                plan.last_layer_frozen ? std::vector<std::string>{kLastLayer}
                                       : std::vector<std::string>{});
  center_ = next_center;
  networks_.update_teacher(plan.momentum);
  return report;
}

int64_t Pretrainer::full_state_bytes() const {
  return static_cast<int64_t>(center_.nbytes()) +
         model::tensor_bytes(*networks_.student) +
         model::tensor_bytes(*networks_.teacher) + update_.state_bytes();
}

model::NamedTensors Pretrainer::tensors() const {
  model::NamedTensors tensors{{"center", center_}};
  tensors.merge(model::named_tensors(*networks_.student, "student."));
  tensors.merge(model::named_tensors(*networks_.teacher, "teacher."));
  return tensors;
}

std::map<std::string, torch::Tensor> Pretrainer::state() const {
  model::NamedTensors state = tensors();
  state.merge(update_.state());
  return state;
}

void Pretrainer::load_state(const std::map<std::string, torch::Tensor>& state) {
  update_.load_state(state, tensors());
}

}  // namespace unimiss::pretrain
