#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <functional>
#include <map>
#include <vector>

#include "unimiss/core/process_mean.h"
#include "unimiss/distributed/gradient_reducer.h"
#include "unimiss/train/optimizer.h"

namespace unimiss::train {

/// The gradients of a batch that comes in parts and is shared by processes: the
/// same for everything that is trained.
class BatchGradients {
 public:
  /// communicator: of the processes; null or of one: one alone. It and the
  /// network outlive this.
  BatchGradients(const distributed::Communicator* communicator,
                 const torch::nn::Module& network,
                 const OptimizerOptions& options, torch::Device device,
                 int64_t bucket_bytes =
                     distributed::GradientReducerOptions().bucket_bytes);

  MeanOverProcesses mean() const;
  /// Replaces scalars by their means over the processes, at once.
  void average(const std::vector<torch::Tensor*>& scalars) const;

  /// The backward pass of one part; that of the last one also averages what all
  /// parts have left over the processes. kind: steps of one kind reach the same
  /// parameters; which, the gradients of a tiny loss of that kind tell once.
  void backward(const torch::Tensor& loss, int64_t part, int64_t kind,
                const std::function<torch::Tensor()>& tiny_loss);

 private:
  distributed::GradientReducer& reducer_of(
      int64_t kind, const std::function<torch::Tensor()>& tiny_loss);

  const distributed::Communicator* communicator_;  ///< null: one process
  const torch::nn::Module& network_;
  int64_t parts_;
  distributed::GradientReducerOptions options_;
  torch::Device device_;
  std::map<int64_t, distributed::GradientReducer> reducers_;
};

}  // namespace unimiss::train
