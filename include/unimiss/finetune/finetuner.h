#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "unimiss/augment/sample.h"
#include "unimiss/distributed/communicator.h"
#include "unimiss/finetune/config.h"
#include "unimiss/model/network_part.h"
#include "unimiss/task/task.h"
#include "unimiss/train/batch_gradients.h"
#include "unimiss/train/loss_scaler.h"
#include "unimiss/train/optimizer.h"
#include "unimiss/train/spike_filter.h"

namespace unimiss::finetune {

/// What one step reports. Tensors are scalars on the device.
struct StepReport {
  torch::Tensor loss;
  torch::Tensor grad_norm;  ///< global, before clipping
  train::StepOutcome outcome = train::StepOutcome::kUpdated;
};

struct FinetunerOptions {
  task::TaskSpec task;
  task::LossOptions loss;
  OptimizerOptions optimizer;
  std::vector<model::NetworkPart> freeze;  ///< parts that are not trained
  bool linear_probe = false;               ///< trains the head alone
  double average_decay = 0;  ///< of an average of the weights; 0: none
  torch::Device device = torch::kCPU;
};

/// Supervised training of one network on one task (paper Sec. 4.3), one
/// optimizer step at a time, and the exponential average of its weights. What
/// comes before and after a step (data, schedule, validation) is the caller's.
class Finetuner {
 public:
  /// Weights are random (LibTorch's generator) until others are taken over.
  /// communicator: of the processes, which outlives this; null: one alone.
  explicit Finetuner(const FinetunerOptions& options,
                     const distributed::Communicator* communicator = nullptr);

  /// Trains on one batch, or this process's equal share of each of its
  /// optimizer.accumulate parts: one image of each sample, and its target.
  /// Nothing changes when loss or gradient norm are not finite, on any process,
  /// or stand out by optimizer.skip_spikes.
  StepReport step(const augment::Sample& batch, double lr);

  task::Task& network() { return *network_; }
  const task::Task& network() const { return *network_; }
  /// The average of the weights, null where none is asked for.
  task::Task* average() { return average_.get(); }
  /// The average begins anew at the network's weights.
  void restart_average();
  torch::Device device() const { return options_.device; }

  /// Bytes of state() once every parameter has had an update.
  int64_t full_state_bytes() const;
  /// All that training continues from, by name: "network.*", "average.*",
  /// "average_updates", "optimizer.*", "loss_scale", with
  /// optimizer.skip_spikes "spikes.*".
  std::map<std::string, torch::Tensor> state() const;
  void load_state(const std::map<std::string, torch::Tensor>& state);

 private:
  std::map<std::string, torch::Tensor> weights() const;
  void update_average();

  FinetunerOptions options_;
  std::unique_ptr<task::Task> network_, average_;
  torch::Tensor average_updates_;  ///< int64 scalar
  train::Optimizer optimizer_;
  train::BatchGradients gradients_;
  train::SpikeFilter spikes_;
  train::LossScaler scaler_;
};

}  // namespace unimiss::finetune
