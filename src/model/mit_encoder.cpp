#include "unimiss/model/mit_encoder.h"

#include <numeric>

#include "unimiss/model/linear.h"

namespace unimiss::model {

StageOptions stage_options(const MitOptions& options, int level, int64_t heads,
                           int64_t reduction, int64_t depth) {
  // The tables belong to the padded input, as the network sees it.
  const auto table_grid = [&](const Grid& input) {
    return MitOptions::level_grid(MitOptions::padded(input), level);
  };
  StageOptions stage;
  stage.depth = depth;
  stage.position.channels = options.widths[level];
  stage.position.rule = options.position_rule;
  stage.position.prefix = options.class_token == ClassToken::kLearned ? 1 : 0;
  if (includes(options.dimensions, 2)) {
    stage.position.grid_2d =
        table_grid(Grid(options.image_size, options.image_size));
  }
  if (includes(options.dimensions, 3)) {
    const auto& size = options.volume_size;
    stage.position.grid_3d = table_grid(Grid(size[0], size[1], size[2]));
  }
  stage.block.mlp_ratio = options.mlp_ratio;
  stage.block.attention.dimensions = options.dimensions;
  stage.block.attention.channels = options.widths[level];
  stage.block.attention.heads = heads;
  stage.block.attention.reduction = reduction;
  return stage;
}

MitEncoderImpl::MitEncoderImpl(const MitOptions& given) {
  const MitOptions options = given.resolved();
  stem_ = register_module("stem",
                          Stem(options.dimensions, options.image_channels,
                               options.volume_channels, options.stem_width));
  embeddings_ = register_module("embeddings", torch::nn::ModuleList());
  stages_ = register_module("stages", torch::nn::ModuleList());
  const bool has_class = options.class_token == ClassToken::kLearned;
  if (has_class) {
    class_projections_ =
        register_module("class_projections", torch::nn::ModuleList());
    class_token = register_parameter("class_token",
                                     torch::zeros({1, 1, options.widths[0]}));
  }

  const auto& depths = options.encoder_depths;
  const int64_t blocks = std::accumulate(depths.begin(), depths.end(), 0LL);
  const double drop_step =
      blocks > 1 ? options.drop_path / static_cast<double>(blocks - 1) : 0.0;
  int64_t block = 0, width = options.stem_width;
  for (int level = 0; level < 4; ++level) {
    StageOptions stage =
        stage_options(options, level, options.encoder_heads[level],
                      options.encoder_reductions[level], depths[level]);
    stage.block.norm_eps = 1e-6;
    stage.drop_path_first = drop_step * static_cast<double>(block);
    stage.drop_path_step = drop_step;
    block += depths[level];
    embeddings_->push_back(
        PatchEmbedding(options.dimensions, width, options.widths[level]));
    stages_->push_back(Stage(stage));
    if (has_class && level > 0) {
      class_projections_->push_back(
          torch::nn::Linear(width, options.widths[level]));
    }
    width = options.widths[level];
  }
}

EncoderOutput MitEncoderImpl::forward(const torch::Tensor& input) {
  EncoderOutput out;
  torch::Tensor map = out.stem = stem_(input);
  if (class_token.defined()) {
    out.class_token = class_token.expand({input.size(0), -1, -1});
  }
  for (int level = 0; level < 4; ++level) {
    if (level > 0) {
      if (class_token.defined()) {
        out.class_token =
            linear(class_projections_->at<torch::nn::LinearImpl>(level - 1),
                   out.class_token);
      }
      map = tokens_to_map(out.patches[level - 1], out.grids[level - 1]);
    }
    map = embeddings_->at<PatchEmbeddingImpl>(level).forward(map);
    out.grids[level] = Grid::of_map(map.sizes());
    StageOutput stage = stages_->at<StageImpl>(level).forward(
        out.class_token, map_to_tokens(map), out.grids[level]);
    out.class_token = stage.class_token;
    out.patches[level] = stage.patches;
  }
  return out;
}

}  // namespace unimiss::model
