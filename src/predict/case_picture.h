#pragma once

#include <torch/types.h>

#include <string>

#include "unimiss/data/case_cache.h"
#include "unimiss/task/task_spec.h"

namespace unimiss::predict {

/// A case as the paper's Fig. 5 shows it: image, reference (where own.map is
/// defined) and prediction, in fixed colours with their legend; of a volume
/// axial slices at a quarter, half and three quarters of what is labelled.
/// Pixels are shown at their true proportions.
///
/// image: float32 [n, D, H, W], three channels as colours, else the first; map:
/// int16 [D, H, W], the prediction. Returns uint8 [3, H, W].
torch::Tensor case_picture(const std::string& title, const torch::Tensor& image,
                           const data::CaseReference& own,
                           const torch::Tensor& map,
                           const task::TaskSpec& spec);

}  // namespace unimiss::predict
