#include "unimiss/model/transformer_block.h"

#include <ATen/Functions.h>

#include "unimiss/model/linear.h"

namespace unimiss::model {

TransformerBlockImpl::TransformerBlockImpl(
    const TransformerBlockOptions& options)
    : drop_path_(options.drop_path) {
  const int64_t c = options.attention.channels;
  const auto norm = torch::nn::LayerNormOptions({c}).eps(options.norm_eps);
  norm1_ = register_module("norm1", torch::nn::LayerNorm(norm));
  attention_ = register_module("attention", Attention(options.attention));
  norm2_ = register_module("norm2", torch::nn::LayerNorm(norm));
  fc1_ = register_module("fc1", torch::nn::Linear(c, c * options.mlp_ratio));
  fc2_ = register_module("fc2", torch::nn::Linear(c * options.mlp_ratio, c));
}

torch::Tensor TransformerBlockImpl::drop_path(const torch::Tensor& branch) {
  if (drop_path_ == 0.0 || !is_training()) return branch;
  const double keep = 1.0 - drop_path_;
  return branch *
         (at::empty({branch.size(0), 1, 1}, branch.options()).bernoulli_(keep) /
          keep);
}

torch::Tensor TransformerBlockImpl::forward(const torch::Tensor& tokens,
                                            const Grid& grid,
                                            TokenScope scope) {
  const torch::Tensor attended = attention_(norm1_(tokens), grid, scope);
  const torch::Tensor kept =
      scope == TokenScope::kAll ? tokens : tokens.slice(1, 0, attended.size(1));
  const torch::Tensor x = kept + drop_path(attended);
  return x + drop_path(linear(*fc2_, at::gelu(linear(*fc1_, norm2_(x)))));
}

}  // namespace unimiss::model
