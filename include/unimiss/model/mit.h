#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "unimiss/model/mit_decoder.h"
#include "unimiss/model/mit_encoder.h"
#include "unimiss/model/mit_options.h"

namespace unimiss::model {

/// The pyramid U-shaped Medical Transformer (MiT), paper Sec. 3.1 and Table 1:
/// one network for images and volumes. Only convolutions, their instance norms
/// and position tables exist per dimensionality; all else is shared.
///
/// Input: images [B, 3 or 1, H, W] or volumes [B, 1, D, H, W]; of any size from
/// MitOptions::input_minimum() on. A size that is no multiple of
/// input_multiple() is continued at its end by its border values; dense outputs
/// are cut back.
class MitImpl : public torch::nn::Module {
 public:
  explicit MitImpl(const MitOptions& options);

  /// The 48-dimensional feature: the class token after encoder and decoder,
  /// [B, C1]. What pretraining learns from.
  torch::Tensor forward(const torch::Tensor& input);

  /// A feature map [B, C1, (D/2,) H/4, W/4] (extents rounded up).
  torch::Tensor forward_dense(const torch::Tensor& input);

  /// The encoder alone, e.g. for classification.
  EncoderOutput encode(const torch::Tensor& input);

  const MitOptions& options() const { return options_; }

  MitEncoder encoder{nullptr};
  MitDecoder decoder{nullptr};

 private:
  MitOptions options_;
};
TORCH_MODULE(Mit);

/// Continues the end of each extent by its border value to the next multiple of
/// MitOptions::input_multiple(). Errors: an input below input_minimum().
torch::Tensor pad_to_multiple(const torch::Tensor& input);

}  // namespace unimiss::model
