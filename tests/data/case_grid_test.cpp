#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/core/random.h"
#include "unimiss/data/case_cache.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume_writer.h"

/// The grids of decoded cases and what is resampled onto them.
namespace unimiss::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using unimiss::testing::TemporaryDirectory;

using Extents = std::array<int64_t, 3>;
using Position = std::array<double, 3>;

constexpr double kHalfStep = 0.5 / augment::kIntensitySteps;

/// Value at a place between voxels [D, H, W], clamped to them.
double interpolated(const torch::Tensor& voxels, const Position& at) {
  const torch::Tensor exact = voxels.to(torch::kDouble);
  const auto values = exact.accessor<double, 3>();
  Extents low, high;
  Position part;
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t last = voxels.size(axis) - 1;
    const double place = std::clamp(at[axis], 0.0, static_cast<double>(last));
    low[axis] = static_cast<int64_t>(std::floor(place));
    high[axis] = std::min(low[axis] + 1, last);
    part[axis] = place - static_cast<double>(low[axis]);
  }
  double sum = 0;
  for (int corner = 0; corner < 8; ++corner) {
    double weight = 1;
    Extents voxel;
    for (int axis = 0; axis < 3; ++axis) {
      const bool upper = (corner >> axis & 1) == 1;
      weight *= upper ? part[axis] : 1 - part[axis];
      voxel[axis] = upper ? high[axis] : low[axis];
    }
    sum += weight * values[voxel[0]][voxel[1]][voxel[2]];
  }
  return sum;
}

void for_each_voxel(const at::IntArrayRef sizes,
                    const std::function<void(const Extents&)>& use) {
  for (int64_t z = 0; z < sizes[0]; ++z) {
    for (int64_t y = 0; y < sizes[1]; ++y) {
      for (int64_t x = 0; x < sizes[2]; ++x) use({z, y, x});
    }
  }
}

/// Where voxel i of a grid with these steps lies in the other one.
Position place_of(const Extents& i, const Position& step) {
  Position place;
  for (int axis = 0; axis < 3; ++axis) {
    place[axis] = (static_cast<double>(i[axis]) + 0.5) * step[axis] - 0.5;
  }
  return place;
}

double item(const torch::Tensor& voxels, const Extents& at) {
  return voxels[at[0]][at[1]][at[2]].item<double>();
}

torch::Tensor units_of(const torch::Tensor& stored) {
  return stored.to(torch::kDouble) / augment::kIntensitySteps;
}

/// Whole numbers in [0, count).
torch::Tensor random_labels(const Extents& size, int64_t count, uint64_t seed) {
  Random random({seed});
  auto labels = torch::empty({size[0], size[1], size[2]});
  auto* to = labels.data_ptr<float>();
  for (int64_t i = 0; i < labels.numel(); ++i) {
    to[i] = static_cast<float>(random.integer(count));
  }
  return labels;
}

/// A thousand of the files' values is one unit.
CaseDecodeOptions thousandths() {
  CaseDecodeOptions options;
  options.target = augment::TargetKind::kClass;
  options.normalization.rule = NormalizationRule::kWindow;
  options.normalization.window = {-9000, 9000};
  options.normalization.deviation = 1000;
  return options;
}

/// A ramp, 6x10x9 voxels of 4x1x2 mm.
class Ramp {
 public:
  Ramp() { io::write_volume(image(), volume_); }

  std::string image() const { return folder_.file("ramp.nii.gz"); }
  augment::Case as_case() const { return {"ramp", {image()}, {}, {0}, ""}; }

  /// Decodes it, compares it with its definition, and brings it back.
  void expect_on_grid(const CaseDecodeOptions& options, const Extents& size,
                      const Position& step) const {
    const augment::CaseVoxels voxels = decode_case(as_case(), options);
    ASSERT_THAT(voxels.image.sizes(),
                ElementsAre(1, size[0], size[1], size[2]));
    const torch::Tensor units = units_of(voxels.image[0]);
    for_each_voxel(units.sizes(), [&](const Extents& i) {
      EXPECT_NEAR(item(units, i),
                  interpolated(volume_.voxels, place_of(i, step)) / 1000,
                  kHalfStep + 1e-6);
    });
    const CaseReference reference = read_case_reference(as_case(), options);
    EXPECT_TRUE(reference.grid.voxels.equal(volume_.voxels));
    EXPECT_FALSE(reference.map.defined());
    for (int axis = 0; axis < 3; ++axis) {
      EXPECT_NEAR(voxels.spacing[axis], volume_.spacing[axis] * step[axis],
                  1e-6);
      EXPECT_NEAR(reference.scale[axis],
                  volume_.spacing[axis] / voxels.spacing[axis], 1e-6);
    }
    expect_back(units, reference.scale);
  }

 private:
  /// Where neither way leaves the voxels, a ramp stays what it was.
  void expect_back(const torch::Tensor& units, const Position& scale) const {
    int64_t compared = 0;
    for_each_voxel(volume_.voxels.sizes(), [&](const Extents& i) {
      const Position place = place_of(i, scale);
      for (int axis = 0; axis < 3; ++axis) {
        const auto extent = static_cast<double>(units.size(axis));
        // Of the outermost voxels of the other grid some were clamped.
        const double edge = extent > 2 && scale[axis] != 1 ? 1 : 0;
        if (place[axis] < edge || place[axis] > extent - 1 - edge) return;
      }
      EXPECT_NEAR(interpolated(units, place), item(volume_.voxels, i) / 1000,
                  kHalfStep + 1e-6);
      ++compared;
    });
    EXPECT_GT(compared, 50);
  }

  TemporaryDirectory folder_;
  io::Volume volume_{
      (700 * torch::arange(6.0f).view({6, 1, 1}) +
       60 * torch::arange(10.0f).view({1, 10, 1}) - 331 * torch::arange(9.0f))
          .contiguous(),
      {4, 1, 2},
      {3, -5, 7}};
};

TEST(CaseGrid, TheFilesOwn) {
  Ramp().expect_on_grid(thousandths(), {6, 10, 9}, {1, 1, 1});
}

TEST(CaseGrid, OfASpacing) {
  CaseDecodeOptions options = thousandths();
  options.spacing = {2, 2, 2};
  Ramp().expect_on_grid(options, {12, 5, 9}, {0.5, 2, 1});
  // 10 / 1.3 = 7.7 and 9 / 0.65 = 13.8; what is within 1 % stays.
  options.spacing = {4.03, 1.3, 1.3};
  Ramp().expect_on_grid(options, {6, 8, 14}, {1, 1.3, 0.65});
}

TEST(CaseGrid, OfASize) {
  CaseDecodeOptions options = thousandths();
  options.size = {9, 8, 9};
  Ramp().expect_on_grid(options, {9, 8, 9}, {6.0 / 9, 1.25, 1});
}

TEST(CaseGrid, OneVoxelIsLeftOfAnAxisAtLeast) {
  CaseDecodeOptions options = thousandths();
  options.spacing = {4, 1, 500};
  const Ramp ramp;
  const augment::CaseVoxels voxels = decode_case(ramp.as_case(), options);
  EXPECT_THAT(voxels.image.sizes(), ElementsAre(1, 6, 10, 1));
  EXPECT_EQ(voxels.spacing[2], 500);
}

TEST(CaseGrid, TooManyVoxelsAreRefusedBeforeTheyAreMade) {
  CaseDecodeOptions options = thousandths();
  const Ramp ramp;
  const auto refused = ::testing::ThrowsMessage<DataError>(
      AllOf(HasSubstr("ramp.nii.gz: 6x10x9 voxels of 4x1x2 mm"),
            HasSubstr("2^29"), HasSubstr("data.spacing")));
  for (const double fine : {1e-3, 1e-300}) {
    options.spacing = {fine, fine, 2};
    EXPECT_THAT([&] { decode_case(ramp.as_case(), options); }, refused);
  }
  options.spacing.reset();
  options.size = {65536, 65536, 65536};
  EXPECT_THAT([&] { read_case_reference(ramp.as_case(), options); }, refused);
}

/// A case of a constant image with these files of labels, voxels of 1 mm.
class LabeledFiles {
 public:
  explicit LabeledFiles(const std::vector<torch::Tensor>& maps) {
    write("image", torch::zeros(maps[0].sizes()));
    case_.images = {file("image")};
    for (const torch::Tensor& map : maps) {
      const std::string name = "map" + std::to_string(case_.masks.size());
      write(name, map);
      case_.masks.push_back(file(name));
    }
  }
  /// With steps that floats hold exactly: ties are told from near ties.
  torch::Tensor decoded(augment::TargetKind target,
                        augment::LabelInterpolation labels) const {
    CaseDecodeOptions options;
    options.target = target;
    options.classes = target == augment::TargetKind::kLabelMap
                          ? 4
                          : static_cast<int64_t>(case_.masks.size());
    options.spacing = kStep;
    options.labels = labels;
    return decode_case(case_, options).map;
  }

  static constexpr Position kStep{0.5, 2, 1.25};

 private:
  std::string file(const std::string& name) const {
    return folder_.file(name + ".nii.gz");
  }
  void write(const std::string& name, const torch::Tensor& voxels) const {
    io::write_volume(file(name), {voxels, {1, 1, 1}});
  }

  TemporaryDirectory folder_;
  augment::Case case_;
};

TEST(CaseGrid, LabelsOfTheNearestVoxel) {
  const torch::Tensor map = random_labels({4, 9, 10}, 4, 1);
  const torch::Tensor found = LabeledFiles({map}).decoded(
      augment::TargetKind::kLabelMap, augment::LabelInterpolation::kNearest);
  ASSERT_THAT(found.sizes(), ElementsAre(8, 5, 8));
  for_each_voxel(found.sizes(), [&](const Extents& i) {
    const Position place = place_of(i, LabeledFiles::kStep);
    Extents nearest;
    for (int axis = 0; axis < 3; ++axis) {
      nearest[axis] = std::clamp<int64_t>(
          static_cast<int64_t>(std::floor(place[axis] + 0.5)), 0,
          map.size(axis) - 1);
    }
    EXPECT_EQ(item(found, i), item(map, nearest));
  });
}

TEST(CaseGrid, LabelsByTheLargestShare) {
  const torch::Tensor map = random_labels({4, 9, 10}, 4, 2);
  const torch::Tensor found = LabeledFiles({map}).decoded(
      augment::TargetKind::kLabelMap, augment::LabelInterpolation::kLinear);
  for_each_voxel(found.sizes(), [&](const Extents& i) {
    const Position place = place_of(i, LabeledFiles::kStep);
    int64_t best = 0;
    double most = -1;
    for (int64_t k = 0; k < 4; ++k) {
      const double share = interpolated(map == k, place);
      if (share > most) best = k, most = share;
    }
    EXPECT_EQ(item(found, i), best);
  });
}

TEST(CaseGrid, StructuresFromAHalfOn) {
  std::vector<torch::Tensor> maps;
  for (uint64_t k = 0; k < 3; ++k) {
    maps.push_back(random_labels({4, 9, 10}, 2, 3 + k));
  }
  const LabeledFiles files(maps);
  const auto linear = files.decoded(augment::TargetKind::kStructures,
                                    augment::LabelInterpolation::kLinear);
  const auto nearest = files.decoded(augment::TargetKind::kStructures,
                                     augment::LabelInterpolation::kNearest);
  for_each_voxel(linear.sizes(), [&](const Extents& i) {
    const Position place = place_of(i, LabeledFiles::kStep);
    int64_t bits = 0;
    for (int64_t k = 0; k < 3; ++k) {
      if (interpolated(maps[k], place) >= 0.5) bits |= 1 << k;
    }
    EXPECT_EQ(item(linear, i), bits);
  });
  const auto alone = LabeledFiles({maps[2]}).decoded(
      augment::TargetKind::kLabelMap, augment::LabelInterpolation::kNearest);
  EXPECT_TRUE(nearest.bitwise_and(4).equal(4 * alone));
}

/// The share of pixel j of n in pixel i of an axis reduced to m.
double area_share(int64_t i, int64_t j, int64_t n, int64_t m) {
  const double step = static_cast<double>(n) / static_cast<double>(m);
  const double begin =
      std::max(static_cast<double>(i) * step, static_cast<double>(j));
  const double end =
      std::min(static_cast<double>(i + 1) * step, static_cast<double>(j + 1));
  return std::max(0.0, end - begin) / step;
}

torch::Tensor reduced(const torch::Tensor& image, int64_t axis, int64_t to) {
  const int64_t n = image.size(axis);
  auto weights = torch::empty({to, n}, torch::kDouble);
  for (int64_t i = 0; i < to; ++i) {
    for (int64_t j = 0; j < n; ++j) weights[i][j] = area_share(i, j, n, to);
  }
  return axis == 0 ? weights.matmul(image)
                   : image.matmul(weights.transpose(0, 1));
}

TEST(CaseGrid, ImagesThatShrinkAreAveraged) {
  const TemporaryDirectory folder;
  const torch::Tensor pixels = random_labels({1, 12, 20}, 256, 9)[0];
  io::write_png(folder.file("a.png"), pixels.to(torch::kUInt8));
  const torch::Tensor exact = pixels.to(torch::kDouble) / 255;
  CaseDecodeOptions options;
  options.rank = 2;
  options.target = augment::TargetKind::kClass;
  options.normalization.rule = NormalizationRule::kUnit;
  const auto expect = [&](const std::vector<int64_t>& size,
                          const torch::Tensor& wanted) {
    options.size = size;
    const augment::Case from{"a", {folder.file("a.png")}, {}, {0}, ""};
    const augment::CaseVoxels voxels = decode_case(from, options);
    ASSERT_THAT(voxels.image.sizes(), ElementsAre(1, 1, size[0], size[1]));
    EXPECT_LE(
        (units_of(voxels.image[0][0]) - wanted).abs().max().item<double>(),
        kHalfStep + 1e-6);
    const auto scale = read_case_reference(from, options).scale;
    EXPECT_THAT(scale, ElementsAre(1, static_cast<double>(size[0]) / 12,
                                   static_cast<double>(size[1]) / 20));
  };
  expect({12, 20}, exact);
  expect({4, 10}, reduced(reduced(exact, 0, 4), 1, 10));
  expect({5, 7}, reduced(reduced(exact, 0, 5), 1, 7));
  expect({12, 8}, reduced(exact, 1, 8));
  // Averaged along one axis, interpolated along the other.
  const torch::Tensor flat = reduced(exact, 1, 5).unsqueeze(0);
  auto wanted = torch::empty({24, 5}, torch::kDouble);
  for_each_voxel({1, 24, 5}, [&](const Extents& i) {
    wanted[i[1]][i[2]] =
        interpolated(flat, {0, (static_cast<double>(i[1]) + 0.5) / 2 - 0.5,
                            static_cast<double>(i[2])});
  });
  expect({24, 5}, wanted);
}

}  // namespace
}  // namespace unimiss::data
