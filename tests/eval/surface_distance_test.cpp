#include "unimiss/eval/surface_distance.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "eval/expect_error.h"
#include "eval/metric_golden.h"
#include "unimiss/core/error.h"

namespace unimiss::eval {
namespace {

using ::testing::DoubleNear;
using ::testing::Pointwise;

using Numbers = std::vector<double>;

/// A mask from its row-major bits, the first the highest of a byte.
torch::Tensor mask_of(const Json& shape, const std::string& hex) {
  torch::Tensor mask =
      at::zeros(shape.get<std::vector<int64_t>>(), torch::kBool);
  auto* voxel = mask.data_ptr<bool>();
  for (int64_t i = 0; i < mask.numel(); ++i) {
    const int byte = std::stoi(hex.substr(i / 8 * 2, 2), nullptr, 16);
    voxel[i] = (byte >> (7 - i % 8) & 1) != 0;
  }
  return mask;
}

TEST(SurfaceDistance, EqualsMonaiAndSciPy) {
  int checked = 0;
  const Json all = metric_golden("surfaces.json");
  for (const auto& [name, golden] : all.items()) {
    const auto distances =
        surface_distances(mask_of(golden["shape"], golden["prediction"]),
                          mask_of(golden["shape"], golden["reference"]),
                          golden["spacing"].get<Numbers>());
    for (const char* source : {"monai", "exact"}) {
      Json expected = golden[source];
      if (expected.is_null()) continue;  // one is empty
      // MONAI's percentile of infinities is NaN.
      if (expected["hd"] == "inf") expected["hd95"] = "inf";
      const double tolerance = source[0] == 'm' ? 1e-6 : 1e-12;
      const std::string what = name + " of " + source;
      expect_golden(hausdorff_distance(distances), expected["hd"], tolerance,
                    what + ": HD");
      expect_golden(hausdorff_distance_95(distances), expected["hd95"],
                    tolerance, what + ": HD95");
      expect_golden(average_surface_distance(distances), expected["assd"],
                    tolerance, what + ": ASSD");
      for (size_t i = 0; i < golden["tolerances"].size(); ++i) {
        expect_golden(surface_dice(distances, golden["tolerances"][i]),
                      expected["nsd"][i], tolerance, what + ": NSD");
      }
      ++checked;
    }
  }
  EXPECT_EQ(checked, 19 + 15);
}

bool has_voxel(const torch::Tensor& mask, const std::vector<int64_t>& at) {
  torch::Tensor part = mask;
  for (const int64_t i : at) {
    if (i < 0 || i >= part.size(0)) return false;
    part = part[i];
  }
  return part.item<bool>();
}

/// The voxels of the surface by the definition.
std::vector<std::vector<int64_t>> surface_of(const torch::Tensor& mask) {
  std::vector<std::vector<int64_t>> surface;
  const torch::Tensor places = mask.nonzero().contiguous();
  for (int64_t row = 0; row < places.size(0); ++row) {
    const auto* begin = places.const_data_ptr<int64_t>() + row * places.size(1);
    std::vector<int64_t> at(begin, begin + places.size(1));
    bool inside = true;
    for (int64_t& axis : at) {
      axis -= 1;
      inside = inside && has_voxel(mask, at);
      axis += 2;
      inside = inside && has_voxel(mask, at);
      axis -= 1;
    }
    if (!inside) surface.push_back(at);
  }
  return surface;
}

/// Over all pairs of surface voxels.
Numbers distances_of_pairs(const torch::Tensor& from, const torch::Tensor& to,
                           const Numbers& spacing) {
  Numbers distances;
  const auto targets = surface_of(to);
  for (const auto& a : surface_of(from)) {
    double nearest = std::numeric_limits<double>::infinity();
    for (const auto& b : targets) {
      double squared = 0;
      for (size_t i = 0; i < a.size(); ++i) {
        const double offset = static_cast<double>(a[i] - b[i]) * spacing[i];
        squared += offset * offset;
      }
      nearest = std::min(nearest, std::sqrt(squared));
    }
    distances.push_back(nearest);
  }
  return distances;
}

TEST(SurfaceDistance, IsThatOfTheNearestPair) {
  at::manual_seed(1);
  const std::vector<std::pair<std::vector<int64_t>, Numbers>> grids{
      {{9, 7}, {0.7, 1.3}},         {{1, 11}, {3, 0.2}},
      {{5, 6, 7}, {2.5, 0.8, 0.7}}, {{1, 6, 6}, {1, 1, 2}},
      {{7, 1, 3}, {0.4, 9, 1.1}},   {{4, 4, 4}, {1e-3, 1, 1e3}}};
  for (const auto& [size, spacing] : grids) {
    for (const double share : {0.03, 0.3, 0.9}) {
      for (int repeat = 0; repeat < 3; ++repeat) {
        const torch::Tensor p = at::rand(size) < share;
        const torch::Tensor r = at::rand(size) < 0.2;
        const auto distances = surface_distances(p, r, spacing);
        const auto near = DoubleNear(1e-9);
        EXPECT_THAT(distances.from_prediction,
                    Pointwise(near, distances_of_pairs(p, r, spacing)));
        EXPECT_THAT(distances.from_reference,
                    Pointwise(near, distances_of_pairs(r, p, spacing)));
      }
    }
  }
}

TEST(SurfaceDistance, OfCubesAFewVoxelsApart) {
  torch::Tensor p = at::zeros({12, 12, 12}, torch::kBool), r = p.clone();
  p.slice(0, 1, 4).slice(1, 3, 6).slice(2, 3, 6).fill_(true);
  r.slice(0, 6, 9).slice(1, 3, 6).slice(2, 3, 6).fill_(true);
  const auto distances = surface_distances(p, r, {2, 1, 1});
  // Of 26 surface voxels each, the layers are 3, 4 and 5 voxels of 2 mm from
  // the other's face; the middle one has 8 of 9 voxels.
  EXPECT_EQ(distances.from_prediction.size(), 26U);
  EXPECT_EQ(hausdorff_distance(distances), 10);
  EXPECT_EQ(hausdorff_distance_95(distances), 10);
  EXPECT_DOUBLE_EQ(average_surface_distance(distances).value(), 8);
  EXPECT_DOUBLE_EQ(surface_dice(distances, 5.9).value(), 0);
  EXPECT_DOUBLE_EQ(surface_dice(distances, 6).value(), 9.0 / 26);
  EXPECT_DOUBLE_EQ(surface_dice(distances, 8).value(), 17.0 / 26);
  EXPECT_DOUBLE_EQ(surface_dice(distances, 10).value(), 1);
}

TEST(SurfaceDistance, ChangesAsTheGridDoes) {
  at::manual_seed(2);
  const torch::Tensor p = at::rand({6, 9, 8}) < 0.2;
  const torch::Tensor r = at::rand({6, 9, 8}) < 0.1;
  const auto distances = surface_distances(p, r, {2, 0.5, 1});
  const auto swapped = surface_distances(r, p, {2, 0.5, 1});
  EXPECT_EQ(swapped.from_prediction, distances.from_reference);
  EXPECT_EQ(swapped.from_reference, distances.from_prediction);
  const auto doubled = surface_distances(p, r, {4, 1, 2});
  EXPECT_DOUBLE_EQ(average_surface_distance(doubled).value(),
                   2 * average_surface_distance(distances).value());
  // Nothing depends on what is around the masks, or on strides.
  const auto wide = [](const torch::Tensor& mask) {
    return at::constant_pad_nd(mask, {3, 1, 0, 5, 2, 4});
  };
  EXPECT_EQ(surface_distances(wide(p), wide(r), {2, 0.5, 1}).from_prediction,
            distances.from_prediction);
  const auto turned =
      surface_distances(p.transpose(0, 2), r.transpose(0, 2), {1, 0.5, 2});
  EXPECT_DOUBLE_EQ(average_surface_distance(turned).value(),
                   average_surface_distance(distances).value());
}

TEST(SurfaceDistance, OfEachClassAndStructure) {
  at::manual_seed(3);
  for (const std::vector<int64_t>& size :
       {std::vector<int64_t>{11, 13}, std::vector<int64_t>{5, 6, 7}}) {
    const Numbers spacing(size.size(), 1.5);
    const torch::Tensor p = at::randint(8, size, torch::kShort);
    // Class and bit 2 are missing.
    const torch::Tensor r = at::randint(4, size, torch::kShort) % 2;
    const auto classes = class_surface_distances(p, r, 9, spacing);
    ASSERT_EQ(classes.size(), 8U);
    for (int64_t k = 1; k < 9; ++k) {
      const auto expected = surface_distances(p == k, r == k, spacing);
      EXPECT_EQ(classes[k - 1].from_prediction, expected.from_prediction);
      EXPECT_EQ(classes[k - 1].from_reference, expected.from_reference);
    }
    EXPECT_FALSE(hausdorff_distance(classes[7]));
    const auto structures = structure_surface_distances(p, r, 4, spacing);
    ASSERT_EQ(structures.size(), 4U);
    for (int64_t k = 0; k < 4; ++k) {
      const auto has = [k](const torch::Tensor& map) {
        return map.bitwise_and(int64_t{1} << k) != 0;
      };
      const auto expected = surface_distances(has(p), has(r), spacing);
      EXPECT_EQ(structures[k].from_prediction, expected.from_prediction);
      EXPECT_EQ(structures[k].from_reference, expected.from_reference);
    }
  }
}

TEST(SurfaceDistance, RefusesWhatCannotBe) {
  const torch::Tensor map = at::full({3, 4}, 2, torch::kShort);
  const torch::Tensor mask = map == 2;
  expect_error<DataError>(
      [&] {
        class_surface_distances(map, map, 2, {1, 1});
      },
      "prediction: has the value 2 (classes are 0 to 1)");
  expect_error<DataError>(
      [&] {
        structure_surface_distances(map - 1, map, 1, {1, 1});
      },
      "reference: has the value 2 (sets of structures are 0 to 1)");
  expect_error<DataError>(
      [&] {
        surface_distances(mask, mask.t(), {1, 1});
      },
      "reference: is of size [4, 3], the prediction of size [3, 4]");
  EXPECT_THROW(surface_distances(map, map, {1, 1}), c10::Error);
  EXPECT_THROW(surface_distances(mask, mask, {1, 1, 1}), c10::Error);
  EXPECT_THROW(surface_distances(mask, mask, {1, 0}), c10::Error);
  EXPECT_THROW(surface_distances(mask, mask, {1, std::nan("")}), c10::Error);
  EXPECT_THROW(surface_distances(mask[0], mask[0], {1}), c10::Error);
  EXPECT_THROW(class_surface_distances(map, map, 0, {1, 1}), c10::Error);
  EXPECT_THROW(structure_surface_distances(map, map, 16, {1, 1}), c10::Error);
  EXPECT_THROW(surface_dice({}, -1), c10::Error);
}

}  // namespace
}  // namespace unimiss::eval
