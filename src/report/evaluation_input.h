#pragma once

#include <map>
#include <string>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/report/evaluation_report.h"
#include "unimiss/report/predicted_task.h"

namespace unimiss::report {

/// What was to be told about the cases: from the request and the predict.json
/// of its folder. Without classes they are those of the CSV file. Throws
/// ConfigError where they contradict each other or make no task.
PredictedTask evaluation_task(const EvaluationRequest& request);

/// The files of a case: one label map, or a mask for each structure.
struct MapPair {
  std::string id;
  std::vector<std::string> predictions, references;
};

/// All cases of a segmentation, by id.
struct MapPairs {
  int rank = 3;  ///< 3: volumes, 2: images
  std::vector<MapPair> complete;
  std::vector<BadCase> incomplete;
};

/// Throws ConfigError for a folder or list that cannot be used.
MapPairs map_pairs(const EvaluationRequest& request, const PredictedTask& task);

/// The probabilities of a classification, by case.
struct ProbabilityTable {
  std::vector<std::string> classes;
  std::map<std::string, std::vector<double>> cases;
  std::vector<BadCase> bad;
};

/// Reads a predictions.csv: a header `case`, `predicted` (may be left out) and
/// the classes, in any order. Rows that are no probabilities are bad cases.
/// Throws ConfigError for a file that cannot be read and for other classes than
/// the task's.
ProbabilityTable read_probabilities(const std::string& path,
                                    const PredictedTask& task);

/// The file of the probabilities: that of a folder, or the path itself.
std::string probabilities_file(const std::string& predictions);

}  // namespace unimiss::report
