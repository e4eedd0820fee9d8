#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/train/step_record.h"

namespace unimiss::train {

/// Where a process's time went in a step, seconds.
struct ProcessTimes {
  double whole = 0;
  double data = 0;    ///< of these, waiting for its batch
  double others = 0;  ///< of these, waiting for other processes
};

/// What a step record tells of its processes, by rank; nothing of one alone.
/// samples: of all together.
std::optional<ProcessSpread> spread_of(const std::vector<ProcessTimes>& times,
                                       int64_t samples);

/// What the steps of a run tell of its processes.
class ProcessHistory {
 public:
  void add(const StepRecord& record);
  /// "3.1 % of the time waiting for each other; ..."; empty of one process.
  std::string describe() const;

 private:
  double waited_ = 0, seconds_ = 0;
  int64_t steps_ = 0;
  std::map<int64_t, int64_t> slowest_;  ///< steps, by process
};

}  // namespace unimiss::train
