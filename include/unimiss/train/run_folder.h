#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace unimiss::train {

/// What a person wants to know of a run later, by name.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// The folder of a run, held by one process at a time:
///
///     manifest.json   what ran where, on which data; one entry a start
///     config.yaml     the configuration; reruns the run
///     metrics.jsonl  log.txt  tensorboard/  progress.png
///     checkpoints/  export/  nonfinite/
///
/// The manifest is written first and marks the folder as a run's: a folder that
/// holds something else under these names is refused, one that a killed process
/// left in any state is not.
class RunFolder {
 public:
  /// Opens a folder that may not exist yet; nothing is written. Throws
  /// ConfigError where it holds what no run of ours has written.
  explicit RunFolder(std::string path);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  /// Whether a run began here.
  bool begun() const { return begun_; }
  /// The checkpoint of another run that this one began from, as it was named;
  /// empty: its first step was its own.
  const std::string& branch() const { return branch_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

  /// Throws ConfigError where the folder, or the one it would be made in, is
  /// not this user's to write to. Nothing is written.
  void require_writable() const;
  /// Makes the folder where it is missing, keeps other processes out until the
  /// end of this one, and removes files that an earlier one left unfinished.
  /// Throws ConfigError when another process holds it, or it cannot be written.
  void lock();
  /// Adds a start to the manifest and writes the configuration. branch: for a
  /// first start, the checkpoint of another run that it goes on from.
  void begin(const Facts& facts, const std::string& config_text,
             const std::string& branch = "");

 private:
  void remove_unfinished() const;

  std::string path_, branch_;
  bool begun_ = false;
  int lock_ = -1;
};

/// Host, time, program version, LibTorch, compiler, command line and working
/// directory of this process.
Facts facts_of_process(const std::string& command);

}  // namespace unimiss::train
