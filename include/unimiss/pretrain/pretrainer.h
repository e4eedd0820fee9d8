#pragma once

#include <torch/types.h>

#include <map>
#include <string>

#include "unimiss/augment/sample.h"
#include "unimiss/core/precision.h"
#include "unimiss/distributed/communicator.h"
#include "unimiss/pretrain/schedule.h"
#include "unimiss/ssl/objective.h"
#include "unimiss/ssl/student_teacher.h"
#include "unimiss/train/step_outcome.h"
#include "unimiss/train/update.h"

namespace unimiss::pretrain {

/// What one step reports. Tensors are scalars on the device; reading them waits
/// for it.
struct StepReport {
  StepPlan plan;
  torch::Tensor loss;
  ssl::NamedScalars terms;
  torch::Tensor grad_norm;        ///< global, before clipping
  ssl::NamedScalars diagnostics;  ///< of the objective
  train::StepOutcome outcome = train::StepOutcome::kUpdated;
};

struct PretrainerOptions {
  model::MitOptions model;
  ssl::ProjectionHeadOptions head;
  ssl::ObjectiveOptions objective;
  train::UpdateOptions optimizer;
  torch::Device device = torch::kCPU;
  Precision precision = Precision::kFp32;
  /// Of several processes: gradients go round in buckets of that size.
  int64_t bucket_bytes = distributed::GradientReducerOptions().bucket_bytes;
};

/// Self-supervised pretraining of one network on images and volumes (paper
/// Sec. 3.2), one optimizer step at a time. step() is the method; what comes
/// before and after it (data, schedule, logging) is the caller's.
///
/// Several processes take one step together, that of one process with the
/// whole batch: gradients, the center's means and what is reported are averaged
/// over them.
class Pretrainer {
 public:
  /// communicator: of the processes, which outlives this; null: one alone. All
  /// must begin with the same state().
  explicit Pretrainer(const PretrainerOptions& options,
                      const distributed::Communicator* communicator = nullptr);

  /// Trains on one batch, or this process's equal share of each of its
  /// optimizer.accumulate parts, two views of [B, 3, H, W] or [B, 1, D, H, W],
  /// with the values of the plan. Nothing changes when loss or gradient norm
  /// are not finite, on any process, or stand out by optimizer.skip_spikes; the
  /// caller decides what to do about it.
  StepReport step(const augment::Sample& batch, const StepPlan& plan);

  /// Bytes of state() once every parameter has had an update.
  int64_t full_state_bytes() const;
  /// All that a run continues from, by name: "student.*", "teacher.*",
  /// "optimizer.*", "center", "loss_scale", with optimizer.skip_spikes
  /// "spikes.*".
  std::map<std::string, torch::Tensor> state() const;
  void load_state(const std::map<std::string, torch::Tensor>& state);

  ssl::StudentTeacher& networks() { return networks_; }
  const torch::Tensor& center() const { return center_; }

 private:
  StepReport gradients_of(const augment::Sample& batch, const StepPlan& plan,
                          torch::Tensor& next_center);
  model::NamedTensors tensors() const;

  PretrainerOptions options_;
  ssl::StudentTeacher networks_;
  train::Update update_;
  torch::Tensor center_;  ///< [1, K]
};

}  // namespace unimiss::pretrain
