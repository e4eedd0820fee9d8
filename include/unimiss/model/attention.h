#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include "unimiss/core/grid.h"
#include "unimiss/model/switchable_conv.h"

namespace unimiss::model {

/// Which tokens a block has to compute. The class token's value depends on all
/// tokens' keys and values but on nobody else's query, projection or MLP.
enum class TokenScope { kAll, kClassToken };

struct AttentionOptions {
  Dimensions dimensions = Dimensions::kBoth;
  int64_t channels = 0;
  int64_t heads = 1;
  /// Spatial reduction ratio r of keys and values: r² in 2D, r³ in 3D; 1: none.
  int64_t reduction = 1;
  /// Whether the query and key-value projections have a bias.
  ConvBias qkv_bias = ConvBias::kLearned;
};

/// Multi-head attention with spatially reduced keys and values (SRA; paper
/// Sec. 3.1):
///
///   q = Linear(x);  k, v = Linear(LayerNorm([class token, Conv_r(patches)]))
///   out = Linear(softmax(q kᵀ / √(C / heads)) v)
///
/// with a convolution of kernel and stride r over the patch map (a remainder is
/// dropped; the class token is not reduced). r = 1: k, v = Linear(x).
///
/// tokens [B, P + N, C], N = grid.cells(), P = 0 or 1 class tokens → the same
/// shape, or [B, P, C] for TokenScope::kClassToken.
/// Errors: a grid with an extent smaller than r.
class AttentionImpl : public torch::nn::Module {
 public:
  explicit AttentionImpl(const AttentionOptions& options);

  torch::Tensor forward(const torch::Tensor& tokens, const Grid& grid,
                        TokenScope scope);

  SwitchableConv reduction{nullptr};

 private:
  torch::Tensor reduce(const torch::Tensor& tokens, const Grid& grid);

  AttentionOptions options_;
  torch::nn::Linear q_{nullptr}, kv_{nullptr}, proj_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(Attention);

/// Tokens [B, N, C] (or a slice of them) as a map [B, C, ...grid], a view in
/// channels-last memory order.
torch::Tensor tokens_to_map(const torch::Tensor& tokens, const Grid& grid);

/// A map [B, C, ...] as tokens [B, N, C].
torch::Tensor map_to_tokens(const torch::Tensor& map);

}  // namespace unimiss::model
