#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/augment/sample.h"
#include "unimiss/core/precision.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/data/loader.h"
#include "unimiss/distributed/agreement.h"
#include "unimiss/train/batch_feed.h"
#include "unimiss/train/checkpoint.h"
#include "unimiss/train/checkpoint_writer.h"
#include "unimiss/train/loss_scaler.h"
#include "unimiss/train/process_times.h"
#include "unimiss/train/resume.h"
#include "unimiss/train/run_folder.h"
#include "unimiss/train/run_options.h"
#include "unimiss/train/run_output.h"
#include "unimiss/train/stop_request.h"

namespace unimiss::train {

/// A step that was taken, and what it tells of itself: number, batch, times and
/// memory are the loop's to add.
struct TakenStep {
  StepRecord record;
  StepOutcome outcome = StepOutcome::kUpdated;
};

/// What a run trains, one step after another. A step is a function of the state
/// and of its own number alone.
class Training {
 public:
  virtual ~Training() = default;
  virtual int64_t step() const = 0;  ///< steps that are done
  virtual int64_t total_steps() const = 0;
  /// Whether nothing is left to do.
  virtual bool finished() const { return step() >= total_steps(); }
  /// Steps skipped because they were not finite, counted by the run.
  virtual int64_t& nonfinite() = 0;

  virtual torch::Device device() const = 0;
  virtual int64_t state_bytes() const = 0;   ///< of a checkpoint
  virtual int64_t result_bytes() const = 0;  ///< of all that is written besides
  /// For the manifest.
  virtual Facts facts() const = 0;
  virtual Checkpoint checkpoint() const = 0;

  /// Gets the data flowing, from where the training stands.
  virtual void start() = 0;
  /// Where the batch of a step to come, the `ahead`-th from now, comes from.
  virtual data::Loader& stream(int64_t ahead) = 0;
  /// Takes the next step, with a batch that may be on the device already; it
  /// counts once advance() is called. Of several processes, changes nothing
  /// before all have told all they have to tell.
  virtual TakenStep take_step(const augment::Sample& batch) = 0;
  virtual void advance() = 0;

  /// Work that belongs between two steps, such as validation.
  virtual bool pending() const { return false; }
  /// Does it and tells of it, or, asked to stop, leaves it undone. output: null
  /// on processes that do not lead.
  virtual void do_pending(const std::function<bool()>& /*asked_to_stop*/,
                          RunOutput* /*output*/) {}
};

/// A run: its folder, its checkpoints, what ends it. The same for everything
/// that is trained. Of several processes the first one leads: it holds the
/// folder and writes; all stop, fail and save together, between two steps.
class RunLoop {
 public:
  /// Meets the other processes, if the environment tells of any.
  RunLoop(const RunOptions& options, const RunRequest& request);

  const distributed::Communicator& communicator() const {
    return communicator_;
  }
  bool leads() const { return communicator_.rank() == 0; }
  RunFolder& folder() { return *folder_; }
  const CheckpointFolder& checkpoints() const { return checkpoints_; }
  /// Nothing before begin(), and of a process that does not lead.
  RunOutput& output() { return *output_; }

  /// Takes the folder and opens what is written. Throws ConfigError.
  void begin(Training& training, RunHistory& history);
  /// Trains to the end. Throws Preempted after it was asked to stop and has
  /// saved; another Error when it cannot go on, after saving the last good step
  /// where that was possible.
  void train(Training& training);
  /// Why work that comes after training should be left for the next start of
  /// the run, if it should.
  std::optional<std::string> stop_reason() const { return stop_.reason(0); }

 private:
  void open_folder(Training& training, RunHistory& history);
  void take_step(Training& training);
  void take_pending(Training& training);
  void note_times(const distributed::Agreement& agreement);
  void write_record();
  void await_others() const;
  template <class Work>
  distributed::Agreement agreed(const Work& work, bool save = false,
                                std::vector<double> tells = {}) const;
  void not_finite(Training& training, const StepRecord& record,
                  const augment::Sample& batch,
                  const std::vector<std::string>& samples) const;
  bool checkpoint_due(int64_t step) const;
  double seconds_to_save() const;
  void check_same_state(const Training& training, const std::string& when);
  void save(Training& training);
  void write(Training& training);
  void wait_for_writer();
  [[noreturn]] void preempt(Training& training, const std::string& why);
  void save_what_there_is(Training& training);

  const RunOptions& options_;
  const RunRequest& request_;
  StopRequest stop_;
  distributed::Communicator communicator_;
  std::unique_ptr<RunFolder> folder_;
  CheckpointFolder checkpoints_;
  std::unique_ptr<RunOutput> output_;
  std::unique_ptr<CheckpointWriter> writer_;
  int64_t version_ = 0;  ///< of the state: rises with all that changes it
  int64_t saved_ = -1;   ///< the version that the newest checkpoint holds
  bool whole_ = true;    ///< weights, position and records are of one step
  /// Of the step that was taken, until the others' times are known.
  std::optional<StepRecord> record_;
  BatchFeed feed_;
  ProcessTimes times_;  ///< of this process in that step
  int64_t state_bytes_ = 0;
  double slowest_ = 0;  ///< step, seconds
  Stopwatch since_save_;
};

}  // namespace unimiss::train
