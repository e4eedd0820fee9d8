#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss::model {

/// Which inputs a network is built for. A network for one kind holds no
/// parameters of the other.
enum class Dimensions { k2d, k3d, kBoth };

inline bool includes(Dimensions dimensions, int rank) {
  return dimensions == Dimensions::kBoth ||
         dimensions == (rank == 2 ? Dimensions::k2d : Dimensions::k3d);
}

enum class ConvKind { kForward, kTransposed };
enum class ConvBias { kNone, kLearned };
enum class ConvNorm { kNone, kInstance };

struct SwitchableConvOptions {
  Dimensions dimensions = Dimensions::kBoth;
  int64_t in_channels_2d = 0;
  int64_t in_channels_3d = 0;
  int64_t out_channels = 0;
  /// Extents along (D, H, W); a 2D input uses the last two.
  std::array<int64_t, 3> kernel{1, 1, 1};
  std::array<int64_t, 3> stride{1, 1, 1};
  std::array<int64_t, 3> padding{0, 0, 0};
  ConvKind kind = ConvKind::kForward;
  ConvBias bias = ConvBias::kNone;
  ConvNorm norm = ConvNorm::kNone;
};

/// A convolution whose dimensionality is that of its input (the "switchable"
/// part of the paper's switchable patch embedding, Sec. 3.1).
///
/// Holds, per dimensionality, a weight, an optional bias and an optional affine
/// pair of an instance normalisation (eps 1e-5) that follows the convolution,
/// and picks by the rank of the input. Everything else in the network is shared
/// by 2D and 3D.
///
/// Input [B, C, H, W] or [B, C, D, H, W]; output likewise with out_channels.
/// A one-channel image given to 2D weights of more channels counts as a grey
/// image repeated over the channels; the weights are summed instead, which is
/// the same function at a third of the work.
/// Errors: an input of a dimensionality the layer was not built for.
class SwitchableConvImpl : public torch::nn::Module {
 public:
  explicit SwitchableConvImpl(const SwitchableConvOptions& options);

  torch::Tensor forward(const torch::Tensor& map);

  /// Weights from N(0, 2 / fan-out); the instance norm's affine pair 1 and 0;
  /// a bias and a transposed convolution stay at LibTorch's default.
  void init_kaiming();

 private:
  struct Parameters {
    torch::Tensor weight, bias, norm_weight, norm_bias;
  };

  const Parameters& parameters_for(int64_t rank) const;

  SwitchableConvOptions options_;
  Parameters two_, three_;
};
TORCH_MODULE(SwitchableConv);

}  // namespace unimiss::model

template <>
struct unimiss::EnumNames<unimiss::model::Dimensions> {
  static constexpr std::array kNames{
      std::pair{unimiss::model::Dimensions::kBoth, "both"},
      std::pair{unimiss::model::Dimensions::k2d, "2d"},
      std::pair{unimiss::model::Dimensions::k3d, "3d"}};
};
