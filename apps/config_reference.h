#pragma once

#include <string>

namespace unimiss {

/// docs/config-reference.md: all keys of a pretraining's configuration, with
/// the defaults of both presets and their meanings, from the lists of fields.
std::string config_reference();

}  // namespace unimiss
