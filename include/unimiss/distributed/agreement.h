#pragma once

#include <torch/types.h>

#include <exception>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/distributed/communicator.h"

/// What the processes of a run decide together between two steps.
namespace unimiss::distributed {

struct Agreement {
  std::optional<std::string> stop;  ///< why all should stop, if they should
  bool save = false;                ///< whether a checkpoint is due
  /// What each process told of itself, by rank.
  std::vector<std::vector<double>> told;
};

/// What a process brings to an agreement.
struct Opinion {
  std::exception_ptr failure;       ///< what went wrong here, or null
  std::optional<std::string> stop;  ///< why it was asked to stop
  bool save = false;                ///< counts from the first process alone
  std::vector<double> tells = {};   ///< on all processes as many
};

/// All processes call it at the same place. Throws the failure where it is this
/// process's own, RunError naming the process and its message where it is
/// another's.
Agreement agree(const distributed::Communicator& communicator,
                const Opinion& opinion);

/// Whether this process has failed by what these functions threw, as all have:
/// they may then wait for each other once more.
bool failed_together();

/// Does work that may fail on this process alone; it then fails on all.
template <class Work>
void agreed(const distributed::Communicator& communicator, const Work& work) {
  Opinion opinion;
  try {
    work();
  } catch (...) {
    opinion.failure = std::current_exception();
  }
  agree(communicator, opinion);
}

/// Throws ConfigError naming processes and the lines that differ where not all
/// have the same texts, by name.
void check_same_texts(const distributed::Communicator& communicator,
                      const std::map<std::string, std::string>& texts);

/// The same of tensors, of which sums over their bits are compared: throws
/// RunError naming them. when: for the message.
void check_same_tensors(const distributed::Communicator& communicator,
                        const std::map<std::string, torch::Tensor>& tensors,
                        const std::string& when);

}  // namespace unimiss::distributed
