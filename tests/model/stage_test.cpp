#include "unimiss/model/stage.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::model {
namespace {

StageOptions toy_stage(int64_t prefix = 1) {
  StageOptions options;
  options.position.channels = 8;
  options.position.grid_2d = Grid{4, 4};
  options.position.grid_3d = Grid{2, 4, 4};
  options.position.prefix = prefix;
  options.block.attention.channels = 8;
  options.block.attention.heads = 2;
  options.block.mlp_ratio = 2;
  options.depth = 2;
  return options;
}

TEST(Stage, TokensOfBothKindsComeOut) {
  torch::NoGradGuard no_grad;
  Stage stage(toy_stage());
  for (const Grid& grid : {Grid{4, 4}, Grid{2, 4, 4}}) {
    const StageOutput out = stage->forward(
        at::randn({2, 1, 8}), at::randn({2, grid.cells(), 8}), grid);
    EXPECT_EQ(out.class_token.sizes(), (std::vector<int64_t>{2, 1, 8}));
    EXPECT_EQ(out.patches.sizes(), (std::vector<int64_t>{2, grid.cells(), 8}));
  }
}

TEST(Stage, TheClassTokenAloneIsThatOfAll) {
  torch::NoGradGuard no_grad;
  Stage stage(toy_stage());
  stage->to(torch::kDouble);
  const Grid grid{4, 4};
  const torch::Tensor token = at::randn({2, 1, 8}, torch::kDouble);
  const torch::Tensor patches = at::randn({2, 16, 8}, torch::kDouble);
  const StageOutput all = stage->forward(token, patches, grid);
  const StageOutput one =
      stage->forward(token, patches, grid, TokenScope::kClassToken);
  EXPECT_TRUE(one.class_token.allclose(all.class_token, 1e-9, 1e-9));
  EXPECT_FALSE(one.patches.defined());
}

TEST(Stage, PositionsAreAdded) {
  torch::NoGradGuard no_grad;
  Stage stage(toy_stage());
  const Grid grid{4, 4};
  const torch::Tensor token = at::randn({1, 1, 8});
  const torch::Tensor patches = at::randn({1, 16, 8});
  const torch::Tensor before = stage->forward(token, patches, grid).patches;
  // In front of the blocks, it is as if the patches had been others.
  stage->position->table_2d.zero_();
  const torch::Tensor none = stage->forward(token, patches, grid).patches;
  const torch::Tensor shift = at::randn({1, 17, 8});
  stage->position->table_2d.copy_(shift);
  const torch::Tensor found = stage->forward(token, patches, grid).patches;
  stage->position->table_2d.zero_();
  const torch::Tensor expected =
      stage
          ->forward(token + shift.slice(1, 0, 1), patches + shift.slice(1, 1),
                    grid)
          .patches;
  EXPECT_TRUE(found.allclose(expected, 1e-4, 1e-5));
  EXPECT_FALSE(found.allclose(none, 1e-4, 1e-5));
  EXPECT_EQ(before.sizes(), none.sizes());
}

TEST(Stage, WithoutAClassTokenThereAreOnlyPatches) {
  torch::NoGradGuard no_grad;
  Stage stage(toy_stage(0));
  const StageOutput out = stage->forward({}, at::randn({1, 16, 8}), Grid{4, 4});
  EXPECT_FALSE(out.class_token.defined());
  EXPECT_EQ(out.patches.sizes(), (std::vector<int64_t>{1, 16, 8}));
}

}  // namespace
}  // namespace unimiss::model
