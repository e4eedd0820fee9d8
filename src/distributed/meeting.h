#pragma once

#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "unimiss/distributed/world.h"

namespace unimiss::distributed {

/// The store of the processes of a world, once all of them are there; says whom
/// it waits for. Throws ConfigError where the port is taken or the processes
/// have different ideas of their number, LostProcess where they do not all come
/// in time.
c10::intrusive_ptr<c10d::Store> meet(const World& world,
                                     std::chrono::seconds timeout);

}  // namespace unimiss::distributed
