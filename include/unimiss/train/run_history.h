#pragma once

#include <string>

#include "unimiss/train/step_record.h"

namespace unimiss::train {

/// The records of a run so far, those of earlier starts included: what its
/// summary and its picture are made of. This one keeps nothing and draws none.
class RunHistory {
 public:
  virtual ~RunHistory() = default;
  virtual void add(const StepRecord& /*record*/) {}
  /// A record that is not one of a step.
  virtual void add_other(const Metrics& /*record*/) {}
  /// Writes a PNG, a DurableFile. Throws DataError.
  virtual void write_picture(const std::string& /*path*/) const {}
};

}  // namespace unimiss::train
