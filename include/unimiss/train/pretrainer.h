#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/data/views.h"
#include "unimiss/ssl/objective.h"
#include "unimiss/ssl/student_teacher.h"
#include "unimiss/train/optimizer.h"
#include "unimiss/train/precision.h"
#include "unimiss/train/schedule.h"

namespace unimiss::train {

/// What one step reports. Tensors are scalars on the device; reading them waits
/// for it.
struct StepReport {
  StepPlan plan;
  torch::Tensor loss;
  std::vector<std::pair<std::string, torch::Tensor>> terms;
  torch::Tensor grad_norm;        ///< global, before clipping
  torch::Tensor teacher_entropy;  ///< nats, strictly within (0, ln K)
  StepOutcome outcome = StepOutcome::kUpdated;
};

struct PretrainerOptions {
  model::MitOptions model;
  ssl::ProjectionHeadOptions head;
  ssl::ObjectiveOptions objective;
  OptimizerOptions optimizer;
  torch::Device device = torch::kCPU;
  Precision precision = Precision::kFp32;
};

/// Self-supervised pretraining of one network on images and volumes (paper
/// Sec. 3.2), one optimizer step at a time. step() is the method; what comes
/// before and after it (data, schedule, logging) is the caller's.
class Pretrainer {
 public:
  explicit Pretrainer(const PretrainerOptions& options);

  /// Trains on one batch, [B, 3, H, W] or [B, 1, D, H, W] per view, with the
  /// values of the plan. Nothing changes when loss or gradient norm are not
  /// finite; the caller decides what to do about it.
  StepReport step(const data::Views& batch, const StepPlan& plan);

  /// Bytes of state() once every parameter has had an update.
  int64_t full_state_bytes() const;
  /// All that a run continues from, by name: "student.*", "teacher.*",
  /// "optimizer.*", "center", "loss_scale".
  std::map<std::string, torch::Tensor> state() const;
  void load_state(const std::map<std::string, torch::Tensor>& state);

  ssl::StudentTeacher& networks() { return networks_; }
  const torch::Tensor& center() const { return center_; }

 private:
  PretrainerOptions options_;
  ssl::StudentTeacher networks_;
  Optimizer optimizer_;
  LossScaler scaler_;
  torch::Tensor center_;  ///< [1, K]
};

}  // namespace unimiss::train
