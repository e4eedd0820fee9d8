#pragma once

#include <cstdint>
#include <vector>

/// Several processes of a program that train together.
namespace unimiss {

/// Whether so many processes are still to be started: not in one of them.
/// Throws ConfigError where another launcher has started this one as one of
/// several.
bool should_launch(int64_t processes);

/// Starts this program again as so many processes of this machine, which find
/// each other by torchrun's variables, passes signals on to them (but for those
/// that are ignored, as by nohup) and waits for all. Where one fails the others
/// are ended, the first one once it has had time to save; where one stops
/// alone, the others are asked to, too. stop_signals: those that ask a run to
/// stop. The exit status: that of the first that failed, else the largest.
/// Throws RunError where one cannot be started.
int launch(int argc, char** argv, int64_t processes,
           const std::vector<int>& stop_signals);

}  // namespace unimiss
