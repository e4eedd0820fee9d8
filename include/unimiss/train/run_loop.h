#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/distributed/agreement.h"
#include "unimiss/distributed/communicator.h"
#include "unimiss/train/checkpoint.h"
#include "unimiss/train/process_times.h"
#include "unimiss/train/resume.h"
#include "unimiss/train/run_folder.h"
#include "unimiss/train/run_history.h"
#include "unimiss/train/run_options.h"
#include "unimiss/train/run_output.h"
#include "unimiss/train/run_preparation.h"
#include "unimiss/train/stop_request.h"
#include "unimiss/train/training.h"

namespace unimiss::train {

class BatchFeed;
class RunWriter;

/// A run: its folder, its checkpoints, what ends it. The same for everything
/// that is trained:
///
///     RunLoop loop(options, request);
///     MyTraining training(loop.beginning());
///     loop.run(training);
///
/// Of several processes the first one leads: it holds the folder and writes;
/// all stop, fail and save together, between two steps.
class RunLoop {
 public:
  /// Meets the other processes, if the environment tells of any. Throws
  /// ConfigError for a folder that cannot be used.
  RunLoop(const RunOptions& options, const RunRequest& request);
  ~RunLoop();
  RunLoop(const RunLoop&) = delete;
  RunLoop& operator=(const RunLoop&) = delete;

  const distributed::Communicator& communicator() const {
    return communicator_;
  }
  bool leads() const { return communicator_.rank() == 0; }
  RunFolder& folder() { return *folder_; }
  const CheckpointFolder& checkpoints() const { return checkpoints_; }
  /// After begin(), of the process that leads.
  RunOutput& output();

  /// Where the run begins, as of begin_run(), with LibTorch's generator seeded:
  /// weights that are made next are those of run.seed.
  Beginning beginning();
  /// Begins and trains, for who keeps no history.
  void run(Training& training);

  /// Takes the folder and opens what is written. The history outlives this.
  /// Throws ConfigError. Says so where threads or device are others than those
  /// of the checkpoint.
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
  void tell_of(StepOutcome outcome, StepRecord& record) const;
  void take_pending(Training& training);
  void note_times(const distributed::Agreement& agreement);
  void await_others() const;
  template <class Work>
  distributed::Agreement agreed(const Work& work, bool save = false,
                                std::vector<double> tells = {}) const;
  void check_same_state(const Training& training, const std::string& when);
  void save(Training& training);
  [[noreturn]] void preempt(Training& training, const std::string& why);

  const RunOptions options_;
  const RunRequest request_;
  StopRequest stop_;
  distributed::Communicator communicator_;
  std::unique_ptr<RunFolder> folder_;
  CheckpointFolder checkpoints_;
  Checkpoint start_;  ///< that it goes on from, without tensors
  RunHistory no_history_;
  std::unique_ptr<RunWriter> writer_;
  std::unique_ptr<BatchFeed> feed_;
  ProcessTimes times_;  ///< of this process in the step that was taken
  double slowest_ = 0;  ///< step, seconds
};

}  // namespace unimiss::train
