#pragma once

#include <string>

#include "unimiss/config/node.h"

/// Values from the command line, on top of those of a file.
namespace unimiss::config {

/// Sets one value: `a.b=value`, the value parsed as YAML (`a.b=[1, 2]`).
/// A mapping is merged into what is there; missing groups are created.
void apply_override(Node& root, const std::string& assignment,
                    const Amend& amend = nullptr);

/// The override that sets a key to this very text.
std::string text_override(const std::string& key, const std::string& text);

}  // namespace unimiss::config
