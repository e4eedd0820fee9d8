#include "train/run_preparation.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "unimiss/core/log.h"
#include "unimiss/train/weight_export.h"

namespace unimiss::train {
namespace {

// What a checkpoint's counters and texts are called.
constexpr const char* kBatches2d = "batches_2d";
constexpr const char* kBatches3d = "batches_3d";
constexpr const char* kNonFinite = "nonfinite";
constexpr const char* kConfig = "config";
constexpr const char* kImages = "images";
constexpr const char* kVolumes = "volumes";
constexpr const char* kThreads = "threads";
constexpr const char* kDevice = "device";

/// Whether the run has a step of that kind.
bool reaches(const Schedule& schedule, int rank) {
  for (int64_t step = 0; step < schedule.total_steps(); ++step) {
    if (schedule.at(step).rank == rank) return true;
  }
  return false;
}

bool same_steps(const Schedule& a, const Schedule& b, int64_t steps) {
  for (int64_t step = 0; step < steps; ++step) {
    if (a.at(step) != b.at(step)) return false;
  }
  return true;
}

/// By the lists: files that cannot be used are not known yet.
Schedule listed_schedule(const PretrainConfig& config,
                         const PretrainLists& lists) {
  return make_schedule(config, static_cast<int64_t>(lists.images.paths.size()),
                       static_cast<int64_t>(lists.volumes.paths.size()) *
                           config.data.samples_per_volume);
}

/// The configuration a run was begun with must be this one, but for what leaves
/// its steps as they are.
void check_config(const PretrainConfig& config, const RunRequest& request,
                  const std::string& earlier_text, int64_t steps_done,
                  const PretrainLists& lists) {
  const EarlierConfig earlier = request.compare_config(earlier_text);
  check_changes(earlier.changes, [&] {
    return same_steps(listed_schedule(earlier.config, lists),
                      listed_schedule(config, lists), steps_done);
  });
}

/// Of a checkpoint, or where there is none yet of a run that began here.
void check_earlier_config(const PretrainConfig& config,
                          const RunRequest& request, const RunFolder& folder,
                          const std::optional<Checkpoint>& start,
                          const PretrainLists& lists) {
  if (start) {
    const auto text = start->texts.find(kConfig);
    require(text != start->texts.end(), "--resume",
            "the checkpoint is not one of a pretraining");
    check_config(config, request, text->second, start->step, lists);
  } else if (folder.begun()) {
    std::ifstream file(folder.file("config.yaml"), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    // A process killed in its first moment leaves none.
    if (!text.empty()) check_config(config, request, text, 0, lists);
  }
}

void warn_of_rounding(const Checkpoint& start, const char* what,
                      const std::string& now) {
  const auto then = start.texts.find(what);
  if (then == start.texts.end() || then->second == now) return;
  log_warning(fmt::format(
      "{}: {} then, {} now; results are not bit-identical to an unbroken run",
      what, then->second, now));
}

void check_files(const Checkpoint& start, const char* kind,
                 const DataStream& stream) {
  const auto found = start.texts.find(kind);
  const std::string then = found == start.texts.end() ? "?" : found->second;
  require(then == stream.fingerprint, std::string("data.") + kind,
          fmt::format("the files are not those the run was begun with (now {}; "
                      "then {}); put them back, or begin a new run in another "
                      "folder",
                      stream.fingerprint, then));
}

void restore(PreparedRun& run, const Checkpoint& start) {
  check_files(start, kImages, run.data.images);
  check_files(start, kVolumes, run.data.volumes);
  require(start.step <= run.schedule->total_steps(), "run.max_steps",
          fmt::format("the run would end at step {}, {} are done already",
                      run.schedule->total_steps(), start.step));
  warn_of_rounding(start, kThreads, std::to_string(at::get_num_threads()));
  warn_of_rounding(start, kDevice, run.device.str());
  run.pretrainer->load_state(start.tensors);
  run.position = {start.step, start.counters.at(kBatches2d),
                  start.counters.at(kBatches3d), start.counters.at(kNonFinite)};
}

}  // namespace

Schedule make_schedule(const PretrainConfig& config, int64_t images,
                       int64_t volumes) {
  Schedule schedule(
      config.schedule,
      {images, volumes, config.data.batch_size_2d, config.data.batch_size_3d,
       config.run.epochs, config.run.max_steps},
      config.optimizer.lr, config.loss.objective.teacher_temperature);
  require(images == 0 || reaches(schedule, 2), "run.max_steps",
          "ends the run before its first image");
  require(volumes == 0 || reaches(schedule, 3), "run.max_steps",
          "ends the run before its first volume; raise it, or lower "
          "schedule.interval");
  return schedule;
}

PretrainerOptions pretrainer_options(const PretrainConfig& config,
                                     torch::Device device) {
  PretrainerOptions options;
  options.model = config.model;
  options.head = config.head;
  options.objective = config.loss.objective;
  options.optimizer = config.optimizer;
  options.device = device;
  options.precision = config.run.precision;
  return options;
}

PreparedRun prepare_run(const PretrainConfig& config, const RunRequest& request,
                        torch::Device device, RunFolder& folder,
                        const CheckpointFolder& checkpoints) {
  require(config.run.precision != Precision::kFp16 || device.is_cuda(),
          "run.precision", "fp16 needs a GPU; use bf16 or fp32 on a CPU");
  if (config.run.threads > 0) {
    at::set_num_threads(static_cast<int>(config.run.threads));
  }
  folder.require_writable();
  // Else another process could take the checkpoint further meanwhile.
  if (folder.begun()) folder.lock();
  PreparedRun run;
  run.device = device;
  const auto start = before_training(
      [&] { return find_start(request.resume, folder, checkpoints); });
  run.data = before_training([&] {
    const PretrainLists lists = read_lists(config);
    // Mistakes are told before files are decoded, which may take hours.
    listed_schedule(config, lists);
    check_earlier_config(config, request, folder, start, lists);
    return open_data(config, lists);
  });
  run.schedule = std::make_unique<Schedule>(make_schedule(
      config, run.data.images.samples(), run.data.volumes.samples()));
  at::manual_seed(static_cast<uint64_t>(config.run.seed));
  run.pretrainer =
      std::make_unique<Pretrainer>(pretrainer_options(config, device));
  if (start) {
    restore(run, *start);
  } else if (!config.init.weights.empty()) {
    before_training(
        [&] { load_exported_weights(config.init.weights, *run.pretrainer); });
  }
  return run;
}

Checkpoint make_checkpoint(const PreparedRun& run,
                           const std::string& config_text) {
  return {run.position.step,
          {{kBatches2d, run.position.batches_2d},
           {kBatches3d, run.position.batches_3d},
           {kNonFinite, run.position.nonfinite}},
          {{kConfig, config_text},
           {kImages, run.data.images.fingerprint},
           {kVolumes, run.data.volumes.fingerprint},
           {kThreads, std::to_string(at::get_num_threads())},
           {kDevice, run.device.str()}},
          run.pretrainer->state()};
}

}  // namespace unimiss::train
