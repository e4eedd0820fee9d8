#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "train/checkpoint_writer.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/train/resume.h"
#include "unimiss/train/run_options.h"
#include "unimiss/train/run_output.h"
#include "unimiss/train/step_record.h"
#include "unimiss/train/training.h"

namespace unimiss::train {

/// What a run writes while it trains, in an order that loses nothing: the
/// record of a step before the checkpoint that holds it. On processes that do
/// not lead it only knows what has been saved.
class RunWriter {
 public:
  /// All outlive this.
  RunWriter(const RunOptions& options, const RunRequest& request,
            const CheckpointFolder& checkpoints)
      : options_(options), request_(request), checkpoints_(checkpoints) {}

  /// Of the process that leads.
  void open(std::unique_ptr<RunOutput> output) { output_ = std::move(output); }
  void start_checkpoints();
  RunOutput* output() const { return output_.get(); }

  /// The record of the step that was taken, until it is written.
  std::optional<StepRecord>& record() { return record_; }
  void write_record();

  /// Weights, position and records are of one step again, or for a while not.
  void set_whole() { whole_ = true; }
  void set_torn() { whole_ = false; }

  void set_state_bytes(int64_t bytes) { state_bytes_ = bytes; }
  /// The state has changed; how often it has.
  void changed() { ++version_; }
  int64_t version() const { return version_; }
  /// The newest checkpoint holds the state as it is.
  void set_saved() { saved_ = version_; }
  bool is_saved() const { return saved_ == version_; }
  /// It was, and on all processes: the time to the next one begins.
  void restart_clock() { since_save_.restart(); }

  /// A training's checkpoint, with what every checkpoint says of its run.
  Checkpoint checkpoint_of(const Training& training) const;
  bool checkpoint_due(int64_t step) const;
  double seconds_to_save() const;
  /// Hands a checkpoint to a thread that writes it; its records come first.
  void write(const Training& training);
  /// Throws what went wrong in that thread; does not wait.
  void check();
  void wait();
  /// After a failure: the state may still be that of the last good step.
  void save_what_there_is(const Training& training);

 private:
  const RunOptions& options_;
  const RunRequest& request_;
  const CheckpointFolder& checkpoints_;
  std::unique_ptr<RunOutput> output_;
  std::unique_ptr<CheckpointWriter> writer_;
  std::optional<StepRecord> record_;
  bool whole_ = true;
  int64_t version_ = 0;
  int64_t saved_ = -1;  ///< the version that the newest checkpoint holds
  int64_t state_bytes_ = 0;
  Stopwatch since_save_;
};

}  // namespace unimiss::train
