#include "unimiss/model/patch_embedding.h"

#include <ATen/Functions.h>

namespace unimiss::model {
namespace {

SwitchableConvOptions conv_options(Dimensions dimensions, int64_t in_2d,
                                   int64_t in_3d, int64_t out) {
  SwitchableConvOptions options;
  options.dimensions = dimensions;
  options.in_channels_2d = in_2d;
  options.in_channels_3d = in_3d;
  options.out_channels = out;
  return options;
}

}  // namespace

StemImpl::StemImpl(Dimensions dimensions, int64_t image_channels,
                   int64_t volume_channels, int64_t width) {
  auto options =
      conv_options(dimensions, image_channels, volume_channels, width);
  options.kernel = {7, 7, 7};
  options.stride = {1, 2, 2};
  options.padding = {3, 3, 3};
  options.norm = ConvNorm::kInstance;
  conv_ = register_module("conv", SwitchableConv(options));
}

torch::Tensor StemImpl::forward(const torch::Tensor& input) {
  return at::leaky_relu(conv_(input), kLeakySlope);
}

PatchEmbeddingImpl::PatchEmbeddingImpl(Dimensions dimensions,
                                       int64_t in_channels,
                                       int64_t out_channels) {
  auto options =
      conv_options(dimensions, in_channels, in_channels, out_channels);
  options.kernel = {3, 3, 3};
  options.stride = {2, 2, 2};
  options.padding = {1, 1, 1};
  options.norm = ConvNorm::kInstance;
  conv_ = register_module("conv", SwitchableConv(options));
}

torch::Tensor PatchEmbeddingImpl::forward(const torch::Tensor& map) {
  return at::leaky_relu(conv_(map), kLeakySlope);
}

UpEmbeddingImpl::UpEmbeddingImpl(Dimensions dimensions, int64_t in_channels,
                                 int64_t out_channels) {
  auto options =
      conv_options(dimensions, in_channels, in_channels, out_channels);
  options.kernel = {2, 2, 2};
  options.stride = {2, 2, 2};
  options.kind = ConvKind::kTransposed;
  options.bias = ConvBias::kLearned;
  conv_ = register_module("conv", SwitchableConv(options));
}

torch::Tensor UpEmbeddingImpl::forward(const torch::Tensor& map) {
  return conv_(map);
}

}  // namespace unimiss::model
