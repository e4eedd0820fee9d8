#pragma once

#include <cstdint>

namespace unimiss::distributed {

/// A port of this machine that nobody listens at now. Throws RunError where
/// there is none.
int64_t free_port();

}  // namespace unimiss::distributed
