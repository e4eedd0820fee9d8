#pragma once

#include <torch/nn/module.h>

namespace unimiss::model {

/// The official initialisation of a MiT: Linear weights, position tables and
/// the class token from a normal distribution of standard deviation 0.02 cut at
/// ±2, Linear biases 0; convolution weights from N(0, 2 / fan-out); norms 1 and
/// 0. Transposed convolutions and the biases of reduction convolutions stay at
/// LibTorch's default. Draws from LibTorch's global generator.
void init_backbone(torch::nn::Module& backbone);

/// The same rule for the Linear layers of a head.
void init_linears(torch::nn::Module& module);

/// A normal distribution of standard deviation `std` cut at ±2 (as timm's
/// trunc_normal_, which cuts at absolute values, not at multiples of std).
void truncated_normal(const torch::Tensor& tensor, double std);

}  // namespace unimiss::model
