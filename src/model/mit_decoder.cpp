#include "unimiss/model/mit_decoder.h"

#include <numeric>

#include "unimiss/model/linear.h"

namespace unimiss::model {

MitDecoderImpl::MitDecoderImpl(const MitOptions& given) {
  const MitOptions options = given.resolved();
  embeddings_ = register_module("embeddings", torch::nn::ModuleList());
  stages_ = register_module("stages", torch::nn::ModuleList());
  const bool has_class = options.class_token == ClassToken::kLearned;
  if (has_class) {
    class_projections_ =
        register_module("class_projections", torch::nn::ModuleList());
  }
  const auto& depths = options.decoder_depths;
  const int64_t blocks = std::accumulate(depths.begin(), depths.end(), 0LL);
  const double drop_step =
      blocks > 1 ? options.drop_path / static_cast<double>(blocks - 1) : 0.0;
  int64_t block = blocks - 1;
  for (int i = 0; i < 3; ++i) {
    const int level = 2 - i;
    StageOptions stage =
        stage_options(options, level, options.decoder_heads[i],
                      options.decoder_reductions[i], depths[i]);
    stage.block.norm_eps = 1e-5;
    stage.block.attention.qkv_bias = ConvBias::kNone;
    // Deepest first: the decoder mirrors the encoder's ramp.
    stage.drop_path_first = drop_step * static_cast<double>(block);
    stage.drop_path_step = -drop_step;
    block -= depths[i];
    embeddings_->push_back(UpEmbedding(
        options.dimensions, options.widths[level + 1], options.widths[level]));
    stages_->push_back(Stage(stage));
    if (!has_class) continue;
    class_projections_->push_back(
        torch::nn::Linear(options.widths[level + 1], options.widths[level]));
  }
  norm_ = register_module(
      "norm", torch::nn::LayerNorm(
                  torch::nn::LayerNormOptions({options.widths[0]}).eps(1e-5)));
}

StageOutput MitDecoderImpl::step(int i, const StageOutput& before,
                                 const EncoderOutput& encoded,
                                 TokenScope scope) {
  const int level = 2 - i;
  const torch::Tensor map = embeddings_->at<UpEmbeddingImpl>(i).forward(
      tokens_to_map(before.patches, encoded.grids[level + 1]));
  const torch::Tensor patches = map_to_tokens(map) + encoded.patches[level];
  torch::Tensor class_token;
  if (before.class_token.defined()) {
    class_token = linear(class_projections_->at<torch::nn::LinearImpl>(i),
                         before.class_token);
  }
  return stages_->at<StageImpl>(i).forward(class_token, patches,
                                           encoded.grids[level], scope);
}

StageOutput MitDecoderImpl::forward(const EncoderOutput& encoded,
                                    TokenScope scope) {
  StageOutput out{encoded.class_token, encoded.patches[3]};
  for (int i = 0; i < 3; ++i) {
    out = step(i, out, encoded, i == 2 ? scope : TokenScope::kAll);
  }
  if (out.class_token.defined()) out.class_token = norm_(out.class_token);
  if (out.patches.defined()) out.patches = norm_(out.patches);
  return out;
}

std::array<torch::Tensor, 3> MitDecoderImpl::forward_pyramid(
    const EncoderOutput& encoded) {
  std::array<torch::Tensor, 3> maps;
  StageOutput out{encoded.class_token, encoded.patches[3]};
  for (int i = 0; i < 3; ++i) {
    out = step(i, out, encoded, TokenScope::kAll);
    maps[i] = tokens_to_map(i == 2 ? norm_(out.patches) : out.patches,
                            encoded.grids[2 - i]);
  }
  return maps;
}

}  // namespace unimiss::model
