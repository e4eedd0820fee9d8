#pragma once

#include <torch/types.h>

#include <chrono>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "unimiss/distributed/world.h"

namespace unimiss::distributed {

/// NCCL between the GPUs of a world, one a process. A collective that takes
/// longer than the timeout is given up by NCCL's watchdog, and the next one
/// throws; the process goes on, because it may have to save (unless
/// TORCH_NCCL_ASYNC_ERROR_HANDLING says otherwise). Throws ConfigError in a
/// build without CUDA.
c10::intrusive_ptr<c10d::Backend> make_nccl_backend(
    const c10::intrusive_ptr<c10d::Store>& store, const World& world,
    torch::Device device, std::chrono::seconds timeout);

}  // namespace unimiss::distributed
