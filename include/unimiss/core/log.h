#pragma once

#include <string>
#include <string_view>

/// The one place library code speaks to the user: standard error, and the run's
/// log file once there is one. Both functions may be called by any thread.
namespace unimiss {

void log_info(std::string_view message);
void log_warning(std::string_view message);

/// Also append every message to this file: the earlier ones (the last 10,000)
/// and all from now on. Not while other threads may log.
/// Throws DataError when it cannot be opened.
void log_to_file(const std::string& path);

}  // namespace unimiss
