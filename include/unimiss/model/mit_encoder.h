#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/types.h>

#include <array>

#include "unimiss/model/mit_options.h"
#include "unimiss/model/patch_embedding.h"
#include "unimiss/model/stage.h"

namespace unimiss::model {

/// What the encoder hands on. C1..C4 are the widths.
struct EncoderOutput {
  /// The class token after the last stage [B, 1, C4]; undefined without one.
  torch::Tensor class_token;
  /// The map after the stem [B, S, (D,) H/2, W/2].
  torch::Tensor stem;
  /// The patch tokens after every stage [B, Ni, Ci] and their grids.
  std::array<torch::Tensor, 4> patches;
  std::array<Grid, 4> grids;
};

/// The MiT encoder: stem, then four times patch embedding and stage. A learned
/// class token (the paper's SSL token) joins the patches in every stage and is
/// projected to the next stage's width between them.
///
/// Input [B, C, H, W] or [B, C, D, H, W] with extents that are multiples of
/// MitOptions::input_multiple().
class MitEncoderImpl : public torch::nn::Module {
 public:
  explicit MitEncoderImpl(const MitOptions& options);

  EncoderOutput forward(const torch::Tensor& input);

  torch::Tensor class_token;  ///< [1, 1, C1], undefined without one

 private:
  Stem stem_{nullptr};
  torch::nn::ModuleList embeddings_, stages_, class_projections_;
};
TORCH_MODULE(MitEncoder);

/// The options of stage `level` of the encoder or decoder that both share.
StageOptions stage_options(const MitOptions& options, int level, int64_t heads,
                           int64_t reduction, int64_t depth);

}  // namespace unimiss::model
