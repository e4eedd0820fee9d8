#include "unimiss/finetune/dry_run.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "finetune/history.h"
#include "finetune/preparation.h"
#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/image.h"
#include "unimiss/train/run_cost.h"
#include "unimiss/train/training_state.h"

namespace unimiss::finetune {
namespace {

namespace fs = std::filesystem;

/// Two batches at most, of cases that are decoded without a cache.
std::vector<augment::Sample> sample_batches(const FinetuneConfig& config,
                                            const FinetuneCases& cases) {
  const task::TaskSpec spec = config.task_spec(cases.classes);
  const auto options = spec.decode_options();
  const int64_t batch = std::min<int64_t>(config.data.batch_size, 6);
  std::vector<augment::Case> used;
  std::vector<augment::CaseVoxels> decoded;
  for (const augment::Case& each : cases.train) {
    if (static_cast<int64_t>(used.size()) == 2 * batch) break;
    try {
      decoded.push_back(decode_case(each, options));
      used.push_back(each);
    } catch (const DataError& error) {
      if (config.data.on_error != data::OnError::kSkip) throw;
      log_warning(std::string("left out: ") + error.what());
    }
  }
  if (used.empty()) throw DataError("data", "no case can be used");
  const auto count = static_cast<int64_t>(used.size());
  const data::LabeledDataset dataset(
      std::move(used), [&](int64_t index) { return decoded.at(index); },
      patch_sampling(spec, config.augmentation, config.data.foreground));
  std::vector<augment::Sample> batches;
  for (int64_t i = 0; i < 2; ++i) {
    augment::Sample together;
    for (int64_t row = 0; row < batch; ++row) {
      const int64_t draw = i * batch + row;
      Random random({static_cast<uint64_t>(config.run.seed),
                     static_cast<uint64_t>(draw)});
      const augment::Sample sample = dataset.sample(draw % count, random);
      if (row == 0) {
        together =
            augment::batch_like(sample, batch, augment::HostMemory::kPageable);
      }
      augment::set_row(together, row, sample);
    }
    batches.push_back(std::move(together));
  }
  return batches;
}

void describe_network(DryRun& plan, const Finetuner& finetuner,
                      const torch::nn::Module& module) {
  int64_t parts[3] = {};
  for (const auto& item : module.named_parameters()) {
    const model::NetworkPart part = model::part_of(item.key());
    const int index = part < model::NetworkPart::kDecoder1 ? 0
                      : part < model::NetworkPart::kHead   ? 1
                                                           : 2;
    parts[index] += item.value().numel();
  }
  plan.trained_parameters = train::trained_parameter_count(module);
  plan.parameters = {{"encoder", parts[0]}};
  if (parts[1] > 0) plan.parameters.emplace_back("decoder", parts[1]);
  plan.parameters.emplace_back("head", parts[2]);
  plan.parameters.emplace_back("together", train::parameter_count(module));
  plan.checkpoint_bytes = finetuner.full_state_bytes();
  plan.export_bytes = 3 * train::parameter_bytes(module);
}

void describe_data(DryRun& plan, const FinetuneConfig& config,
                   const FinetuneCases& cases) {
  plan.task = fmt::format("{} of {}: {}", enum_name(config.task.target),
                          cases.classes.size(), fmt::join(cases.classes, ", "));
  const task::TaskSpec spec = config.task_spec(cases.classes);
  const auto patch = spec.patch();
  const size_t first = 3 - spec.rank();
  plan.patch =
      fmt::format("{}", fmt::join(patch.begin() + first, patch.end(), " x "));
  if (!config.data.size.empty()) {
    plan.grid = fmt::format("whole cases resized to {}",
                            fmt::join(config.data.size, " x "));
  } else if (config.data.spacing) {
    plan.grid = fmt::format("resampled to {} mm (D, H, W)",
                            fmt::join(*config.data.spacing, " x "));
  } else {
    plan.grid = "that of each file";
  }
  plan.listed = cases.listed;
  plan.train = static_cast<int64_t>(cases.train.size());
  plan.validation = static_cast<int64_t>(cases.validation.size());
  plan.test = static_cast<int64_t>(cases.test.size());
}

void describe_schedule(DryRun& plan, const FinetuneConfig& config) {
  const Schedule schedule = make_schedule(config, plan.train);
  plan.batch = config.data.batch_size;
  plan.steps_per_epoch = schedule.steps_per_epoch();
  plan.total_steps = schedule.total_steps();
  plan.epochs = static_cast<double>(plan.total_steps) /
                static_cast<double>(plan.steps_per_epoch);
  plan.rate =
      fmt::format("{}, peak {:.3g}, {}", enum_name(config.optimizer.kind),
                  config.optimizer.lr, enum_name(config.schedule.shape));
  plan.checkpoints_kept = train::checkpoints_kept(config.run, plan.total_steps);
}

void measure(DryRun& plan, const FinetuneConfig& config,
             const augment::Sample& batch, Finetuner& finetuner) {
  const train::StepCost cost = train::extrapolate_cost(
      [&](int64_t samples) {
        const auto repeated = [&](const torch::Tensor& rows) {
          std::vector<torch::Tensor> parts(samples, rows.slice(0, 0, 1));
          return at::cat(parts);
        };
        // Reading the loss waits for the device.
        finetuner
            .step(augment::map_tensors(batch, repeated), config.optimizer.lr)
            .loss.item<double>();
      },
      config.data.batch_size / config.optimizer.accumulate, finetuner.device());
  plan.seconds_per_step =
      cost.seconds * static_cast<double>(config.optimizer.accumulate);
  plan.memory_mb = cost.memory_mb;
}

}  // namespace

std::string DryRun::describe_plan() const {
  std::string text = fmt::format("{} in {}: {}\n", model, precision, task);
  for (const auto& [part, number] : parameters) {
    text += fmt::format("  {:<15} {:>11} parameters\n", part, number);
  }
  return text +
         fmt::format(
             "  trained         {} parameters; {}\n"
             "  cases           {} to train of {} listed, {} to validate, {} "
             "to "
             "test\n"
             "  grid            {}; patch {}\n"
             "  steps           {} in all, {} an epoch, {:.1f} epochs, batch "
             "{}\n"
             "  learning rate   {}\n"
             "  checkpoint      {:.0f} MiB, {} kept; exported weights {:.0f} "
             "MiB\n",
             trained_parameters, weights, train, listed, validation, test, grid,
             patch, total_steps, steps_per_epoch, epochs, batch, rate,
             train::mebibytes(checkpoint_bytes), checkpoints_kept,
             train::mebibytes(export_bytes));
}

std::string DryRun::describe() const {
  std::string text = describe_plan();
  if (seconds_per_step) {
    text += fmt::format(
        "  step            about {:.2f} s, {} MiB at its peak\n"
        "  whole run       about {} on {}, data and validation not counted\n",
        *seconds_per_step, *memory_mb,
        duration_text(*seconds_per_step * static_cast<double>(total_steps)),
        device);
  } else {
    text += "  time and memory  not measured: " + not_measured + "\n";
  }
  return text +
         train::disk_line(output, checkpoints_kept, checkpoint_bytes,
                          export_bytes, free_bytes) +
         fmt::format("  cache           {}\n  picture         {}\n", cache,
                     picture);
}

DryRun dry_run(const FinetuneConfig& config, train::RealSteps steps) {
  const torch::Device device = choose_device(config.run.device);
  FinetuneConfig used = config;
  used.optimizer.accumulate = 1;  // one part is measured
  DryRun plan;
  if (steps == train::RealSteps::kNone) plan.not_measured = "--no-steps";
  if (config.run.precision == Precision::kFp16 && !device.is_cuda()) {
    plan.not_measured = "fp16 needs a GPU, and there is none here";
    used.run.precision = Precision::kFp32;
  }
  train::set_up_process(used.run, device);
  const FinetuneCases cases = before_work([&] {
    return read_finetune_cases(used, used.run.output + "/splits.json");
  });
  plan.model = fmt::format("MiT {} ({})", enum_name(config.model.variant),
                           enum_name(config.model.dimensions));
  plan.precision = enum_name(config.run.precision);
  plan.device = device.str();
  plan.weights = config.init.from_scratch ? "random weights"
                                          : "weights of " + config.init.weights;
  describe_data(plan, used, cases);
  describe_schedule(plan, used);
  plan.output = config.run.output;
  plan.cache = fmt::format(
      "decoded cases, at most {:g} GiB, in {}", config.data.cache_gib,
      train::cache_folder(config.data.cache, config.run.output));
  plan.free_bytes = train::free_bytes_of(config.run.output);
  const auto finetuner = make_finetuner(used, cases.classes, device);
  start_from_weights(used, *finetuner);
  describe_network(plan, *finetuner, finetuner->network().module());
  const auto batches = before_work([&] { return sample_batches(used, cases); });
  plan.picture = config.run.output + "-dry-run.png";
  before_work([&] {
    std::error_code ignored;  // writing tells what is wrong
    fs::create_directories(fs::path(plan.picture).parent_path(), ignored);
    io::write_durably(plan.picture, io::encode_png(draw_samples(
                                        batches, finetuner->network().spec())));
  });
  if (plan.not_measured.empty()) measure(plan, config, batches[0], *finetuner);
  return plan;
}

}  // namespace unimiss::finetune
