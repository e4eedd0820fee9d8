#pragma once

#include <exception>
#include <string>

#include "unimiss/distributed/world.h"

namespace unimiss::distributed {

/// Throws a LostProcess for what c10d threw during some work.
[[noreturn]] void throw_lost(const World& world, const std::string& work,
                             const std::exception& error);

}  // namespace unimiss::distributed
