#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

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

 private:
  torch::nn::ModuleList embeddings_, stages_, class_projections_;
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(MitDecoder);

}  // namespace unimiss::model
