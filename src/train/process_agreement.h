#pragma once

#include <torch/types.h>

#include <exception>
#include <map>
#include <optional>
#include <string>

#include "unimiss/distributed/communicator.h"

/// What the processes of a run decide together between two steps.
namespace unimiss::train {

struct Agreement {
  std::optional<std::string> stop;  ///< why all should stop, if they should
  bool save = false;                ///< whether a checkpoint is due
};

/// All processes call it at the same place. failure: what went wrong here, or
/// null; stop: why this process was asked to stop; save: counts from the first
/// process alone. Throws the failure where it is this process's own, RunError
/// naming the process and its message where it is another's.
Agreement agree(const distributed::Communicator& communicator,
                const std::exception_ptr& failure,
                const std::optional<std::string>& stop, bool save);

/// Throws RunError naming processes and what differs where not all have the
/// same texts, by name.
void check_same_texts(const distributed::Communicator& communicator,
                      const std::map<std::string, std::string>& texts);

/// The same of tensors, of which sums over their bits are compared. when: for
/// the message.
void check_same_tensors(const distributed::Communicator& communicator,
                        const std::map<std::string, torch::Tensor>& tensors,
                        const std::string& when);

}  // namespace unimiss::train
