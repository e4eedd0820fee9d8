#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/config/fields.h"
#include "unimiss/train/checkpoint.h"
#include "unimiss/train/run_folder.h"

namespace unimiss::train {

/// What a run that finds its folder in use does.
struct ResumeRequest {
  enum class Mode {
    kAuto,   ///< go on from the newest valid checkpoint, if a run began there
    kNever,  ///< refuse
    /// Begin a new folder from a checkpoint of another run; where that has been
    /// done already, as kAuto.
    kFrom,
  };
  Mode mode = Mode::kAuto;
  std::string path;  ///< with kFrom: the checkpoint, or a run's folder
};

/// What a run is told besides its configuration.
struct RunRequest {
  std::string command{};  ///< the command line, for the manifest
  ResumeRequest resume{};
  std::string programs{};  ///< before the name of another program, to run it
  /// The configuration, resolved, which is saved with the run. Not to be given
  /// to run_pretraining() and run_finetuning(), which write it themselves.
  std::string config_text{};
};

/// The configuration that a run was begun with: of the checkpoint it goes on
/// from or, where it began here and has none yet, of its folder. Empty: there
/// is none to be held to. Throws ConfigError for a checkpoint without one.
std::string earlier_config(const RunFolder& folder,
                           const std::optional<Checkpoint>& start);

/// The checkpoint a run goes on from; none: it begins at its first step. Says
/// which one, and which were passed over and why.
/// Throws ConfigError where mode and folder do not fit, where a run has
/// checkpoints but no valid one, or results but no checkpoint; DataError where
/// its folder cannot be read.
std::optional<Checkpoint> find_start(const ResumeRequest& request,
                                     const RunFolder& folder,
                                     const CheckpointFolder& checkpoints);

/// Throws ConfigError with the list of all changes that would make the run
/// another one: what may change, the fields say themselves (core/fields.h).
/// changes: from the configuration it was begun with to this one.
/// same_steps: whether the schedules of both lengths agree on the steps that
/// are done.
void check_changes(const std::vector<config::Difference>& changes,
                   const std::function<bool()>& same_steps);

}  // namespace unimiss::train
