#include "eval/distance_transform.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "unimiss/core/random.h"

namespace unimiss::eval {
namespace {

/// By the definition.
double nearest(int64_t from, const std::vector<int64_t>& to,
               const Extents& extents, const Spacing& spacing) {
  const auto place = [&](int64_t i, size_t axis) {
    int64_t rest = i;
    for (size_t a = 2; a > axis; --a) rest /= extents[a];
    return static_cast<double>(rest % extents[axis]) * spacing[axis];
  };
  double least = std::numeric_limits<double>::infinity();
  for (const int64_t i : to) {
    double squares = 0;
    for (size_t axis = 0; axis < 3; ++axis) {
      const double along = place(from, axis) - place(i, axis);
      squares += along * along;
    }
    least = std::min(least, std::sqrt(squares));
  }
  return least;
}

std::vector<int64_t> random_voxels(Random& random, int64_t count,
                                   int64_t voxels) {
  std::vector<int64_t> chosen(count);
  for (int64_t& each : chosen) each = random.integer(voxels);
  return chosen;
}

TEST(DistanceTransform, IsTheDistanceToTheNearestVoxel) {
  Random random({1, 2});
  for (const Extents& extents : {Extents{1, 9, 12}, Extents{5, 6, 7},
                                 Extents{8, 1, 3}, Extents{1, 1, 20}}) {
    const Spacing spacing{2.5, 0.7, 1.1};
    const int64_t voxels = extents[0] * extents[1] * extents[2];
    for (const int64_t count : {1, 3, 15}) {
      const auto from = random_voxels(random, 10, voxels);
      const auto to = random_voxels(random, count, voxels);
      const auto found = nearest_distances(from, to, extents, spacing);
      ASSERT_EQ(found.size(), from.size());
      for (size_t i = 0; i < from.size(); ++i) {
        EXPECT_NEAR(found[i], nearest(from[i], to, extents, spacing), 1e-9);
      }
    }
  }
}

TEST(DistanceTransform, OfNothingIsInfinite) {
  const auto distances = nearest_distances({0, 3}, {}, {1, 2, 2}, {1, 1, 1});
  EXPECT_EQ(distances,
            std::vector<double>(2, std::numeric_limits<double>::infinity()));
  EXPECT_TRUE(nearest_distances({}, {0}, {1, 2, 2}, {1, 1, 1}).empty());
}

}  // namespace
}  // namespace unimiss::eval
