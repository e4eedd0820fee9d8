#include "unimiss/train/resume.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "unimiss/core/error.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/log.h"

namespace unimiss::train {
namespace {

namespace fs = std::filesystem;

void tell_passed_over(const std::vector<std::string>& passed_over) {
  for (const std::string& why : passed_over) {
    log_warning("checkpoint passed over: " + why);
  }
}

Checkpoint newest_of(const CheckpointFolder& checkpoints,
                     const std::string& folder) {
  CheckpointFolder::Newest found = checkpoints.newest();
  tell_passed_over(found.passed_over);
  if (!found.checkpoint) {
    throw ConfigError(fmt::format(
        "--resume: {} holds no valid checkpoint{}; begin a new run in another "
        "folder",
        folder, found.passed_over.empty() ? "" : " (see above)"));
  }
  log_info(fmt::format("going on from step {}: {}", found.checkpoint->step,
                       found.file));
  return *std::move(found.checkpoint);
}

/// The checkpoint named by --resume PATH.
Checkpoint named(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw ConfigError("--resume: there is no file or folder '" + path +
                      "'; name a checkpoint, or a run's folder, or auto");
  }
  if (fs::is_directory(path, ignored)) {
    const fs::path inner = fs::path(path) / "checkpoints";
    const std::string folder =
        fs::is_directory(inner, ignored) ? inner.string() : path;
    return newest_of(CheckpointFolder(folder, {}), path);
  }
  try {
    const std::string file =
        fs::path(path).replace_extension(".safetensors").string();
    Checkpoint checkpoint = load_checkpoint(file);
    log_info(fmt::format("going on from step {}: {}", checkpoint.step, file));
    return checkpoint;
  } catch (const DataError& error) {
    throw ConfigError(std::string("--resume: ") + error.what() +
                      " (exported weights are given by init.weights)");
  }
}

/// A run that began here and has no checkpoint may begin again, if nothing that
/// it wrote would be lost by that.
void check_beginning_again(const RunFolder& folder,
                           const CheckpointFolder& checkpoints) {
  std::error_code ignored;
  const bool exported =
      fs::exists(folder.file("export/full.safetensors"), ignored) ||
      fs::exists(folder.file("export/last.safetensors"), ignored);
  // A process that is killed leaves one at most.
  if (exported || checkpoints.incomplete().size() > 1) {
    throw ConfigError(
        "run.output: " + folder.path() +
        " holds the results of a run but no checkpoint to go on from (were "
        "its checkpoints removed, or their .json files?); put them back, or "
        "name another folder");
  }
  log_info(folder.path() +
           " holds a run without a checkpoint yet: it begins at step 0");
}

}  // namespace

std::optional<Checkpoint> find_start(const ResumeRequest& request,
                                     const RunFolder& folder,
                                     const CheckpointFolder& checkpoints) {
  using Mode = ResumeRequest::Mode;
  const bool branches = request.mode == Mode::kFrom;
  if (!folder.begun()) {
    return branches ? std::optional(named(request.path)) : std::nullopt;
  }
  if (request.mode == Mode::kNever ||
      (branches && folder.branch() != request.path)) {
    throw ConfigError("run.output: " + folder.path() +
                      " holds a run already; use --resume auto to go on there, "
                      "or name another folder by --output");
  }
  if (!checkpoints.steps().empty())
    return newest_of(checkpoints, folder.path());
  if (branches) return named(request.path);
  if (!folder.branch().empty()) {
    throw ConfigError("run.output: " + folder.path() +
                      " was to go on from another run's checkpoint and has "
                      "none of its own yet; use --resume " +
                      folder.branch());
  }
  check_beginning_again(folder, checkpoints);
  return std::nullopt;
}

std::string earlier_config(const RunFolder& folder,
                           const std::optional<Checkpoint>& start) {
  if (start) {
    const auto text = start->texts.find(kCheckpointConfig);
    require(text != start->texts.end(), "--resume",
            "the checkpoint is not one of a run");
    return text->second;
  }
  if (!folder.begun()) return "";
  // A process killed in its first moment leaves none.
  std::ifstream file(folder.file("config.yaml"), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void check_changes(const std::vector<config::Difference>& changes,
                   const std::function<bool()>& same_steps) {
  std::string refused;
  const auto refuse = [&](const config::Difference& change, const char* why) {
    refused += fmt::format("\n  {}: {} -> {}{}", change.key, change.left,
                           change.right, why);
  };
  for (const config::Difference& change : changes) {
    if (change.change == Change::kNever) {
      refuse(change, "");
    } else if (change.change == Change::kLength && !same_steps()) {
      refuse(change,
             " (steps that are done would have had other learning "
             "rates, weight decays or momenta)");
    }
  }
  if (refused.empty()) return;
  throw ConfigError(
      "the configuration is not the one this run was begun with:" + refused +
      "\nput these values back, or begin a new run in another folder");
}

}  // namespace unimiss::train
