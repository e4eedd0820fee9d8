#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "unimiss/data/case_cache.h"
#include "unimiss/finetune/config.h"
#include "unimiss/task/case_predictor.h"
#include "unimiss/task/prediction_files.h"
#include "unimiss/task/task_network.h"

/// Networks that were fine-tuned, ready to predict.
namespace unimiss::task {

/// Reads the text of a configuration; `name` stands for it in messages.
using ReadConfig = std::function<finetune::FinetuneConfig(
    const std::string& text, const std::string& name)>;

/// A network with all that its predictions need.
struct SavedNetwork {
  std::string file;    ///< of the weights
  std::string digest;  ///< of that file
  /// inference.* may be changed.
  finetune::FinetuneConfig config;
  std::vector<std::string> classes;
  torch::Device device = torch::kCPU;
  std::unique_ptr<TaskNetwork> network;

  /// Refers to this.
  CasePredictor predictor() const;
  data::CaseDecodeOptions decode_options() const;
  MapFormat map_format() const;
};

/// Loads what `unimiss-finetune` exported.
///
/// path: the folder of a finished run, of which the weights are taken that it
/// was tested with (validation.final_weights), or a file of its export/.
/// Throws DataError naming the file: for a run that has not finished, for
/// weights without their configuration, of another network or damaged.
SavedNetwork load_saved_network(const std::string& path,
                                const ReadConfig& read_config,
                                torch::Device device);

/// Throws ConfigError where networks cannot predict together: other targets,
/// classes, label values or dimensions than the first.
void check_ensemble(const std::vector<SavedNetwork>& networks);

}  // namespace unimiss::task
