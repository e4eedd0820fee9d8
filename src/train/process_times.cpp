#include "unimiss/train/process_times.h"

#include <fmt/format.h>

#include <algorithm>

namespace unimiss::train {

std::optional<ProcessSpread> spread_of(const std::vector<ProcessTimes>& times,
                                       int64_t samples) {
  if (times.size() < 2) return std::nullopt;
  const auto count = static_cast<double>(times.size());
  const double share = static_cast<double>(samples) / count;
  ProcessSpread spread;
  double longest = -1;
  for (size_t rank = 0; rank < times.size(); ++rank) {
    const auto& [whole, data, others] = times[rank];
    const double own = std::max(whole - others, 1e-9);
    const double rate = share / own;
    spread.wait_seconds += others / count;
    spread.most_wait_seconds = std::max(spread.most_wait_seconds, others);
    spread.most_data_seconds = std::max(spread.most_data_seconds, data);
    spread.least_rate = rank == 0 ? rate : std::min(spread.least_rate, rate);
    spread.most_rate = std::max(spread.most_rate, rate);
    if (own > longest) {
      longest = own;
      spread.slowest = static_cast<int64_t>(rank);
    }
  }
  return spread;
}

void ProcessHistory::add(const StepRecord& record) {
  if (!record.processes) return;
  ++steps_;
  seconds_ += record.seconds;
  waited_ += record.processes->wait_seconds;
  ++slowest_[record.processes->slowest];
}

std::string ProcessHistory::describe() const {
  if (steps_ == 0) return "";
  const auto slowest = std::max_element(
      slowest_.begin(), slowest_.end(),
      [](const auto& a, const auto& b) { return a.second < b.second; });
  return fmt::format(
      "{:.1f} % of the time waiting for each other; process {} was the slowest "
      "in {:.0f} % of the steps",
      100 * waited_ / std::max(seconds_, 1e-9), slowest->first,
      100 * static_cast<double>(slowest->second) / static_cast<double>(steps_));
}

}  // namespace unimiss::train
