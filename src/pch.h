// What nearly every source of ours includes first; shared by all targets. Not
// LibTorch's modules: a source that has no use for them would pay for them all
// the same, in templates that are instantiated at its end.
#pragma once

#include <torch/types.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>
