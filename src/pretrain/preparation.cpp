#include "pretrain/preparation.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <optional>
#include <utility>

#include "unimiss/pretrain/config_file.h"
#include "unimiss/pretrain/run.h"
#include "unimiss/pretrain/weight_export.h"

namespace unimiss::pretrain {
namespace {

// What a checkpoint's counters and texts are called.
constexpr const char* kBatches2d = "batches_2d";
constexpr const char* kBatches3d = "batches_3d";
constexpr const char* kNonFinite = "nonfinite";
constexpr const char* kImages = "images";
constexpr const char* kVolumes = "volumes";

/// Whether the run has a step of that kind.
bool reaches(const Schedule& schedule, int rank) {
  for (int64_t step = 0; step < schedule.total_steps(); ++step) {
    if (schedule.at(step).rank == rank) return true;
  }
  return false;
}

/// By the lists: files that cannot be used are not known yet.
Schedule listed_schedule(const PretrainConfig& config,
                         const PretrainLists& lists) {
  return make_schedule(config, static_cast<int64_t>(lists.images.paths.size()),
                       static_cast<int64_t>(lists.volumes.paths.size()) *
                           config.data.samples_per_volume);
}

void restore(PreparedPretraining& run, const train::Checkpoint& start) {
  train::check_files(start, kImages, run.data.images.fingerprint);
  train::check_files(start, kVolumes, run.data.volumes.fingerprint);
  run.pretrainer->load_state(start.tensors);
  run.position = {start.counters.at(kBatches2d), start.counters.at(kBatches3d),
                  start.counters.at(kNonFinite)};
}

}  // namespace

void check_processes(const PretrainConfig& config, int64_t processes) {
  const auto check = [&](int64_t batch, const char* key) {
    train::check_shares(batch, key, config.optimizer.accumulate, processes);
  };
  if (!config.data.images.empty()) {
    check(config.data.batch_size_2d, "data.batch_size_2d");
  }
  if (!config.data.volumes.empty()) {
    check(config.data.batch_size_3d, "data.batch_size_3d");
  }
}

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

PreparedPretraining prepare_pretraining(
    const PretrainConfig& config, train::Beginning beginning,
    const train::RunFolder& folder,
    const distributed::Communicator& communicator) {
  PreparedPretraining run;
  run.device = beginning.device;
  run.begins_at = beginning.step();
  run.data = before_work([&] {
    const PretrainLists lists = read_lists(config);
    // Mistakes are told before files are decoded, which may take hours.
    listed_schedule(config, lists);
    train::check_earlier_config(
        config, read_config_text, folder, beginning,
        [&](const PretrainConfig& of) {
          return [schedule = listed_schedule(of, lists)](int64_t step) {
            return schedule.at(step);
          };
        });
    return open_data(config, lists, communicator.world());
  });
  run.schedule = std::make_unique<Schedule>(make_schedule(
      config, run.data.images.samples(), run.data.volumes.samples()));
  at::manual_seed(static_cast<uint64_t>(config.run.seed));
  run.pretrainer = std::make_unique<Pretrainer>(
      pretrainer_options(config, run.device), &communicator);
  if (beginning.start) {
    restore(run, *beginning.start);
  } else if (!config.init.weights.empty()) {
    before_work(
        [&] { load_exported_weights(config.init.weights, *run.pretrainer); });
  }
  return run;
}

train::Checkpoint make_checkpoint(const PreparedPretraining& run,
                                  int64_t step) {
  return {step,
          {{kBatches2d, run.position.batches_2d},
           {kBatches3d, run.position.batches_3d},
           {kNonFinite, run.position.nonfinite}},
          {{kImages, run.data.images.fingerprint},
           {kVolumes, run.data.volumes.fingerprint}},
          run.pretrainer->state()};
}

}  // namespace unimiss::pretrain
