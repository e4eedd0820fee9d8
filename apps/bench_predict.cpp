// unimiss-bench predict: how fast whole volumes are predicted.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench.h"
#include "unimiss/core/problems.h"
#include "unimiss/task/task.h"

namespace unimiss {
namespace {

struct PredictBenchOptions {
  std::string model = "tiny", device = "cpu";
  std::vector<int64_t> volume{96, 256, 256}, patch{48, 192, 192};
  int64_t classes = 14, batch = 1, threads = 0, rounds = 3;
  double step = 0.5;
  bool json = false;
};

task::TaskSpec spec_of(const PredictBenchOptions& options) {
  task::TaskSpec spec;
  spec.model.variant = options.model == "small" ? model::MitVariant::kSmall
                                                : model::MitVariant::kTiny;
  std::copy(options.patch.begin(), options.patch.end(),
            spec.model.volume_size.begin());
  spec.classes.resize(options.classes);
  spec.inference.step = options.step;
  spec.inference.batch = options.batch;
  validate(spec.model);
  validate(spec.inference);
  return spec;
}

/// exp(-x^2 / 2) with a standard deviation of 1/8 of the window.
torch::Tensor plain_weights(const std::vector<int64_t>& window) {
  torch::Tensor weights = at::ones({});
  for (const int64_t extent : window) {
    const auto length = static_cast<double>(extent);
    const torch::Tensor x =
        (at::arange(extent, torch::kDouble) - std::floor(length / 2)) /
        (length / 8);
    weights = weights.unsqueeze(-1) * (-0.5 * x * x).exp().to(torch::kFloat);
  }
  return weights;
}

/// What is usual: one patch after another, the scores of all classes of the
/// whole volume in memory.
torch::Tensor plain_loop(task::Task& network, const augment::CaseVoxels& voxels,
                         const PredictBenchOptions& options) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor weights = plain_weights(options.patch);
  const torch::Tensor image =
      voxels.image.to(torch::kFloat) / augment::kIntensitySteps;
  std::vector<int64_t> size = options.volume;
  torch::Tensor counts = at::zeros(size);
  size.insert(size.begin(), options.classes);
  torch::Tensor sums = at::zeros(size);
  const auto positions = [&](size_t axis) {
    return eval::window_positions(options.volume[axis], options.patch[axis],
                                  options.step);
  };
  const auto crop = [&](const torch::Tensor& of, int64_t z, int64_t y,
                        int64_t x) {
    return of.narrow(-3, z, options.patch[0])
        .narrow(-2, y, options.patch[1])
        .narrow(-1, x, options.patch[2]);
  };
  for (const int64_t z : positions(0)) {
    for (const int64_t y : positions(1)) {
      for (const int64_t x : positions(2)) {
        const torch::Tensor scores = network
                                         .scores(crop(image, z, y, x)
                                                     .unsqueeze(0)
                                                     .contiguous()
                                                     .to(network.device()))
                                         .squeeze(0)
                                         .to(torch::kCPU, torch::kFloat);
        crop(sums, z, y, x).add_(scores * weights);
        crop(counts, z, y, x).add_(weights);
      }
    }
  }
  return sums.div_(counts).argmax(0).to(torch::kShort);
}

/// Seconds of each round, and the memory at its highest.
struct MeasuredLoop {
  std::vector<double> seconds;
  int64_t memory_mb = 0;
  torch::Tensor map;

  double voxels_per_second() const {
    return static_cast<double>(map.numel()) / median(seconds);
  }
};

template <class Work>
void measure_loop(torch::Device device, MeasuredLoop& measured,
                  const Work& work) {
  measured.map = torch::Tensor();
  reset_peak_memory(device);
  measured.seconds.push_back(
      device_seconds(device, [&] { measured.map = work(); }));
  measured.memory_mb = std::max(measured.memory_mb, peak_memory_mb(device));
}

void print(const PredictBenchOptions& options, int64_t windows,
           const MeasuredLoop& slabs, const MeasuredLoop& plain) {
  std::vector<double> ratios;
  for (size_t i = 0; i < plain.seconds.size(); ++i) {
    ratios.push_back(plain.seconds[i] / slabs.seconds[i]);
  }
  const double same =
      slabs.map.eq(plain.map).to(torch::kDouble).mean().item<double>();
  const auto json_of = [](const MeasuredLoop& of) -> nlohmann::ordered_json {
    return {{"seconds", median(of.seconds)},
            {"voxels_per_second", of.voxels_per_second()},
            {"peak_memory_mb", of.memory_mb}};
  };
  if (options.json) {
    std::cout << nlohmann::ordered_json{{"windows", windows},
                                        {"threads", at::get_num_threads()},
                                        {"slab_by_slab", json_of(slabs)},
                                        {"patch_by_patch", json_of(plain)},
                                        {"speed", median(ratios)},
                                        {"same_labels", same}}
                     .dump()
              << "\n";
    return;
  }
  const auto line = [](const char* name, const MeasuredLoop& of) {
    return fmt::format(
        "  {:<15} {:>8.2f} s, {:>10.0f} voxels a second, peak memory {} MiB\n",
        name, median(of.seconds), of.voxels_per_second(), of.memory_mb);
  };
  std::cout << fmt::format(
      "{} {}, patch {}, volume {}, {} classes, {} windows ({} threads)\n{}{}"
      "  speed           {:.3f} (seconds patch by patch / slab by slab, median "
      "of {} pairs)\n  same labels     {:.6f}\n",
      options.model, options.device, fmt::join(options.patch, "x"),
      fmt::join(options.volume, "x"), options.classes, windows,
      at::get_num_threads(), line("slab by slab", slabs),
      line("patch by patch", plain), median(ratios), options.rounds, same);
}

void run(const PredictBenchOptions& options) {
  const task::TaskSpec spec = spec_of(options);
  int64_t windows = 1;
  for (size_t axis = 0; axis < 3; ++axis) {
    require(options.volume[axis] >= options.patch[axis], "--volume",
            "must be at least as large as --patch");
    windows *= static_cast<int64_t>(eval::window_positions(options.volume[axis],
                                                           options.patch[axis],
                                                           options.step)
                                        .size());
  }
  if (options.threads > 0) {
    at::set_num_threads(static_cast<int>(options.threads));
  }
  at::manual_seed(7);
  const torch::Device device = choose_device(
      options.device == "cuda" ? DeviceChoice::kCuda : DeviceChoice::kCpu);
  const auto network = task::make_task(spec);
  network->module().to(device);
  network->module().eval();
  std::vector<int64_t> size = options.volume;
  size.insert(size.begin(), 1);
  const augment::CaseVoxels voxels{
      at::randint(-4096, 4096, size, torch::kShort), {}, {1, 1, 1}};
  task::NetworkCase whole(voxels, {});
  std::copy(options.volume.begin(), options.volume.end(), whole.size.begin());
  MeasuredLoop slabs, plain;
  for (int64_t round = 0; round < options.rounds; ++round) {
    measure_loop(device, slabs, [&] { return network->predict(whole).map; });
    measure_loop(device, plain,
                 [&] { return plain_loop(*network, voxels, options); });
  }
  print(options, windows, slabs, plain);
}

}  // namespace

void add_predict_command(CLI::App& app, Body& body) {
  static PredictBenchOptions options;
  CLI::App* predict = app.add_subcommand(
      "predict",
      "label map of a whole volume: slab by slab, and in the usual loop over "
      "patches with all scores in memory");
  const auto extents = [&](const char* name, std::vector<int64_t>& target,
                           const char* description) {
    predict->add_option(name, target, description)
        ->delimiter(',')
        ->expected(3)
        ->check(CLI::Range(1, 1 << 16))
        ->capture_default_str();
  };
  predict->add_option("--model", options.model, "MiT-22 or MiT-7")
      ->check(CLI::IsMember({"small", "tiny"}))
      ->capture_default_str();
  extents("--volume", options.volume, "D,H,W of the volume");
  extents("--patch", options.patch, "D,H,W of a window");
  predict->add_option("--classes", options.classes, "with the background")
      ->check(CLI::Range(2, 256))
      ->capture_default_str();
  predict->add_option("--step", options.step, "as of unimiss-predict")
      ->capture_default_str();
  predict->add_option("--batch", options.batch, "as of unimiss-predict")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  predict->add_option("--device", options.device, "where it runs")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  predict->add_option("--threads", options.threads, "0: all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  predict->add_option("--rounds", options.rounds, "pairs of measurements")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  predict->add_flag("--json", options.json, "print one JSON object");
  predict->callback([&body] { body = [] { run(options); }; });
}

}  // namespace unimiss
