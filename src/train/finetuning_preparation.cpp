#include "train/finetuning_preparation.h"

#include <ATen/Context.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "train/initial_weights.h"
#include "train/training_state.h"
#include "unimiss/core/random.h"

namespace unimiss::train {
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

bool same_steps(const FinetuneSchedule& a, const FinetuneSchedule& b,
                int64_t steps) {
  for (int64_t step = 0; step < steps; ++step) {
    if (a.lr(step) != b.lr(step)) return false;
  }
  return true;
}

/// The configuration a run was begun with must be this one, but for what leaves
/// its steps as they are.
void check_earlier_config(const FinetuneConfig& config,
                          const CompareConfig<FinetuneConfig>& compare,
                          const std::string& text, int64_t steps_done,
                          int64_t cases) {
  if (text.empty()) return;
  const EarlierConfig<FinetuneConfig> earlier = compare(text);
  check_changes(earlier.changes, [&] {
    return same_steps(make_schedule(earlier.config, cases),
                      make_schedule(config, cases), steps_done);
  });
}

void restore(PreparedFinetuning& run, const Checkpoint& start) {
  check_files(start, kTrain, run.fingerprint());
  require(start.step <= run.schedule->total_steps(), "run.max_steps",
          fmt::format("the run would end at step {}, {} are done already",
                      run.schedule->total_steps(), start.step));
  warn_of_rounding(start, run.device);
  NamedTensors state;
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
  run.position = {start.step,
                  counters.at(kNonFinite),
                  counters.at(kValidated),
                  counters.at(kBestStep),
                  counters.at(kSinceBest),
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

FinetuneSchedule make_schedule(const FinetuneConfig& config, int64_t cases) {
  const int64_t samples =
      config.data.samples_per_epoch > 0 ? config.data.samples_per_epoch : cases;
  const int64_t batch = config.data.batch_size;
  return {config.schedule, config.optimizer.lr, (samples + batch - 1) / batch,
          config.run.epochs, config.run.max_steps};
}

std::unique_ptr<Finetuner> make_finetuner(const FinetuneConfig& config,
                                          int64_t outputs,
                                          torch::Device device) {
  at::manual_seed(static_cast<uint64_t>(config.run.seed));
  auto finetuner = std::make_unique<Finetuner>(config, outputs, device);
  before_training([&] { load_initial_weights(config, finetuner->network()); });
  finetuner->restart_average();
  return finetuner;
}

std::unique_ptr<data::Loader> make_loader(const FinetuneConfig& config,
                                          const FinetuneData& data,
                                          torch::Device device) {
  data::LoaderOptions options;
  options.batch_size = config.data.batch_size;
  options.workers = config.data.workers;
  options.queue_batches = config.data.queue_batches;
  options.seed =
      static_cast<uint64_t>(config.run.seed) ^ fnv1a64("fine-tuning");
  options.pin_memory = device.is_cuda();
  return std::make_unique<data::Loader>(data.dataset, options);
}

PreparedFinetuning prepare_finetuning(
    const FinetuneConfig& config, const RunRequest& request,
    const CompareConfig<FinetuneConfig>& compare, RunFolder& folder,
    const CheckpointFolder& checkpoints) {
  PreparedFinetuning run;
  run.device = choose_device(config.run.device);
  set_up_process(config.run, run.device);
  take_folder(folder);
  const auto start = before_training(
      [&] { return find_start(request.resume, folder, checkpoints); });
  run.cases = before_training(
      [&] { return read_finetune_cases(config, folder.file("splits.json")); });
  const auto listed = static_cast<int64_t>(run.cases.train.size());
  check_earlier_config(config, compare, earlier_config(folder, start),
                       start ? start->step : 0, listed);
  // Mistakes are told before files are decoded, which may take hours.
  if (start) {
    FinetuneConfig random = config;
    random.init.from_scratch = true;  // the weights are in the checkpoint
    run.finetuner = make_finetuner(random, run.cases.outputs(), run.device);
  } else {
    run.finetuner = make_finetuner(config, run.cases.outputs(), run.device);
  }
  run.data =
      before_training([&] { return open_finetune_data(config, run.cases); });
  run.schedule = std::make_unique<FinetuneSchedule>(
      make_schedule(config, static_cast<int64_t>(run.data.train.size())));
  if (start) restore(run, *start);
  return run;
}

Checkpoint make_checkpoint(const PreparedFinetuning& run,
                           const std::string& config_text) {
  auto texts = checkpoint_texts(config_text, run.device);
  texts[kTrain] = run.fingerprint();
  const FinetunePosition& position = run.position;
  // In hexadecimal: not rounded.
  texts[kBestScore] = fmt::format("{:a}", position.best_score);
  texts[kBestOf] = run.best.of;
  NamedTensors tensors = run.finetuner->state();
  for (const auto& [name, tensor] : run.best.weights) {
    tensors[std::string(kBest) + name] = tensor;
  }
  return {position.step,
          {{kNonFinite, position.nonfinite},
           {kValidated, position.validated},
           {kBestStep, position.best_step},
           {kSinceBest, position.since_best}},
          std::move(texts),
          std::move(tensors)};
}

}  // namespace unimiss::train
