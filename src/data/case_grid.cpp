#include "data/case_grid.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/io/resample.h"

namespace unimiss::data {
namespace {

std::array<int64_t, 3> extents_of(const torch::Tensor& voxels) {
  return {voxels.size(0), voxels.size(1), voxels.size(2)};
}

void set_sizes(CaseGrid& grid, const std::vector<int64_t>& sizes) {
  const size_t first = 3 - sizes.size();
  for (size_t axis = first; axis < 3; ++axis) {
    const int64_t own = grid.size[axis];
    grid.size[axis] = sizes[axis - first];
    grid.step[axis] =
        static_cast<double>(own) / static_cast<double>(grid.size[axis]);
    grid.spacing[axis] *= grid.step[axis];
  }
}

/// The last two axes reduced to [height, width] by averaging areas.
torch::Tensor area_means(const torch::Tensor& channel, int64_t height,
                         int64_t width) {
  // Whoever decodes many cases does so on threads of their own.
  static const bool one_thread = [] {
    cv::setNumThreads(1);
    return true;
  }();
  static_cast<void>(one_thread);
  auto small = torch::empty({channel.size(0), height, width});
  const auto plane = [](const torch::Tensor& of, int64_t depth) {
    return cv::Mat(static_cast<int>(of.size(1)), static_cast<int>(of.size(2)),
                   CV_32F,
                   of.data_ptr<float>() + depth * of.size(1) * of.size(2));
  };
  for (int64_t depth = 0; depth < channel.size(0); ++depth) {
    cv::Mat to = plane(small, depth);
    cv::resize(plane(channel, depth), to, to.size(), 0, 0, cv::INTER_AREA);
  }
  return small;
}

/// 1 where the condition holds for a label; undefined where it never does.
template <class Condition>
torch::Tensor indicator(const torch::Tensor& map, const Condition& holds) {
  const auto* from = map.data_ptr<int16_t>();
  if (std::none_of(from, from + map.numel(), holds)) return {};
  auto result = torch::empty(map.sizes(), torch::kFloat);
  std::transform(from, from + map.numel(), result.data_ptr<float>(),
                 [&](int16_t label) { return holds(label) ? 1.0f : 0.0f; });
  return result;
}

/// Calls use(k, share [D, H, W]) for each class or structure k that is there:
/// its indicator, interpolated.
template <class Use>
void for_each_share(const torch::Tensor& map, const CaseGrid& grid,
                    const CaseDecodeOptions& options, const Use& use) {
  const bool structures = !options.target.is_exclusive();
  for (int64_t k = 0; k < options.classes; ++k) {
    const torch::Tensor inside = indicator(map, [&](int16_t label) {
      return structures ? (label >> k & 1) == 1 : label == k;
    });
    if (!inside.defined()) continue;
    const torch::Tensor share = io::resample_voxels(
        inside, grid.size, grid.step, io::Interpolation::kLinear);
    use(k, share.data_ptr<float>());
  }
}

torch::Tensor linear_map(const torch::Tensor& map, const CaseGrid& grid,
                         const CaseDecodeOptions& options) {
  auto result =
      torch::empty({grid.size[0], grid.size[1], grid.size[2]}, torch::kInt16);
  auto* to = result.data_ptr<int16_t>();
  const int64_t count = result.numel();
  std::fill_n(to, count, int16_t{0});
  if (!options.target.is_exclusive()) {
    for_each_share(map, grid, options, [&](int64_t k, const float* share) {
      for (int64_t i = 0; i < count; ++i) {
        if (share[i] >= 0.5f) to[i] = static_cast<int16_t>(to[i] | 1 << k);
      }
    });
    return result;
  }
  std::vector<float> most(count, 0.0f);
  for_each_share(map, grid, options, [&](int64_t k, const float* share) {
    for (int64_t i = 0; i < count; ++i) {
      if (share[i] <= most[i]) continue;  // of equal ones the lower class
      most[i] = share[i];
      to[i] = static_cast<int16_t>(k);
    }
  });
  return result;
}

template <class To, class From>
torch::Tensor converted(const torch::Tensor& from, torch::ScalarType type) {
  auto to = torch::empty(from.sizes(), type);
  const From* values = from.data_ptr<From>();
  std::transform(values, values + from.numel(), to.data_ptr<To>(),
                 [](From value) { return static_cast<To>(value); });
  return to;
}

}  // namespace

CaseGrid case_grid(const std::string& path, const io::Volume& own,
                   const CaseDecodeOptions& options) {
  const std::array<int64_t, 3> extents = extents_of(own.voxels);
  CaseGrid grid{extents, {1, 1, 1}, own.spacing};
  if (!options.size.empty()) {
    set_sizes(grid, options.size);
  } else if (options.spacing) {
    const io::ResampledGrid resampled =
        io::resampled_grid(extents, own.spacing, *options.spacing);
    grid = {resampled.sizes, resampled.steps, resampled.spacing};
  }
  constexpr double kMaxVoxels = 1 << 29;  // 2 GiB of float32
  double count = 1;
  for (const int64_t extent : grid.size) count *= static_cast<double>(extent);
  if (grid.size != extents && count > kMaxVoxels) {
    throw DataError(
        path, fmt::format("{} voxels of {:.4g} mm would become {}, {:.3g} "
                          "together (2^29 are allowed); choose a coarser "
                          "data.spacing or a smaller data.size, or correct "
                          "the file's spacing",
                          fmt::join(extents, "x"), fmt::join(own.spacing, "x"),
                          fmt::join(grid.size, "x"), count));
  }
  return grid;
}

torch::Tensor channel_on_grid(const torch::Tensor& channel,
                              const CaseGrid& grid, int rank) {
  if (rank != 2) {
    return io::resample_voxels(channel, grid.size, grid.step,
                               io::Interpolation::kLinear);
  }
  std::array<int64_t, 3> reduced = extents_of(channel);
  std::array<double, 3> rest = grid.step;
  for (int axis = 1; axis < 3; ++axis) {
    if (grid.step[axis] <= 1) continue;
    reduced[axis] = grid.size[axis];
    rest[axis] = 1;
  }
  return io::resample_voxels(reduced == extents_of(channel)
                                 ? channel
                                 : area_means(channel, reduced[1], reduced[2]),
                             grid.size, rest, io::Interpolation::kLinear);
}

torch::Tensor map_on_grid(const torch::Tensor& map, const CaseGrid& grid,
                          const CaseDecodeOptions& options) {
  if (grid.size == extents_of(map) &&
      grid.step == std::array<double, 3>{1, 1, 1}) {
    return map;
  }
  if (options.labels == augment::LabelInterpolation::kLinear) {
    return linear_map(map, grid, options);
  }
  return converted<int16_t, float>(
      io::resample_voxels(converted<float, int16_t>(map, torch::kFloat),
                          grid.size, grid.step, io::Interpolation::kNearest),
      torch::kInt16);
}

}  // namespace unimiss::data
