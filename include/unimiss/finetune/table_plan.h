#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "unimiss/config/config_file.h"
#include "unimiss/report/result_table.h"

/// Which fine-tunings a table consists of: several initialisations with several
/// shares of the labels over several seeds.
namespace unimiss::finetune {

struct TableRequest {
  std::string config;  ///< a fine-tuning's file
  std::string output;  ///< folder for all runs
  /// Each "scratch", or "NAME=WEIGHTS" with a run's folder or a file.
  std::vector<std::string> initializations;
  std::vector<double> ratios{1};        ///< data.label_ratio
  std::vector<int64_t> seeds{1, 2, 3};  ///< run.seed
  std::vector<std::string> overrides;   ///< "group.key=value", for all runs
};

/// One of them.
struct TableRun {
  std::string folder;  ///< OUTPUT/NAME/ratio_R/seed_S
  std::string initialization;
  double ratio = 1;
  int64_t seed = 1;
  std::vector<std::string> overrides;  ///< all that it differs by
  /// Everything that its result follows from, but for the images and labels
  /// themselves: its configuration, as YAML, and size and checksum of the files
  /// that it names, as comments.
  std::string settings;
  bool finished = false;
};

/// All runs, with what has finished of them. Throws ConfigError for whatever
/// can be found wrong before the first hour of training: names, values, files,
/// folders that hold a run of other settings or of no table.
/// warn: gets each line of config::read_file() once.
std::vector<TableRun> plan_table(const TableRequest& request,
                                 const config::Warn& warn = log_warning);

/// Marks the folder as that of this run: writes its table_settings.yaml.
void begin_table_run(const TableRun& run);

/// The results there are, by initialisation and share of labels.
std::vector<report::TableCell> table_cells(const std::vector<TableRun>& runs);

}  // namespace unimiss::finetune
