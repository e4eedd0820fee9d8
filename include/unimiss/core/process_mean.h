#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <utility>

namespace unimiss {

/// Means over all processes that share a batch, each of which holds an equal
/// share of it. By default of one process alone, whose own numbers are the
/// means.
class MeanOverProcesses {
 public:
  MeanOverProcesses() = default;
  /// mean: replaces a tensor by its mean over so many processes.
  MeanOverProcesses(std::function<void(torch::Tensor&)> mean, int64_t processes)
      : mean_(std::move(mean)), processes_(processes) {}

  int64_t processes() const { return processes_; }
  /// All processes must call this, and sum(), at the same place.
  void operator()(torch::Tensor& tensor) const {
    if (mean_) mean_(tensor);
  }

  /// The sum over all processes of what each has computed, for use in a loss
  /// whose gradient will be averaged over them: its own gradient counts
  /// processes() times.
  torch::Tensor sum(const torch::Tensor& own) const {
    if (!mean_) return own;
    const auto count = static_cast<double>(processes_);
    torch::Tensor total = own.detach().clone();
    mean_(total);
    return own * count + (total - own.detach()) * count;
  }

 private:
  std::function<void(torch::Tensor&)> mean_;
  int64_t processes_ = 1;
};

}  // namespace unimiss
