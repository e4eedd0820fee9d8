#pragma once

#include <torch/types.h>

#include <chrono>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "unimiss/distributed/world.h"

namespace unimiss::distributed {

/// NCCL between the GPUs of a world, one a process. A collective that takes
/// longer than the timeout ends the process (NCCL's watchdog). Throws
/// ConfigError in a build without CUDA.
c10::intrusive_ptr<c10d::Backend> make_nccl_backend(
    const c10::intrusive_ptr<c10d::Store>& store, const World& world,
    torch::Device device, std::chrono::seconds timeout);

}  // namespace unimiss::distributed
