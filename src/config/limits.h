#pragma once

#include <cstddef>

namespace unimiss::config {

// Beyond what an honest configuration holds. Reading, merging and writing
// recurse once a level, and an alias inside its own anchor is endless.
inline constexpr int kMaximumDepth = 32;
/// Of a file, and of its values once every alias stands for what it names.
inline constexpr size_t kMaximumSize = size_t{1} << 20;

}  // namespace unimiss::config
