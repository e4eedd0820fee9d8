#pragma once

#include <string>
#include <vector>

#include "unimiss/train/step_record.h"

namespace unimiss::train {

/// The records of a run so far, those of earlier starts included: what its
/// summary and its picture are made of.
class RunHistory {
 public:
  virtual ~RunHistory() = default;
  virtual void add(const StepRecord& record) = 0;
  /// What a step's line on the terminal tells of its diagnostics, such as
  /// "accuracy 0.5".
  virtual std::string remark(const StepRecord& /*record*/) const { return {}; }
  /// The diagnostics that follow from the schedule alone.
  virtual std::vector<std::string> scheduled() const { return {}; }
  /// A record that is not one of a step.
  virtual void add_other(const Metrics& /*record*/) {}
  /// Writes a PNG, a DurableFile. Throws DataError.
  virtual void write_picture(const std::string& path) const = 0;
};

}  // namespace unimiss::train
