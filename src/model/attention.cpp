#include "unimiss/model/attention.h"

#include <ATen/Functions.h>

#include <cmath>

#include "unimiss/model/linear.h"

namespace unimiss::model {
namespace {

/// softmax(q kᵀ scale) v for q [B, h, T, d], k and v [B, h, M, d].
torch::Tensor attend(const torch::Tensor& q, const torch::Tensor& k,
                     const torch::Tensor& v, double scale) {
  // The CPU's fused kernel is 1.3 times as fast as the plain form in fp32 and
  // slower than it in bf16.
  if (q.is_cpu() && q.scalar_type() == torch::kBFloat16) {
    return at::matmul(at::softmax(at::matmul(q * scale, k.transpose(-2, -1)),
                                  -1, torch::kFloat)
                          .to(v.scalar_type()),
                      v);
  }
  return at::scaled_dot_product_attention(q, k, v, /*attn_mask=*/{},
                                          /*dropout_p=*/0.0,
                                          /*is_causal=*/false, scale);
}

}  // namespace

torch::Tensor tokens_to_map(const torch::Tensor& tokens, const Grid& grid) {
  std::vector<int64_t> shape{tokens.size(0)};
  for (int64_t extent : grid.sizes()) shape.push_back(extent);
  shape.push_back(tokens.size(2));
  return tokens.reshape(shape).movedim(-1, 1);
}

torch::Tensor map_to_tokens(const torch::Tensor& map) {
  return map.flatten(2).transpose(1, 2);
}

AttentionImpl::AttentionImpl(const AttentionOptions& options)
    : options_(options) {
  const int64_t c = options_.channels;
  TORCH_CHECK(c % options_.heads == 0, "attention: ", c,
              " channels do not divide into ", options_.heads, " heads");
  const bool bias = options_.qkv_bias == ConvBias::kLearned;
  q_ = register_module(
      "q", torch::nn::Linear(torch::nn::LinearOptions(c, c).bias(bias)));
  kv_ = register_module(
      "kv", torch::nn::Linear(torch::nn::LinearOptions(c, 2 * c).bias(bias)));
  proj_ = register_module("proj", torch::nn::Linear(c, c));
  if (options_.reduction > 1) {
    const int64_t r = options_.reduction;
    SwitchableConvOptions conv;
    conv.dimensions = options_.dimensions;
    conv.in_channels_2d = conv.in_channels_3d = conv.out_channels = c;
    conv.kernel = conv.stride = {r, r, r};
    conv.bias = ConvBias::kLearned;
    reduction = register_module("reduction", SwitchableConv(conv));
    norm_ = register_module(
        "norm",
        torch::nn::LayerNorm(torch::nn::LayerNormOptions({c}).eps(1e-5)));
  }
}

torch::Tensor AttentionImpl::reduce(const torch::Tensor& tokens,
                                    const Grid& grid) {
  if (options_.reduction == 1) return tokens;
  for (int64_t extent : grid.sizes()) {
    TORCH_CHECK(extent >= options_.reduction, "a token grid of ", grid,
                " cannot be reduced by ", options_.reduction);
  }
  const int64_t prefix = tokens.size(1) - grid.cells();
  if (prefix == 0) {
    return norm_(map_to_tokens(reduction(tokens_to_map(tokens, grid))));
  }
  // One split instead of two slices: its gradient is one concatenation.
  const auto parts = tokens.split_with_sizes({prefix, grid.cells()}, 1);
  const torch::Tensor reduced =
      map_to_tokens(reduction(tokens_to_map(parts[1], grid)));
  // Under autocast the convolution's tokens are of the lower precision.
  return norm_(at::cat({parts[0].to(reduced.scalar_type()), reduced}, 1));
}

torch::Tensor AttentionImpl::forward(const torch::Tensor& tokens,
                                     const Grid& grid, TokenScope scope) {
  const int64_t batch = tokens.size(0), c = options_.channels;
  const int64_t heads = options_.heads, width = c / heads;
  const int64_t prefix = tokens.size(1) - grid.cells();
  const torch::Tensor queries =
      scope == TokenScope::kAll ? tokens : tokens.slice(1, 0, prefix);

  const torch::Tensor q =
      linear(*q_, queries).view({batch, -1, heads, width}).transpose(1, 2);
  const auto kv = linear(*kv_, reduce(tokens, grid))
                      .view({batch, -1, 2, heads, width})
                      .unbind(2);
  const torch::Tensor mixed =
      attend(q, kv[0].transpose(1, 2), kv[1].transpose(1, 2),
             1.0 / std::sqrt(static_cast<double>(width)));
  return linear(*proj_, mixed.transpose(1, 2).reshape({batch, -1, c}));
}

}  // namespace unimiss::model
