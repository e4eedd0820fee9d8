#pragma once

#include <string>

namespace unimiss::config {

/// Replaces ${NAME} by the environment variable; $${ stands for a plain ${.
/// Throws ConfigError, without a place, when the variable is not set.
std::string expand_environment(const std::string& text);

/// The opposite: text that expand_environment() turns back into this one.
std::string protect_from_expansion(const std::string& text);

}  // namespace unimiss::config
