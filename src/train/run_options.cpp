#include "unimiss/train/run_options.h"

#include <filesystem>
#include <system_error>

namespace unimiss::train {
namespace {

// More threads than any machine has cores.
constexpr double kMaximumThreads = 1024;

}  // namespace

void RunOptions::check(Problems& problems) const {
  problems.require(!output.empty(), "run.output",
                   "must name a folder (is empty text)");
  problems.in_range(threads, between(0, kMaximumThreads), "run.threads",
                    "write 0 for all cores");
  problems.in_range(epochs, between(1, kMaximumCount), "run.epochs");
  problems.in_range(max_steps, between(0, kMaximumCount), "run.max_steps",
                    "write 0 for a length in run.epochs");
  problems.in_range(checkpoint_every_steps, between(0, kMaximumCount),
                    "run.checkpoint_every_steps", "write 0 for by time alone");
  problems.in_range(checkpoint_every_minutes, at_least(0),
                    "run.checkpoint_every_minutes",
                    "write 0 for by steps alone");
  problems.in_range(keep_checkpoints, between(1, kMaximumCount),
                    "run.keep_checkpoints");
  problems.in_range(keep_every_steps, between(0, kMaximumCount),
                    "run.keep_every_steps", "write 0 for no others");
  problems.distinct(stop_signals, "run.stop_signals");
  problems.in_range(time_limit, at_least(0), "run.time_limit",
                    "write 0 for none");
  problems.in_range(max_nonfinite, between(0, kMaximumCount),
                    "run.max_nonfinite");
  problems.in_range(process_timeout, greater_than(0), "run.process_timeout");
  problems.require(
      precision != Precision::kFp16 || device != DeviceChoice::kCpu,
      "run.precision",
      "fp16 needs a GPU (run.device is cpu); use bf16 or fp32 on a CPU",
      {"run.device"});
}

void check_list_files(const std::vector<std::string>& lists,
                      const std::string& key, Problems& problems) {
  for (size_t i = 0; i < lists.size(); ++i) {
    std::error_code ignored;
    // A pipe is as good as a file.
    const auto status = std::filesystem::status(lists[i], ignored);
    problems.require(!std::filesystem::is_directory(status), item_key(key, i),
                     "'" + lists[i] +
                         "' is a folder; name a text file with one path a "
                         "line");
    problems.require(std::filesystem::exists(status), item_key(key, i),
                     "there is no file '" + lists[i] +
                         "' (relative to the folder the program runs in); "
                         "check the path");
  }
}

}  // namespace unimiss::train
