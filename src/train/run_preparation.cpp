#include "unimiss/train/run_preparation.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <thread>

#include "unimiss/core/log.h"
#include "unimiss/core/random.h"

namespace unimiss::train {
namespace {

constexpr const char* kThreads = "threads";
constexpr const char* kDevice = "device";

void warn_of_other(const Checkpoint& start, const char* what,
                   const std::string& now) {
  const auto then = start.texts.find(what);
  if (then == start.texts.end() || then->second == now) return;
  log_warning(fmt::format(
      "{}: {} then, {} now; results are not bit-identical to an unbroken run",
      what, then->second, now));
}

/// The same on all processes, each of which has its own GPU.
std::string kind_of(torch::Device device) {
  return c10::DeviceTypeName(device.type(), /*lower_case=*/true);
}

}  // namespace

void set_up_process(const RunOptions& options, torch::Device device) {
  require(options.precision != Precision::kFp16 || device.is_cuda(),
          "run.precision", "fp16 needs a GPU; use bf16 or fp32 on a CPU");
  at::globalContext().setDeterministicCuDNN(options.cudnn ==
                                            Cudnn::kDeterministic);
  at::globalContext().setBenchmarkCuDNN(options.cudnn == Cudnn::kBenchmark);
  if (options.threads > 0) {
    at::set_num_threads(static_cast<int>(options.threads));
  }
}

distributed::Communicator join_processes(const RunOptions& options) {
  const distributed::World world = distributed::world_from_environment();
  if (world.size == 1) return {};
  log_as_process(world.rank);
  check_device(options.device, world.local_size);
  const torch::Device device = choose_device(options.device, world.local_rank);
  if (options.threads == 0) {
    const auto cores =
        static_cast<int64_t>(std::thread::hardware_concurrency());
    at::set_num_threads(
        static_cast<int>(std::max<int64_t>(1, cores / world.local_size)));
  }
  const std::chrono::seconds timeout(
      std::max<int64_t>(1, std::llround(60 * options.process_timeout)));
  return {world, device, timeout};
}

void seed_step(const RunOptions& options, int64_t step, int64_t rank) {
  const auto seed = static_cast<uint64_t>(options.seed);
  const auto at = static_cast<uint64_t>(step);
  at::manual_seed((rank == 0 ? Random({seed, at})
                             : Random({seed, at, static_cast<uint64_t>(rank)}))
                      .bits());
}

Beginning begin_run(const RunOptions& options, const RunRequest& request,
                    RunFolder& folder, const CheckpointFolder& checkpoints,
                    const distributed::World& world) {
  Beginning beginning;
  beginning.device = choose_device(options.device, world.local_rank);
  set_up_process(options, beginning.device);
  if (world.rank == 0 && folder.begun()) folder.lock();
  beginning.start = before_work(
      [&] { return find_start(request.resume, folder, checkpoints); });
  return beginning;
}

void share_batches(data::LoaderOptions& options, const RunOptions& run,
                   const distributed::World& world) {
  options.rank = world.rank;
  options.world = world.size;
  // The others wait meanwhile: it must be told before they give up.
  constexpr double kShare = 0.5;
  if (world.size > 1) {
    options.stall_seconds = kShare * 60 * run.process_timeout;
  }
}

double begin_of(const distributed::World& world) {
  return static_cast<double>(world.rank) / static_cast<double>(world.size);
}

void check_shares(int64_t batch, const char* key, int64_t parts,
                  int64_t processes) {
  if (processes == 1) return;
  require(batch % (processes * parts) == 0, key,
          fmt::format(
              "must be a multiple of {}, the number of processes{} (is {}; it "
              "is that of all together)",
              processes * parts,
              parts > 1 ? fmt::format(" times {}, optimizer.accumulate", parts)
                        : "",
              batch));
}

std::map<std::string, std::string> checkpoint_texts(
    const std::string& config_text, torch::Device device) {
  return {{kCheckpointConfig, config_text},
          {kThreads, std::to_string(at::get_num_threads())},
          {kDevice, kind_of(device)}};
}

void check_start(const Checkpoint& start, int64_t total_steps,
                 torch::Device device) {
  require(start.step <= total_steps, "run.max_steps",
          fmt::format("the run would end at step {}, {} are done already",
                      total_steps, start.step));
  warn_of_other(start, kThreads, std::to_string(at::get_num_threads()));
  warn_of_other(start, kDevice, kind_of(device));
}

std::string cache_folder(const std::string& configured,
                         const std::string& run_folder) {
  namespace fs = std::filesystem;
  if (!configured.empty()) return configured;
  // A dot stands for the last part where the path ends in a slash.
  const fs::path run = (fs::absolute(run_folder) / ".").lexically_normal();
  return (run.parent_path().parent_path() / "cache").string();
}

void check_files(const Checkpoint& start, const char* kind,
                 const std::string& fingerprint) {
  const auto found = start.texts.find(kind);
  const std::string then = found == start.texts.end() ? "?" : found->second;
  require(then == fingerprint, std::string("data.") + kind,
          fmt::format("the files are not those the run was begun with (now {}; "
                      "then {}); put them back, or begin a new run in another "
                      "folder",
                      fingerprint, then));
}

}  // namespace unimiss::train
