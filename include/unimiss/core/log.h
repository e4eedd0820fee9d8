#pragma once

#include <string>
#include <string_view>

/// The one place library code speaks to the user: standard error, and the run's
/// log file once there is one. Thread-safe.
namespace unimiss {

void log_info(std::string_view message);
void log_warning(std::string_view message);

/// Also append every message to this file from now on.
/// Throws DataError when it cannot be opened.
void log_to_file(const std::string& path);

}  // namespace unimiss
