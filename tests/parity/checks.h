#pragma once

#include <string>

#include "parity/fixture.h"
#include "unimiss/ssl/objective.h"
#include "unimiss/train/update.h"

namespace unimiss::parity {

/// The rules a recorded case ("2d", "3d_official", "3d_once") was made with.
/// "3d_once" holds half the paper's losses, hence the mean everywhere.
ssl::ObjectiveOptions objective_of(const nlohmann::json& hyper,
                                   const std::string& name);

train::UpdateOptions optimizer_of(const nlohmann::json& hyper);

/// Expects every weight of a network to equal the recorded one, named
/// prefix + official name, within `tolerance`.
///
/// The key half of a key-value bias shifts all attention logits of a query
/// alike: its gradient is zero in exact arithmetic, and an Adam step there is
/// the sign of rounding noise. It gets a tolerance of its own.
void check_weights(const Tensors& recorded, const std::string& prefix,
                   ssl::Network& network, double tolerance,
                   double noise_tolerance);

}  // namespace unimiss::parity
