#pragma once

#include <string>
#include <vector>

/// Other processes of ours.
namespace unimiss::distributed {

/// What the system calls a process: its pid_t.
using ProcessId = int;

/// "NAME=value" of each variable of this process.
std::vector<std::string> own_environment();

/// Starts a program with these words, its name the first, and variables. One of
/// ours ends with this one, see end_with_parent(). Throws RunError where it
/// cannot be started.
ProcessId start_process(const std::string& program,
                        std::vector<std::string> words,
                        std::vector<std::string> variables);

/// Waits for the end of a process; its exit status, kExitFailed where a signal
/// ended it.
int status_of(ProcessId process);

/// In a program that start_process() started: SIGTERM once that process ends,
/// however it does. Elsewhere nothing.
void end_with_parent();

}  // namespace unimiss::distributed
