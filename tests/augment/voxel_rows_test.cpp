#include "augment/voxel_rows.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <numeric>

namespace unimiss::augment {
namespace {

using ::testing::ElementsAre;

/// The patch lies in its case, moved by so many voxels.
SpatialMap moved_by(double z, double y, double x) {
  SpatialMap map;
  map.matrix = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  map.offset = {z, y, x};
  return map;
}

TEST(VoxelRows, PlacesAreWholeVoxelsAndParts) {
  RowPlaces places(3, {4, 5, 6});
  places.find(moved_by(0.25, 1, -0.5), {1, 2});
  EXPECT_THAT(places.low[0], ElementsAre(1, 1, 1));
  EXPECT_THAT(places.part[0], ElementsAre(0.25f, 0.25f, 0.25f));
  EXPECT_THAT(places.low[1], ElementsAre(3, 3, 3));
  EXPECT_THAT(places.part[1], ElementsAre(0.0f, 0.0f, 0.0f));
  EXPECT_THAT(places.low[2], ElementsAre(-1, 0, 1));
  EXPECT_THAT(places.part[2], ElementsAre(0.5f, 0.5f, 0.5f));
  // The first one has a neighbour outside of the case.
  EXPECT_THAT(places.inside, ElementsAre(0, 1, 1));
  EXPECT_EQ(places.slices, Slices::kTwo);
}

TEST(VoxelRows, NothingLiesBetweenTheSlicesOfOne) {
  RowPlaces places(2, {1, 5, 6});
  places.find(moved_by(0, 0.5, 0.5), {0, 1});
  EXPECT_EQ(places.slices, Slices::kOne);
  EXPECT_THAT(places.inside, ElementsAre(1, 1));
}

TEST(VoxelRows, WhatIsFarAwayStaysOutside) {
  RowPlaces places(1, {4, 5, 6});
  places.find(moved_by(1e300, -1e300, 0), {0, 0});
  EXPECT_EQ(places.low[0][0], static_cast<int32_t>(kFarthest));
  EXPECT_EQ(places.low[1][0], -static_cast<int32_t>(kFarthest));
  EXPECT_EQ(places.inside[0], 0);
}

TEST(VoxelRows, CornersWeighTheVoxelsAround) {
  const torch::Tensor voxels =
      at::arange(24, torch::kShort).view({2, 3, 4}).contiguous();
  const VoxelGrid grid(voxels);
  RowPlaces places(1, grid.size);
  places.find(moved_by(0.5, 0.25, 2.5), {0, 0});
  const Corners<Slices::kTwo, float> corners(grid, places, 0, -7);
  EXPECT_THAT(corners.values, ElementsAre(2, 3, 6, 7, 14, 15, 18, 19));
  EXPECT_FLOAT_EQ(corners.weights[0], 0.5f * 0.75f * 0.5f);
  EXPECT_FLOAT_EQ(
      std::accumulate(corners.weights.begin(), corners.weights.end(), 0.0f), 1);
  places.find(moved_by(0.5, 0.25, 3.5), {0, 0});
  const Corners<Slices::kTwo, float> end(grid, places, 0, -7);
  EXPECT_THAT(end.values, ElementsAre(3, -7, 7, -7, 15, -7, 19, -7));
}

TEST(VoxelRows, AGridKnowsItsBorders) {
  const VoxelGrid grid(at::zeros({2, 3, 4}, torch::kShort));
  EXPECT_TRUE(grid.holds(1, 2, 3));
  EXPECT_FALSE(grid.holds(2, 0, 0));
  EXPECT_FALSE(grid.holds(0, -1, 0));
  EXPECT_TRUE(grid.touches(-1, 2, 3));
  EXPECT_FALSE(grid.touches(-2, 0, 0));
}

}  // namespace
}  // namespace unimiss::augment
