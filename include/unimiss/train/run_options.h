#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/core/device.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/precision.h"
#include "unimiss/train/stop_request.h"

namespace unimiss::train {

/// No count of steps, epochs, files or samples is larger: larger ones only
/// overflow further on.
inline constexpr double kMaximumCount = 1e9;

/// What a step whose loss or gradient is not finite does to the run.
enum class OnNonFinite { kStop, kSkip };

/// How cuDNN chooses its algorithms.
enum class Cudnn { kDeterministic, kBenchmark, kHeuristic };

/// A run as a whole, whatever it trains.
struct RunOptions {
  std::string output{};
  int64_t seed = 7;
  DeviceChoice device = DeviceChoice::kAuto;
  Precision precision = Precision::kFp32;
  int64_t threads = 0;
  int64_t epochs = 200;
  int64_t max_steps = 0;
  int64_t checkpoint_every_steps = 0;
  double checkpoint_every_minutes = 15;
  int64_t keep_checkpoints = 3;
  int64_t keep_every_steps = 0;
  std::vector<StopSignal> stop_signals{StopSignal::kTerm, StopSignal::kInt,
                                       StopSignal::kUsr1};
  double time_limit = 0;
  OnNonFinite on_nonfinite = OnNonFinite::kStop;
  int64_t max_nonfinite = 10;
  double process_timeout = 30;
  Cudnn cudnn = Cudnn::kDeterministic;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("output", self.output,
          "folder for all a run writes; a run that is there goes on",
          kMayChange);
    visit("seed", self.seed, "seed of weights, shuffling and augmentation");
    visit("device", self.device,
          "where to train; auto: the GPU where there is one", kMayChange);
    visit("precision", self.precision,
          "arithmetic of forward and backward: bf16 is autocast, fp16 needs "
          "a GPU and scales the loss");
    visit("threads", self.threads,
          "threads for tensors, in [0, 1024]; 0: all cores", kMayChange);
    visit("epochs", self.epochs, "epochs to train, at least 1", kLength);
    visit("max_steps", self.max_steps,
          "optimizer steps to train, instead of epochs; 0: by epochs", kLength);
    visit("checkpoint_every_steps", self.checkpoint_every_steps,
          "a checkpoint whenever so many steps are done; 0: by time alone",
          kMayChange);
    visit("checkpoint_every_minutes", self.checkpoint_every_minutes,
          "a checkpoint at the latest after so many minutes; 0: by steps "
          "alone",
          kMayChange);
    visit("keep_checkpoints", self.keep_checkpoints,
          "so many of the newest checkpoints stay, at least 1", kMayChange);
    visit("keep_every_steps", self.keep_every_steps,
          "checkpoints at multiples of so many steps stay too; 0: none",
          kMayChange);
    visit("stop_signals", self.stop_signals,
          "signals that save and end the run with exit status 75", kMayChange);
    visit("time_limit", self.time_limit,
          "minutes after which the run saves and ends with exit status 75; 0: "
          "none. The end of a SLURM job counts too",
          kMayChange);
    visit("on_nonfinite", self.on_nonfinite,
          "a step whose loss or gradient is not finite: stop the run, or skip "
          "the step; nothing changes in either case",
          kMayChange);
    visit("max_nonfinite", self.max_nonfinite,
          "steps that on_nonfinite: skip may leave out in a run", kMayChange);
    visit("process_timeout", self.process_timeout,
          "of several processes: minutes after which one that does not answer "
          "is given up, greater than 0; after half of it a sample that is not "
          "ready",
          kMayChange);
    visit("cudnn", self.cudnn,
          "how cuDNN chooses among its algorithms: only such as repeat to the "
          "bit, the fastest in a trial, or as it thinks best",
          kMayChange);
  }
  /// Keys begin with their group, "run", as in a configuration.
  void check(Problems& problems) const;
};

/// The lists, items of a key, that are missing or folders.
void check_list_files(const std::vector<std::string>& lists,
                      const std::string& key, Problems& problems);

}  // namespace unimiss::train

template <>
struct unimiss::EnumNames<unimiss::train::Cudnn> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::Cudnn::kDeterministic, "deterministic"},
      std::pair{unimiss::train::Cudnn::kBenchmark, "benchmark"},
      std::pair{unimiss::train::Cudnn::kHeuristic, "heuristic"}};
};
template <>
struct unimiss::EnumNames<unimiss::train::OnNonFinite> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::OnNonFinite::kStop, "stop"},
      std::pair{unimiss::train::OnNonFinite::kSkip, "skip"}};
};
