#include "unimiss/augment/spatial_transform.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "unimiss/core/error.h"
#include "unimiss/core/problems.h"

namespace unimiss::augment {
namespace {

using Vector3 = std::array<double, 3>;
using Matrix3 = std::array<Vector3, 3>;
using Size3 = std::array<int64_t, 3>;

constexpr int kMapDraws = 10000;
constexpr double kDegree = std::numbers::pi / 180;

SpatialTransformOptions no_change() {
  SpatialTransformOptions options;
  options.rotation_probability = options.scale_probability = 0;
  options.mirror = {};
  return options;
}

/// The matrix between offsets in mm.
Matrix3 in_mm(const SpatialMap& map, const Vector3& spacing) {
  Matrix3 result = map.matrix;
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      result[row][column] *= spacing[row] / spacing[column];
    }
  }
  return result;
}

/// What is to be uniform in [low, high], over draws.
void expect_uniform(const std::vector<double>& values, double low,
                    double high) {
  ASSERT_GT(values.size(), 1000u);
  const auto count = static_cast<double>(values.size());
  std::array<double, 4> quarters{};
  for (const double value : values) {
    ASSERT_GE(value, low - 1e-9);
    ASSERT_LE(value, high + 1e-9);
    const double share = (value - low) / (high - low);
    quarters[std::clamp(static_cast<int>(share * 4), 0, 3)] += 1 / count;
  }
  for (const double quarter : quarters) {
    EXPECT_NEAR(quarter, 0.25, 5 * std::sqrt(0.1875 / count));
  }
}

TEST(SpatialTransform, AMapOfACropAddsItsCorner) {
  const auto map = SpatialMap::at_corner({3, -2, 7});
  EXPECT_TRUE(map.is_copy());
  EXPECT_EQ(map.at({1, 2, 3}), (Vector3{4, 0, 10}));
}

TEST(SpatialTransform, ACenterIsMovedToWholeVoxels) {
  // Odd extents have a middle voxel, even ones two.
  EXPECT_EQ(SpatialMap::at_center({5, 5, 5}, {1, 3, 5}).offset,
            (Vector3{5, 4, 3}));
  EXPECT_EQ(SpatialMap::at_center({5.5, 5.4, 5.6}, {2, 4, 4}).offset,
            (Vector3{5, 4, 4}));
  for (const double center : {-3.2, -0.5, 0.0, 4.3, 7.5}) {
    for (const int64_t size : {1, 2, 3, 8}) {
      const auto map = SpatialMap::at_center({center, 0, 0}, {size, 1, 1});
      EXPECT_TRUE(map.is_copy());
      const double half = static_cast<double>(size - 1) / 2;
      EXPECT_LE(std::abs(map.offset[0] + half - center), 0.5);
    }
  }
}

TEST(SpatialTransform, OnlyWholeVoxelsInRowsAreACopy) {
  SpatialMap map;
  map.matrix = {{{-1, 0, 0}, {0, 1, 0}, {0, 0, -1}}};
  EXPECT_TRUE(map.is_copy());
  map.offset[1] = 0.5;
  EXPECT_FALSE(map.is_copy());
  map.offset[1] = 0;
  map.matrix = {{{1, 0, 0}, {0, 0, 1}, {0, 1, 0}}};
  EXPECT_FALSE(map.is_copy());
  map.matrix = {{{1, 0, 0}, {0, 2, 0}, {0, 0, 1}}};
  EXPECT_FALSE(map.is_copy());
}

TEST(SpatialTransform, ProbabilityZeroIsTheCrop) {
  Random random({1});
  for (int i = 0; i < 100; ++i) {
    const Vector3 center{random.uniform(-9, 99), random.uniform(-9, 99), 7};
    const auto map =
        draw_spatial_map(no_change(), {4, 5, 6}, {3, 0.7, 0.9}, center, random);
    const auto crop = SpatialMap::at_center(center, {4, 5, 6});
    EXPECT_TRUE(map.is_copy());
    EXPECT_EQ(map.offset, crop.offset);
    EXPECT_EQ(map.matrix, crop.matrix);
  }
}

TEST(SpatialTransform, IsAFunctionOfItsDraws) {
  SpatialTransformOptions options;
  options.rotation_probability = options.scale_probability = 1;
  options.elastic_probability = 1;
  options.translation = 0.2;
  const auto draw = [&](uint64_t seed) {
    Random random({seed});
    return draw_spatial_map(options, {8, 9, 10}, {2, 1, 1}, {20, 20, 20},
                            random)
        .at({2, 3, 4});
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

TEST(SpatialTransform, RotationsInPlaneAreDrawnAsTold) {
  auto options = no_change();
  options.rotation_probability = 0.2;
  options.rotation_degrees = {-30, 60};
  Random random({2});
  std::vector<double> angles;
  for (int i = 0; i < kMapDraws; ++i) {
    const auto map =
        draw_spatial_map(options, {1, 8, 8}, {1, 1, 1}, {3, 20, 20}, random);
    ASSERT_EQ(map.matrix[0], (Vector3{1, 0, 0}));  // stays in its slice
    ASSERT_EQ(map.at({0, 7, 1})[0], 3);
    if (map.is_copy()) continue;
    angles.push_back(std::atan2(map.matrix[2][1], map.matrix[1][1]) / kDegree);
  }
  EXPECT_NEAR(static_cast<double>(angles.size()) / kMapDraws, 0.2, 0.02);
  expect_uniform(angles, -30, 60);
}

TEST(SpatialTransform, RotationsInSpaceAreDrawnForEachAxis) {
  auto options = no_change();
  options.rotation_probability = 1;
  Random random({3});
  std::array<std::vector<double>, 3> angles;
  const Vector3 spacing{4, 0.5, 0.8};
  for (int i = 0; i < kMapDraws; ++i) {
    const auto map =
        draw_spatial_map(options, {8, 8, 8}, spacing, {20, 20, 20}, random);
    const auto r = in_mm(map, spacing);  // R_D R_H R_W
    angles[0].push_back(std::atan2(-r[1][2], r[2][2]) / kDegree);
    angles[1].push_back(std::asin(-r[0][2]) / kDegree);
    angles[2].push_back(std::atan2(-r[0][1], r[0][0]) / kDegree);
  }
  for (const auto& axis : angles) expect_uniform(axis, -30, 30);
}

TEST(SpatialTransform, ScalesAreDrawnAsTold) {
  auto options = no_change();
  options.scale_probability = 0.2;
  Random random({4});
  std::vector<double> scales;
  for (int i = 0; i < kMapDraws; ++i) {
    const auto map =
        draw_spatial_map(options, {8, 9, 8}, {4, 1, 1}, {20, 20, 20}, random);
    if (map.is_copy()) continue;
    scales.push_back(map.matrix[0][0]);
    ASSERT_EQ(map.matrix[1][1], map.matrix[0][0]);  // one for all axes
    ASSERT_EQ(map.matrix[2][2], map.matrix[0][0]);
    ASSERT_NEAR(map.at({0, 4, 0})[1], 20, 1e-9);  // about the centre
  }
  EXPECT_NEAR(static_cast<double>(scales.size()) / kMapDraws, 0.2, 0.02);
  expect_uniform(scales, 0.7, 1.4);
}

TEST(SpatialTransform, AScaleAboveOneShowsMore) {
  auto options = no_change();
  options.scale_probability = 1;
  options.scale = {2, 2};
  Random random({5});
  const auto map =
      draw_spatial_map(options, {5, 5, 5}, {1, 1, 1}, {10, 10, 10}, random);
  EXPECT_EQ(map.at({0, 0, 0}), (Vector3{6, 6, 6}));
  EXPECT_EQ(map.at({4, 4, 4}), (Vector3{14, 14, 14}));
}

TEST(SpatialTransform, APositiveAngleTurnsASliceClockwise) {
  auto options = no_change();
  options.rotation_probability = 1;
  options.rotation_degrees = {90, 90};
  Random random({6});
  const auto map =
      draw_spatial_map(options, {1, 5, 5}, {1, 1, 1}, {0, 10, 10}, random);
  const auto right = map.at({0, 2, 4});  // what is on the right was above
  EXPECT_NEAR(right[1], 8, 1e-9);
  EXPECT_NEAR(right[2], 10, 1e-9);
}

TEST(SpatialTransform, AnglesAndShapesAreKeptInMillimetres) {
  SpatialTransformOptions options;
  options.rotation_probability = options.scale_probability = 1;
  Random random({7});
  const Vector3 spacing{5, 0.7, 1.1};
  for (int draw = 0; draw < 100; ++draw) {
    const auto map =
        draw_spatial_map(options, {9, 9, 9}, spacing, {20, 20, 20}, random);
    const auto m = in_mm(map, spacing);
    double scale = 0;
    for (int i = 0; i < 3; ++i) scale += m[i][0] * m[i][0];
    for (int a = 0; a < 3; ++a) {
      for (int b = 0; b < 3; ++b) {
        double dot = 0;
        for (int i = 0; i < 3; ++i) dot += m[i][a] * m[i][b];
        EXPECT_NEAR(dot, a == b ? scale : 0, 1e-9);
      }
      EXPECT_NEAR(map.at({4, 4, 4})[a], 20, 1e-9);
    }
  }
}

TEST(SpatialTransform, MirrorsTheAxesOfTheList) {
  auto options = no_change();
  options.mirror = SpatialTransformOptions{}.mirror;
  Random random({8});
  std::array<int, 4> counts{};
  for (int i = 0; i < kMapDraws; ++i) {
    const auto map =
        draw_spatial_map(options, {4, 5, 6}, {3, 1, 1}, {10, 10, 10}, random);
    ASSERT_TRUE(map.is_copy());
    ASSERT_EQ(map.matrix[2][2], 1);  // left stays left
    const bool depth = map.matrix[0][0] < 0, height = map.matrix[1][1] < 0;
    ++counts[2 * depth + height];
    // The same voxels in the other order.
    const auto crop = SpatialMap::at_center({10, 10, 10}, {4, 5, 6});
    const auto expected = crop.at({depth ? 2 : 1, height ? 4 : 0, 3});
    ASSERT_EQ(map.at({1, 0, 3}), expected);
  }
  for (const int count : counts) EXPECT_NEAR(count, kMapDraws / 4.0, 220);
}

TEST(SpatialTransform, ShiftsByWholeVoxels) {
  auto options = no_change();
  options.translation = 0.25;
  Random random({9});
  std::vector<double> shifts;
  for (int i = 0; i < kMapDraws; ++i) {
    const auto map = draw_spatial_map(options, {1, 400, 40}, {1, 1, 1},
                                      {6, 200, 20}, random);
    ASSERT_TRUE(map.is_copy());
    ASSERT_EQ(map.offset[0], 6);
    shifts.push_back(map.offset[1] - 1);  // at_centre rounds up
    ASSERT_LE(std::abs(map.offset[2] - 1), 10);
  }
  expect_uniform(shifts, -100, 100);
}

/// The cubic B-spline's basis function, by its recursion.
double basis(double at, int degree = 3) {
  if (degree == 0) return at >= 0 && at < 1 ? 1 : 0;
  return (at * basis(at, degree - 1) +
          (degree + 1 - at) * basis(at - 1, degree - 1)) /
         degree;
}

TEST(SpatialTransform, AnElasticFieldIsTheSplineOfItsControlPoints) {
  for (const Size3 size : {Size3{6, 9, 11}, Size3{1, 9, 11}, Size3{1, 1, 4}}) {
    const Vector3 distance{2.5, 4, 3.3}, reach{0, 1.5, 0.7};
    Random random({10}), again({10});
    const ElasticField field(size, distance, reach, random);
    Size3 counts;
    for (int axis = 0; axis < 3; ++axis) {
      const auto cells = static_cast<int64_t>(
          static_cast<double>(size[axis] - 1) / distance[axis]);
      counts[axis] = size[axis] == 1 ? 1 : cells + 4;
    }
    std::vector<Vector3> points(counts[0] * counts[1] * counts[2]);
    for (auto& point : points) {
      for (int axis = 0; axis < 3; ++axis) {
        point[axis] = again.uniform(-reach[axis], reach[axis]);
      }
    }
    const auto weight = [&](int axis, int64_t voxel, int64_t point) {
      if (size[axis] == 1) return 1.0;
      // The basis function of a point is centred where it lies.
      return basis(static_cast<double>(voxel) / distance[axis] -
                   static_cast<double>(point - 1) + 2);
    };
    for (int64_t z = 0; z < size[0]; ++z) {
      for (int64_t y = 0; y < size[1]; ++y) {
        for (int64_t x = 0; x < size[2]; ++x) {
          Vector3 expected{};
          for (int64_t i = 0; i < std::ssize(points); ++i) {
            const double share = weight(0, z, i / counts[2] / counts[1]) *
                                 weight(1, y, i / counts[2] % counts[1]) *
                                 weight(2, x, i % counts[2]);
            for (int axis = 0; axis < 3; ++axis) {
              expected[axis] += share * points[i][axis];
            }
          }
          for (int axis = 0; axis < 3; ++axis) {
            ASSERT_NEAR(field.at({z, y, x})[axis], expected[axis], 1e-12);
            ASSERT_EQ(field.row(z, y)[x][axis], field.at({z, y, x})[axis]);
            ASSERT_LE(std::abs(expected[axis]), reach[axis] + 1e-12);
          }
        }
      }
    }
  }
}

TEST(SpatialTransform, ElasticityIsBoundedInMillimetresAndNeverFolds) {
  auto options = no_change();
  options.elastic_probability = 1;
  options.elastic_spacing = {8, 8};
  options.elastic_magnitude = {0.4, 0.4};
  const Vector3 spacing{2, 1, 1};
  const Size3 size{12, 24, 24};
  Random random({11});
  Vector3 furthest{};
  for (int draw = 0; draw < 5; ++draw) {
    const auto map =
        draw_spatial_map(options, size, spacing, {20, 20, 20}, random);
    const auto corner = SpatialMap::at_center({20, 20, 20}, size).offset;
    for (int64_t i = 0; i < int64_t{11} * 23 * 23; ++i) {
      const Size3 at{i / 529, i / 23 % 23, i % 23};
      const auto here = map.at(at);
      Matrix3 step;
      for (int axis = 0; axis < 3; ++axis) {
        Size3 next = at;
        ++next[axis];
        const auto there = map.at(next);
        for (int k = 0; k < 3; ++k) step[k][axis] = there[k] - here[k];
        const double moved =
            std::abs(here[axis] - corner[axis] - static_cast<double>(at[axis]));
        furthest[axis] = std::max(furthest[axis], moved * spacing[axis]);
      }
      double determinant = 0;
      for (int k = 0; k < 3; ++k) {
        determinant +=
            step[0][k] * (step[1][(k + 1) % 3] * step[2][(k + 2) % 3] -
                          step[1][(k + 2) % 3] * step[2][(k + 1) % 3]);
      }
      ASSERT_GT(determinant, 0);
    }
  }
  for (const double mm : furthest) {
    EXPECT_LE(mm, 0.4 * 8 + 1e-9);
    EXPECT_GT(mm, 1);
  }
  // In 2D it stays in plane; a single voxel stays where it is.
  const auto plane =
      draw_spatial_map(options, {1, 24, 24}, spacing, {3, 20, 20}, random);
  EXPECT_FALSE(plane.is_copy());
  for (int64_t y = 0; y < 24; ++y) EXPECT_EQ(plane.at({0, y, 5})[0], 3);
  EXPECT_EQ(draw_spatial_map(options, {1, 1, 1}, spacing, {3, 4, 5}, random)
                .at({0, 0, 0}),
            (Vector3{3, 4, 5}));
}

TEST(SpatialTransform, OptionsThatCannotBeAreFound) {
  validate(SpatialTransformOptions{});
  SpatialTransformOptions options;
  options.rotation_probability = 1.1;
  options.rotation_degrees = {-200, 10};
  options.scale_probability = -1;
  options.scale = {0, 1};
  options.elastic_probability = 2;
  options.elastic_spacing = {16, 8};
  options.elastic_magnitude = {0.1, 0.5};
  options.translation = -0.1;
  options.mirror = {Axis::kWidth, Axis::kWidth};
  options.mirror_probability = NAN;
  Problems problems;
  options.check(problems);
  EXPECT_EQ(problems.found().size(), 10u);
  for (const char* key :
       {"rotation_probability", "rotation_degrees[0]", "scale_probability",
        "scale[0]", "elastic_probability", "elastic_spacing",
        "elastic_magnitude[1]", "translation", "mirror[1]",
        "mirror_probability"}) {
    EXPECT_TRUE(problems.at_fault(key)) << key;
  }
}

TEST(SpatialTransform, SizesAndSpacingsThatCannotBeAreBugs) {
  Random random({12});
  const SpatialTransformOptions options;
  EXPECT_THROW(
      draw_spatial_map(options, {0, 4, 4}, {1, 1, 1}, {0, 0, 0}, random),
      c10::Error);
  EXPECT_THROW(
      draw_spatial_map(options, {4, 4, 4}, {1, 0, 1}, {0, 0, 0}, random),
      c10::Error);
  EXPECT_THROW(
      draw_spatial_map(options, {4, 4, 4}, {1, 1, 1}, {0, NAN, 0}, random),
      c10::Error);
}

}  // namespace
}  // namespace unimiss::augment
