#pragma once

#include <string>

namespace unimiss::model {

/// The released weights' name of one of our parameters, e.g.
/// "backbone.encoder.stages.0.position.table_2d" →
/// "backbone.transformer.pos_embed2D1". Names of the projection head agree.
/// Errors: a name that no parameter of a network has.
std::string official_name(const std::string& name);

}  // namespace unimiss::model
