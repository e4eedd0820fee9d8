#include "unimiss/eval/segmentation_metrics.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <limits>

#include "eval/expect_error.h"
#include "unimiss/core/error.h"
#include "unimiss/eval/optional_mean.h"

namespace unimiss::eval {
namespace {

torch::Tensor map_of(const std::vector<int64_t>& values) {
  return at::tensor(values).to(torch::kShort);
}

OverlapCounts overlap_of(const torch::Tensor& p, const torch::Tensor& r) {
  const auto count = [](const torch::Tensor& where) {
    return where.sum().item<int64_t>();
  };
  return {count(p & r), count(p & ~r), count(~p & r), count(~p & ~r)};
}

TEST(SegmentationMetrics, CountsEachClass) {
  at::manual_seed(1);
  const torch::Tensor prediction = at::randint(5, {6, 7, 8}, torch::kShort);
  const torch::Tensor reference = at::randint(4, {8, 7, 6}, torch::kShort)
                                      .transpose(0, 2);  // not contiguous
  const auto counts = class_overlap(prediction, reference, 6);
  ASSERT_EQ(counts.size(), 5U);
  for (size_t i = 0; i < counts.size(); ++i) {
    const auto label = static_cast<int64_t>(i) + 1;
    EXPECT_EQ(counts[i], overlap_of(prediction == label, reference == label));
    EXPECT_EQ(counts[i].n_pred(), (prediction == label).sum().item<int64_t>());
    EXPECT_EQ(counts[i].n_ref(), (reference == label).sum().item<int64_t>());
  }
}

TEST(SegmentationMetrics, CountsEachStructure) {
  at::manual_seed(2);
  const torch::Tensor prediction = at::randint(1 << 15, {9, 11}, torch::kShort);
  const torch::Tensor reference = at::randint(1 << 15, {9, 11}, torch::kShort);
  const auto counts = structure_overlap(prediction, reference, 15);
  ASSERT_EQ(counts.size(), 15U);
  for (size_t k = 0; k < counts.size(); ++k) {
    const auto bit = int64_t{1} << k;
    EXPECT_EQ(counts[k], overlap_of(prediction.bitwise_and(bit) != 0,
                                    reference.bitwise_and(bit) != 0));
  }
}

TEST(SegmentationMetrics, DiceAndIouAreSharesOfTheOverlap) {
  const OverlapCounts counts{3, 1, 2, 10};
  EXPECT_DOUBLE_EQ(dice(counts).value(), 6.0 / 9);
  EXPECT_DOUBLE_EQ(iou(counts).value(), 3.0 / 6);
  EXPECT_DOUBLE_EQ(dice({5, 0, 0, 1}).value(), 1);
  EXPECT_DOUBLE_EQ(iou({5, 0, 0, 1}).value(), 1);
}

TEST(SegmentationMetrics, AClassThatIsNowhereHasNoScore) {
  const auto counts =
      class_overlap(map_of({0, 2, 0, 0}), map_of({0, 0, 3, 0}), 4);
  EXPECT_FALSE(dice(counts[0]));
  EXPECT_FALSE(iou(counts[0]));
  for (const size_t one_sided : {1, 2}) {
    EXPECT_EQ(dice(counts[one_sided]), 0);
    EXPECT_EQ(iou(counts[one_sided]), 0);
  }
  const auto none = map_of({});
  for (const auto& c : class_overlap(none, none, 3)) EXPECT_FALSE(dice(c));
  EXPECT_TRUE(class_overlap(map_of({0}), map_of({0}), 1).empty());
}

TEST(SegmentationMetrics, VolumesAreInCubicMillimetres) {
  const ClassVolumes volumes = class_volumes({3, 1, 5, 10}, {2, 0.5, 3});
  EXPECT_DOUBLE_EQ(volumes.prediction, 12);
  EXPECT_DOUBLE_EQ(volumes.reference, 24);
  EXPECT_DOUBLE_EQ(volumes.difference(), -12);
  EXPECT_DOUBLE_EQ(volumes.relative_difference().value(), -0.5);
  EXPECT_DOUBLE_EQ(class_volumes({4, 0, 0, 1}, {0.5, 3}).prediction, 6);

  const ClassVolumes missed = class_volumes({0, 0, 2, 0}, {1, 1, 1});
  EXPECT_EQ(missed.relative_difference(), -1);
  const ClassVolumes invented = class_volumes({0, 2, 0, 0}, {1, 1, 1});
  EXPECT_EQ(invented.relative_difference(),
            std::numeric_limits<double>::infinity());
  const ClassVolumes none = class_volumes({0, 0, 0, 9}, {1, 1, 1});
  EXPECT_EQ(none.difference(), 0);
  EXPECT_FALSE(none.relative_difference());
  EXPECT_THROW(class_volumes({}, {1}), c10::Error);
  EXPECT_THROW(class_volumes({}, {1, 1, -1}), c10::Error);
}

TEST(SegmentationMetrics, TheMeanLeavesOutWhatIsEmpty) {
  EXPECT_EQ(optional_mean({0.5, std::nullopt, 1.0, 0.0}), 0.5);
  EXPECT_FALSE(optional_mean({}));
  EXPECT_FALSE(optional_mean({std::nullopt, std::nullopt}));
}

TEST(SegmentationMetrics, RefusesMapsThatDoNotFit) {
  const torch::Tensor map = at::zeros({2, 3}, torch::kShort);
  const torch::Tensor turned = at::zeros({3, 2}, torch::kShort);
  expect_error<DataError>(
      [&] { class_overlap(map, turned, 2); },
      "reference: is of size [3, 2], the prediction of size "
      "[2, 3]");
  expect_error<DataError>([&] { structure_overlap(map, turned, 2); },
                          "is of size [3, 2]");
  expect_error<DataError>([&] { class_overlap(map, map + 4, 4); },
                          "reference: has the value 4 (classes are 0 to 3)");
  expect_error<DataError>([&] { class_overlap(map - 1, map, 4); },
                          "prediction: has the value -1");
  expect_error<DataError>(
      [&] { structure_overlap(map + 4, map, 2); },
      "prediction: has the value 4 (sets of structures are 0 to "
      "3)");
  expect_error<DataError>([&] { structure_overlap(map, map - 1, 15); },
                          "reference: has the value -1");
  EXPECT_THROW(class_overlap(map.to(torch::kLong), map, 2), c10::Error);
  EXPECT_THROW(structure_overlap(map, map, 16), c10::Error);
}

}  // namespace
}  // namespace unimiss::eval
