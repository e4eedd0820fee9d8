#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include "unimiss/model/attention.h"

namespace unimiss::model {

struct TransformerBlockOptions {
  AttentionOptions attention;
  int64_t mlp_ratio = 4;
  double norm_eps = 1e-6;
  /// Probability that a sample skips a residual branch while training; the
  /// kept branches are scaled by 1 / (1 - drop_path).
  double drop_path = 0.0;
};

/// One pre-norm transformer block:
///
///   x += Attention(LayerNorm(x));  x += Linear(GELU(Linear(LayerNorm(x))))
///
/// tokens [B, P + N, C] of a grid with N cells → the same shape, or the class
/// token [B, 1, C] alone for TokenScope::kClassToken.
class TransformerBlockImpl : public torch::nn::Module {
 public:
  explicit TransformerBlockImpl(const TransformerBlockOptions& options);

  torch::Tensor forward(const torch::Tensor& tokens, const Grid& grid,
                        TokenScope scope = TokenScope::kAll);

 private:
  torch::Tensor drop_path(const torch::Tensor& branch);

  double drop_path_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  Attention attention_{nullptr};
  torch::nn::Linear fc1_{nullptr}, fc2_{nullptr};
};
TORCH_MODULE(TransformerBlock);

}  // namespace unimiss::model
