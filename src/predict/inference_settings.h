#pragma once

#include "unimiss/eval/sliding_window.h"
#include "unimiss/predict/prediction.h"

namespace unimiss::predict {

/// How a network's windows are predicted: as its run was configured, but for
/// what a request changes.
///
/// trained: inference.* of the run. mirrored: the axes that training mirrored.
/// rank: 3, volumes, or 2, images.
/// Throws ConfigError for values that cannot be, keys that are not of the group
/// `inference`, and where a short form (--step, --batch, --tta) and an override
/// give one key two values.
eval::SlidingWindowOptions inference_settings(
    const PredictionRequest& request, const eval::SlidingWindowOptions& trained,
    const std::vector<Axis>& mirrored, int rank);

}  // namespace unimiss::predict
