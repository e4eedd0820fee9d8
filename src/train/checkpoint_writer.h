#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "unimiss/train/checkpoint.h"

namespace unimiss::train {

/// Writes checkpoints beside the training: submit() copies the tensors, a
/// thread of its own does the rest. One copy is held, so the memory needed is
/// that of the state, on the CPU, once.
///
/// What the thread threw is thrown, once, by the next submit(), finish() or
/// check().
class CheckpointWriter {
 public:
  explicit CheckpointWriter(CheckpointFolder folder);
  /// Waits for what has been submitted.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Takes over a copy of the checkpoint, whose tensors may be on any device;
  /// waits first until the one before is written.
  void submit(const Checkpoint& checkpoint);
  /// Waits until all is written.
  void finish();
  /// Throws what went wrong meanwhile; does not wait.
  void check();
  /// How long the last one took to write, seconds; 0: none yet.
  double seconds() const;

 private:
  void work();
  void wait_until_idle(std::unique_lock<std::mutex>& lock);

  CheckpointFolder folder_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Checkpoint held_;  ///< its tensors are reused
  bool busy_ = false, stopping_ = false;
  double seconds_ = 0;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace unimiss::train
