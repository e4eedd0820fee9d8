#include "unimiss/augment/radiograph.h"

#include <gtest/gtest.h>

#include <cmath>

#include "unimiss/core/error.h"

namespace unimiss::augment {
namespace {

/// Water inside of a shape around the centre of 120 mm of air, 2 mm voxels.
template <class Inside>
io::Volume water_where(Inside inside) {
  auto hu = torch::full({60, 60, 60}, -1000.0f);
  auto voxels = hu.accessor<float, 3>();
  for (int z = 0; z < 60; ++z) {
    for (int y = 0; y < 60; ++y) {
      for (int x = 0; x < 60; ++x) {
        const auto mm = [](int i) { return 2 * i - 59.0; };
        if (inside(mm(z), mm(y), mm(x))) voxels[z][y][x] = 0;
      }
    }
  }
  return {hu, {2, 2, 2}};
}

float at_center(const torch::Tensor& film) {
  return film[film.size(0) / 2][film.size(1) / 2].item<float>();
}

TEST(Radiograph, ASphereHasItsChordLength) {
  const Radiograph radiograph(water_where([](double z, double y, double x) {
    return x * x + y * y + z * z < 40 * 40;
  }));
  for (double turn : {0.0, 30.0, 90.0, 225.0}) {
    for (double tilt : {0.0, 10.0}) {
      const auto film = radiograph.path_integral(turn, tilt);
      // 80 mm of 0.2 / cm, to the stair steps of the voxels.
      EXPECT_NEAR(at_center(film), 1.6, 0.05) << turn << " " << tilt;
      // 20 mm off the centre: 2 sqrt(40^2 - 20^2) mm.
      const float off = film[30][film.size(1) / 2 + 10].item<float>();
      EXPECT_NEAR(off, 0.02 * 2 * std::sqrt(40.0 * 40 - 20 * 20), 0.08);
    }
  }
}

TEST(Radiograph, ACylinderIsLongerThroughAnInclinedBeam) {
  const Radiograph radiograph(water_where(
      [](double, double y, double x) { return x * x + y * y < 20 * 20; }));
  const float straight = at_center(radiograph.path_integral(40, 0));
  const float inclined = at_center(radiograph.path_integral(40, 30));
  EXPECT_NEAR(straight, 0.8, 0.03);
  EXPECT_NEAR(inclined, 0.8 / std::cos(M_PI / 6), 0.04);
}

TEST(Radiograph, FrontalViewKeepsHeadUpAndSidesApart) {
  // A rod at the superior end (large z), to the patient's left (large x).
  const Radiograph radiograph(
      water_where([](double z, double, double x) { return z > 30 && x > 30; }));
  const auto film = radiograph.path_integral(0, 0);
  const int64_t rows = film.size(0), columns = film.size(1);
  const auto weight = [&](int64_t top, int64_t left) {
    return film.slice(0, top, top + rows / 2)
        .slice(1, left, left + columns / 2)
        .sum()
        .item<float>();
  };
  EXPECT_GT(weight(0, columns / 2), 100);
  EXPECT_EQ(weight(rows / 2, 0) + weight(rows / 2, columns / 2), 0);
  EXPECT_EQ(weight(0, 0), 0);
}

TEST(Radiograph, BoneOutweighsWater) {
  auto volume = water_where([](double, double, double) { return true; });
  const float water = at_center(Radiograph(volume).path_integral(0, 0));
  volume.voxels.fill_(1000);
  const float bone = at_center(Radiograph(volume).path_integral(0, 0));
  EXPECT_NEAR(bone / water, 2 + 0.6 * 0.85, 0.01);
}

TEST(Radiograph, FilmFramesThePatientAndFillsTheRange) {
  // 40 mm across, 80 mm long, at a corner of the volume.
  const Radiograph radiograph(water_where([](double z, double y, double x) {
    return x > 15 && x < 55 && y > 15 && y < 55 && z > -30 && z < 50;
  }));
  const auto film = radiograph.film(0, 0, 100).to(torch::kInt32);
  EXPECT_EQ(film.sizes(), (torch::IntArrayRef{100, 100}));
  const auto rows = film.amax(1).nonzero(), columns = film.amax(0).nonzero();
  EXPECT_LE(rows.min().item<int>(), 1) << "the long side fills the film";
  EXPECT_GE(rows.max().item<int>(), 98);
  EXPECT_NEAR(columns.min().item<int>(), 25, 3) << "padded on both sides";
  EXPECT_NEAR(columns.max().item<int>(), 74, 3);
  EXPECT_EQ(film.max().item<int>(), 65535);
  EXPECT_GT(film[50][50].item<int>(), 60000);
}

TEST(Radiograph, AirIsBlackAndSteepTiltsAreRefused) {
  const Radiograph air(
      water_where([](double, double, double) { return false; }));
  EXPECT_EQ(air.film(0, 0, 32).to(torch::kInt32).max().item<int>(), 0);
  EXPECT_THROW(air.path_integral(0, 80), ConfigError);
}

}  // namespace
}  // namespace unimiss::augment
