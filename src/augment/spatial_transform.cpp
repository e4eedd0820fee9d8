#include "unimiss/augment/spatial_transform.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "unimiss/core/problems.h"

namespace unimiss::augment {
namespace {

using Vector3 = std::array<double, 3>;
using Matrix3 = std::array<Vector3, 3>;

Matrix3 product(const Matrix3& a, const Matrix3& b) {
  Matrix3 result{};
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      for (int i = 0; i < 3; ++i) {
        result[row][column] += a[row][i] * b[i][column];
      }
    }
  }
  return result;
}

/// About one axis: the first of the other two turns towards the second.
Matrix3 rotation_about(int axis, double degrees) {
  const double angle = degrees * std::numbers::pi / 180;
  const int first = axis == 0 ? 1 : 0, second = axis == 2 ? 1 : 2;
  Matrix3 matrix{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  matrix[first][first] = matrix[second][second] = std::cos(angle);
  matrix[second][first] = std::sin(angle);
  matrix[first][second] = -matrix[second][first];
  return matrix;
}

/// The uniform cubic B-spline's weights of the control points around `part`,
/// a share of their distance.
std::array<double, 4> spline_weights(double part) {
  const double rest = 1 - part, square = part * part;
  return {rest * rest * rest / 6, (3 * part - 6) * square / 6 + 4.0 / 6,
          ((-3 * part + 3) * square + 3 * part + 1) / 6, part * square / 6};
}

double draw_from(const std::array<double, 2>& range, Random& random) {
  return random.uniform(range[0], range[1]);
}

/// The centre of a patch of an even extent lies between two voxels.
Vector3 patch_center(const std::array<int64_t, 3>& size) {
  Vector3 center;
  for (int axis = 0; axis < 3; ++axis) {
    center[axis] = static_cast<double>(size[axis] - 1) / 2;
  }
  return center;
}

/// In mm, of what the patch shows about its centre.
Matrix3 draw_rotation(const SpatialTransformOptions& options,
                      const std::array<int64_t, 3>& size, Random& random) {
  Matrix3 rotation = rotation_about(0, 0);
  if (!random.chance(options.rotation_probability)) return rotation;
  const int axes = size[0] == 1 ? 1 : 3;
  for (int axis = 0; axis < axes; ++axis) {
    rotation = product(
        rotation,
        rotation_about(axis, draw_from(options.rotation_degrees, random)));
  }
  return rotation;
}

ElasticField draw_elastic_field(const SpatialTransformOptions& options,
                                const std::array<int64_t, 3>& size,
                                const Vector3& spacing, Random& random) {
  if (!random.chance(options.elastic_probability)) return {};
  double finest = std::numeric_limits<double>::infinity();
  for (int axis = 0; axis < 3; ++axis) {
    if (size[axis] > 1) finest = std::min(finest, spacing[axis]);
  }
  const double voxels = draw_from(options.elastic_spacing, random);
  const double magnitude = draw_from(options.elastic_magnitude, random);
  if (!std::isfinite(finest)) return {};  // a single voxel
  Vector3 distance{1, 1, 1}, reach{};
  for (int axis = 0; axis < 3; ++axis) {
    if (size[axis] == 1) continue;
    const double wanted = voxels * finest / spacing[axis];
    distance[axis] = std::max(wanted, 1.0);
    reach[axis] = magnitude * wanted;
  }
  return {size, distance, reach, random};
}

/// Whole voxels, so that a shift alone needs no interpolation.
std::array<int64_t, 3> draw_shift(const SpatialTransformOptions& options,
                                  const std::array<int64_t, 3>& size,
                                  Random& random) {
  std::array<int64_t, 3> shift{};
  for (int axis = 0; axis < 3; ++axis) {
    const double share =
        random.uniform(-options.translation, options.translation);
    if (size[axis] == 1) continue;
    shift[axis] = std::lround(share * static_cast<double>(size[axis]));
  }
  return shift;
}

Vector3 draw_mirror(const SpatialTransformOptions& options, Random& random) {
  Vector3 signs{1, 1, 1};
  for (const Axis axis : options.mirror) {
    if (random.chance(options.mirror_probability)) {
      signs[static_cast<size_t>(axis)] = -1;
    }
  }
  return signs;
}

}  // namespace

void SpatialTransformOptions::check(Problems& problems) const {
  const Range probability = between(0, 1);
  problems.in_range(rotation_probability, probability, "rotation_probability");
  problems.ordered(rotation_degrees, between(-180, 180), "rotation_degrees");
  problems.in_range(scale_probability, probability, "scale_probability");
  problems.ordered(scale, from_above(0, 10), "scale");
  problems.in_range(elastic_probability, probability, "elastic_probability");
  problems.ordered(elastic_spacing, at_least(4), "elastic_spacing");
  problems.ordered(elastic_magnitude, between(0, 0.4), "elastic_magnitude");
  problems.in_range(translation, between(0, 1), "translation");
  problems.distinct(mirror, "mirror");
  problems.in_range(mirror_probability, probability, "mirror_probability");
}

ElasticField::ElasticField(const std::array<int64_t, 3>& size,
                           const std::array<double, 3>& distance,
                           const std::array<double, 3>& reach, Random& random) {
  int64_t count = 1;
  for (int axis = 0; axis < 3; ++axis) {
    TORCH_CHECK(size[axis] >= 1 && distance[axis] >= 1 && reach[axis] >= 0,
                "ElasticField: sizes and distances are at least 1, reaches at "
                "least 0");
    taps_[axis].resize(size[axis]);
    counts_[axis] = tap_counts_[axis] = 1;
    if (size[axis] == 1) {
      taps_[axis][0] = {0, {1, 0, 0, 0}};
      continue;
    }
    for (int64_t i = 0; i < size[axis]; ++i) {
      // Control point j lies at (j - 1) distances.
      const double at = static_cast<double>(i) / distance[axis];
      const auto cell = static_cast<int64_t>(at);
      taps_[axis][i] = {cell, spline_weights(at - static_cast<double>(cell))};
    }
    tap_counts_[axis] = 4;
    counts_[axis] = taps_[axis].back().first + 4;
    count *= counts_[axis];
  }
  points_.resize(count);
  for (auto& point : points_) {
    for (int axis = 0; axis < 3; ++axis) {
      point[axis] = random.uniform(-reach[axis], reach[axis]);
    }
  }
}

std::array<double, 3> ElasticField::at(
    const std::array<int64_t, 3>& voxel) const {
  return empty() ? Vector3{} : row(voxel[0], voxel[1])[voxel[2]];
}

std::vector<std::array<double, 3>> ElasticField::row(int64_t depth,
                                                     int64_t height) const {
  std::vector<Vector3> to(taps_[2].size());
  if (empty()) return to;
  const Taps &z = taps_[0][depth], &y = taps_[1][height];
  // The spline is a product of its axes': first to one line of control points.
  std::vector<Vector3> line(counts_[2]);
  for (int64_t i = 0; i < tap_counts_[0]; ++i) {
    for (int64_t j = 0; j < tap_counts_[1]; ++j) {
      const double weight = z.weights[i] * y.weights[j];
      const Vector3* points =
          &points_[((z.first + i) * counts_[1] + y.first + j) * counts_[2]];
      for (int64_t k = 0; k < counts_[2]; ++k) {
        for (int axis = 0; axis < 3; ++axis) {
          line[k][axis] += weight * points[k][axis];
        }
      }
    }
  }
  for (size_t i = 0; i < to.size(); ++i) {
    const Taps& x = taps_[2][i];
    for (int64_t k = 0; k < tap_counts_[2]; ++k) {
      for (int axis = 0; axis < 3; ++axis) {
        to[i][axis] += x.weights[k] * line[x.first + k][axis];
      }
    }
  }
  return to;
}

SpatialMap SpatialMap::at_corner(const std::array<int64_t, 3>& corner) {
  SpatialMap map;
  for (int axis = 0; axis < 3; ++axis) {
    map.offset[axis] = static_cast<double>(corner[axis]);
  }
  return map;
}

SpatialMap SpatialMap::at_center(const std::array<double, 3>& center,
                                 const std::array<int64_t, 3>& size) {
  const Vector3 half = patch_center(size);
  SpatialMap map;
  for (int axis = 0; axis < 3; ++axis) {
    map.offset[axis] = std::floor(center[axis] - half[axis] + 0.5);
  }
  return map;
}

std::array<double, 3> SpatialMap::at(
    const std::array<int64_t, 3>& voxel) const {
  const Vector3 moved = elastic.at(voxel);
  Vector3 result = offset;
  for (int row = 0; row < 3; ++row) {
    for (int axis = 0; axis < 3; ++axis) {
      result[row] +=
          matrix[row][axis] * (static_cast<double>(voxel[axis]) + moved[axis]);
    }
  }
  return result;
}

bool SpatialMap::is_copy() const {
  if (!elastic.empty()) return false;
  for (int row = 0; row < 3; ++row) {
    if (offset[row] != std::floor(offset[row])) return false;
    for (int column = 0; column < 3; ++column) {
      const double size = std::abs(matrix[row][column]);
      if (size != (row == column ? 1 : 0)) return false;
    }
  }
  return true;
}

SpatialMap draw_spatial_map(const SpatialTransformOptions& options,
                            const std::array<int64_t, 3>& size,
                            const std::array<double, 3>& spacing,
                            const std::array<double, 3>& center,
                            Random& random) {
  for (int axis = 0; axis < 3; ++axis) {
    TORCH_CHECK(size[axis] >= 1 && spacing[axis] > 0 &&
                    std::isfinite(spacing[axis]) && std::isfinite(center[axis]),
                "draw_spatial_map: sizes and spacings are positive, the centre "
                "finite");
  }
  const Matrix3 rotation = draw_rotation(options, size, random);
  const double scale = random.chance(options.scale_probability)
                           ? draw_from(options.scale, random)
                           : 1;
  SpatialMap map = SpatialMap::at_center(center, size);
  map.elastic = draw_elastic_field(options, size, spacing, random);
  const auto shift = draw_shift(options, size, random);
  const Vector3 mirror = draw_mirror(options, random);
  const Vector3 half = patch_center(size);
  for (int row = 0; row < 3; ++row) {
    map.offset[row] += static_cast<double>(shift[row]) + half[row];
    for (int column = 0; column < 3; ++column) {
      const double value = scale * rotation[row][column] * spacing[column] /
                           spacing[row] * mirror[column];
      map.matrix[row][column] = value;
      map.offset[row] -= value * half[column];
    }
  }
  return map;
}

}  // namespace unimiss::augment
