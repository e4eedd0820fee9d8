#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/types.h>

#include "unimiss/model/position_embedding.h"
#include "unimiss/model/transformer_block.h"

namespace unimiss::model {

struct StageOptions {
  PositionEmbeddingOptions position;
  TransformerBlockOptions block;
  int64_t depth = 1;
  /// The drop path of the first block; it rises by this step from one block to
  /// the next.
  double drop_path_first = 0.0, drop_path_step = 0.0;
};

/// What leaves a stage: the class token [B, 1, C], undefined in a network
/// without one, and the patch tokens [B, N, C], undefined where only the class
/// token was asked for.
struct StageOutput {
  torch::Tensor class_token, patches;
};

/// One level of the pyramid: the class token is put before the patch tokens,
/// positions are added, transformer blocks follow. Encoder and decoder, 2D and
/// 3D are all made of this.
class StageImpl : public torch::nn::Module {
 public:
  explicit StageImpl(const StageOptions& options);

  /// class_token [B, 1, C] or undefined, patches [B, N, C] with
  /// N = grid.cells().
  /// TokenScope::kClassToken spares the last block all work but the class
  /// token's.
  StageOutput forward(const torch::Tensor& class_token,
                      const torch::Tensor& patches, const Grid& grid,
                      TokenScope scope = TokenScope::kAll);

  PositionEmbedding position{nullptr};

 private:
  torch::nn::ModuleList blocks_;
};
TORCH_MODULE(Stage);

}  // namespace unimiss::model
