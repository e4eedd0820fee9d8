#pragma once

#include <string>

namespace unimiss {

/// docs/config-reference.md: all keys of the configurations of pretraining and
/// fine-tuning, with their defaults and meanings, from the lists of fields.
std::string config_reference();

}  // namespace unimiss
