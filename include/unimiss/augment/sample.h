#pragma once

#include <torch/types.h>

namespace unimiss::augment {

/// Two augmented views of the same source, or of each source of a batch.
///
/// float32. One sample: [3, H, W] (values in [0, 1]) or [1, D, H, W] (HU/1024).
/// A batch: [B, 3, H, W] or [B, 1, D, H, W].
struct Views {
  torch::Tensor first;
  torch::Tensor second;
};

}  // namespace unimiss::augment
