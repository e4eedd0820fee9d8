#include "predict/case_picture.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/toy_task.h"

namespace unimiss::predict {
namespace {

const auto kLabelMap = augment::TargetKind::kLabelMap;

TEST(CasePicture, HasAColumnForTheReference) {
  const task::TaskSpec spec = testing::toy_spec(kLabelMap);
  testing::ToyCase one;
  const torch::Tensor image = at::rand({1, 1, 64, 64});
  const torch::Tensor map = at::randint(3, {1, 64, 64}, torch::kShort);
  const torch::Tensor without = case_picture("a", image, one.own, map, spec);
  EXPECT_EQ(without.scalar_type(), torch::kByte);
  EXPECT_EQ(without.size(0), 3);
  one.own.map = at::zeros({1, 64, 64}, torch::kShort);
  const torch::Tensor with = case_picture("a", image, one.own, map, spec);
  EXPECT_GT(with.size(2), without.size(2));
}

TEST(CasePicture, OfAVolumeShowsThreeLabeledSlices) {
  task::TaskSpec spec = testing::toy_spec(kLabelMap);
  spec.model.dimensions = model::Dimensions::k3d;
  data::CaseReference own;
  own.grid.voxels = at::zeros({20, 32, 32});
  torch::Tensor map = at::zeros({20, 32, 32}, torch::kShort);
  const torch::Tensor image = at::rand({1, 20, 32, 32});
  map[7].slice(0, 4, 9).fill_(1);
  const torch::Tensor single = case_picture("a", image, own, map, spec);
  map.slice(0, 3, 15).slice(1, 4, 9).fill_(1);
  const torch::Tensor several = case_picture("a", image, own, map, spec);
  EXPECT_GT(several.size(1), 2 * single.size(1));
}

TEST(CasePicture, DrawsNoBackgroundOfALabelMapButOfStructures) {
  const testing::ToyCase one;
  const torch::Tensor image = at::full({1, 1, 64, 64}, 0.5F);
  const torch::Tensor map = at::ones({1, 64, 64}, torch::kShort);
  const auto picture = [&](augment::TargetKind kind) {
    return case_picture("a", image, one.own, map, testing::toy_spec(kind));
  };
  // Class 1, or the structure of bit 0: both in the first color.
  const auto classes = picture(kLabelMap);
  const auto structures = picture(augment::TargetKind::kStructures);
  const int64_t height = std::min(classes.size(1), structures.size(1)) / 2;
  EXPECT_TRUE(
      classes.slice(1, 0, height).equal(structures.slice(1, 0, height)));
}

}  // namespace
}  // namespace unimiss::predict
