#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Several processes of a program that train together.
namespace unimiss::distributed {

/// Whether so many processes are still to be started: not in one of them.
/// Throws ConfigError where another launcher has started this one as one of
/// several.
bool should_launch(int64_t processes);

/// What is to be started.
struct LaunchRequest {
  std::vector<std::string> words;  ///< the command line, the program first
  int64_t processes = 1;           ///< in [1, 1024]
  std::vector<int> stop_signals;   ///< those that ask a run to stop
  /// The file of the program: this one.
  std::string program = "/proc/self/exe";
};

/// Starts a program as so many processes of this machine, which find each other
/// by torchrun's variables, passes signals on to them (but for those that are
/// ignored, as by nohup) and waits for all. Where one fails the others are
/// ended, the first one once it has had time to save; where one stops alone,
/// the others are asked to, too. The exit status: that of the first that
/// failed, else the largest. Throws RunError where one cannot be started.
///
/// To be called once by a process: the handlers of signals stay.
int launch(const LaunchRequest& request);

}  // namespace unimiss::distributed
