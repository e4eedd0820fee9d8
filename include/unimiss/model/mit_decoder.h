#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include <array>

#include "unimiss/model/mit_encoder.h"

namespace unimiss::model {

/// The MiT decoder: three times up-embedding, skip connection and stage, then a
/// LayerNorm (eps 1e-5). The encoder's patch tokens of the same grid are added
/// after the up-embedding, before class token and positions.
class MitDecoderImpl : public torch::nn::Module {
 public:
  explicit MitDecoderImpl(const MitOptions& options);

  /// The class token [B, 1, C1] and, for TokenScope::kAll, the patch tokens
  /// [B, N1, C1] on the grid of the encoder's first level.
  StageOutput forward(const EncoderOutput& encoded, TokenScope scope);

  /// The feature maps after each stage, coarsest first: [B, C3, ...grid 3],
  /// [B, C2, ...grid 2], [B, C1, ...grid 1], the last one normalised.
  std::array<torch::Tensor, 3> forward_pyramid(const EncoderOutput& encoded);

 private:
  StageOutput step(int i, const StageOutput& before,
                   const EncoderOutput& encoded, TokenScope scope);

  torch::nn::ModuleList embeddings_, stages_, class_projections_;
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(MitDecoder);

}  // namespace unimiss::model
