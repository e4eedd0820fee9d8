#include "unimiss/data/labeled_dataset.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Voxels that tell where they are: 100 z + 10 y + x - 500 steps in the first
/// channel, the negative in the second.
augment::CaseVoxels placed_voxels(const std::array<int64_t, 3>& size) {
  auto axis = [&](int64_t i, int64_t unit, const std::vector<int64_t>& shape) {
    return unit * torch::arange(size[i]).view(shape);
  };
  const torch::Tensor place =
      (axis(0, 100, {-1, 1, 1}) + axis(1, 10, {-1, 1}) + axis(2, 1, {-1}) - 500)
          .to(torch::kInt16);
  augment::CaseVoxels voxels;
  voxels.image = torch::stack({place, -place});
  voxels.spacing = {2, 1, 1};
  return voxels;
}

/// Patches as they lie in the case.
PatchSampling plain(augment::TargetKind target,
                    const std::array<int64_t, 3>& size) {
  PatchSampling sampling;
  sampling.target = target;
  sampling.classes = 3;
  sampling.size = size;
  sampling.rank = size[0] == 1 ? 2 : 3;
  sampling.spatial.rotation_probability = 0;
  sampling.spatial.scale_probability = 0;
  sampling.spatial.mirror.clear();
  sampling.intensity.order.clear();
  return sampling;
}

LabeledDataset dataset_of(const augment::CaseVoxels& voxels,
                          const PatchSampling& sampling,
                          std::vector<int64_t> labels = {}) {
  return {{{"case", {"case.nii.gz"}, {}, std::move(labels), ""}},
          [voxels](int64_t) { return voxels; },
          sampling};
}

augment::Sample draw(const LabeledDataset& dataset, uint64_t key) {
  Random random({7, key});
  return dataset.sample(0, random);
}

/// The first voxel of a plain patch of placed_voxels(), from its intensity.
std::array<int64_t, 3> corner_of(const torch::Tensor& patch) {
  const auto place = static_cast<int64_t>(std::lround(
      patch.flatten()[0].item<double>() * augment::kIntensitySteps + 500));
  return {place / 100, place / 10 % 10, place % 10};
}

torch::Tensor crop(const torch::Tensor& voxels,
                   const std::array<int64_t, 3>& corner,
                   const std::array<int64_t, 3>& size) {
  torch::Tensor part = voxels;
  for (int axis = 0; axis < 3; ++axis) {
    part = part.narrow(voxels.dim() - 3 + axis, corner[axis], size[axis]);
  }
  return part;
}

TEST(LabeledDataset, PaddingIsTheLowestOfEachChannel) {
  EXPECT_THAT(padding_of(placed_voxels({6, 8, 9})),
              ElementsAre(-500 / 2048.0f, (500 - 500 - 70 - 8) / 2048.0f));
}

TEST(LabeledDataset, PatchesAreCopiesOfTheirPlace) {
  augment::CaseVoxels voxels = placed_voxels({6, 8, 9});
  voxels.map = voxels.image[0].remainder(3).abs();
  const std::array<int64_t, 3> size{3, 5, 4};
  const auto dataset =
      dataset_of(voxels, plain(augment::TargetKind::kLabelMap, size));
  EXPECT_EQ(dataset.size(), 1);
  EXPECT_EQ(dataset.source(0), "case.nii.gz");
  for (uint64_t key = 0; key < 20; ++key) {
    const augment::Sample sample = draw(dataset, key);
    ASSERT_THAT(sample.images[0].sizes(), ElementsAre(2, 3, 5, 4));
    ASSERT_EQ(sample.target.scalar_type(), torch::kInt16);
    const auto corner = corner_of(sample.images[0]);
    EXPECT_TRUE((sample.images[0] * augment::kIntensitySteps)
                    .equal(crop(voxels.image, corner, size).to(torch::kFloat)));
    EXPECT_TRUE(sample.target.equal(crop(voxels.map, corner, size)));
  }
}

/// Pearson's statistic of counts that should all be the same.
double chi_squared(const std::map<std::array<int64_t, 3>, int64_t>& counts,
                   double expected, int64_t cells) {
  double sum =
      static_cast<double>(cells - static_cast<int64_t>(counts.size())) *
      expected;
  for (const auto& [place, count] : counts) {
    const double off = static_cast<double>(count) - expected;
    sum += off * off / expected;
  }
  return sum;
}

TEST(LabeledDataset, WithoutForegroundPlacesAreUniform) {
  augment::CaseVoxels voxels = placed_voxels({5, 6, 7});
  voxels.map = torch::zeros({5, 6, 7}, torch::kInt16);
  voxels.map[0][0][0] = 1;  // of no account
  const auto dataset =
      dataset_of(voxels, plain(augment::TargetKind::kLabelMap, {4, 4, 4}));
  std::map<std::array<int64_t, 3>, int64_t> corners;
  constexpr int64_t kDraws = 2400, kPlaces = 24;  // 2 x 3 x 4
  for (int64_t key = 0; key < kDraws; ++key) {
    ++corners[corner_of(draw(dataset, key).images[0])];
  }
  EXPECT_EQ(corners.size(), kPlaces);
  // 23 degrees of freedom: 49.7 is exceeded once in a thousand.
  EXPECT_LT(chi_squared(corners, double{kDraws} / kPlaces, kPlaces), 49.7);
}

TEST(LabeledDataset, ForegroundIsInEachPatchEachClassAsOften) {
  augment::CaseVoxels voxels = placed_voxels({6, 8, 9});
  voxels.map = torch::zeros({6, 8, 9}, torch::kInt16);
  voxels.map.slice(0, 3) = 2;  // half of the case
  voxels.map[0][0][8] = 1;     // a single voxel
  PatchSampling sampling = plain(augment::TargetKind::kLabelMap, {1, 3, 3});
  sampling.rank = 3;
  sampling.foreground = 1;
  const auto dataset = dataset_of(voxels, sampling);
  int64_t of_one = 0;
  constexpr int64_t kDraws = 600;
  for (int64_t key = 0; key < kDraws; ++key) {
    const torch::Tensor map = draw(dataset, key).target;
    ASSERT_GT(map.max().item<int>(), 0);
    of_one += map.eq(1).any().item<bool>() ? 1 : 0;
  }
  // Four standard deviations of a fair coin.
  EXPECT_NEAR(static_cast<double>(of_one), 0.5 * kDraws, 49);
}

TEST(LabeledDataset, AShareOfThePatchesIsForced) {
  augment::CaseVoxels voxels = placed_voxels({1, 9, 9});
  voxels.map = torch::zeros({1, 9, 9}, torch::kInt16);
  voxels.map[0][4][4] = 1;
  PatchSampling sampling = plain(augment::TargetKind::kLabelMap, {1, 3, 3});
  sampling.foreground = 0.25;
  const auto dataset = dataset_of(voxels, sampling);
  int64_t centerd = 0;
  constexpr int64_t kDraws = 1000;
  for (int64_t key = 0; key < kDraws; ++key) {
    centerd += draw(dataset, key).target[1][1].item<int>();
  }
  // Others are centred there by chance, one in 49.
  const double share = 0.25 + 0.75 / 49;
  EXPECT_NEAR(static_cast<double>(centerd), kDraws * share,
              4 * std::sqrt(kDraws * share * (1 - share)));
}

TEST(LabeledDataset, ForegroundOfStructuresIsEachBit) {
  augment::CaseVoxels voxels = placed_voxels({1, 9, 9});
  voxels.map = torch::zeros({1, 9, 9}, torch::kInt16);
  voxels.map[0][1][1] = 0b101, voxels.map[0][7][7] = 0b100;
  PatchSampling sampling = plain(augment::TargetKind::kStructures, {1, 3, 3});
  sampling.foreground = 1;
  const auto dataset = dataset_of(voxels, sampling);
  int64_t first = 0;
  for (uint64_t key = 0; key < 400; ++key) {
    const int bits = draw(dataset, key).target[1][1].item<int>();
    ASSERT_THAT(bits, ::testing::AnyOf(0b101, 0b100));
    first += bits == 0b101 ? 1 : 0;
  }
  // Always for the first structure, in half of the cases for the third.
  EXPECT_NEAR(static_cast<double>(first), 300,
              4 * std::sqrt(400 * 0.75 * 0.25));
}

TEST(LabeledDataset, OfManyPlacesAFairChoiceIsKept) {
  // More than are kept: what is kept comes from all of the case.
  augment::CaseVoxels voxels;
  voxels.map = torch::zeros({1, 60, 60}, torch::kInt16);
  voxels.map.slice(1, 10, 50) = 1;  // 2400 places
  PatchSampling sampling = plain(augment::TargetKind::kLabelMap, {1, 1, 1});
  sampling.foreground = 1;
  voxels.image = torch::arange(3600).view({1, 1, 60, 60}).to(torch::kInt16);
  const LabeledDataset told = dataset_of(voxels, sampling);
  std::map<int64_t, int64_t> blocks;
  for (uint64_t key = 0; key < 2000; ++key) {
    const augment::Sample sample = draw(told, key);
    ASSERT_EQ(sample.target.item<int>(), 1);
    const double place =
        sample.images[0].item<double>() * augment::kIntensitySteps;
    ++blocks[static_cast<int64_t>(place) / 60 / 10];
  }
  ASSERT_THAT(blocks, ::testing::SizeIs(4));
  for (const auto& [block, count] : blocks) EXPECT_NEAR(count, 500, 120);
}

TEST(LabeledDataset, CasesWithoutForegroundArePatchedAnywhere) {
  augment::CaseVoxels voxels = placed_voxels({1, 6, 6});
  voxels.map = torch::zeros({1, 6, 6}, torch::kInt16);
  PatchSampling sampling = plain(augment::TargetKind::kLabelMap, {1, 2, 2});
  sampling.foreground = 1;
  const auto dataset = dataset_of(voxels, sampling);
  std::set<std::array<int64_t, 3>> corners;
  for (uint64_t key = 0; key < 300; ++key) {
    const augment::Sample sample = draw(dataset, key);
    EXPECT_EQ(sample.target.max().item<int>(), 0);
    corners.insert(corner_of(sample.images[0]));
  }
  EXPECT_EQ(corners.size(), 25u);
}

TEST(LabeledDataset, SmallCasesLieInTheMiddleOfTheirPadding) {
  augment::CaseVoxels voxels = placed_voxels({2, 8, 3});
  voxels.map = torch::ones({2, 8, 3}, torch::kInt16);
  PatchSampling sampling = plain(augment::TargetKind::kLabelMap, {5, 8, 4});
  for (const double foreground : {0.0, 1.0}) {
    sampling.foreground = foreground;
    const augment::Sample sample = draw(dataset_of(voxels, sampling), 0);
    auto image = torch::empty({2, 5, 8, 4});
    const std::vector<float> padding = padding_of(voxels);
    image[0] = padding[0], image[1] = padding[1];
    auto map = torch::zeros({5, 8, 4}, torch::kInt16);
    const auto inside = [](const torch::Tensor& patch) {
      return crop(patch, {1, 0, 0}, {2, 8, 3});
    };
    inside(image).copy_(voxels.image.to(torch::kFloat) /
                        augment::kIntensitySteps);
    inside(map).fill_(1);
    EXPECT_TRUE(sample.images[0].equal(image));
    EXPECT_TRUE(sample.target.equal(map));
  }
}

TEST(LabeledDataset, ImagesAndTheirTargets) {
  augment::CaseVoxels voxels = placed_voxels({1, 8, 9});
  for (const auto target :
       {augment::TargetKind::kLabelMap, augment::TargetKind::kStructures}) {
    augment::CaseVoxels with_map = voxels;
    with_map.map = 5 + torch::zeros({1, 8, 9}, torch::kInt16);
    const augment::Sample sample =
        draw(dataset_of(with_map, plain(target, {1, 4, 6})), 1);
    EXPECT_THAT(sample.images[0].sizes(), ElementsAre(2, 4, 6));
    EXPECT_EQ(sample.images[0].scalar_type(), torch::kFloat);
    EXPECT_TRUE(sample.target.equal(5 + torch::zeros({4, 6}, torch::kInt16)));
  }
  const auto label = [&](augment::TargetKind target,
                         std::vector<int64_t> labels) {
    const auto dataset =
        dataset_of(voxels, plain(target, {1, 4, 6}), std::move(labels));
    return draw(dataset, 1).target;
  };
  EXPECT_TRUE(label(augment::TargetKind::kClass, {2})
                  .equal(at::scalar_tensor(2, torch::kInt64)));
  EXPECT_TRUE(label(augment::TargetKind::kClasses, {0, 2})
                  .equal(at::tensor({1.0f, 0.0f, 1.0f})));
  EXPECT_TRUE(
      label(augment::TargetKind::kClasses, {}).equal(torch::zeros({3})));
  EXPECT_THROW(label(augment::TargetKind::kClasses, {3}), c10::Error);
}

/// Everything that is random.
PatchSampling augmented() {
  PatchSampling sampling;
  sampling.classes = 3;
  sampling.size = {4, 6, 5};
  sampling.foreground = 0.5;
  sampling.labels = augment::LabelInterpolation::kLinear;
  sampling.spatial.rotation_probability = 0.7;
  sampling.spatial.elastic_probability = 0.5;
  sampling.intensity.noise_probability = 0.5;
  return sampling;
}

augment::CaseVoxels labeled_voxels() {
  augment::CaseVoxels voxels = placed_voxels({7, 9, 8});
  voxels.map = torch::zeros({7, 9, 8}, torch::kInt16);
  voxels.map.slice(1, 2, 5) = 1;
  voxels.map[6] = 2;
  return voxels;
}

TEST(LabeledDataset, SamplesAreAFunctionOfTheirKey) {
  const auto one = dataset_of(labeled_voxels(), augmented());
  const auto other = dataset_of(labeled_voxels(), augmented());
  int64_t same = 0;
  for (uint64_t key = 0; key < 10; ++key) {
    const augment::Sample sample = draw(one, key);
    draw(other, 99 - key);  // what else was drawn is of no account
    const augment::Sample again = draw(other, key);
    EXPECT_TRUE(again.images[0].equal(sample.images[0]));
    EXPECT_TRUE(again.target.equal(sample.target));
    same += draw(one, key + 10).images[0].equal(sample.images[0]) ? 1 : 0;
  }
  EXPECT_EQ(same, 0);
}

TEST(LabeledDataset, ThreadsFindTheSame) {
  constexpr int64_t kCases = 4, kThreads = 4;
  const std::vector<augment::Case> cases(kCases,
                                         {"case", {"case.nii.gz"}, {}, {}, ""});
  const augment::CaseVoxels voxels = labeled_voxels();
  const auto make = [&] {
    return std::make_unique<LabeledDataset>(
        cases, [&](int64_t) -> augment::CaseVoxels { return {voxels}; },
        augmented());
  };
  const auto sample = [](const LabeledDataset& dataset, int64_t index) {
    Random random({3, static_cast<uint64_t>(index)});
    return dataset.sample(index, random);
  };
  std::vector<augment::Sample> wanted;
  const auto alone = make();
  for (int64_t i = 0; i < kCases; ++i) wanted.push_back(sample(*alone, i));
  // A new data set each time, so that all threads meet at what it learns once.
  for (int round = 0; round < 20; ++round) {
    const auto shared = make();
    std::array<std::vector<augment::Sample>, kThreads> found;
    {
      std::vector<std::jthread> threads;
      threads.reserve(kThreads);
      for (auto& views : found) {
        threads.emplace_back([&] {
          for (int64_t i = 0; i < kCases; ++i) {
            views.push_back(sample(*shared, i));
          }
        });
      }
    }
    for (const auto& views : found) {
      ASSERT_EQ(views.size(), wanted.size());
      for (size_t i = 0; i < views.size(); ++i) {
        EXPECT_TRUE(views[i].images[0].equal(wanted[i].images[0]));
        EXPECT_TRUE(views[i].target.equal(wanted[i].target));
      }
    }
  }
}

TEST(LabeledDataset, ForegroundStaysInAugmentedPatches) {
  augment::CaseVoxels voxels = placed_voxels({9, 9, 9});
  voxels.map = torch::zeros({9, 9, 9}, torch::kInt16);
  crop(voxels.map, {3, 3, 3}, {3, 3, 3}).fill_(1);
  PatchSampling sampling = augmented();
  sampling.size = {5, 5, 5};
  sampling.foreground = 1;
  // Turned and scaled about its centre a patch keeps it; deformed it need not.
  sampling.spatial.elastic_probability = 0;
  const auto dataset = dataset_of(voxels, sampling);
  for (uint64_t key = 0; key < 100; ++key) {
    EXPECT_EQ(draw(dataset, key).target.max().item<int>(), 1);
  }
}

TEST(LabeledDataset, FailuresNameStageAndFile) {
  const LabeledDataset dataset(
      {{"case", {"case.nii.gz"}, {}, {0}, ""}},
      [](int64_t) -> augment::CaseVoxels {
        throw DataError("map.nii.gz", "is damaged");
      },
      plain(augment::TargetKind::kClass, {1, 2, 2}));
  EXPECT_THAT([&] { draw(dataset, 0); },
              ::testing::ThrowsMessage<DataError>(
                  AllOf(HasSubstr("decoding: case.nii.gz"),
                        HasSubstr("map.nii.gz: is damaged"))));
}

TEST(LabeledDataset, MisuseIsABug) {
  const augment::CaseVoxels voxels = placed_voxels({1, 4, 4});
  Random random({1});
  const auto dataset =
      dataset_of(voxels, plain(augment::TargetKind::kClass, {1, 2, 2}), {0});
  EXPECT_THROW(dataset.sample(1, random), c10::Error);
  EXPECT_THROW(dataset.sample(-1, random), c10::Error);
  const auto unlabeled =
      dataset_of(voxels, plain(augment::TargetKind::kLabelMap, {1, 2, 2}));
  EXPECT_THROW(unlabeled.sample(0, random), c10::Error);
  PatchSampling deep = plain(augment::TargetKind::kClass, {2, 2, 2});
  deep.rank = 2;
  EXPECT_THROW(dataset_of(voxels, deep), c10::Error);
  deep.rank = 3, deep.size = {2, 0, 2};
  EXPECT_THROW(dataset_of(voxels, deep), c10::Error);
}

}  // namespace
}  // namespace unimiss::data
