#include "finetune/preparation.h"

#include <ATen/Context.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "finetune/initial_weights.h"
#include "unimiss/core/random.h"
#include "unimiss/finetune/config_file.h"
#include "unimiss/model/named_tensors.h"

namespace unimiss::finetune {
namespace {

// What a checkpoint's counters and texts are called.
constexpr const char* kNonFinite = "nonfinite";
constexpr const char* kValidated = "validated";
constexpr const char* kBestStep = "best_step";
constexpr const char* kSinceBest = "since_best";
constexpr const char* kBestScore = "best_score";
constexpr const char* kBestOf = "best_of";
constexpr const char* kTrain = "train";
constexpr std::string_view kBest = "best.";

void restore(PreparedFinetuning& run, const train::Checkpoint& start) {
  train::check_files(start, kTrain, run.fingerprint());
  model::NamedTensors state;
  for (const auto& [name, tensor] : start.tensors) {
    if (name.starts_with(kBest)) {
      run.best.weights[name.substr(kBest.size())] = tensor;
    } else {
      state[name] = tensor;
    }
  }
  run.best.of = start.texts.at(kBestOf);
  run.finetuner->load_state(state);
  const auto& counters = start.counters;
  run.position = {counters.at(kNonFinite), counters.at(kValidated),
                  counters.at(kBestStep), counters.at(kSinceBest),
                  std::strtod(start.texts.at(kBestScore).c_str(), nullptr)};
}

}  // namespace

std::string PreparedFinetuning::fingerprint() const {
  // Which cases can be used may change between two starts.
  std::string usable;
  for (const int64_t number : data.train) {
    usable += data.cache->at(number).id + "\n";
  }
  return fmt::format("{}, {} used {:016x}", cases.fingerprint(),
                     data.train.size(), fnv1a64(usable));
}

void check_processes(const FinetuneConfig& config, int64_t processes) {
  train::check_shares(config.data.batch_size, "data.batch_size",
                      config.optimizer.accumulate, processes);
}

Schedule make_schedule(const FinetuneConfig& config, int64_t cases) {
  const int64_t samples =
      config.data.samples_per_epoch > 0 ? config.data.samples_per_epoch : cases;
  const int64_t batch = config.data.batch_size;
  return {config.schedule, config.optimizer.lr, (samples + batch - 1) / batch,
          config.run.epochs, config.run.max_steps};
}

FinetunerOptions finetuner_options(const FinetuneConfig& config,
                                   const std::vector<std::string>& classes,
                                   torch::Device device) {
  FinetunerOptions options;
  options.task = config.task_spec(classes);
  options.loss = config.loss;
  options.optimizer = config.optimizer;
  options.freeze = config.init.freeze;
  options.linear_probe = config.init.linear_probe;
  options.average_decay = config.validation.average_decay;
  options.device = device;
  return options;
}

std::unique_ptr<Finetuner> make_finetuner(
    const FinetuneConfig& config, const std::vector<std::string>& classes,
    torch::Device device, const distributed::Communicator* communicator) {
  at::manual_seed(static_cast<uint64_t>(config.run.seed));
  return std::make_unique<Finetuner>(finetuner_options(config, classes, device),
                                     communicator);
}

void start_from_weights(const FinetuneConfig& config, Finetuner& finetuner) {
  before_work(
      [&] { load_initial_weights(config.init, finetuner.network().module()); });
  finetuner.restart_average();
}

std::unique_ptr<data::Loader> make_loader(const FinetuneConfig& config,
                                          const FinetuneData& data,
                                          torch::Device device,
                                          const distributed::World& world) {
  data::LoaderOptions options;
  options.batch_size = config.data.batch_size;
  options.workers = config.data.workers;
  options.queue_batches = config.data.queue_batches;
  options.seed =
      static_cast<uint64_t>(config.run.seed) ^ fnv1a64("fine-tuning");
  options.pin_memory = device.is_cuda();
  options.parts = config.optimizer.accumulate;
  train::share_batches(options, config.run, world);
  return std::make_unique<data::Loader>(data.dataset, options);
}

PreparedFinetuning prepare_finetuning(
    const FinetuneConfig& config, train::Beginning beginning,
    const train::RunFolder& folder,
    const distributed::Communicator& communicator) {
  const distributed::World& world = communicator.world();
  PreparedFinetuning run;
  run.device = beginning.device;
  run.begins_at = beginning.step();
  run.cases = before_work(
      [&] { return read_finetune_cases(config, folder.file("splits.json")); });
  const auto listed = static_cast<int64_t>(run.cases.train.size());
  train::check_earlier_config(
      config, read_config_text, folder, beginning,
      [&](const FinetuneConfig& of) {
        return [schedule = make_schedule(of, listed)](int64_t step) {
          return schedule.lr(step);
        };
      });
  // Mistakes are told before files are decoded, which may take hours.
  run.finetuner =
      make_finetuner(config, run.cases.classes, run.device, &communicator);
  if (!beginning.start) start_from_weights(config, *run.finetuner);
  run.data =
      before_work([&] { return open_finetune_data(config, run.cases, world); });
  run.schedule = std::make_unique<Schedule>(
      make_schedule(config, static_cast<int64_t>(run.data.train.size())));
  if (beginning.start) {
    restore(run, *beginning.start);
    const std::string text = train::earlier_config(folder, beginning.start);
    const FinetuneConfig earlier =
        read_config_text(text, "the checkpoint's configuration");
    if (config::compare(earlier, config).empty()) run.earlier_text = text;
  }
  return run;
}

train::Checkpoint make_checkpoint(const PreparedFinetuning& run, int64_t step) {
  const FinetunePosition& position = run.position;
  model::NamedTensors tensors = run.finetuner->state();
  for (const auto& [name, tensor] : run.best.weights) {
    tensors[std::string(kBest) + name] = tensor;
  }
  return {step,
          {{kNonFinite, position.nonfinite},
           {kValidated, position.validated},
           {kBestStep, position.best_step},
           {kSinceBest, position.since_best}},
          {{kTrain, run.fingerprint()},
           // In hexadecimal: not rounded.
           {kBestScore, fmt::format("{:a}", position.best_score)},
           {kBestOf, run.best.of}},
          std::move(tensors)};
}

}  // namespace unimiss::finetune
