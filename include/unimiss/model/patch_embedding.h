#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "unimiss/model/switchable_conv.h"

namespace unimiss::model {

/// Of negative values, in every LeakyReLU of the network.
inline constexpr double kLeakySlope = 0.01;

/// The stem: convolution k7, stride 2 in plane and 1 along depth, instance
/// norm, LeakyReLU 0.01. [B, C, (D,) H, W] → [B, width, (D,) H/2, W/2].
class StemImpl : public torch::nn::Module {
 public:
  StemImpl(Dimensions dimensions, int64_t image_channels,
           int64_t volume_channels, int64_t width);
  torch::Tensor forward(const torch::Tensor& input);

 private:
  SwitchableConv conv_{nullptr};
};
TORCH_MODULE(Stem);

/// Switchable patch embedding of the encoder (SPE, paper Sec. 3.1): convolution
/// k3 s2 p1, instance norm, LeakyReLU 0.01; halves every extent.
class PatchEmbeddingImpl : public torch::nn::Module {
 public:
  PatchEmbeddingImpl(Dimensions dimensions, int64_t in_channels,
                     int64_t out_channels);
  torch::Tensor forward(const torch::Tensor& map);

 private:
  SwitchableConv conv_{nullptr};
};
TORCH_MODULE(PatchEmbedding);

/// Switchable patch embedding of the decoder: transposed convolution k2 s2 with
/// bias; doubles every extent.
class UpEmbeddingImpl : public torch::nn::Module {
 public:
  UpEmbeddingImpl(Dimensions dimensions, int64_t in_channels,
                  int64_t out_channels);
  torch::Tensor forward(const torch::Tensor& map);

 private:
  SwitchableConv conv_{nullptr};
};
TORCH_MODULE(UpEmbedding);

}  // namespace unimiss::model
