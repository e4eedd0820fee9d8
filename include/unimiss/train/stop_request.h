#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"
#include "unimiss/core/stopwatch.h"

namespace unimiss::train {

enum class StopSignal { kTerm, kInt, kHup, kUsr1, kUsr2 };

/// As the system numbers it.
int number_of(StopSignal signal);

/// Listens for what asks a run to stop: signals, and the end of its time.
///
/// Until begin() there is nothing to save: a signal ends the process at once
/// with the status kExitPreempted. After it the first signal is only noted, for
/// the loop to save and end; a further one, a second or more later (`timeout`
/// sends two at once), ends the process, which is safe, because files appear
/// whole or not at all. The destructor puts back the
/// handlers that were there. At most one exists at a time.
class StopRequest {
 public:
  /// limit: seconds from now, 0: none. SLURM's SLURM_JOB_END_TIME (seconds
  /// since 1970) counts too, unless it is over.
  StopRequest(const std::vector<StopSignal>& signals, double limit);
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  void begin();
  /// Why the run should stop now ("SIGTERM", "run.time_limit"), if it should.
  /// needed: seconds that one more step and the saving take.
  std::optional<std::string> reason(double needed) const;

 private:
  class Handlers;
  std::unique_ptr<Handlers> handlers_;
  Stopwatch stopwatch_;
  double limit_;
  std::string limit_name_;
};

}  // namespace unimiss::train

template <>
struct unimiss::EnumNames<unimiss::train::StopSignal> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::StopSignal::kTerm, "term"},
      std::pair{unimiss::train::StopSignal::kInt, "int"},
      std::pair{unimiss::train::StopSignal::kHup, "hup"},
      std::pair{unimiss::train::StopSignal::kUsr1, "usr1"},
      std::pair{unimiss::train::StopSignal::kUsr2, "usr2"}};
};
