#include "unimiss/model/segmentation_network.h"

#include <ATen/Functions.h>

namespace unimiss::model {
namespace {

SwitchableConv make_conv(Dimensions dimensions, int64_t in, int64_t out,
                         int64_t kernel, ConvBias bias, ConvNorm norm) {
  SwitchableConvOptions options;
  options.dimensions = dimensions;
  options.in_channels_2d = options.in_channels_3d = in;
  options.out_channels = out;
  options.kernel = {kernel, kernel, kernel};
  const int64_t padding = kernel / 2;
  options.padding = {padding, padding, padding};
  options.bias = bias;
  options.norm = norm;
  return SwitchableConv(options);
}

/// The stem halves the plane alone: this doubles it.
torch::Tensor double_plane(const torch::Tensor& map) {
  Grid size = Grid::of_map(map.sizes());
  for (int axis = size.rank() - 2; axis < size.rank(); ++axis) size[axis] *= 2;
  return size.rank() == 2 ? at::upsample_bilinear2d(map, size.sizes(), false)
                          : at::upsample_trilinear3d(map, size.sizes(), false);
}

MitOptions without_class_token(MitOptions options) {
  options.class_token = ClassToken::kNone;
  return options;
}

torch::Tensor cut_to(const torch::Tensor& map, const torch::Tensor& input) {
  torch::Tensor cut = map;
  for (int64_t axis = 2; axis < map.dim(); ++axis) {
    cut = cut.slice(axis, 0, input.size(axis));
  }
  return cut;
}

}  // namespace

SegmentationHeadImpl::SegmentationHeadImpl(const MitOptions& options,
                                           int64_t outputs) {
  const Dimensions dimensions = options.dimensions;
  const int64_t stem = options.stem_width;
  up_ = register_module("up", UpEmbedding(dimensions, options.widths[0], stem));
  join_ =
      register_module("join", make_conv(dimensions, stem, stem, 3,
                                        ConvBias::kNone, ConvNorm::kInstance));
  join_->init_kaiming();
  classifiers_ = register_module("classifiers", torch::nn::ModuleList());
  for (const int64_t width :
       {options.widths[2], options.widths[1], options.widths[0], stem, stem}) {
    classifiers_->push_back(make_conv(dimensions, width, outputs, 1,
                                      ConvBias::kLearned, ConvNorm::kNone));
    classifiers_->at<SwitchableConvImpl>(classifiers_->size() - 1)
        .init_kaiming();
  }
}

std::vector<torch::Tensor> SegmentationHeadImpl::forward(
    const torch::Tensor& stem, const std::array<torch::Tensor, 3>& pyramid) {
  const torch::Tensor joined =
      at::leaky_relu(join_(up_(pyramid[2]) + stem), kLeakySlope);
  const auto classify = [&](size_t i, const torch::Tensor& map) {
    return classifiers_->at<SwitchableConvImpl>(i).forward(map);
  };
  // The classifier is linear and acts on each place alone: resizing its few
  // outputs instead of its inputs is the same function.
  std::vector<torch::Tensor> logits{double_plane(classify(4, joined))};
  if (is_training()) {
    logits.push_back(classify(3, joined));
    for (int i = 2; i >= 0; --i) logits.push_back(classify(i, pyramid[i]));
  }
  return logits;
}

SegmentationNetworkImpl::SegmentationNetworkImpl(
    const SegmentationNetworkOptions& options) {
  const MitOptions mit = without_class_token(options.backbone);
  backbone = register_module("backbone", Mit(mit));
  head = register_module("head", SegmentationHead(mit, options.outputs));
}

std::vector<torch::Tensor> SegmentationNetworkImpl::forward(
    const torch::Tensor& input) {
  const EncoderOutput encoded = backbone->encode(input);
  auto logits =
      head->forward(encoded.stem, backbone->decoder->forward_pyramid(encoded));
  logits[0] = cut_to(logits[0], input);
  return logits;
}

}  // namespace unimiss::model
