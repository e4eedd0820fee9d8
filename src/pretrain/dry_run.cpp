#include "unimiss/pretrain/dry_run.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "pretrain/preparation.h"
#include "unimiss/core/log.h"
#include "unimiss/pretrain/weight_export.h"
#include "unimiss/train/run_cost.h"
#include "unimiss/train/training_state.h"

namespace unimiss::pretrain {
namespace {

augment::Sample random_views(const PretrainConfig& config, int rank,
                             int64_t samples) {
  const int64_t side = config.model.image_size;
  const auto& volume = config.model.volume_size;
  const std::vector<int64_t> shape =
      rank == 2
          ? std::vector<int64_t>{samples, 3, side, side}
          : std::vector<int64_t>{samples, 1, volume[0], volume[1], volume[2]};
  return {{at::rand(shape), at::rand(shape)}, {}};
}

void measure(DryRun::Phase& phase, Pretrainer& pretrainer,
             const PretrainConfig& config, torch::Device device) {
  StepPlan plan;
  plan.rank = phase.name == "2d" ? 2 : 3;
  plan.teacher_temperature = config.loss.objective.teacher_temperature;
  plan.momentum = config.schedule.momentum;
  const train::StepCost cost = train::extrapolate_cost(
      [&](int64_t samples) {
        const augment::Sample batch = random_views(config, plan.rank, samples);
        // Reading the loss waits for the device.
        pretrainer.step(batch, plan).loss.item<double>();
      },
      phase.batch, device);
  phase.seconds_per_step = cost.seconds;
  phase.memory_mb = cost.memory_mb;
}

void add_phases(DryRun& plan, const PretrainConfig& config,
                const PretrainLists& lists, const Schedule& schedule) {
  int64_t steps[4] = {};
  for (int64_t step = 0; step < schedule.total_steps(); ++step) {
    ++steps[schedule.at(step).rank];
  }
  const auto add = [&](const char* name, int rank, const ListedFiles& files,
                       int64_t samples_per_file, int64_t batch) {
    if (files.paths.empty()) return;
    const auto listed = static_cast<int64_t>(files.paths.size());
    plan.phases.push_back({name,
                           listed,
                           listed * samples_per_file,
                           batch,
                           steps[rank],
                           schedule.peak_lr(rank),
                           {},
                           {}});
  };
  add("2d", 2, lists.images, 1, config.data.batch_size_2d);
  add("3d", 3, lists.volumes, config.data.samples_per_volume,
      config.data.batch_size_3d);
}

void describe_networks(DryRun& plan, Pretrainer& pretrainer) {
  auto& student = pretrainer.networks().student;
  plan.parameters = {
      {"encoder", train::parameter_count(*student->backbone->encoder)},
      {"decoder", train::parameter_count(*student->backbone->decoder)},
      {"projection head", train::parameter_count(*student->head)},
      {"together", train::parameter_count(*student)}};
  plan.checkpoint_bytes = pretrainer.full_state_bytes();
  plan.export_bytes = export_bytes(pretrainer);
  plan.host_copy_bytes = plan.checkpoint_bytes;
}

std::string measured_lines(const DryRun& plan) {
  std::string text;
  double seconds = 0;
  int64_t memory = 0;
  for (const auto& phase : plan.phases) {
    if (!phase.seconds_per_step) continue;
    text +=
        fmt::format("  {} step         about {:.2f} s, {} MiB at its peak\n",
                    phase.name, *phase.seconds_per_step, *phase.memory_mb);
    seconds += *phase.seconds_per_step * static_cast<double>(phase.steps);
    memory = std::max(memory, *phase.memory_mb);
  }
  if (!plan.not_measured.empty()) {
    return "  time and memory  not measured: " + plan.not_measured + "\n";
  }
  return text +
         fmt::format("  whole run       about {} on {}, data not counted\n",
                     duration_text(seconds), plan.device);
}

}  // namespace

std::string DryRun::describe_plan() const {
  std::string text = fmt::format("{} in {}\n", model, precision);
  for (const auto& [part, number] : parameters) {
    text += fmt::format("  {:<15} {:>11} parameters\n", part, number);
  }
  text += fmt::format(
      "  steps           {} in all, {} an epoch, {:.1f} epochs; {}\n",
      total_steps, steps_per_epoch, epochs, alternation);
  for (const Phase& phase : phases) {
    text += fmt::format(
        "  {} phase        {} files, {} samples an epoch, batch {}, {} steps, "
        "peak learning rate {:.3g}\n",
        phase.name, phase.files, phase.samples, phase.batch, phase.steps,
        phase.peak_lr);
  }
  text += fmt::format(
      "  center rule     {}\n"
      "  spacing         {}\n"
      "  checkpoint      {:.0f} MiB, {} kept; exported weights {:.0f} MiB\n"
      "  host memory     {:.0f} MiB more, for checkpoints written meanwhile\n",
      center_rule, spacing, train::mebibytes(checkpoint_bytes),
      checkpoints_kept, train::mebibytes(export_bytes),
      train::mebibytes(host_copy_bytes));
  return text;
}

std::string DryRun::describe() const {
  return describe_plan() + measured_lines(*this) +
         train::disk_line(output, checkpoints_kept, checkpoint_bytes,
                          export_bytes, free_bytes) +
         fmt::format("  cache           {}\n", cache);
}

DryRun dry_run(const PretrainConfig& config, train::RealSteps steps) {
  const PretrainLists lists = before_work([&] { return read_lists(config); });
  const Schedule schedule =
      make_schedule(config, static_cast<int64_t>(lists.images.paths.size()),
                    static_cast<int64_t>(lists.volumes.paths.size()) *
                        config.data.samples_per_volume);
  if (config.run.threads > 0) {
    at::set_num_threads(static_cast<int>(config.run.threads));
  }
  const torch::Device device = choose_device(config.run.device);

  DryRun plan;
  plan.model = fmt::format("MiT {} ({})", enum_name(config.model.variant),
                           enum_name(config.model.dimensions));
  plan.precision = enum_name(config.run.precision);
  plan.device = device.str();
  plan.center_rule = enum_name(config.loss.objective.center_rule);
  plan.spacing = config.data.spacing
                     ? fmt::format("{} mm (D, H, W)",
                                   fmt::join(*config.data.spacing, " x "))
                     : "that of each file";
  plan.steps_per_epoch = schedule.steps_per_epoch();
  plan.total_steps = schedule.total_steps();
  plan.epochs = static_cast<double>(plan.total_steps) /
                static_cast<double>(plan.steps_per_epoch);
  plan.checkpoints_kept = train::checkpoints_kept(config.run, plan.total_steps);
  plan.cache =
      fmt::format("decoded files, at most {:g} GiB of each kind, in {}",
                  config.data.cache_gib, cache_folder(config));
  plan.output = config.run.output;
  add_phases(plan, config, lists, schedule);
  const int64_t interval = config.schedule.interval;
  const std::string_view unit = enum_name(config.schedule.unit);
  if (plan.phases.size() == 1) {
    plan.alternation = "one kind alone";
  } else if (interval == 1) {
    plan.alternation = fmt::format("kinds take turns every {}", unit);
  } else {
    plan.alternation =
        fmt::format("kinds take turns every {} {}s", interval, unit);
  }
  plan.free_bytes = train::free_bytes_of(config.run.output);

  if (steps == train::RealSteps::kNone) plan.not_measured = "--no-steps";
  PretrainerOptions options = pretrainer_options(config, device);
  if (config.run.precision == Precision::kFp16 && !device.is_cuda()) {
    plan.not_measured = "fp16 needs a GPU, and there is none here";
    options.precision = Precision::kFp32;
  }
  at::manual_seed(static_cast<uint64_t>(config.run.seed));
  Pretrainer pretrainer(options);
  describe_networks(plan, pretrainer);
  if (!plan.not_measured.empty()) return plan;
  for (auto& phase : plan.phases) {
    measure(phase, pretrainer, config, device);
  }
  return plan;
}

}  // namespace unimiss::pretrain
