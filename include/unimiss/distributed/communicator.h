#pragma once

#include <torch/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/distributed/world.h"

namespace unimiss::distributed {

/// Another process has ended, or did not answer in time.
class LostProcess : public RunError {
 public:
  using RunError::RunError;
};

/// What processes that train together tell each other, by LibTorch's c10d:
/// Gloo between CPUs, NCCL between GPUs. All of them must call the same
/// functions in the same order, with tensors of the same shapes.
///
/// One process alone needs no backend: every function returns at once.
///
/// Throws LostProcess, naming what was being done, where another process is
/// lost or does not come within the timeout.
class Communicator {
 public:
  /// Of one process.
  Communicator();
  /// Meets the other processes of the world. device: where the tensors are that
  /// go round.
  Communicator(const World& world, torch::Device device,
               std::chrono::seconds timeout);
  ~Communicator();
  Communicator(Communicator&&) noexcept;
  Communicator& operator=(Communicator&&) noexcept;

  const World& world() const;
  int64_t rank() const { return world().rank; }
  int64_t size() const { return world().size; }

  /// Adds up, in place, what the processes hold of a tensor.
  void sum(torch::Tensor& tensor) const;
  /// The mean of what they hold, in place.
  void mean(torch::Tensor& tensor) const;
  /// Overwrites tensors with those of rank 0.
  void broadcast(const std::vector<torch::Tensor>& tensors) const;
  /// What each process holds, by rank.
  std::vector<torch::Tensor> gather(const torch::Tensor& tensor) const;
  std::vector<std::string> gather(const std::string& text) const;
  /// Returns once all have called it.
  void barrier() const;
  /// Seconds that this process has spent so far in the functions above and
  /// waiting at the end of GradientReducer::backward().
  double waited() const;

  struct Implementation;

 private:
  friend class GradientReducer;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace unimiss::distributed
