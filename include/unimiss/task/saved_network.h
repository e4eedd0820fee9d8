#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "unimiss/task/task.h"

/// Networks that were fine-tuned, ready to predict.
namespace unimiss::task {

/// A network with all that its predictions need.
struct SavedNetwork {
  std::string file;    ///< of the weights
  std::string digest;  ///< of that file
  std::unique_ptr<Task> task;
};

/// Loads what `unimiss-finetune` exported, with the arithmetic and the windows
/// that the run was tested with (Task::set_inference() changes them).
///
/// path: the folder of a finished run, of which the weights are taken that it
/// was tested with (validation.final_weights), or a file of its export/. Of the
/// stored configuration what a TaskSpec holds is read, the rest passed over.
/// Throws DataError naming the file: for a run that has not finished, for
/// weights without their configuration, of another network or damaged;
/// ConfigError for a configuration that cannot be read.
SavedNetwork load_saved_network(const std::string& path, torch::Device device);

/// Throws ConfigError where networks cannot predict together: other targets,
/// classes, label values or dimensions than the first.
void check_ensemble(const std::vector<SavedNetwork>& networks);

/// Takes over a file of the task's official_weights(). Throws DataError
/// where it does not fit.
void load_weights(const std::string& file, Task& task);

/// What the metadata of exported weights must tell for load_saved_network(),
/// besides what else they tell: the configuration, as text, and the classes.
std::map<std::string, std::string> network_facts(
    const std::string& config_text, const std::vector<std::string>& classes);

}  // namespace unimiss::task
