#include "unimiss/task/task_spec.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/error_text.h"
#include "testing/toy_task.h"
#include "unimiss/core/error.h"

namespace unimiss::task {
namespace {

using augment::TargetKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using unimiss::testing::toy_spec;

TEST(TaskSpec, TellsRankAndPatchFromTheBackbone) {
  TaskSpec spec;
  spec.model.volume_size = {16, 96, 128};
  EXPECT_EQ(spec.rank(), 3);
  EXPECT_THAT(spec.patch(), ElementsAre(16, 96, 128));
  spec.model.dimensions = model::Dimensions::k2d;
  spec.model.image_size = 224;
  EXPECT_EQ(spec.rank(), 2);
  EXPECT_THAT(spec.patch(), ElementsAre(1, 224, 224));
}

TEST(TaskSpec, CasesAreReadAsItSays) {
  TaskSpec spec = toy_spec(TargetKind::kLabelMap);
  spec.label_values = {0, 5, 9};
  spec.cases.modalities = 2;
  spec.cases.size = {96, 72};
  spec.cases.spacing = {{1, 2, 3}};
  spec.cases.normalization.rule = data::NormalizationRule::kUnit;
  spec.cases.label_interpolation = augment::LabelInterpolation::kLinear;
  spec.model.image_channels = 6;
  data::CaseDecodeOptions expected;
  expected.rank = 2;
  expected.channels = 6;
  expected.modalities = 2;
  expected.target = TargetKind::kLabelMap;
  expected.classes = 3;
  expected.label_values = {0, 5, 9};
  expected.normalization.rule = data::NormalizationRule::kUnit;
  expected.spacing = {{1, 2, 3}};
  expected.size = {96, 72};
  expected.labels = augment::LabelInterpolation::kLinear;
  EXPECT_EQ(spec.decode_options(), expected);
  spec.model.dimensions = model::Dimensions::k3d;
  EXPECT_EQ(spec.decode_options().channels, 1);
}

TEST(TaskSpec, ForegroundIsAllButTheBackgroundOfALabelMap) {
  const torch::Tensor map = at::tensor({0, 1, 2, 3}).to(torch::kShort);
  const auto label_map = toy_spec(TargetKind::kLabelMap);
  EXPECT_THAT(label_map.foreground(), ElementsAre("left", "right"));
  auto masks = label_map.foreground_masks(map);
  ASSERT_EQ(masks.size(), 2u);
  EXPECT_TRUE(masks[0].equal(at::tensor({0, 1, 0, 0}).to(torch::kBool)));
  EXPECT_TRUE(masks[1].equal(at::tensor({0, 0, 1, 0}).to(torch::kBool)));

  const auto structures = toy_spec(TargetKind::kStructures);
  EXPECT_THAT(structures.foreground(),
              ElementsAre("background", "left", "right"));
  masks = structures.foreground_masks(map);
  ASSERT_EQ(masks.size(), 3u);
  EXPECT_TRUE(masks[0].equal(at::tensor({0, 1, 0, 1}).to(torch::kBool)));
  EXPECT_TRUE(masks[1].equal(at::tensor({0, 0, 1, 1}).to(torch::kBool)));
  EXPECT_FALSE(masks[2].any().item<bool>());

  EXPECT_THAT(toy_spec(TargetKind::kClass).foreground(), IsEmpty());
  EXPECT_THAT(toy_spec(TargetKind::kClass).foreground_masks(map), IsEmpty());
}

std::string problem_of(const TaskOptions& options) {
  return unimiss::testing::error_text<ConfigError>([&] { validate(options); });
}

TEST(TaskSpec, WhatCannotBeToldIsRefused) {
  EXPECT_EQ(problem_of({TargetKind::kLabelMap, {"none", "a"}, {0, 255}}),
            "no error");
  EXPECT_EQ(problem_of({TargetKind::kStructures, {"a"}, {}}), "no error");
  EXPECT_EQ(problem_of({TargetKind::kClasses, {"a"}, {}}), "no error");
  EXPECT_THAT(problem_of({TargetKind::kLabelMap, {"a"}, {}}),
              HasSubstr("task.classes: holds a single name"));
  EXPECT_THAT(problem_of({TargetKind::kClass, {"a", "b"}, {0, 1}}),
              HasSubstr("task.label_values: are of a label_map"));
  EXPECT_THAT(problem_of({TargetKind::kLabelMap, {"a", "b"}, {0, 1, 2}}),
              HasSubstr("has 3 for 2"));
  EXPECT_THAT(problem_of({TargetKind::kClass, {"a", ""}, {}}),
              HasSubstr("task.classes[1]: is empty text"));
  EXPECT_THAT(problem_of({TargetKind::kClass, {"a", "a"}, {}}),
              HasSubstr("task.classes"));
}

TEST(TaskSpec, CasesAreOfAtLeastOneFile) {
  CaseOptions cases;
  cases.modalities = 0;
  cases.spacing = {{1, 0, 1}};
  EXPECT_THAT(
      unimiss::testing::error_text<ConfigError>([&] { validate(cases); }),
      HasSubstr("data.modalities"));
}

}  // namespace
}  // namespace unimiss::task
