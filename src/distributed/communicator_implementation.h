#pragma once

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "distributed/lost_process.h"
#include "unimiss/distributed/communicator.h"

namespace unimiss::distributed {

struct Communicator::Implementation {
  World world;
  torch::Device device = torch::kCPU;
  c10::intrusive_ptr<c10d::ProcessGroup> group;  ///< null of one process

  /// Starts work with the others and waits for it.
  template <class Start>
  void together(const char* what, const Start& start) const {
    try {
      start()->wait();
    } catch (const std::exception& error) {
      throw_lost(world, what, error);
    }
  }
};

}  // namespace unimiss::distributed
