#include "unimiss/train/run_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "unimiss/core/device.h"
#include "unimiss/core/stopwatch.h"

namespace unimiss::train {
namespace {

StepCost cost_of(const std::function<void(int64_t)>& take_step, int64_t samples,
                 torch::Device device) {
  reset_peak_memory(device);
  StepCost cost;
  for (int i = 0; i < 3; ++i) {
    const Stopwatch stopwatch;
    take_step(samples);
    if (i == 0) continue;
    const double seconds = stopwatch.seconds();
    cost.seconds = i == 1 ? seconds : std::min(cost.seconds, seconds);
  }
  cost.memory_mb = peak_memory_mb(device);
  return cost;
}

}  // namespace

StepCost extrapolate_cost(const std::function<void(int64_t)>& take_step,
                          int64_t batch, torch::Device device) {
  const StepCost one = cost_of(take_step, 1, device);
  if (batch == 1) return one;
  const StepCost two = cost_of(take_step, 2, device);
  const int64_t more = batch - 1;
  return {one.seconds + static_cast<double>(more) *
                            std::max(0.0, two.seconds - one.seconds),
          one.memory_mb +
              more * std::max<int64_t>(0, two.memory_mb - one.memory_mb)};
}

int64_t free_bytes_of(const std::string& path) {
  namespace fs = std::filesystem;
  // The folder that exists on the way to a path: its disk is the path's.
  fs::path folder = fs::absolute(path);
  while (!fs::exists(folder) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  std::error_code error;
  const auto space = fs::space(folder, error);
  return error ? 0 : static_cast<int64_t>(space.available);
}

int64_t checkpoints_kept(const RunOptions& options, int64_t total_steps) {
  const int64_t every = options.keep_every_steps;
  return options.keep_checkpoints + (every > 0 ? total_steps / every : 0);
}

std::string disk_line(const std::string& folder, int64_t checkpoints,
                      int64_t checkpoint_bytes, int64_t export_bytes,
                      int64_t free_bytes) {
  // One more than is kept is there while it is written.
  const int64_t needed = (checkpoints + 1) * checkpoint_bytes + export_bytes;
  return fmt::format(
      "  disk            {:.0f} MiB needed, {:.0f} MiB free in {}{}\n",
      mebibytes(needed), mebibytes(free_bytes), folder,
      needed > free_bytes ? ": NOT ENOUGH" : "");
}

double mebibytes(int64_t bytes) {
  constexpr double kMebibyte = 1 << 20;
  return static_cast<double>(bytes) / kMebibyte;
}

}  // namespace unimiss::train
