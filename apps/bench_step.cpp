// unimiss-bench step: how fast a pretraining step runs on this machine.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench.h"
#include "unimiss/pretrain/pretrainer.h"

namespace unimiss {
namespace {

struct BenchOptions {
  std::string model = "small", dims = "2d", precision = "fp32", device = "cpu";
  int64_t batch = 4, threads = 0, prototypes = 65536, steps = 5, warmup = 2;
  bool json = false;
};

/// fp32 matrix multiplication, floating-point operations a second.
double matmul_rate(torch::Device device) {
  const int64_t n = device.is_cuda() ? 8192 : 1536;
  static const at::Tensor a = at::rand({n, n}, device);
  static const at::Tensor b = at::rand({n, n}, device);
  static at::Tensor c = at::empty({n, n}, device);
  const double elapsed = device_seconds(device, [&] { at::mm_out(c, a, b); });
  return 2.0 * static_cast<double>(n) * static_cast<double>(n) *
         static_cast<double>(n) / elapsed;
}

/// Floating-point operations of the official code's step per sample, measured
/// on it: four or more forward passes of two networks, and the backward pass.
double official_flop(const BenchOptions& options) {
  const bool small = options.model == "small", images = options.dims == "2d";
  return 1e9 * (small ? (images ? 55.8 : 204.6) : (images ? 21.1 : 86.5));
}

struct Result {
  double step_seconds = 0, peak_flops = 0, efficiency = 0;
  int64_t memory_mb = 0;
};

Result run(const BenchOptions& options) {
  if (options.threads > 0) {
    at::set_num_threads(static_cast<int>(options.threads));
  }
  at::manual_seed(7);
  pretrain::PretrainerOptions setup;
  setup.model.variant = options.model == "small" ? model::MitVariant::kSmall
                                                 : model::MitVariant::kTiny;
  setup.head.prototypes = options.prototypes;
  setup.precision =
      options.precision == "fp32"
          ? Precision::kFp32
          : (options.precision == "bf16" ? Precision::kBf16 : Precision::kFp16);
  setup.device = choose_device(options.device == "cuda" ? DeviceChoice::kCuda
                                                        : DeviceChoice::kCpu);
  require(setup.precision != Precision::kFp16 || setup.device.is_cuda(),
          "--precision", "fp16 needs --device cuda");

  const bool images = options.dims == "2d";
  const std::vector<int64_t> shape =
      images ? std::vector<int64_t>{options.batch, 3, 224, 224}
             : std::vector<int64_t>{options.batch, 1, 16, 96, 96};
  const augment::Sample batch{{at::rand(shape), at::rand(shape)}, {}};
  pretrain::StepPlan plan;
  plan.rank = images ? 2 : 3;
  plan.lr = 1e-5;
  plan.weight_decay = 0.04;
  plan.momentum = 0.996;
  plan.teacher_temperature = 0.04;

  pretrain::Pretrainer pretrainer(setup);
  std::vector<double> times, peaks, efficiencies;
  auto peak_now = [&] {
    double best = 0;
    for (int i = 0; i < 3; ++i) {
      best = std::max(best, matmul_rate(setup.device));
    }
    return best;
  };
  // Multiplications before and after every step: on a machine with neighbours
  // a step is held against the peak of the same moment.
  double before = peak_now();
  for (int64_t i = 0; i < options.warmup + options.steps; ++i) {
    const double elapsed =
        device_seconds(setup.device, [&] { pretrainer.step(batch, plan); });
    const double after = peak_now();
    if (i >= options.warmup) {
      times.push_back(elapsed);
      peaks.push_back(0.5 * (before + after));
      efficiencies.push_back(official_flop(options) *
                             static_cast<double>(options.batch) /
                             (elapsed * peaks.back()));
    }
    before = after;
  }
  Result result;
  result.step_seconds = median(times);
  result.peak_flops = median(peaks);
  result.efficiency = median(efficiencies);
  result.memory_mb = peak_memory_mb(setup.device);
  return result;
}

void print(const BenchOptions& options, const Result& result) {
  if (options.json) {
    std::cout
        << nlohmann::ordered_json{{"model", options.model},
                                  {"dims", options.dims},
                                  {"batch", options.batch},
                                  {"precision", options.precision},
                                  {"threads", at::get_num_threads()},
                                  {"prototypes", options.prototypes},
                                  {"step_seconds", result.step_seconds},
                                  {"samples_per_second",
                                   static_cast<double>(options.batch) /
                                       result.step_seconds},
                                  {"peak_memory_mb", result.memory_mb},
                                  {"matmul_gflops", result.peak_flops / 1e9},
                                  {"effective_efficiency", result.efficiency}}
               .dump()
        << "\n";
    return;
  }
  std::cout << fmt::format(
      "{} {} batch {} {} ({} threads, K = {})\n"
      "  step                  {:.3f} s (median of {})\n"
      "  samples               {:.2f} a second\n"
      "  peak memory           {} MiB\n"
      "  fp32 matrix multiply  {:.1f} GFLOP/s (between the steps)\n"
      "  effective efficiency  {:.3f} (official step's FLOP / (seconds x "
      "peak), median)\n",
      options.model, options.dims, options.batch, options.precision,
      at::get_num_threads(), options.prototypes, result.step_seconds,
      options.steps, static_cast<double>(options.batch) / result.step_seconds,
      result.memory_mb, result.peak_flops / 1e9, result.efficiency);
}

}  // namespace

void add_step_command(CLI::App& app, Body& body) {
  static BenchOptions options;
  CLI::App* step = app.add_subcommand(
      "step",
      "one whole pretraining step: teacher, student, loss, backward, clip, "
      "AdamW, EMA");
  step->add_option("--model", options.model, "MiT-22 or MiT-7")
      ->check(CLI::IsMember({"small", "tiny"}))
      ->capture_default_str();
  step->add_option("--dims", options.dims, "images or volumes")
      ->check(CLI::IsMember({"2d", "3d"}))
      ->capture_default_str();
  step->add_option("--batch", options.batch, "images or volumes a step")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  step->add_option("--precision", options.precision, "arithmetic")
      ->check(CLI::IsMember({"fp32", "bf16", "fp16"}))
      ->capture_default_str();
  step->add_option("--device", options.device, "where it runs")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  step->add_option("--threads", options.threads, "0: all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  step->add_option("--prototypes", options.prototypes, "K")
      ->check(CLI::Range(2, 1 << 24))
      ->capture_default_str();
  step->add_option("--steps", options.steps, "steps the median is taken over")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  step->add_option("--warmup", options.warmup, "steps before them")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  step->add_flag("--json", options.json, "print one JSON object");
  step->callback([&body] { body = [] { print(options, run(options)); }; });
}

}  // namespace unimiss
