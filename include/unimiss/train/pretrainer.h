#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/data/views.h"
#include "unimiss/distributed/gradient_reducer.h"
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
  distributed::GradientReducerOptions reducer;
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
  /// take over the weights of the first.
  explicit Pretrainer(const PretrainerOptions& options,
                      const distributed::Communicator* communicator = nullptr);

  /// Trains on one batch, or this process's equal part of it, [B, 3, H, W] or
  /// [B, 1, D, H, W] per view, with the values of the plan. Nothing changes
  /// when loss or gradient norm are not finite, on any process; the caller
  /// decides what to do about it.
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
  void backward(const torch::Tensor& views, const torch::Tensor& loss);
  distributed::GradientReducer& reducer_of(const torch::Tensor& views);

  PretrainerOptions options_;
  const distributed::Communicator* communicator_;  ///< null: one process
  ssl::StudentTeacher networks_;
  Optimizer optimizer_;
  LossScaler scaler_;
  torch::Tensor center_;  ///< [1, K]
  /// By the dimensions of the views: each reaches its own parameters.
  std::map<int64_t, distributed::GradientReducer> reducers_;
};

}  // namespace unimiss::train
