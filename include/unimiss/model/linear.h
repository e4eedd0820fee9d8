#pragma once

#include <ATen/Functions.h>
#include <torch/nn/modules/linear.h>

namespace unimiss::model {

/// layer(x) by ATen's linear, which adds the bias inside of the matrix
/// multiplication; LibTorch's C++ module adds it in a pass of its own for any
/// input that is not two-dimensional.
inline torch::Tensor linear(const torch::nn::LinearImpl& layer,
                            const torch::Tensor& x) {
  return at::linear(
      x, layer.weight,
      layer.bias.defined() ? std::optional(layer.bias) : std::nullopt);
}

}  // namespace unimiss::model
