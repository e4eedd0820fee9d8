// Seconds of one thread for the metrics of one case.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "unimiss/core/random.h"
#include "unimiss/eval/segmentation_metrics.h"
#include "unimiss/eval/statistics.h"
#include "unimiss/eval/surface_distance.h"

namespace {

using namespace unimiss;

constexpr int64_t kClasses = 15;  // 14 and the background
const std::vector<int64_t> kSize{200, 512, 512};
const std::vector<double> kSpacing{2.5, 0.8, 0.8};

/// 14 spheres of 40 to 66 mm that do not touch, shifted along W.
torch::Tensor spheres(int64_t shift) {
  torch::Tensor map = torch::zeros(kSize, torch::kShort);
  auto voxel = map.accessor<int16_t, 3>();
  for (int64_t k = 1; k < kClasses; ++k) {
    const int64_t z0 = 50 + 100 * (k % 2), y0 = 85 + 171 * (k / 2 % 3);
    const int64_t x0 = 85 + 171 * (k / 6) + shift;
    const auto radius = static_cast<double>(38 + 2 * k);
    for (int64_t z = 0; z < kSize[0]; ++z) {
      for (int64_t y = 0; y < kSize[1]; ++y) {
        for (int64_t x = 0; x < kSize[2]; ++x) {
          const double dz = 2.5 * static_cast<double>(z - z0),
                       dy = 0.8 * static_cast<double>(y - y0),
                       dx = 0.8 * static_cast<double>(x - x0);
          if (dz * dz + dy * dy + dx * dx < radius * radius) {
            voxel[z][y][x] = static_cast<int16_t>(k);
          }
        }
      }
    }
  }
  return map;
}

/// A voxel of each class in two opposite corners: their boxes are the volume.
torch::Tensor with_stray_voxels(const torch::Tensor& map) {
  torch::Tensor stray = map.clone();
  for (int64_t k = 1; k < kClasses; ++k) {
    stray[0][0][2 * k] = k;
    stray[199][511][511 - 2 * k] = k;
  }
  return stray;
}

void overlap(benchmark::State& state) {
  const torch::Tensor p = spheres(3), r = spheres(0);
  for (auto _ : state) {
    benchmark::DoNotOptimize(eval::class_overlap(p, r, kClasses));
  }
}
BENCHMARK(overlap)->Unit(benchmark::kSecond);

void surfaces(benchmark::State& state) {
  const torch::Tensor p =
      state.range(0) == 1 ? with_stray_voxels(spheres(3)) : spheres(3);
  const torch::Tensor r = spheres(0);
  double farthest = 0;
  for (auto _ : state) {
    const auto classes =
        eval::class_surface_distances(p, r, kClasses, kSpacing);
    for (const auto& distances : classes) {
      farthest = std::max(farthest, *eval::hausdorff_distance(distances));
      benchmark::DoNotOptimize(eval::hausdorff_distance_95(distances));
      benchmark::DoNotOptimize(eval::average_surface_distance(distances));
      benchmark::DoNotOptimize(eval::surface_dice(distances, 1));
    }
  }
  state.counters["HD_mm"] = farthest;
}
BENCHMARK(surfaces)->ArgName("stray")->Arg(0)->Arg(1)->Unit(benchmark::kSecond);

void bootstrap_of_200_cases(benchmark::State& state) {
  Random random({1});
  eval::CaseValues values;
  for (int i = 0; i < 200; ++i) values.push_back(random.uniform());
  for (auto _ : state) benchmark::DoNotOptimize(eval::bootstrap_mean(values));
}
BENCHMARK(bootstrap_of_200_cases)->Unit(benchmark::kSecond);

}  // namespace
