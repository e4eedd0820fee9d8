#pragma once

#include <thread>

namespace unimiss {

/// Leaves a thread to itself that may never end, such as one that reads from a
/// disk or a network which does not answer.
void abandon(std::thread& thread);

/// Whether there are such threads: the process must then end by _Exit(), for
/// they still use what it would take down.
bool has_abandoned_threads();

}  // namespace unimiss
