#include "unimiss/eval/surface_distance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "eval/distance_transform.h"
#include "eval/paired_maps.h"
#include "eval/quantile.h"

namespace unimiss::eval {
namespace {

/// The grid of two maps; that of an image has a depth of 1.
struct MapGrid {
  int64_t rank = 3;
  Extents extents{1, 1, 1};
  Spacing spacing{1, 1, 1};

  MapGrid(at::IntArrayRef sizes, const std::vector<double>& spacing_mm)
      : rank(static_cast<int64_t>(sizes.size())) {
    require_spacing(spacing_mm);
    TORCH_CHECK(sizes.size() == spacing_mm.size(), "maps of size ", sizes,
                " and spacing of ", spacing_mm.size(), " axes");
    std::copy(sizes.rbegin(), sizes.rend(), extents.rbegin());
    std::copy(spacing_mm.rbegin(), spacing_mm.rend(), spacing.rbegin());
  }
};

/// Part of a grid: [first, last) along each axis.
struct Box {
  Extents first{std::numeric_limits<int64_t>::max(),
                std::numeric_limits<int64_t>::max(),
                std::numeric_limits<int64_t>::max()};
  Extents last{0, 0, 0};

  bool empty() const { return last[0] == 0; }
  /// Grows to hold a run of voxels [begin, end) in row-major order.
  void include(const Extents& grid, int64_t begin, int64_t end) {
    int64_t low = begin, high = end - 1;
    for (size_t axis = grid.size(); axis-- > 0;) {
      const int64_t extent = grid[axis];
      // A run that goes on in the next line has the end of this one and the
      // start of that.
      const bool whole = low / extent != high / extent;
      first[axis] = std::min(first[axis], whole ? 0 : low % extent);
      last[axis] = std::max(last[axis], whole ? extent : high % extent + 1);
      low /= extent;
      high /= extent;
    }
  }
};

/// A mask within a box and, around it, one voxel that it does not have.
struct BoxMask {
  Extents extents{};
  std::vector<uint8_t> voxels;

  /// Of the voxels of a map, row-major, whose value has(value).
  template <class Has>
  BoxMask(const int16_t* map, const MapGrid& grid, const Box& box,
          const Has& has) {
    const int64_t margin_z = grid.rank == 3 ? 1 : 0;
    for (size_t axis = 0; axis < 3; ++axis) {
      extents[axis] =
          box.last[axis] - box.first[axis] + 2 * (axis == 0 ? margin_z : 1);
    }
    voxels.resize(extents[0] * extents[1] * extents[2]);
    for (int64_t z = box.first[0]; z < box.last[0]; ++z) {
      for (int64_t y = box.first[1]; y < box.last[1]; ++y) {
        const int16_t* from =
            map + (z * grid.extents[1] + y) * grid.extents[2] + box.first[2];
        uint8_t* to = voxels.data() + 1 +
                      ((z - box.first[0] + margin_z) * extents[1] + y -
                       box.first[1] + 1) *
                          extents[2];
        for (int64_t x = 0; x < box.last[2] - box.first[2]; ++x) {
          to[x] = has(from[x]) ? 1 : 0;
        }
      }
    }
  }

  /// The voxels of the surface, row-major.
  std::vector<int64_t> surface(int64_t rank) const {
    const int64_t row = extents[2], slice = extents[1] * extents[2];
    std::vector<int64_t> found;
    const uint8_t* v = voxels.data();
    for (int64_t i = 0; i < static_cast<int64_t>(voxels.size()); ++i) {
      if (v[i] == 0) continue;
      const bool inside = v[i - 1] && v[i + 1] && v[i - row] && v[i + row] &&
                          (rank == 2 || (v[i - slice] && v[i + slice]));
      if (!inside) found.push_back(i);
    }
    return found;
  }
};

/// Of the voxels of two contiguous maps whose value has(value).
template <class Has>
SurfaceDistances distances_within(const torch::Tensor& prediction,
                                  const torch::Tensor& reference,
                                  const MapGrid& grid, const Box& box,
                                  const Has& has) {
  if (box.empty()) return {};
  // Every surface voxel lies in the box, so that nothing outside counts.
  const BoxMask predicted(prediction.const_data_ptr<int16_t>(), grid, box, has);
  const BoxMask expected(reference.const_data_ptr<int16_t>(), grid, box, has);
  const auto p = predicted.surface(grid.rank), r = expected.surface(grid.rank);
  return {nearest_distances(p, r, predicted.extents, grid.spacing),
          nearest_distances(r, p, predicted.extents, grid.spacing)};
}

/// Item k is of the voxels whose value has(value, k), all in box k.
template <class Has>
std::vector<SurfaceDistances> distances_of_items(
    const torch::Tensor& prediction, const torch::Tensor& reference,
    const MapGrid& grid, const std::vector<Box>& boxes, const Has& has) {
  const torch::Tensor p = prediction.contiguous(), r = reference.contiguous();
  std::vector<SurfaceDistances> items;
  for (size_t k = 0; k < boxes.size(); ++k) {
    items.push_back(distances_within(
        p, r, grid, boxes[k], [&](int16_t value) { return has(value, k); }));
  }
  return items;
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// Of both directions together.
std::optional<double> count_of(const SurfaceDistances& distances) {
  const size_t count =
      distances.from_prediction.size() + distances.from_reference.size();
  if (count == 0) return std::nullopt;
  return static_cast<double>(count);
}

}  // namespace

SurfaceDistances surface_distances(const torch::Tensor& prediction,
                                   const torch::Tensor& reference,
                                   const std::vector<double>& spacing) {
  TORCH_CHECK(prediction.scalar_type() == torch::kBool &&
                  reference.scalar_type() == torch::kBool,
              "expected bool masks, got ", prediction.toString(), " and ",
              reference.toString());
  return class_surface_distances(prediction.to(torch::kShort),
                                 reference.to(torch::kShort), 2, spacing)[0];
}

std::vector<SurfaceDistances> class_surface_distances(
    const torch::Tensor& prediction, const torch::Tensor& reference,
    int64_t classes, const std::vector<double>& spacing) {
  TORCH_CHECK(classes >= 1, classes, " classes");
  const MapGrid grid(prediction.sizes(), spacing);
  std::vector<Box> boxes(classes - 1);
  const auto include = [&](int16_t p, int16_t r, int64_t first, int64_t last) {
    require_known("prediction", p, classes, "classes");
    require_known("reference", r, classes, "classes");
    if (p > 0) boxes[p - 1].include(grid.extents, first, last);
    if (r > 0) boxes[r - 1].include(grid.extents, first, last);
  };
  for_each_run(prediction, reference, include);
  return distances_of_items(
      prediction, reference, grid, boxes,
      [](int16_t value, size_t k) { return value == static_cast<int>(k) + 1; });
}

std::vector<SurfaceDistances> structure_surface_distances(
    const torch::Tensor& prediction, const torch::Tensor& reference,
    int64_t structures, const std::vector<double>& spacing) {
  TORCH_CHECK(structures >= 1 && structures <= 15, structures, " structures");
  const int64_t end = int64_t{1} << structures;
  const MapGrid grid(prediction.sizes(), spacing);
  std::vector<Box> boxes(structures);
  const auto include = [&](int16_t p, int16_t r, int64_t first, int64_t last) {
    require_known("prediction", p, end, "sets of structures");
    require_known("reference", r, end, "sets of structures");
    for (int64_t k = 0; k < structures; ++k) {
      const bool has = ((p | r) >> k & 1) != 0;
      if (has) boxes[k].include(grid.extents, first, last);
    }
  };
  for_each_run(prediction, reference, include);
  return distances_of_items(
      prediction, reference, grid, boxes,
      [](int16_t value, size_t k) { return (value >> k & 1) != 0; });
}

std::vector<SurfaceDistances> map_surface_distances(
    const torch::Tensor& prediction, const torch::Tensor& reference,
    int64_t classes, ClassRelation relation,
    const std::vector<double>& spacing) {
  return relation == ClassRelation::kExclusive
             ? class_surface_distances(prediction, reference, classes, spacing)
             : structure_surface_distances(prediction, reference, classes,
                                           spacing);
}

std::optional<double> hausdorff_distance(const SurfaceDistances& distances) {
  if (!count_of(distances)) return std::nullopt;
  double largest = 0;
  for (const auto* one :
       {&distances.from_prediction, &distances.from_reference}) {
    for (const double distance : *one) largest = std::max(largest, distance);
  }
  return largest;
}

std::optional<double> hausdorff_distance_95(const SurfaceDistances& distances) {
  if (!count_of(distances)) return std::nullopt;
  double largest = 0;
  for (const auto* one :
       {&distances.from_prediction, &distances.from_reference}) {
    if (!one->empty()) largest = std::max(largest, quantile(*one, 0.95));
  }
  return largest;
}

std::optional<double> average_surface_distance(
    const SurfaceDistances& distances) {
  const std::optional<double> count = count_of(distances);
  if (!count) return std::nullopt;
  return (sum_of(distances.from_prediction) +
          sum_of(distances.from_reference)) /
         *count;
}

std::optional<double> surface_dice(const SurfaceDistances& distances,
                                   double tolerance) {
  TORCH_CHECK(tolerance >= 0 && std::isfinite(tolerance), "tolerance of ",
              tolerance, " mm");
  const std::optional<double> count = count_of(distances);
  if (!count) return std::nullopt;
  double within = 0;
  for (const auto* one :
       {&distances.from_prediction, &distances.from_reference}) {
    for (const double distance : *one) {
      within += static_cast<float>(distance) <= static_cast<float>(tolerance);
    }
  }
  return within / *count;
}

}  // namespace unimiss::eval
