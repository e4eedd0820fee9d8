#pragma once

#include <string>

namespace unimiss::model {

/// The released weights' name of one of our parameters, e.g.
/// "backbone.encoder.stages.0.position.table_2d" →
/// "backbone.transformer.pos_embed2D1". Names of the projection head agree.
/// Errors: a name that no parameter of a network has.
std::string official_name(const std::string& name);

/// The same for the parameters of a SegmentationNetwork and of a
/// ClassificationNetwork, as the official fine-tuning code calls them. A
/// segmentation's names do not tell 2D from 3D: a network for both has none.
std::string official_segmentation_name(const std::string& name);
std::string official_classification_name(const std::string& name);

}  // namespace unimiss::model
