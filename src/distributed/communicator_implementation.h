#pragma once

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "distributed/lost_process.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/distributed/communicator.h"

namespace unimiss::distributed {

struct Communicator::Implementation {
  Company company;
  torch::Device device = torch::kCPU;
  c10::intrusive_ptr<c10d::ProcessGroup> group;  ///< null of one process
  double timeout = 0, waited = 0;                ///< seconds

  /// Starts work with the others and waits for it.
  template <class Start>
  void together(const char* what, const Start& start) {
    const Stopwatch stopwatch;
    try {
      start()->wait();
    } catch (const std::exception& error) {
      throw_lost(company, what, error);
    }
    waited += stopwatch.seconds();
  }
};

}  // namespace unimiss::distributed
