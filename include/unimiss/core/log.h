#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// The one place library code speaks to the user: standard error, and the run's
/// log file once there is one. All functions may be called by any thread.
///
/// Colours are used on a terminal only, and not where NO_COLOR is set.
namespace unimiss {

void log_info(std::string_view message);
void log_warning(std::string_view message);

/// How far work is. On a terminal `line` stands at the bottom until the next
/// one replaces it, or an empty one removes it; elsewhere `message` is logged.
/// The log file gets the message in both cases.
void log_progress(std::string_view line, std::string_view message);

/// To the log file alone: for what the terminal shows in another form.
void log_to_file_only(std::string_view message);

/// "[=====     ]  50 %", for log_progress().
std::string progress_bar(double share);
/// Of seconds: "2 d 03 h", "3 h 04 min", "5 min 06 s", "7 s".
std::string duration_text(double seconds);

/// Of several processes that log to one terminal: the first logs as ever, the
/// others only warn, with their number in front.
void log_as_process(int64_t rank);

/// Of such a process: nothing goes to the terminal any more, for the first one
/// says the same.
void log_no_more();
bool logs_no_more();

/// Also append every message to this file: the earlier ones (the last 10,000)
/// and all from now on. Not while other threads may log.
/// Throws DataError when it cannot be opened.
void log_to_file(const std::string& path);

}  // namespace unimiss
