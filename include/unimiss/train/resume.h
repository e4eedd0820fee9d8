#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

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

/// A key whose value is not the one a checkpoint was made with.
struct ConfigChange {
  std::string key, before, now;
};
/// A checkpoint's configuration, and how this run's differs.
template <class Config>
struct EarlierConfig {
  Config config;
  std::vector<ConfigChange> changes;
};
/// Reads the text of a saved configuration and compares. Throws ConfigError.
template <class Config>
using CompareConfig =
    std::function<EarlierConfig<Config>(const std::string& text)>;

/// What a run is told besides its configuration.
struct RunRequest {
  std::string config_text;  ///< the configuration, resolved; saved with the run
  std::string command;      ///< the command line, for the manifest
  ResumeRequest resume;
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
/// another one. Where and how often it writes, how many workers prepare its
/// data and from which lists (while they name the same files), threads and
/// device may change; its length where no step that is done would have been
/// another one.
/// same_steps: whether the schedules of both lengths agree on them.
void check_changes(const std::vector<ConfigChange>& changes,
                   const std::function<bool()>& same_steps);

}  // namespace unimiss::train
