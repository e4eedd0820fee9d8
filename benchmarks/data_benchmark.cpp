// View pairs per second of one worker thread, from data that is decoded.
#include <benchmark/benchmark.h>

#include "unimiss/augment/image_transforms.h"
#include "unimiss/augment/radiograph.h"
#include "unimiss/augment/volume_transforms.h"

namespace {

using namespace unimiss;

/// Structure on two scales: neither constant nor white noise.
double texture(int64_t i) {
  return 0.5 + 0.4 * std::sin(static_cast<double>(i) * 0.001) +
         0.1 * std::sin(static_cast<double>(i) * 1.7);
}

void image_views(benchmark::State& state) {
  const int64_t channels = state.range(0);
  auto pixels = torch::empty({channels, 512, 512}, torch::kUInt8);
  for (int64_t i = 0; i < pixels.numel(); ++i) {
    pixels.data_ptr<uint8_t>()[i] = static_cast<uint8_t>(255 * texture(i));
  }
  const augment::ImageTransformOptions options;
  uint64_t sample = 0;
  for (auto _ : state) {
    Random random({1, ++sample});
    benchmark::DoNotOptimize(augment::augment_image(pixels, options, random));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(image_views)
    ->ArgName("channels")
    ->Arg(1)
    ->Arg(3)
    ->Unit(benchmark::kMillisecond);

void volume_views(benchmark::State& state,
                  const augment::VolumeTransformOptions& options) {
  auto hu = torch::empty({130, 350, 350}, torch::kInt16);
  for (int64_t i = 0; i < hu.numel(); ++i) {
    hu.data_ptr<int16_t>()[i] = static_cast<int16_t>(2000 * texture(i) - 1000);
  }
  uint64_t sample = 0;
  for (auto _ : state) {
    Random random({1, ++sample});
    benchmark::DoNotOptimize(augment::augment_volume(hu, options, random));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(volume_views, paper, augment::VolumeTransformOptions{})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(volume_views, official,
                  augment::VolumeTransformOptions::official())
    ->Unit(benchmark::kMillisecond);

void radiograph_film(benchmark::State& state) {
  const augment::Radiograph radiograph(
      {torch::zeros({130, 512, 512}), {3, 0.7, 0.7}});
  double turn = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(radiograph.film(turn += 2, 5, 512));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(radiograph_film)->Unit(benchmark::kMillisecond);

}  // namespace
