#pragma once

#include "unimiss/model/mit_options.h"
#include "unimiss/ssl/projection_head.h"

namespace unimiss::testing {

/// The smallest network with every part of the real one: one block a stage,
/// images of 64 x 64, volumes of 16 x 64 x 64.
inline model::MitOptions toy_mit() {
  model::MitOptions options;
  options.image_size = 64;
  options.volume_size = {16, 64, 64};
  options.encoder_depths = {1, 1, 1, 1};
  options.decoder_depths = {1, 1, 1};
  options.stem_width = 4;
  options.widths = {8, 8, 16, 16};
  options.encoder_heads = {1, 2, 2, 2};
  options.decoder_heads = {2, 2, 1};
  options.mlp_ratio = 2;
  return options;
}

inline ssl::ProjectionHeadOptions toy_head() { return {16, 8, 32}; }

}  // namespace unimiss::testing
