#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "unimiss/train/metric_log.h"

namespace unimiss::train {

/// Writes the numbers of records as curves for TensorBoard: scalar summaries in
/// its event-file format, a new file for each log. Every record is handed to
/// the system at once: a run that is killed leaves whole records.
///
/// Steps on images and on volumes take turns and are of different size, so that
/// one curve through both would be a saw: a record's text "phase" becomes the
/// end of its tags. TensorBoard groups charts by the first word of the tag:
///
///   loss/2d  loss/3d  loss/3d/TERM   the loss, and its terms "loss/TERM"
///   grad_norm/2d
///   schedule/lr/2d  schedule/weight_decay
///   speed/samples_per_second/2d  speed/data_wait/2d  speed/queue_depth/2d
///   speed/peak_memory_mb
///
/// What else a schedule sets joins its group, one curve for all phases. Any
/// other number keeps its name, with the phase behind it. Text, "step", and
/// numbers that are not finite as a float are left out.
class EventLog {
 public:
  /// Makes the folder if needed and a file in it, which comes after those that
  /// are there.
  ///
  /// `first_step`: the first step that write() will be given. Above 0, a
  /// resumed run, TensorBoard is told to drop what earlier files hold from that
  /// step on.
  ///
  /// `scheduled`: the names of other numbers that a schedule sets.
  ///
  /// Throws DataError naming the file when it cannot be written.
  EventLog(const std::string& folder, int64_t first_step,
           std::vector<std::string> scheduled = {});

  /// Throws DataError naming the file, e.g. when the disk is full.
  void write(int64_t step, const Metrics& metrics);

  const std::string& path() const { return path_; }

 private:
  std::string tag_of(const std::string& name, const std::string& phase) const;
  void append(const std::string& event);

  std::string path_;
  std::vector<std::string> scheduled_;
  std::ofstream file_;
};

}  // namespace unimiss::train
