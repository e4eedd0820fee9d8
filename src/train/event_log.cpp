#include "unimiss/train/event_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include "train/event_format.h"
#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNameBegin = "events.out.tfevents.";

enum class Curves { kPerPhase, kOne };

/// The chart group of what every step reports. What follows from the step
/// alone, or from the run as a whole, needs one curve only.
struct TagRule {
  std::string_view name, group;
  Curves curves;
};
constexpr TagRule kTagRules[] = {
    {"lr", "schedule", Curves::kPerPhase},
    {"weight_decay", "schedule", Curves::kOne},
    {"samples_per_second", "speed", Curves::kPerPhase},
    {"data_wait", "speed", Curves::kPerPhase},
    {"data_wait_most", "speed", Curves::kPerPhase},
    {"communication_wait", "speed", Curves::kPerPhase},
    {"communication_wait_most", "speed", Curves::kPerPhase},
    {"scaling_efficiency", "speed", Curves::kPerPhase},
    {"process_rate_least", "speed", Curves::kPerPhase},
    {"process_rate_most", "speed", Curves::kPerPhase},
    {"slowest_process", "speed", Curves::kPerPhase},
    {"queue_depth", "speed", Curves::kPerPhase},
    {"peak_memory_mb", "speed", Curves::kOne},
};

std::string phase_of(const Metrics& metrics) {
  for (const auto& [name, value] : metrics) {
    const auto* text = std::get_if<std::string>(&value);
    if (name == "phase" && text) return *text;
  }
  return {};
}

double seconds_since_1970() {
  return std::chrono::duration<double>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The seconds in the name of an event file; 0 in any other.
int64_t seconds_in(const std::string& name) {
  constexpr size_t kDigits = 10;
  if (!name.starts_with(kNameBegin)) return 0;
  int64_t seconds = 0;
  const char* begin = name.data() + kNameBegin.size();
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(begin, end, seconds);
  const bool ours = parsed.ptr == begin + kDigits && seconds > 0;
  return ours ? seconds : 0;
}

/// TensorBoard reads the files of a folder in the order of their names and does
/// not come back to an earlier one: whatever the clock says, and however soon
/// a run is resumed, the new name must be the last.
std::string new_path(const std::string& folder) {
  auto seconds = static_cast<int64_t>(seconds_since_1970());
  for (const auto& entry : fs::directory_iterator(folder)) {
    const int64_t other = seconds_in(entry.path().filename().string());
    seconds = std::max(seconds, other + 1);
  }
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') {
    std::copy_n("localhost", sizeof "localhost", host);
  }
  return fmt::format("{}/{}{:010}.{}.{}", folder, kNameBegin, seconds, host,
                     getpid());
}

}  // namespace

EventLog::EventLog(const std::string& folder, int64_t first_step,
                   std::vector<std::string> scheduled)
    : scheduled_(std::move(scheduled)) {
  try {
    fs::create_directories(folder);
    path_ = new_path(folder);
  } catch (const fs::filesystem_error& error) {
    throw DataError(
        folder, "cannot hold TensorBoard's files: " + error.code().message() +
                    "; choose a folder you can write to");
  }
  file_.open(path_, std::ios::binary);
  if (!file_) {
    throw DataError(path_,
                    "cannot be written; choose a folder you can write to");
  }
  append(version_event(seconds_since_1970()));
  if (first_step > 0) append(start_event(seconds_since_1970(), first_step));
}

std::string EventLog::tag_of(const std::string& name,
                             const std::string& phase) const {
  const std::string end = phase.empty() ? "" : "/" + phase;
  for (const TagRule& rule : kTagRules) {
    if (rule.name != name) continue;
    return fmt::format("{}/{}{}", rule.group, name,
                       rule.curves == Curves::kPerPhase ? end : "");
  }
  if (std::find(scheduled_.begin(), scheduled_.end(), name) !=
      scheduled_.end()) {
    return "schedule/" + name;
  }
  if (name.starts_with(kLossTerm)) {
    return fmt::format("loss{}/{}", end, name.substr(kLossTerm.size()));
  }
  return name + end;
}

void EventLog::write(int64_t step, const Metrics& metrics) {
  const std::string phase = phase_of(metrics);
  Scalars scalars;
  for (const auto& [name, value] : metrics) {
    if (name == "step" || std::holds_alternative<std::string>(value)) continue;
    const auto* whole = std::get_if<int64_t>(&value);
    const double number =
        whole ? static_cast<double>(*whole) : std::get<double>(value);
    // False for NaN, too.
    if (std::abs(number) <= std::numeric_limits<float>::max()) {
      scalars.emplace_back(tag_of(name, phase), static_cast<float>(number));
    }
  }
  if (scalars.empty()) return;
  append(scalars_event(seconds_since_1970(), step, scalars));
}

void EventLog::append(const std::string& event) {
  file_ << tf_record(event) << std::flush;
  if (!file_) {
    throw DataError(path_, "could not be written (is the disk full?)");
  }
}

}  // namespace unimiss::train
