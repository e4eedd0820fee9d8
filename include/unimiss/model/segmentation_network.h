#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/types.h>

#include <vector>

#include "unimiss/model/mit.h"

namespace unimiss::model {

/// What turns MiT's feature maps into a logit for every pixel or voxel: the
/// finest map is brought to the stem's grid and joined with the stem, a
/// convolution k3, instance norm and LeakyReLU follow, then a linear resize to
/// the input's plane and a convolution k1. A convolution k1 on each coarser map
/// gives the logits of deep supervision. In 2D and in 3D.
class SegmentationHeadImpl : public torch::nn::Module {
 public:
  SegmentationHeadImpl(const MitOptions& options, int64_t outputs);

  /// stem [B, S, (D,) H/2, W/2] and the decoder's maps, coarsest first → logits
  /// [B, outputs, ...], finest first: on the input's grid, the stem's, and
  /// those of the encoder's levels 1 to 3. Only the first where the module is
  /// not training.
  std::vector<torch::Tensor> forward(
      const torch::Tensor& stem, const std::array<torch::Tensor, 3>& pyramid);

 private:
  UpEmbedding up_{nullptr};
  SwitchableConv join_{nullptr};
  /// k1: on the decoder's three maps, the joined one, and the resized one.
  torch::nn::ModuleList classifiers_;
};
TORCH_MODULE(SegmentationHead);

struct SegmentationNetworkOptions {
  MitOptions backbone;  ///< its class token is left out
  int64_t outputs = 2;  ///< classes, background included, or structures
};

/// MiT's encoder and decoder without a class token, and the segmentation head
/// (paper Sec. 4.3).
///
/// Input as for Mit, with the backbone's numbers of channels; logits as
/// SegmentationHead gives them, the finest of exactly the input's size.
class SegmentationNetworkImpl : public torch::nn::Module {
 public:
  explicit SegmentationNetworkImpl(const SegmentationNetworkOptions& options);

  std::vector<torch::Tensor> forward(const torch::Tensor& input);

  Mit backbone{nullptr};
  SegmentationHead head{nullptr};
};
TORCH_MODULE(SegmentationNetwork);

}  // namespace unimiss::model
