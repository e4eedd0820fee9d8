#pragma once

#include <memory>
#include <string>

#include "unimiss/core/stopwatch.h"
#include "unimiss/train/event_log.h"
#include "unimiss/train/metric_log.h"
#include "unimiss/train/run_folder.h"
#include "unimiss/train/run_history.h"

namespace unimiss::train {

/// What a run tells people while it goes on: log.txt, metrics.jsonl,
/// tensorboard/, progress.png and the line on the terminal.
class RunOutput {
 public:
  /// Goes on after step `from`; what is there of later steps is cut off, the
  /// rest goes into the history, as all that is added later does. Throws
  /// DataError where the folder cannot be written.
  RunOutput(const RunFolder& folder, int64_t from, int64_t total,
            RunHistory& history);

  void add(const StepRecord& record);
  /// A record that is not one of a step, with the line that tells of it.
  void add_other(int64_t step, const Metrics& record, const std::string& line);
  /// Waits until all records are on the disk.
  void sync();
  /// Draws the picture anew; where that fails, says so once.
  void draw();

 private:
  std::string picture_;
  bool picture_failed_ = false;
  RunHistory& history_;
  std::unique_ptr<MetricLog> metrics_;
  std::unique_ptr<EventLog> events_;
  int64_t from_, total_;
  Stopwatch clock_;
};

}  // namespace unimiss::train
