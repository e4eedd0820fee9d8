#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/distributed/communicator.h"

namespace unimiss::distributed {

struct GradientReducerOptions {
  int64_t bucket_bytes = int64_t{25} << 20;
  /// Half the bytes go round, at the cost of fp16's precision.
  bool fp16 = false;
};

/// Gradients averaged over the processes, in buckets that go round while the
/// backward pass still computes others (c10d::Reducer, of PyTorch's
/// DistributedDataParallel; Li et al. 2020).
///
/// The buckets follow from the parameters alone, so that a run that goes on
/// adds up in the same order as one that was never stopped. Several reducers
/// may share parameters: one for each set that backward passes reach.
class GradientReducer {
 public:
  /// parameters: exactly those that backward() gives a gradient, on every
  /// process the same. Keeps them; the communicator must outlive it.
  GradientReducer(
      const Communicator& communicator,
      const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
      const GradientReducerOptions& options = {});
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  /// The backward pass of this loss, which leaves the mean over the processes
  /// of each gradient; one of earlier passes without the others counts in.
  /// Throws LostProcess.
  void backward(const torch::Tensor& loss);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace unimiss::distributed
